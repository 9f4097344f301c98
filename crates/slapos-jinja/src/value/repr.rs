//! The printed form of values, as Python's `repr` writes it.

use std::fmt::Write as _;

use super::{Dict, Value, View};

/// Values within values that are printed; deeper ones, and those that hold themselves, print as `...`.
const DEPTH_MAX: u32 = 100;

pub(super) fn repr(value: &Value) -> String {
    let mut out = String::new();
    write(&mut out, value, 0);
    out
}

fn write(out: &mut String, value: &Value, depth: u32) {
    if depth > DEPTH_MAX {
        out.push_str("...");
        return;
    }
    let deep = depth + 1;
    match value {
        Value::Undefined(_) => out.push_str("Undefined"),
        Value::None => out.push_str("None"),
        Value::Bool(true) => out.push_str("True"),
        Value::Bool(false) => out.push_str("False"),
        Value::Int(n) => out.push_str(&n.to_string()),
        Value::Float(n) => out.push_str(&float_text(*n)),
        Value::Complex(re, im) => out.push_str(&complex(*re, *im)),
        Value::Str(text) => out.push_str(&quoted(text)),
        Value::Bytes(bytes) => out.push_str(&quoted_bytes(bytes)),
        Value::List(items) => write_items(out, ("[", "]"), &items.borrow(), deep),
        Value::Tuple(items) if items.len() == 1 => write_items(out, ("(", ",)"), items, deep),
        Value::Tuple(items) => write_items(out, ("(", ")"), items, deep),
        Value::Dict(dict) => write_dict(out, &dict.borrow(), deep),
        Value::Set(set) if set.borrow().is_empty() => out.push_str("set()"),
        Value::Set(set) => write_keys(out, ("{", "}"), &set.borrow(), deep),
        Value::FrozenSet(set) if set.is_empty() => out.push_str("frozenset()"),
        Value::FrozenSet(set) => write_keys(out, ("frozenset({", "})"), set, deep),
        Value::Range(start, stop, 1) => {
            let _ = write!(out, "range({start}, {stop})");
        }
        Value::Range(start, stop, step) => {
            let _ = write!(out, "range({start}, {stop}, {step})");
        }
        Value::View(View::Keys, dict) => {
            write_keys(out, ("dict_keys([", "])"), &dict.borrow(), deep);
        }
        Value::View(View::Values, dict) => {
            let values: Vec<Value> = dict
                .borrow()
                .values()
                .map(|(_, value)| value.clone())
                .collect();
            write_items(out, ("dict_values([", "])"), &values, deep);
        }
        Value::View(View::Items, dict) => {
            let pairs = dict.borrow();
            let pairs = pairs
                .values()
                .map(|(key, value)| Value::tuple(vec![key.clone(), value.clone()]));
            write_items(
                out,
                ("dict_items([", "])"),
                &pairs.collect::<Vec<_>>(),
                deep,
            );
        }
        Value::Iter(_) => out.push_str("<generator object>"),
        Value::Function(function) => {
            let _ = write!(out, "<built-in function {}>", function.name);
        }
        Value::Type(name) => {
            let _ = write!(out, "<class '{name}'>");
        }
        Value::Macro(it) => {
            let _ = write!(out, "<Macro {}>", quoted(&it.definition.name));
        }
        Value::Namespace(dict) => {
            out.push_str("<Namespace ");
            write_dict(out, &dict.borrow(), deep);
            out.push('>');
        }
        Value::Loop(state) => out.push_str(&state.printed()),
        Value::Object(object) => out.push_str(&object.printed),
    }
}

fn write_items(out: &mut String, brackets: (&str, &str), items: &[Value], depth: u32) {
    out.push_str(brackets.0);
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push_str(", ");
        }
        write(out, item, depth);
    }
    out.push_str(brackets.1);
}

fn write_keys(out: &mut String, brackets: (&str, &str), dict: &Dict, depth: u32) {
    let keys: Vec<Value> = dict.values().map(|(key, _)| key.clone()).collect();
    write_items(out, brackets, &keys, depth);
}

fn write_dict(out: &mut String, dict: &Dict, depth: u32) {
    out.push('{');
    for (at, (key, value)) in dict.values().enumerate() {
        if at > 0 {
            out.push_str(", ");
        }
        write(out, key, depth);
        out.push_str(": ");
        write(out, value, depth);
    }
    out.push('}');
}

/// Shortest digits that read back, with an exponent from 1e16 on and below 1e-4.
pub(crate) fn float_text(n: f64) -> String {
    if n.is_nan() {
        return "nan".to_owned();
    }
    if n.is_infinite() {
        return if n > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let size = n.abs();
    if size != 0.0 && !(1e-4..1e16).contains(&size) {
        let text = format!("{n:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, exponent) = match exponent.strip_prefix('-') {
            Some(positive) => ('-', positive),
            None => ('+', exponent),
        };
        return format!("{digits}e{sign}{exponent:0>2}");
    }
    let text = format!("{n}");
    match text.contains('.') {
        true => text,
        false => format!("{text}.0"),
    }
}

fn complex(re: f64, im: f64) -> String {
    let plain = |n: f64| {
        let text = float_text(n);
        text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
    };
    if re == 0.0 && !re.is_sign_negative() {
        return format!("{}j", plain(im));
    }
    let sign = if im.is_sign_negative() { "" } else { "+" };
    format!("({}{sign}{}j)", plain(re), plain(im))
}

/// A string in the quotes that Python would choose.
pub(crate) fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    let mut out = String::with_capacity(text.len() + 2);
    out.push(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => out.extend(['\\', c]),
            c if is_printable(c) => out.push(c),
            c => {
                let code = u32::from(c);
                // Writing to a string cannot fail.
                let _ = match code {
                    0..=0xff => write!(out, "\\x{code:02x}"),
                    0x100..=0xffff => write!(out, "\\u{code:04x}"),
                    _ => write!(out, "\\U{code:08x}"),
                };
            }
        }
    }
    out.push(quote);
    out
}

/// Python escapes what is not for printing; of the Unicode tables the parts that texts really contain.
fn is_printable(c: char) -> bool {
    !(c.is_control()
        || matches!(c, '\u{a0}' | '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202f}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{3000}' | '\u{e000}'..='\u{f8ff}' | '\u{feff}')
        || matches!(c, '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{205f}' | '\u{fff0}'..='\u{fffb}'))
}

fn quoted_bytes(bytes: &[u8]) -> String {
    let quote = if bytes.contains(&b'\'') && !bytes.contains(&b'"') {
        '"'
    } else {
        '\''
    };
    let mut out = format!("b{quote}");
    for byte in bytes {
        match *byte {
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            b if char::from(b) == quote => out.extend(['\\', quote]),
            b @ 0x20..=0x7e => out.push(char::from(b)),
            b => {
                let _ = write!(out, "\\x{b:02x}");
            }
        }
    }
    out.push(quote);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn float_text_is_pythons() {
        for (n, text) in [
            (1.0, "1.0"),
            (0.1, "0.1"),
            (1e16, "1e+16"),
            (1.5e-7, "1.5e-07"),
            (-0.0, "-0.0"),
        ] {
            assert_eq!(float_text(n), text);
        }
    }

    #[test]
    fn quoted_chooses_the_quotes_that_need_no_escape() {
        assert_eq!(quoted("a'b"), "\"a'b\"");
        assert_eq!(quoted("a'b\""), "'a\\'b\"'");
        assert_eq!(quoted("\u{1}é"), "'\\x01é'");
    }
}
