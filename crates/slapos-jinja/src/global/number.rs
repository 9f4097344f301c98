//! Numbers: what makes, rounds and prints them.

use crate::arguments::Arguments;
use crate::ast::Operator;
use crate::error::{ErrorKind, Outcome, fail, type_error, value_error};
use crate::format;
use crate::render::Machine;
use crate::value::{Value, binary, divided, fitting, float_to_int, floor_divide};

pub(super) fn int(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let [value, base] = arguments.bind("int", ["x", "base"], 0)?;
    let has_base = base.is_some();
    let base = base.map_or(Ok(10), |base| base.as_int("base"))?;
    match value.unwrap_or(Value::Int(0)).defined()? {
        Value::Str(text) => match parse_int(&text, base) {
            Some(n) => Ok(Value::Int(n)),
            None => {
                let shown = Value::Str(text).repr(machine)?;
                value_error(format!(
                    "invalid literal for int() with base {base}: {shown}"
                ))
            }
        },
        _ if has_base => type_error("int() can't convert non-string with explicit base"),
        Value::Float(n) => match float_to_int(n) {
            Some(n) => Ok(Value::Int(n)),
            None => value_error("cannot convert float to integer"),
        },
        other => match other.as_int("") {
            Ok(n) => Ok(Value::Int(n)),
            Err(_) => {
                let kind = other.type_name();
                type_error(format!(
                    "int() argument must be a string, a bytes-like object or a real number, not '{kind}'"
                ))
            }
        },
    }
}

pub(crate) fn float(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let [value] = arguments.bind("float", ["x"], 0)?;
    match value {
        None => Ok(Value::Float(0.0)),
        Some(Value::Str(text)) => match parse_float(&text) {
            Some(n) => Ok(Value::Float(n)),
            None => {
                let shown = Value::Str(text).repr(machine)?;
                value_error(format!("could not convert string to float: {shown}"))
            }
        },
        Some(other) => match other.as_float() {
            Some(n) => Ok(Value::Float(n)),
            None => {
                let kind = other.defined()?.type_name();
                type_error(format!(
                    "float() argument must be a string or a real number, not '{kind}'"
                ))
            }
        },
    }
}

pub(super) fn complex(_: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let [re, im] = arguments.bind("complex", ["real", "imag"], 0)?;
    let part = |value: Option<Value>| value.map_or(Some(0.0), |value| value.as_float());
    match (part(re), part(im)) {
        (Some(re), Some(im)) => Ok(Value::Complex(re, im)),
        _ => type_error("complex() needs numbers"),
    }
}

pub(crate) fn abs(_: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    match arguments.one("abs")?.defined()? {
        Value::Float(n) => Ok(Value::Float(n.abs())),
        other => {
            let n = other.as_int("the value of abs()")?;
            Ok(Value::Int(fitting(n.checked_abs())?))
        }
    }
}

pub(super) fn divmod(_: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let [a, b] = arguments.bind("divmod", ["a", "b"], 2)?;
    let (a, b) = (a.unwrap_or(Value::None), b.unwrap_or(Value::None));
    let has_float = matches!(a, Value::Float(_)) || matches!(b, Value::Float(_));
    if let (true, Some(a), Some(b)) = (has_float, a.as_float(), b.as_float()) {
        if b == 0.0 {
            return fail(ErrorKind::ZeroDivision, "float floor division by zero");
        }
        let (quotient, rest) = divided(a, b);
        return Ok(Value::tuple(vec![
            Value::Float(quotient),
            Value::Float(rest),
        ]));
    }
    let (quotient, rest) = floor_divide(a.as_int("a")?, b.as_int("b")?)?;
    Ok(Value::tuple(vec![Value::Int(quotient), Value::Int(rest)]))
}

pub(super) fn pow(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let [a, b] = arguments.bind("pow", ["base", "exp"], 2)?;
    let (a, b) = (a.unwrap_or(Value::None), b.unwrap_or(Value::None));
    binary(machine, Operator::Power, a, b)
}

pub(super) fn bin(_: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    digits(arguments, "bin", |n| format!("0b{n:b}"))
}

pub(super) fn oct(_: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    digits(arguments, "oct", |n| format!("0o{n:o}"))
}

pub(super) fn hex(_: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    digits(arguments, "hex", |n| format!("0x{n:x}"))
}

fn digits(arguments: Arguments, name: &str, print: fn(u128) -> String) -> Outcome<Value> {
    let n = arguments.one(name)?.as_int("the value")?;
    let sign = if n < 0 { "-" } else { "" };
    Ok(Value::text(format!("{sign}{}", print(n.unsigned_abs()))))
}

pub(super) fn round(_: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let [value, digits] = arguments.bind("round", ["number", "ndigits"], 1)?;
    let value = value.unwrap_or(Value::None).defined()?;
    let digits = match digits {
        None | Some(Value::None) => None,
        Some(digits) => Some(digits.as_int("ndigits")?),
    };
    match (value, digits) {
        (Value::Float(n), None) => match float_to_int(n.round_ties_even()) {
            Some(n) => Ok(Value::Int(n)),
            None => value_error("cannot convert float to integer"),
        },
        (Value::Float(n), Some(digits)) => Ok(Value::Float(round_float(n, digits))),
        (other, digits) => {
            let n = other.as_int("the number")?;
            round_int(n, digits.unwrap_or(0)).map(Value::Int)
        }
    }
}

/// Rounded to tens, hundreds and so on for digits below zero, halves to even.
pub(crate) fn round_int(n: i128, digits: i128) -> Outcome<i128> {
    let Ok(zeros) = u32::try_from(digits.saturating_neg()) else {
        return Ok(n);
    };
    // A unit of more than twice any number makes nothing of it.
    let Some(unit) = 10_i128.checked_pow(zeros).filter(|_| zeros > 0) else {
        return Ok(if zeros > 0 { 0 } else { n });
    };
    let (whole, rest) = (n.div_euclid(unit), n.rem_euclid(unit));
    let is_up = rest > unit / 2 || (rest == unit / 2 && whole % 2 != 0);
    fitting((whole + i128::from(is_up)).checked_mul(unit))
}

/// Rounded as its decimal digits say, halves to even where they are exact.
pub(crate) fn round_float(n: f64, digits: i128) -> f64 {
    if digits >= 0 {
        let digits = usize::try_from(digits.min(300)).unwrap_or(0);
        return format::rounded(n, digits).parse().unwrap_or(n);
    }
    let scale = 10f64.powi(
        i32::try_from(digits.max(-300))
            .unwrap_or(0)
            .saturating_neg(),
    );
    (n / scale).round_ties_even() * scale
}

/// As `int(text, base)` reads it.
pub(crate) fn parse_int(text: &str, base: i128) -> Option<i128> {
    let text = slapos_python::text::trim(text);
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let lower = digits.to_ascii_lowercase();
    let prefixed = |prefix: &str| lower.strip_prefix(prefix).map(str::to_owned);
    let (base, digits) = match base {
        16 => (16, prefixed("0x").unwrap_or(lower)),
        8 => (8, prefixed("0o").unwrap_or(lower)),
        2 => (2, prefixed("0b").unwrap_or(lower)),
        0 => match (prefixed("0x"), prefixed("0o"), prefixed("0b")) {
            (Some(digits), _, _) => (16, digits),
            (_, Some(digits), _) => (8, digits),
            (_, _, Some(digits)) => (2, digits),
            _ => (10, lower),
        },
        base => (
            u32::try_from(base)
                .ok()
                .filter(|base| (2..=36).contains(base))?,
            lower,
        ),
    };
    let is_grouped = digits.starts_with('_') || digits.ends_with('_') || digits.contains("__");
    if is_grouped || digits.starts_with(['+', '-']) {
        return None;
    }
    i128::from_str_radix(&digits.replace('_', ""), base)
        .ok()
        .map(|n| n * sign)
}

/// As `float(text)` reads it.
pub(crate) fn parse_float(text: &str) -> Option<f64> {
    let text = slapos_python::text::trim(text).replace('_', "");
    match text.to_ascii_lowercase().trim_start_matches(['+', '-']) {
        "infinity" | "inf" | "nan" => {}
        plain if !plain.starts_with(|c: char| c.is_ascii_digit() || c == '.') => return None,
        _ => {}
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_int_reads_what_python_reads() {
        for (text, base, n) in [
            (" 7 ", 10, Some(7)),
            ("0x1F", 16, Some(31)),
            ("0b11", 0, Some(3)),
            ("1_0", 10, Some(10)),
        ] {
            assert_eq!(parse_int(text, base), n, "{text}");
        }
        for text in ["", "1.5", "--1", "_1", "x"] {
            assert_eq!(parse_int(text, 10), None, "{text}");
        }
    }
}
