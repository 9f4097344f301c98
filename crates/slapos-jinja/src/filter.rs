//! Filters, `value|name(…)`.
//!
//! [`apply`] is the table; sequence.rs has those over items, text.rs those over text.

use std::rc::Rc;

use crate::arguments::Arguments;
use crate::error::{ErrorKind, Outcome, fail, type_error, value_error};
use crate::render::Machine;
use crate::value::{Value, float_to_int, sort_keyed};
use crate::{format, global, module};

mod sequence;
mod text;
mod wrap;

/// Applies a filter; the value is the first argument.
pub(crate) fn apply(machine: &Machine<'_>, name: &str, arguments: Arguments) -> Outcome<Value> {
    match name {
        "default" | "d" => default(arguments),
        "abs" => global::abs(machine, arguments),
        "int" => int(arguments),
        "float" => float(arguments),
        "round" => round(arguments),
        "attr" => {
            let [value, name] = arguments.bind("attr", ["value", "name"], 2)?;
            let (value, name) = (value.unwrap_or(Value::None), name.unwrap_or(Value::None));
            let found = crate::method::attribute(&value.defined()?, &name.to_text(machine)?);
            Ok(found.unwrap_or_else(|| Value::missing("there is no such attribute")))
        }
        "tojson" => {
            let [value, indent] = arguments.bind("tojson", ["value", "indent"], 1)?;
            module::to_json_for_html(machine, &value.unwrap_or(Value::None), indent.as_ref())
        }
        "urlencode" => module::url_encode(machine, &arguments.one(name)?),
        "format" => {
            let (text, rest) = first(arguments, name)?;
            let values = match rest.named.is_empty() {
                true => Value::tuple(rest.plain),
                false => Value::dict(crate::method::dict::merged(machine, rest)?),
            };
            format::percent(machine, &text.to_text(machine)?, &values)
        }
        "length" | "count" => global::len(machine, Arguments::of([arguments.one(name)?])),
        "list" => Ok(Value::list(arguments.one(name)?.items(machine)?)),
        "string" => Ok(Value::Str(arguments.one(name)?.to_text(machine)?)),
        "pprint" => Ok(Value::text(
            arguments.one(name)?.defined()?.to_typed(machine)?.repr(),
        )),
        _ => match sequence::apply(machine, name, &arguments)? {
            Some(value) => Ok(value),
            None => match text::apply(machine, name, &arguments)? {
                Some(value) => Ok(value),
                None => fail(ErrorKind::Syntax, format!("there is no filter `{name}`")),
            },
        },
    }
}

/// Whether there is such a filter.
pub(crate) fn is_known(name: &str) -> bool {
    const HERE: [&str; 14] = [
        "default",
        "d",
        "abs",
        "int",
        "float",
        "round",
        "attr",
        "tojson",
        "urlencode",
        "format",
        "length",
        "count",
        "list",
        "string",
    ];
    HERE.contains(&name) || sequence::NAMES.contains(&name) || text::NAMES.contains(&name)
}

fn first(mut arguments: Arguments, name: &str) -> Outcome<(Value, Arguments)> {
    if arguments.plain.is_empty() {
        return type_error(format!("the filter `{name}` lacks its value"));
    }
    let value = arguments.plain.remove(0);
    Ok((value, arguments))
}

fn default(arguments: Arguments) -> Outcome<Value> {
    let [value, default, boolean] =
        arguments.bind("default", ["value", "default_value", "boolean"], 1)?;
    let value = value.unwrap_or(Value::None);
    let or_false = boolean.map_or(Ok(false), |flag| flag.is_true())?;
    let is_missing = match &value {
        Value::Undefined(_) => true,
        other => or_false && !other.is_true()?,
    };
    Ok(match is_missing {
        true => default.unwrap_or_else(|| Value::text("")),
        false => value,
    })
}

fn int(arguments: Arguments) -> Outcome<Value> {
    let [value, default, base] = arguments.bind("int", ["value", "default", "base"], 1)?;
    let value = value.unwrap_or(Value::None).defined()?;
    let base = base.map_or(Ok(10), |base| base.as_int("base"))?;
    let default = default.unwrap_or(Value::Int(0));
    Ok(match &value {
        Value::Str(text) => match global::parse_int(text, base) {
            Some(n) => Value::Int(n),
            None => match global::parse_float(text).and_then(float_to_int) {
                Some(n) => Value::Int(n),
                None => default,
            },
        },
        Value::Float(n) => float_to_int(*n).map_or(default, Value::Int),
        other => other.as_int("").map_or(default, Value::Int),
    })
}

fn float(arguments: Arguments) -> Outcome<Value> {
    let [value, default] = arguments.bind("float", ["value", "default"], 1)?;
    let value = value.unwrap_or(Value::None).defined()?;
    let parsed = match &value {
        Value::Str(text) => global::parse_float(text),
        other => other.as_float(),
    };
    Ok(parsed.map_or(default.unwrap_or(Value::Float(0.0)), Value::Float))
}

fn round(arguments: Arguments) -> Outcome<Value> {
    let [value, precision, method] =
        arguments.bind("round", ["value", "precision", "method"], 1)?;
    let value = value.unwrap_or(Value::None).defined()?;
    let precision = precision.map_or(Ok(0), |p| p.as_int("precision"))?;
    let method = method.map_or(Ok(Rc::from("common")), |m| m.as_str("method"))?;
    let Some(n) = value.as_float() else {
        return type_error(format!(
            "type {} doesn't define __round__ method",
            value.type_name()
        ));
    };
    let scale = 10f64.powi(i32::try_from(precision.clamp(-300, 300)).unwrap_or(0));
    match &*method {
        "ceil" => Ok(Value::Float((n * scale).ceil() / scale)),
        "floor" => Ok(Value::Float((n * scale).floor() / scale)),
        "common" => match value {
            Value::Float(n) => Ok(Value::Float(global::round_float(n, precision))),
            other => Ok(Value::Int(global::round_int(
                other.as_int("the value")?,
                precision,
            )?)),
        },
        other => value_error(format!(
            "method must be common, ceil or floor, not `{other}`"
        )),
    }
}

/// Sorts as Python does: stable, by a key if one is given, and the error of the first comparison that fails.
pub(crate) fn sorted(
    machine: &Machine<'_>,
    items: Vec<Value>,
    key: Option<Value>,
    reverse: bool,
) -> Outcome<Vec<Value>> {
    machine.make_values(items.len().saturating_mul(2))?;
    let mut keyed = Vec::with_capacity(items.len());
    for item in items {
        let key = match &key {
            Some(key) => machine.call(key, Arguments::of([item.clone()]))?,
            None => item.clone(),
        };
        keyed.push((key, item));
    }
    let keyed = sort_keyed(machine, keyed, reverse)?;
    Ok(keyed.into_iter().map(|(_, item)| item).collect())
}
