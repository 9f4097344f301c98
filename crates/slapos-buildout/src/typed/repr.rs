//! Writing a typed value as Python's `repr` does, dictionaries and sets sorted, on one line.

use std::fmt::Write as _;

use super::Typed;
use super::compare::print_order;

impl Typed {
    /// The marker and the literal, without looking whether it can be read back.
    pub(crate) fn to_marker_lossy(&self) -> String {
        // `$` and `;` occur in strings only, where the escape is read back as the character.
        let literal = self
            .repr_lossy()
            .replace('$', "\\x24")
            .replace(';', "\\x3b");
        format!("!py!{literal}")
    }

    pub(crate) fn repr_lossy(&self) -> String {
        let mut out = String::new();
        write_value(&mut out, self);
        out
    }
}

fn write_value(out: &mut String, value: &Typed) {
    match value {
        Typed::None => out.push_str("None"),
        Typed::Bool(true) => out.push_str("True"),
        Typed::Bool(false) => out.push_str("False"),
        Typed::Int(n) => out.push_str(&n.to_string()),
        Typed::Float(n) => out.push_str(&float(*n)),
        Typed::Complex(real, imaginary) => out.push_str(&complex(*real, *imaginary)),
        Typed::Str(text) => write_text(out, text),
        Typed::Bytes(bytes) => write_bytes(out, bytes),
        Typed::ByteArray(bytes) => {
            out.push_str("bytearray(");
            write_bytes(out, bytes);
            out.push(')');
        }
        Typed::List(items) => write_items(out, "[", items.iter(), "]"),
        Typed::Tuple(items) if items.len() == 1 => write_items(out, "(", items.iter(), ",)"),
        Typed::Tuple(items) => write_items(out, "(", items.iter(), ")"),
        Typed::Dict(pairs) => write_dict(out, pairs),
        Typed::Set(items) if items.is_empty() => out.push_str("set()"),
        Typed::Set(items) => write_items(out, "{", sorted(items), "}"),
        Typed::FrozenSet(items) if items.is_empty() => out.push_str("frozenset()"),
        Typed::FrozenSet(items) => write_items(out, "frozenset({", sorted(items), "})"),
    }
}

fn sorted(items: &[Typed]) -> impl Iterator<Item = &Typed> {
    let mut sorted: Vec<&Typed> = items.iter().collect();
    sorted.sort_by(|a, b| print_order(a, b));
    sorted.into_iter()
}

fn write_items<'a>(
    out: &mut String,
    open: &str,
    items: impl Iterator<Item = &'a Typed>,
    close: &str,
) {
    out.push_str(open);
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        write_value(out, item);
    }
    out.push_str(close);
}

fn write_dict(out: &mut String, pairs: &[(Typed, Typed)]) {
    let mut sorted: Vec<&(Typed, Typed)> = pairs.iter().collect();
    sorted.sort_by(|a, b| print_order(&a.0, &b.0));
    out.push('{');
    for (index, (key, value)) in sorted.into_iter().enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        write_value(out, key);
        out.push_str(": ");
        write_value(out, value);
    }
    out.push('}');
}

/// The shortest digits that read back the same; an exponent below 1e-4 and from 1e16.
fn float(n: f64) -> String {
    if !n.is_finite() {
        return if n.is_nan() {
            "nan"
        } else if n > 0.0 {
            "inf"
        } else {
            "-inf"
        }
        .to_owned();
    }
    let scientific = format!("{n:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if n != 0.0 && !(-4..16).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{digits}e{sign}{:02}", exponent.unsigned_abs());
    }
    let plain = n.to_string();
    if plain.contains('.') {
        plain
    } else {
        format!("{plain}.0")
    }
}

fn complex(real: f64, imaginary: f64) -> String {
    let part = |n: f64| {
        let text = float(n);
        text.strip_suffix(".0")
            .map_or_else(|| text.clone(), str::to_owned)
    };
    if real == 0.0 && real.is_sign_positive() {
        return format!("{}j", part(imaginary));
    }
    let sign = if imaginary.is_sign_negative() {
        ""
    } else {
        "+"
    };
    format!("({}{sign}{}j)", part(real), part(imaginary))
}

fn write_text(out: &mut String, text: &str) {
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    out.push(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => {
                out.push('\\');
                out.push(c);
            }
            c if is_printable(c) => out.push(c),
            c => write_escape(out, c),
        }
    }
    out.push(quote);
}

/// Beyond ASCII this is Rust's notion of printable, which differs from Python's in combining marks; they read back the same.
fn is_printable(c: char) -> bool {
    if c.is_ascii() {
        return !c.is_ascii_control();
    }
    !c.is_whitespace() && c.escape_debug().len() == 1
}

fn write_escape(out: &mut String, c: char) {
    let code = c as u32;
    // Writing to a string cannot fail.
    let _ = match code {
        0..=0xff => write!(out, "\\x{code:02x}"),
        0x100..=0xffff => write!(out, "\\u{code:04x}"),
        _ => write!(out, "\\U{code:08x}"),
    };
}

fn write_bytes(out: &mut String, bytes: &[u8]) {
    let quote = if bytes.contains(&b'\'') && !bytes.contains(&b'"') {
        '"'
    } else {
        '\''
    };
    out.push('b');
    out.push(quote);
    for byte in bytes {
        match *byte {
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            b if char::from(b) == quote => {
                out.push('\\');
                out.push(quote);
            }
            b @ b' '..=b'~' => out.push(char::from(b)),
            b => write_escape(out, char::from(b)),
        }
    }
    out.push(quote);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn float_is_written_as_python_does() {
        for (n, expect) in [
            (1.0, "1.0"),
            (1.5, "1.5"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1e100, "1e+100"),
            (-0.0, "-0.0"),
            (123_456_789.125, "123456789.125"),
        ] {
            assert_eq!(float(n), expect);
        }
    }

    #[test]
    fn marker_of_text_with_every_kind_of_character_reads_back() {
        let text = "a'b\"c\\d\n\r\t\u{0}\u{7f}é日\u{301}\u{2028}\u{10ffff}$;{}!";
        let marker = Typed::Str(text.to_owned()).to_marker().unwrap();
        assert!(!marker.contains(['$', ';', '\n']));
        assert_eq!(
            Typed::from_marker(&marker).unwrap(),
            Typed::Str(text.to_owned())
        );
    }

    #[test]
    fn to_marker_of_what_is_not_finite_is_refused() {
        let value = Typed::List(vec![Typed::Float(f64::INFINITY)]);
        assert!(
            value
                .to_marker()
                .unwrap_err()
                .to_string()
                .contains("not finite")
        );
    }
}
