//! Objects: what keeps a state, what tells of a kind, and what gives up.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::arguments::Arguments;
use crate::error::{ErrorKind, Outcome, fail, type_error};
use crate::method::dict::merged;
use crate::render::Machine;
use crate::value::{Nest, Value};

pub(super) fn bool(_: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let [value] = arguments.bind("bool", ["object"], 0)?;
    value
        .map_or(Ok(false), |value| value.is_true())
        .map(Value::Bool)
}

pub(super) fn dict(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    merged(machine, arguments).map(Value::dict)
}

pub(super) fn namespace(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let names = merged(machine, arguments)?;
    Ok(Value::Namespace(Rc::new(RefCell::new(Nest::new(names)))))
}

pub(super) fn callable(_: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    Ok(Value::Bool(arguments.one("callable")?.is_callable()))
}

pub(super) fn assert(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let [holds, message] = arguments.bind("assert", ["condition", "message"], 1)?;
    if holds.unwrap_or(Value::None).is_true()? {
        return Ok(Value::text(""));
    }
    let message = message.map_or(Ok(Rc::from("the assertion does not hold")), |message| {
        message.to_text(machine)
    })?;
    fail(ErrorKind::Assertion, message.to_string())
}

pub(super) fn isinstance(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let [value, kinds] = arguments.bind("isinstance", ["obj", "class_or_tuple"], 2)?;
    let (value, kinds) = (value.unwrap_or(Value::None), kinds.unwrap_or(Value::None));
    is_instance(machine, &value, &kinds).map(Value::Bool)
}

fn is_instance(machine: &Machine<'_>, value: &Value, kinds: &Value) -> Outcome<bool> {
    let kinds = kinds
        .sequence(machine)?
        .unwrap_or_else(|| vec![kinds.clone()]);
    let name = value.type_name();
    for kind in kinds {
        let Value::Type(kind) = kind else {
            return type_error("isinstance() needs a type, or a tuple of types");
        };
        if kind == name || (kind == "int" && name == "bool") || kind == "object" {
            return Ok(true);
        }
    }
    Ok(false)
}

/// An object whose `next()` goes round.
pub(super) fn cycler(_: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    arguments.no_names("cycler")?;
    if arguments.plain.is_empty() {
        return type_error("at least one item has to be provided");
    }
    let items = Rc::new(arguments.plain);
    let at = Rc::new(Cell::new(0_usize));
    let (next_at, next_items) = (Rc::clone(&at), Rc::clone(&items));
    let next = Value::function("next", move |_, arguments| {
        arguments.none("next")?;
        let now = next_at.get();
        next_at.set((now + 1) % next_items.len());
        Ok(next_items[now].clone())
    });
    let reset = Value::function("reset", move |_, arguments| {
        arguments.none("reset")?;
        at.set(0);
        Ok(Value::None)
    });
    Ok(Value::object(
        "Cycler",
        vec![("next", next), ("reset", reset)],
    ))
}

/// Something to call that gives nothing the first time, and a separator from then on.
pub(super) fn joiner(_: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let [separator] = arguments.bind("joiner", ["sep"], 0)?;
    let separator = separator.unwrap_or_else(|| Value::text(", "));
    let used = Cell::new(false);
    Ok(Value::function("joiner", move |_, arguments| {
        arguments.none("joiner")?;
        Ok(match used.replace(true) {
            true => separator.clone(),
            false => Value::text(""),
        })
    }))
}
