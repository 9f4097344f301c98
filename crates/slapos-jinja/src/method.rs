//! Attributes and methods of Python's values.
//!
//! [`attribute`] gives a method as something to call; text.rs, list.rs, dict.rs and set.rs have what they do.

use std::rc::Rc;

use crate::arguments::Arguments;
use crate::error::Outcome;
use crate::render::Machine;
use crate::value::{Key, Value};

pub(crate) mod dict;
mod list;
pub(crate) mod set;
pub(crate) mod text;

/// Methods that Python itself calls; templates use some.
pub(crate) fn is_dunder(name: &str) -> bool {
    matches!(
        name,
        "__setitem__"
            | "__getitem__"
            | "__delitem__"
            | "__contains__"
            | "__len__"
            | "__add__"
            | "__str__"
            | "__repr__"
            | "__eq__"
            | "__class__"
            | "__iter__"
    )
}

/// `value.name`, if it has such an attribute.
pub(crate) fn attribute(value: &Value, name: &str) -> Option<Value> {
    let has = |methods: &[&str]| methods.contains(&name);
    let is_method = match value {
        Value::Str(_) => has(text::NAMES) || has(COMMON),
        Value::Bytes(_) => has(text::BYTES_NAMES) || has(COMMON),
        Value::List(_) => has(list::NAMES) || has(COMMON),
        Value::Tuple(_) => has(&["count", "index"]) || has(COMMON),
        Value::Dict(_) => has(dict::NAMES) || has(COMMON),
        Value::Set(_) => has(set::NAMES) || has(set::FROZEN_NAMES) || has(COMMON),
        Value::FrozenSet(_) => has(set::FROZEN_NAMES) || has(COMMON),
        Value::Namespace(names) => {
            return names
                .borrow()
                .get(&Key::text(name))
                .map(|(_, value)| value.clone());
        }
        Value::Loop(state) => return state.attribute(name),
        Value::Object(object) => return object.attributes.borrow().get(name).cloned(),
        Value::Type(kind) => return of_type(kind, name),
        Value::Macro(it) => {
            return (name == "name").then(|| Value::Str(Rc::clone(&it.definition.name)));
        }
        Value::Function(function) => {
            return (name == "__name__").then(|| Value::Str(Rc::clone(&function.name)));
        }
        Value::Int(_) | Value::Bool(_) | Value::Float(_) => return of_number(value, name),
        Value::Iter(_) => return (name == "__next__").then(|| bound(value, name)),
        _ => has(COMMON),
    };
    is_method.then(|| bound(value, name))
}

const COMMON: &[&str] = &[
    "__getitem__",
    "__contains__",
    "__len__",
    "__add__",
    "__str__",
    "__repr__",
    "__eq__",
    "__iter__",
];

fn bound(value: &Value, name: &str) -> Value {
    let (value, method) = (value.clone(), name.to_owned());
    Value::function(name, move |machine, arguments| {
        call(machine, &value, &method, arguments)
    })
}

/// `str.upper` and the like, and `dict.fromkeys`.
fn of_type(kind: &'static str, name: &str) -> Option<Value> {
    if name == "__name__" {
        return Some(Value::text(kind));
    }
    if (kind, name) == ("dict", "fromkeys") {
        return Some(Value::function(name, dict::from_keys));
    }
    let known: &[&str] = match kind {
        "str" => text::NAMES,
        "bytes" => text::BYTES_NAMES,
        "list" => list::NAMES,
        "dict" => dict::NAMES,
        "set" => set::NAMES,
        _ => &[],
    };
    if !known.contains(&name) {
        return None;
    }
    let method = name.to_owned();
    Some(Value::function(
        name,
        move |machine, mut arguments: Arguments| {
            if arguments.plain.is_empty() {
                return crate::error::type_error(format!(
                    "unbound method {method}() needs an argument"
                ));
            }
            let value = arguments.plain.remove(0);
            call(machine, &value, &method, arguments)
        },
    ))
}

fn of_number(value: &Value, name: &str) -> Option<Value> {
    match (value, name) {
        (Value::Float(_), "is_integer") => Some(bound(value, name)),
        (Value::Int(_), "bit_length") => Some(bound(value, name)),
        (_, "real") => Some(value.clone()),
        (_, "imag") => Some(Value::Int(0)),
        _ => None,
    }
}

fn call(machine: &Machine<'_>, value: &Value, name: &str, arguments: Arguments) -> Outcome<Value> {
    if name.starts_with("__")
        && let Some(result) = common(machine, value, name, &arguments)
    {
        return result;
    }
    match value {
        Value::Str(it) => text::call(machine, it, name, arguments),
        Value::Bytes(it) => text::call_bytes(it, name, arguments),
        Value::List(it) => list::call(machine, it, name, arguments),
        Value::Tuple(it) => list::call_frozen(machine, it, name, arguments),
        Value::Dict(it) => dict::call(machine, it, name, arguments),
        Value::Set(it) => set::call(machine, it, name, arguments),
        Value::FrozenSet(it) => set::call_frozen(machine, it, name, arguments),
        Value::Iter(iter) => match iter.next(machine)? {
            Some(item) => Ok(item),
            None => crate::error::value_error("the iterator is at its end (StopIteration)"),
        },
        Value::Float(n) => Ok(Value::Bool(n.fract() == 0.0)),
        Value::Int(n) => Ok(Value::Int(i128::from(
            i128::BITS - n.unsigned_abs().leading_zeros(),
        ))),
        _ => crate::error::type_error(format!("there is no method `{name}`")),
    }
}

fn common(
    machine: &Machine<'_>,
    value: &Value,
    name: &str,
    arguments: &Arguments,
) -> Option<Outcome<Value>> {
    let first = arguments.plain.first();
    Some(match (name, first) {
        ("__getitem__", Some(index)) => machine.item(value, index).and_then(Value::defined),
        ("__contains__", Some(item)) => {
            crate::value::contains(machine, value, item).map(Value::Bool)
        }
        ("__len__", None) => Ok(Value::size(value.length().unwrap_or(0))),
        ("__add__", Some(other)) => crate::value::binary(
            machine,
            crate::ast::Operator::Add,
            value.clone(),
            other.clone(),
        ),
        ("__eq__", Some(other)) => crate::value::are_equal(machine, value, other).map(Value::Bool),
        ("__str__", None) => value.to_text(machine).map(Value::Str),
        ("__repr__", None) => value.repr(machine).map(Value::text),
        ("__iter__", None) => value.iter(machine).map(Value::Iter),
        _ => return None,
    })
}
