//! Methods of dictionaries.

use std::rc::Rc;

use crate::arguments::Arguments;
use crate::error::{ErrorKind, Outcome, fail, type_error, value_error};
use crate::render::Machine;
use crate::value::{Dict, Key, PER_PAIR, Shared, Value, View};

pub(super) const NAMES: &[&str] = &[
    "clear",
    "copy",
    "fromkeys",
    "get",
    "items",
    "keys",
    "pop",
    "popitem",
    "setdefault",
    "update",
    "values",
    "__setitem__",
    "__delitem__",
];

pub(super) fn call(
    machine: &Machine<'_>,
    dict: &Shared<Dict>,
    name: &str,
    arguments: Arguments,
) -> Outcome<Value> {
    machine.spend(1)?;
    let view = |view| Ok(Value::View(view, Rc::clone(dict)));
    match name {
        "items" => view(View::Items),
        "keys" => view(View::Keys),
        "values" => view(View::Values),
        "get" => {
            let [key, default] = arguments.bind(name, ["key", "default"], 1)?;
            let found = dict
                .borrow()
                .get(&Key::of(machine, &key.unwrap_or(Value::None))?)
                .map(|(_, value)| value.clone());
            Ok(found.or(default).unwrap_or(Value::None))
        }
        "setdefault" => {
            let [key, default] = arguments.bind(name, ["key", "default"], 1)?;
            let key = key.unwrap_or(Value::None);
            machine.make_values(PER_PAIR)?;
            let mut dict = dict.borrow_mut();
            let entry = dict.entry(Key::of(machine, &key)?);
            Ok(entry
                .or_insert_with(|| (key, default.unwrap_or(Value::None)))
                .1
                .clone())
        }
        "pop" => {
            let [key, default] = arguments.bind(name, ["key", "default"], 1)?;
            let key = key.unwrap_or(Value::None);
            moves(machine, dict)?;
            let popped = dict
                .borrow_mut()
                .shift_remove(&Key::of(machine, &key)?)
                .map(|(_, value)| value);
            match popped.or(default) {
                Some(value) => Ok(value),
                None => fail(
                    ErrorKind::Key,
                    format!("pop(): there is no key {}", key.repr(machine)?),
                ),
            }
        }
        "popitem" => match dict.borrow_mut().pop() {
            Some((_, (key, value))) => Ok(Value::tuple(vec![key, value])),
            None => fail(ErrorKind::Key, "popitem(): dictionary is empty"),
        },
        "copy" => {
            arguments.none(name)?;
            copied(machine, dict).map(Value::dict)
        }
        "clear" => {
            dict.borrow_mut().clear();
            Ok(Value::None)
        }
        "update" => {
            let more = merged(machine, arguments)?;
            insert_all(&mut dict.borrow_mut(), more);
            Ok(Value::None)
        }
        "__setitem__" => {
            let [key, value] = arguments.bind(name, ["key", "value"], 2)?;
            let (key, value) = (key.unwrap_or(Value::None), value.unwrap_or(Value::None));
            machine.make_values(PER_PAIR)?;
            let more = vec![(Key::of(machine, &key)?, (key, value))];
            insert_all(&mut dict.borrow_mut(), more);
            Ok(Value::None)
        }
        "__delitem__" => {
            let key = arguments.one(name)?;
            moves(machine, dict)?;
            match dict.borrow_mut().shift_remove(&Key::of(machine, &key)?) {
                Some(_) => Ok(Value::None),
                None => fail(ErrorKind::Key, key.repr(machine)?),
            }
        }
        "fromkeys" => from_keys(machine, arguments),
        _ => type_error(format!("a dict has no method `{name}`")),
    }
}

/// Removing keeps the order, so what is behind moves up.
fn moves(machine: &Machine<'_>, dict: &Shared<Dict>) -> Outcome<()> {
    machine.spend(dict.borrow().len() as u64 / 4)
}

fn copied(machine: &Machine<'_>, dict: &Shared<Dict>) -> Outcome<Dict> {
    let dict = dict.borrow();
    machine.make_values(dict.len().saturating_mul(PER_PAIR))?;
    Ok(dict.clone())
}

/// `dict.fromkeys(keys, value)`
pub(super) fn from_keys(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let [keys, value] = arguments.bind("fromkeys", ["iterable", "value"], 1)?;
    let value = value.unwrap_or(Value::None);
    let mut made = Dict::new();
    for key in keys.unwrap_or(Value::None).items(machine)? {
        machine.make_values(PER_PAIR)?;
        insert_all(&mut made, [(Key::of(machine, &key)?, (key, value.clone()))]);
    }
    Ok(Value::dict(made))
}

/// A key that is there keeps its first form, as in Python.
pub(crate) fn insert_all(dict: &mut Dict, more: impl IntoIterator<Item = (Key, (Value, Value))>) {
    for (key, (shown, value)) in more {
        match dict.get_mut(&key) {
            Some(slot) => slot.1 = value,
            None => drop(dict.insert(key, (shown, value))),
        }
    }
}

/// The pairs of `dict(…)` and `update(…)`: a dictionary or pairs, then named ones.
pub(crate) fn merged(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Dict> {
    if arguments.plain.len() > 1 {
        return type_error("a dictionary is made of one argument and named ones");
    }
    let mut dict = Dict::new();
    for given in arguments.plain {
        if let Value::Dict(other) = &given {
            let other = copied(machine, other)?;
            insert_all(&mut dict, other);
            continue;
        }
        for pair in given.items(machine)? {
            let Ok([key, value]) = <[Value; 2]>::try_from(pair.items(machine)?) else {
                return value_error("an element of the update sequence is no pair");
            };
            machine.make_values(PER_PAIR)?;
            insert_all(&mut dict, [(Key::of(machine, &key)?, (key, value))]);
        }
    }
    for (name, value) in arguments.named {
        insert_all(
            &mut dict,
            [(Key::Str(Rc::clone(&name)), (Value::Str(name), value))],
        );
    }
    Ok(dict)
}
