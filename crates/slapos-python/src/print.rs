//! Numbers, texts and bytes as Python's `repr` writes them.
//!
//! Containers are their owners' to write: in what order is a matter of each kind of value.

use std::fmt::Write as _;

/// The shortest digits that read back the same; an exponent below 1e-4 and from 1e16.
#[must_use]
pub fn float(number: f64) -> String {
    if number.is_nan() {
        return "nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let scientific = format!("{number:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if number != 0.0 && !(-4..16).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{digits}e{sign}{:02}", exponent.unsigned_abs());
    }
    let plain = number.to_string();
    match plain.contains('.') {
        true => plain,
        false => plain + ".0",
    }
}

/// `(1+2j)`, or `2j` without a real part.
#[must_use]
pub fn complex(real: f64, imaginary: f64) -> String {
    let part = |number: f64| {
        let text = float(number);
        text.strip_suffix(".0").unwrap_or(&text).to_owned()
    };
    if real == 0.0 && real.is_sign_positive() {
        return format!("{}j", part(imaginary));
    }
    let sign = match imaginary.is_sign_negative() {
        true => "",
        false => "+",
    };
    format!("({}{sign}{}j)", part(real), part(imaginary))
}

/// A text in the quotes that Python would choose, with what cannot be printed escaped.
#[must_use]
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    let quote = quote(text.contains('\''), text.contains('"'));
    out.push(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => out.extend(['\\', c]),
            c if is_printable(c) => out.push(c),
            c => write_escape(&mut out, c),
        }
    }
    out.push(quote);
    out
}

/// Bytes as `b'…'`.
#[must_use]
pub fn quoted_bytes(bytes: &[u8]) -> String {
    let quote = quote(bytes.contains(&b'\''), bytes.contains(&b'"'));
    let mut out = format!("b{quote}");
    for byte in bytes {
        match *byte {
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            b if char::from(b) == quote => out.extend(['\\', quote]),
            b @ b' '..=b'~' => out.push(char::from(b)),
            b => write_escape(&mut out, char::from(b)),
        }
    }
    out.push(quote);
    out
}

fn quote(has_single: bool, has_double: bool) -> char {
    match has_single && !has_double {
        true => '"',
        false => '\'',
    }
}

/// `str.isprintable`: Rust's own table is made from the same categories. It escapes a combining mark
/// only where a text begins with it, so the character is looked at behind another.
fn is_printable(c: char) -> bool {
    match c.is_ascii() {
        true => !c.is_ascii_control(),
        false => {
            let mut bytes = [0; 8];
            bytes[0] = b'a';
            let length = 1 + c.encode_utf8(&mut bytes[1..]).len();
            let behind = std::str::from_utf8(&bytes[..length]).unwrap_or_default();
            !c.is_whitespace() && behind.escape_debug().count() == 2
        }
    }
}

fn write_escape(out: &mut String, c: char) {
    let code = u32::from(c);
    // Writing to a string cannot fail.
    let _ = match code {
        0..=0xff => write!(out, "\\x{code:02x}"),
        0x100..=0xffff => write!(out, "\\u{code:04x}"),
        _ => write!(out, "\\U{code:08x}"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn float_is_written_as_python_does() {
        for (number, expect) in [
            (1.0, "1.0"),
            (1.5, "1.5"),
            (0.1, "0.1"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1.5e-7, "1.5e-07"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1e100, "1e+100"),
            (-0.0, "-0.0"),
            (123_456_789.125, "123456789.125"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(float(number), expect);
        }
    }

    #[test]
    fn complex_leaves_out_a_real_part_of_nothing() {
        assert_eq!(complex(0.0, 2.0), "2j");
        assert_eq!(complex(1.5, -2.0), "(1.5-2j)");
        assert_eq!(complex(-0.0, 1.0), "(-0+1j)");
    }

    #[test]
    fn quoted_chooses_the_quotes_that_need_no_escape() {
        assert_eq!(quoted("a'b"), "\"a'b\"");
        assert_eq!(quoted("a'b\"\n"), "'a\\'b\"\\n'");
        assert_eq!(quoted_bytes(b"a'\xff\t"), "b\"a'\\xff\\t\"");
    }

    /// The answers of CPython 3.11.
    #[test]
    fn quoted_escapes_what_python_does_not_print() {
        for (text, expect) in [
            ("\u{1}é", "'\\x01é'"),
            ("\u{7f}\u{a0}\u{ad}", "'\\x7f\\xa0\\xad'"),
            ("e\u{301}", "'e\u{301}'"),
            ("\u{301}", "'\u{301}'"),
            ("\u{2028}\u{200b}\u{3000}", "'\\u2028\\u200b\\u3000'"),
            ("\u{e000}\u{10ffff}", "'\\ue000\\U0010ffff'"),
            ("日😀", "'日😀'"),
        ] {
            assert_eq!(quoted(text), expect);
        }
    }
}
