//! Attributes and methods of Python's values.
//!
//! [`attribute`] gives a method as something to call; text.rs, bytes.rs, list.rs, dict.rs and set.rs have what they do.

use std::rc::Rc;

use crate::arguments::Arguments;
use crate::error::Outcome;
use crate::global;
use crate::render::Machine;
use crate::value::{Key, Value};

pub(crate) mod bytes;
pub(crate) mod dict;
mod list;
pub(crate) mod set;
pub(crate) mod text;

/// What a method of such a value does.
type Method<T> = fn(&Machine<'_>, &T, Arguments) -> Outcome<Value>;

/// The method of this name in the table of a type.
fn found<T: ?Sized>(table: &[(&str, Method<T>)], name: &str) -> Option<Method<T>> {
    let found = table.iter().find(|(known, _)| *known == name);
    found.map(|(_, method)| *method)
}

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
        Value::Bytes(_) => found(bytes::METHODS, name).is_some() || has(COMMON),
        Value::List(_) => found(list::METHODS, name).is_some() || has(COMMON),
        Value::Tuple(_) => found(list::FROZEN_METHODS, name).is_some() || has(COMMON),
        Value::Dict(_) => found(dict::METHODS, name).is_some() || has(COMMON),
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
    let is_known = match kind {
        "str" => text::NAMES.contains(&name),
        "bytes" => found(bytes::METHODS, name).is_some(),
        "list" => found(list::METHODS, name).is_some(),
        "dict" => found(dict::METHODS, name).is_some(),
        "set" => set::NAMES.contains(&name),
        _ => false,
    };
    if !is_known {
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
    machine.spend(1)?;
    match value {
        Value::Str(it) => text::call(machine, it, name, arguments),
        Value::Bytes(it) => of_table(bytes::METHODS, name)?(machine, it, arguments),
        Value::List(it) => of_table(list::METHODS, name)?(machine, it, arguments),
        Value::Tuple(it) => of_table(list::FROZEN_METHODS, name)?(machine, it, arguments),
        Value::Dict(it) => of_table(dict::METHODS, name)?(machine, it, arguments),
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

fn of_table<T: ?Sized>(table: &[(&str, Method<T>)], name: &str) -> Outcome<Method<T>> {
    let no_method = || {
        let message = format!("there is no method `{name}` of this type");
        crate::error::failure(crate::error::ErrorKind::Attribute, message)
    };
    found(table, name).ok_or_else(no_method)
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
        ("__len__", None) => global::len(machine, Arguments::of([value.clone()])),
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
