//! Tests, `value is name`.

use crate::arguments::Arguments;
use crate::ast::Comparison;
use crate::error::{ErrorKind, Outcome, fail};
use crate::filter;
use crate::render::Machine;
use crate::value::{Value, are_same, compare_by, floor_divide};

/// Whether a test holds; the value is the first argument.
pub(crate) fn apply(machine: &Machine<'_>, name: &str, arguments: Arguments) -> Outcome<bool> {
    let comparison = match name {
        "eq" | "==" | "equalto" => Some(Comparison::Equal),
        "ne" | "!=" => Some(Comparison::NotEqual),
        "lt" | "<" | "lessthan" => Some(Comparison::Less),
        "le" | "<=" => Some(Comparison::LessEqual),
        "gt" | ">" | "greaterthan" => Some(Comparison::Greater),
        "ge" | ">=" => Some(Comparison::GreaterEqual),
        "in" => Some(Comparison::In),
        _ => None,
    };
    if let Some(comparison) = comparison {
        let [left, right] = arguments.bind(name, ["a", "b"], 2)?;
        let (left, right) = (left.unwrap_or(Value::None), right.unwrap_or(Value::None));
        return compare_by(machine, comparison, &left, &right);
    }
    match name {
        "divisibleby" => {
            let [value, by] = arguments.bind(name, ["value", "num"], 2)?;
            let value = value.unwrap_or(Value::None).as_int("the value")?;
            return Ok(
                floor_divide(value, by.unwrap_or(Value::None).as_int("the divisor")?)?.1 == 0,
            );
        }
        "sameas" => {
            let [value, other] = arguments.bind(name, ["value", "other"], 2)?;
            return Ok(are_same(
                &value.unwrap_or(Value::None),
                &other.unwrap_or(Value::None),
            ));
        }
        _ => {}
    }
    let value = arguments.one(name)?;
    Ok(match name {
        "defined" => !matches!(value, Value::Undefined(_)),
        "undefined" => matches!(value, Value::Undefined(_)),
        "none" => matches!(value, Value::None),
        "boolean" => matches!(value, Value::Bool(_)),
        "true" => matches!(value, Value::Bool(true)),
        "false" => matches!(value, Value::Bool(false)),
        "integer" => matches!(value, Value::Int(_)),
        "float" => matches!(value, Value::Float(_)),
        "number" => matches!(
            value,
            Value::Int(_) | Value::Bool(_) | Value::Float(_) | Value::Complex(..)
        ),
        "string" => matches!(value, Value::Str(_)),
        "mapping" => matches!(value, Value::Dict(_)),
        "sequence" => value.length().is_some(),
        "iterable" => value.is_iterable(),
        "callable" => value.is_callable(),
        "odd" => floor_divide(value.as_int("the value")?, 2)?.1 == 1,
        "even" => floor_divide(value.as_int("the value")?, 2)?.1 == 0,
        "lower" => is_unchanged(machine, &value, str::to_lowercase)?,
        "upper" => is_unchanged(machine, &value, str::to_uppercase)?,
        "filter" => filter::is_known(&value.to_text(machine)?),
        "test" => apply(
            machine,
            &value.to_text(machine)?,
            Arguments::of([Value::None]),
        )
        .is_ok(),
        "escaped" => false,
        _ => return fail(ErrorKind::Syntax, format!("there is no test `{name}`")),
    })
}

fn is_unchanged(machine: &Machine<'_>, value: &Value, change: fn(&str) -> String) -> Outcome<bool> {
    let text = value.to_text(machine)?;
    let has_letters = text.chars().any(char::is_alphabetic);
    Ok(has_letters && change(&text) == *text)
}
