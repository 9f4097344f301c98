//! Texts as Python writes them: the old wire stores every parameter as `str(value)`.

use super::Value;

/// `str(value)`: a text as it is, anything else as [`python_repr`].
#[must_use]
pub fn python_text(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        other => python_repr(other),
    }
}

/// `repr(value)`: what stands for it inside of a container.
#[must_use]
pub fn python_repr(value: &Value) -> String {
    match value {
        Value::None => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Int(digits) => digits.clone(),
        Value::Float(number) => python_float(*number),
        Value::Text(text) => quoted(text),
        Value::Tuple(items) if items.len() == 1 => format!("({},)", python_repr(&items[0])),
        Value::Tuple(items) => format!("({})", joined(items)),
        Value::List(items) => format!("[{}]", joined(items)),
        Value::Set(items) if items.is_empty() => "set()".to_owned(),
        Value::Set(items) => format!("{{{}}}", joined(items)),
        Value::Dict(entries) => {
            let pairs = entries.iter().map(|(key, value)| {
                let (key, value) = (python_repr(key), python_repr(value));
                format!("{key}: {value}")
            });
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
        Value::Object { class, .. } => format!("<{}>", class.name()),
    }
}

/// The shortest decimal that reads back as the same number, with an exponent from 1e16 on and
/// below 1e-4.
#[must_use]
pub fn python_float(number: f64) -> String {
    if number.is_nan() {
        return "nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let scientific = format!("{number:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if number != 0.0 && !(-4..16).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{:02}", exponent.abs());
    }
    let plain = number.to_string();
    if plain.contains('.') {
        plain
    } else {
        plain + ".0"
    }
}

fn joined(items: &[Value]) -> String {
    let items = items.iter().map(python_repr);
    items.collect::<Vec<_>>().join(", ")
}

fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    let mut result = String::with_capacity(text.len() + 2);
    result.push(quote);
    for character in text.chars() {
        match character {
            '\\' => result.push_str("\\\\"),
            '\n' => result.push_str("\\n"),
            '\r' => result.push_str("\\r"),
            '\t' => result.push_str("\\t"),
            other if other == quote => {
                result.push('\\');
                result.push(other);
            }
            other if other.is_control() => {
                result.push_str(&format!("\\x{:02x}", u32::from(other)));
            }
            other => result.push(other),
        }
    }
    result.push(quote);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn python_text_is_as_the_original_stores_it() {
        let list = Value::List(vec![Value::int(1), Value::int(2)]);
        assert_eq!(python_text(&list), "[1, 2]");
        let map = Value::dict([("x", Value::int(1))]);
        assert_eq!(python_text(&map), "{'x': 1}");
        assert_eq!(python_text(&Value::None), "None");
        assert_eq!(python_text(&Value::Bool(true)), "True");
        assert_eq!(python_text(&Value::text("it's")), "it's");
        assert_eq!(python_repr(&Value::text("it's")), "\"it's\"");
        assert_eq!(python_repr(&Value::text("a'\"\n")), "'a\\'\"\\n'");
    }

    #[test]
    fn python_float_has_pythons_form() {
        for (number, text) in [
            (1.5, "1.5"),
            (1.0, "1.0"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1e16, "1e+16"),
            (1e22, "1e+22"),
            (123_456_789.125, "123456789.125"),
            (1.5e-7, "1.5e-07"),
        ] {
            assert_eq!(python_float(number), text);
        }
    }
}
