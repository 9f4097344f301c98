//! Texts as Python writes them: the old wire stores every parameter as `str(value)`.

use super::Value;
use slapos_python::print::{float, quoted};

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
        Value::Float(number) => float(*number),
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

fn joined(items: &[Value]) -> String {
    let items = items.iter().map(python_repr);
    items.collect::<Vec<_>>().join(", ")
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
}
