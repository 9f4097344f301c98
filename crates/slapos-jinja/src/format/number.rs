//! Numbers in a field.

use super::{Field, pad};
use crate::error::{Outcome, value_error};

/// An integer; the type is d, n, b, o, x or X.
pub(super) fn integer(field: &Field, n: i128) -> Outcome<String> {
    if field.precision.is_some() && field.kind.is_none() {
        return value_error("Precision not allowed in integer format specifier");
    }
    let size = n.unsigned_abs();
    let (prefix, mut digits) = match field.kind {
        Some('b') => ("0b", format!("{size:b}")),
        Some('o') => ("0o", format!("{size:o}")),
        Some('x') => ("0x", format!("{size:x}")),
        Some('X') => ("0X", format!("{size:X}")),
        _ => ("", size.to_string()),
    };
    if let Some(precision) = field.precision {
        digits = format!("{digits:0>precision$}");
    }
    let prefix = if field.is_alternate { prefix } else { "" };
    Ok(signed(field, n < 0, prefix, &grouped(field, &digits)))
}

/// A float; without a type as `str()` gives it.
pub(super) fn float(field: &Field, n: f64) -> Outcome<String> {
    let size = n.abs();
    let upper = matches!(field.kind, Some('E' | 'F' | 'G'));
    let text = if !n.is_finite() {
        if n.is_nan() { "nan" } else { "inf" }.to_owned()
    } else {
        match field.kind {
            Some('f' | 'F') => rounded(size, field.precision.unwrap_or(6)),
            Some('%') => format!("{}%", rounded(size * 100.0, field.precision.unwrap_or(6))),
            Some('e' | 'E') => exponent(size, field.precision.unwrap_or(6)),
            Some('g' | 'G' | 'n') => {
                general(size, field.precision.unwrap_or(6), field.is_alternate)
            }
            None => match field.precision {
                Some(precision) => with_point(&general(size, precision, false)),
                None => crate::value::float_text(size),
            },
            Some(other) => return value_error(format!("Unknown format code '{other}'")),
        }
    };
    let text = if upper { text.to_uppercase() } else { text };
    let is_negative = n.is_sign_negative() && !n.is_nan();
    Ok(signed(field, is_negative, "", &grouped(field, &text)))
}

/// A fixed number of digits behind the point, halves to even as the binary value has them.
pub(crate) fn rounded(n: f64, precision: usize) -> String {
    format!("{n:.precision$}")
}

fn exponent(n: f64, precision: usize) -> String {
    let text = format!("{n:.precision$e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(positive) => ('-', positive),
        None => ('+', exponent),
    };
    format!("{digits}e{sign}{exponent:0>2}")
}

fn general(n: f64, precision: usize, keeps_zeros: bool) -> String {
    let precision = precision.max(1);
    let text = exponent(n, precision - 1);
    let power: i32 = text
        .rsplit_once('e')
        .and_then(|(_, e)| e.parse().ok())
        .unwrap_or(0);
    let limit = i32::try_from(precision).unwrap_or(i32::MAX);
    if power < -4 || power >= limit {
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "+00"));
        let digits = if keeps_zeros {
            digits
        } else {
            without_zeros(digits)
        };
        return format!("{digits}e{exponent}");
    }
    let decimals = usize::try_from(limit - 1 - power).unwrap_or(0);
    let text = rounded(n, decimals);
    match keeps_zeros {
        true => text,
        false => without_zeros(&text).to_owned(),
    }
}

fn without_zeros(text: &str) -> &str {
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => text,
    }
}

fn with_point(text: &str) -> String {
    match text.contains(['.', 'e']) {
        true => text.to_owned(),
        false => format!("{text}.0"),
    }
}

fn grouped(field: &Field, text: &str) -> String {
    let Some(separator) = field.groups else {
        return text.to_owned();
    };
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    let mut out = String::new();
    for (at, c) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            out.push(separator);
        }
        out.push(c);
    }
    out + rest
}

fn signed(field: &Field, is_negative: bool, prefix: &str, digits: &str) -> String {
    let sign = match (is_negative, field.sign) {
        (true, _) => "-".to_owned(),
        (false, Some(sign)) => sign.to_string(),
        (false, None) => String::new(),
    };
    let fill = field.fill.unwrap_or(' ');
    match field.align.unwrap_or('>') {
        '=' => {
            let room = field
                .width
                .saturating_sub(sign.chars().count() + prefix.len());
            format!("{sign}{prefix}{}", pad(digits, room, '>', fill))
        }
        align => pad(&format!("{sign}{prefix}{digits}"), field.width, align, fill),
    }
}

#[cfg(test)]
mod tests {
    use super::super::with_spec;
    use crate::render::{Budget, Machine, NoTemplates, Settings};
    use crate::value::Value;

    #[test]
    fn with_spec_lays_out_numbers_as_python_does() {
        let cases = [
            (Value::Int(7), "03d", "007"),
            (Value::Int(-7), "05", "-0007"),
            (Value::Int(1_234_567), ",", "1,234,567"),
            (Value::Int(255), "#x", "0xff"),
            (Value::Float(2.25), ".1f", "2.2"),
            (Value::Float(1234.5), "g", "1234.5"),
            (Value::Float(1e-7), "g", "1e-07"),
            (Value::Float(0.5), "%", "50.000000%"),
            (Value::Float(3.0), ".3", "3.0"),
            (Value::text("ab"), "^6", "  ab  "),
            (Value::text("ab"), "*>4", "**ab"),
            (Value::text("abc"), ".2", "ab"),
        ];
        let settings = Settings {
            name: "t",
            extensions: &[],
            templates: &NoTemplates,
        };
        let machine = Machine::new(&settings, Budget::default());
        for (value, spec, expected) in cases {
            assert_eq!(
                with_spec(&machine, &value, spec).unwrap(),
                expected,
                "{spec}"
            );
        }
    }
}
