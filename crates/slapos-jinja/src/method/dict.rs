//! Methods of dictionaries; [`METHODS`] is the table.

use std::rc::Rc;

use super::Method;
use crate::arguments::Arguments;
use crate::error::{ErrorKind, Outcome, fail, type_error, value_error};
use crate::render::Machine;
use crate::value::{Dict, Key, PER_PAIR, Shared, Value, View};

pub(super) const METHODS: &[(&str, Method<Shared<Dict>>)] = &[
    ("__delitem__", delete),
    ("__setitem__", set),
    ("clear", |_, dict, arguments| {
        arguments.none("clear")?;
        dict.borrow_mut().clear();
        Ok(Value::None)
    }),
    ("copy", |machine, dict, arguments| {
        arguments.none("copy")?;
        copied(machine, dict).map(Value::dict)
    }),
    ("fromkeys", |machine, _, arguments| {
        from_keys(machine, arguments)
    }),
    ("get", get),
    ("items", |_, dict, arguments| {
        arguments.none("items")?;
        Ok(Value::View(View::Items, Rc::clone(dict)))
    }),
    ("keys", |_, dict, arguments| {
        arguments.none("keys")?;
        Ok(Value::View(View::Keys, Rc::clone(dict)))
    }),
    ("pop", pop),
    ("popitem", |_, dict, arguments| {
        arguments.none("popitem")?;
        match dict.borrow_mut().pop() {
            Some((_, (key, value))) => Ok(Value::tuple(vec![key, value])),
            None => fail(ErrorKind::Key, "popitem(): dictionary is empty"),
        }
    }),
    ("setdefault", set_default),
    ("update", |machine, dict, arguments| {
        let more = merged(machine, arguments)?;
        insert_all(&mut dict.borrow_mut(), more);
        Ok(Value::None)
    }),
    ("values", |_, dict, arguments| {
        arguments.none("values")?;
        Ok(Value::View(View::Values, Rc::clone(dict)))
    }),
];

fn get(machine: &Machine<'_>, dict: &Shared<Dict>, arguments: Arguments) -> Outcome<Value> {
    let [key, default] = arguments.bind("get", ["key", "default"], 1)?;
    let key = Key::of(machine, &key.unwrap_or(Value::None))?;
    let found = dict.borrow().get(&key).map(|(_, value)| value.clone());
    Ok(found.or(default).unwrap_or(Value::None))
}

fn set_default(machine: &Machine<'_>, dict: &Shared<Dict>, arguments: Arguments) -> Outcome<Value> {
    let [key, default] = arguments.bind("setdefault", ["key", "default"], 1)?;
    let key = key.unwrap_or(Value::None);
    machine.make_values(PER_PAIR)?;
    let mut dict = dict.borrow_mut();
    let entry = dict.entry(Key::of(machine, &key)?);
    let (_, value) = entry.or_insert_with(|| (key, default.unwrap_or(Value::None)));
    Ok(value.clone())
}

fn pop(machine: &Machine<'_>, dict: &Shared<Dict>, arguments: Arguments) -> Outcome<Value> {
    let [key, default] = arguments.bind("pop", ["key", "default"], 1)?;
    let key = key.unwrap_or(Value::None);
    moves(machine, dict)?;
    let popped = dict.borrow_mut().shift_remove(&Key::of(machine, &key)?);
    match popped.map(|(_, value)| value).or(default) {
        Some(value) => Ok(value),
        None => fail(
            ErrorKind::Key,
            format!("pop(): there is no key {}", key.repr(machine)?),
        ),
    }
}

fn set(machine: &Machine<'_>, dict: &Shared<Dict>, arguments: Arguments) -> Outcome<Value> {
    let [key, value] = arguments.bind("__setitem__", ["key", "value"], 2)?;
    let (key, value) = (key.unwrap_or(Value::None), value.unwrap_or(Value::None));
    machine.make_values(PER_PAIR)?;
    let more = [(Key::of(machine, &key)?, (key, value))];
    insert_all(&mut dict.borrow_mut(), more);
    Ok(Value::None)
}

fn delete(machine: &Machine<'_>, dict: &Shared<Dict>, arguments: Arguments) -> Outcome<Value> {
    let key = arguments.one("__delitem__")?;
    moves(machine, dict)?;
    match dict.borrow_mut().shift_remove(&Key::of(machine, &key)?) {
        Some(_) => Ok(Value::None),
        None => fail(ErrorKind::Key, key.repr(machine)?),
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
