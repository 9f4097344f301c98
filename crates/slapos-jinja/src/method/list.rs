//! Methods of lists and tuples; [`METHODS`] and [`FROZEN_METHODS`] are the tables.

use std::rc::Rc;

use super::Method;
use crate::arguments::Arguments;
use crate::error::{ErrorKind, Outcome, fail, value_error};
use crate::filter::sorted;
use crate::render::Machine;
use crate::value::{Shared, Value, are_equal};

/// A list, as its methods get it.
type List = Shared<Vec<Value>>;

pub(super) const METHODS: &[(&str, Method<List>)] = &[
    ("__delitem__", delete),
    ("__setitem__", set),
    ("append", append),
    ("clear", clear),
    ("copy", copy),
    ("count", |machine, list, arguments| {
        count(machine, &list.borrow(), arguments)
    }),
    ("extend", extend),
    ("index", |machine, list, arguments| {
        index(machine, &list.borrow(), arguments)
    }),
    ("insert", insert),
    ("pop", pop),
    ("remove", remove),
    ("reverse", reverse),
    ("sort", sort),
];

/// Those of a tuple.
pub(super) const FROZEN_METHODS: &[(&str, Method<[Value]>)] = &[("count", count), ("index", index)];

fn append(machine: &Machine<'_>, list: &List, arguments: Arguments) -> Outcome<Value> {
    let item = arguments.one("append")?;
    machine.make_values(1)?;
    list.borrow_mut().push(item);
    Ok(Value::None)
}

fn extend(machine: &Machine<'_>, list: &List, arguments: Arguments) -> Outcome<Value> {
    let items = arguments.one("extend")?.items(machine)?;
    machine.make_values(items.len())?;
    list.borrow_mut().extend(items);
    Ok(Value::None)
}

fn clear(_: &Machine<'_>, list: &List, arguments: Arguments) -> Outcome<Value> {
    arguments.none("clear")?;
    list.borrow_mut().clear();
    Ok(Value::None)
}

fn copy(machine: &Machine<'_>, list: &List, arguments: Arguments) -> Outcome<Value> {
    arguments.none("copy")?;
    Ok(Value::list(Value::List(Rc::clone(list)).items(machine)?))
}

fn insert(machine: &Machine<'_>, list: &List, arguments: Arguments) -> Outcome<Value> {
    let [at, item] = arguments.bind("insert", ["index", "object"], 2)?;
    let at = at.unwrap_or(Value::None).as_int("the index")?;
    machine.make_values(1)?;
    let mut list = list.borrow_mut();
    moves(machine, &list)?;
    let at = clamped(list.len(), at);
    list.insert(at, item.unwrap_or(Value::None));
    Ok(Value::None)
}

fn pop(machine: &Machine<'_>, list: &List, arguments: Arguments) -> Outcome<Value> {
    let [at] = arguments.bind("pop", ["index"], 0)?;
    let at = at.map_or(Ok(-1), |at| at.as_int("the index"))?;
    let mut list = list.borrow_mut();
    let at = place(list.len(), at, "pop index out of range")?;
    moves(machine, &list[at..])?;
    Ok(list.remove(at))
}

fn remove(machine: &Machine<'_>, list: &List, arguments: Arguments) -> Outcome<Value> {
    let item = arguments.one("remove")?;
    let at = position(machine, &list.borrow(), &item)?;
    match at {
        Some(at) => {
            moves(machine, &list.borrow())?;
            drop(list.borrow_mut().remove(at));
            Ok(Value::None)
        }
        None => value_error("list.remove(x): x not in list"),
    }
}

fn reverse(machine: &Machine<'_>, list: &List, arguments: Arguments) -> Outcome<Value> {
    arguments.none("reverse")?;
    moves(machine, &list.borrow())?;
    list.borrow_mut().reverse();
    Ok(Value::None)
}

fn sort(machine: &Machine<'_>, list: &List, arguments: Arguments) -> Outcome<Value> {
    let [key, reverse] = arguments.bind("sort", ["key", "reverse"], 0)?;
    let items = Value::List(Rc::clone(list)).items(machine)?;
    let reverse = reverse.map_or(Ok(false), |flag| flag.is_true())?;
    let key = key.filter(|key| !matches!(key, Value::None));
    let result = sorted(machine, items, key, reverse)?;
    **list.borrow_mut() = result;
    Ok(Value::None)
}

fn set(_: &Machine<'_>, list: &List, arguments: Arguments) -> Outcome<Value> {
    let [at, item] = arguments.bind("__setitem__", ["index", "value"], 2)?;
    let at = at.unwrap_or(Value::None).as_int("the index")?;
    let mut list = list.borrow_mut();
    let at = place(list.len(), at, "list assignment index out of range")?;
    list[at] = item.unwrap_or(Value::None);
    Ok(Value::None)
}

fn delete(machine: &Machine<'_>, list: &List, arguments: Arguments) -> Outcome<Value> {
    let at = arguments.one("__delitem__")?.as_int("the index")?;
    let mut list = list.borrow_mut();
    let at = place(list.len(), at, "list assignment index out of range")?;
    moves(machine, &list[at..])?;
    list.remove(at);
    Ok(Value::None)
}

fn count(machine: &Machine<'_>, items: &[Value], arguments: Arguments) -> Outcome<Value> {
    let wanted = arguments.one("count")?;
    let mut count = 0;
    for item in items {
        count += i128::from(are_equal(machine, item, &wanted)?);
    }
    Ok(Value::Int(count))
}

fn index(machine: &Machine<'_>, items: &[Value], arguments: Arguments) -> Outcome<Value> {
    let [wanted, start, stop] = arguments.bind("index", ["value", "start", "stop"], 1)?;
    let wanted = wanted.unwrap_or(Value::None);
    let bound = |at: Option<Value>, default: usize| -> Outcome<usize> {
        match at {
            Some(at) => Ok(clamped(items.len(), at.as_int("a bound")?)),
            None => Ok(default),
        }
    };
    let (start, stop) = (bound(start, 0)?, bound(stop, items.len())?);
    match position(machine, &items[start..stop.max(start)], &wanted)? {
        Some(at) => Ok(Value::size(at + start)),
        None => value_error(format!("{} is not in list", wanted.repr(machine)?)),
    }
}

/// Counts the items that are moved in memory: that is fast, but not free.
fn moves(machine: &Machine<'_>, items: &[Value]) -> Outcome<()> {
    machine.spend(1 + items.len() as u64 / 16)
}

/// A place among so many, from the end if it is below zero; the nearest if there is none.
fn clamped(length: usize, at: i128) -> usize {
    let most = i128::try_from(length).unwrap_or(i128::MAX);
    let at = if at < 0 { at.saturating_add(most) } else { at };
    usize::try_from(at.clamp(0, most)).unwrap_or(0)
}

fn place(length: usize, at: i128, message: &str) -> Outcome<usize> {
    let length = i128::try_from(length).unwrap_or(0);
    let at = if at < 0 {
        at.saturating_add(length)
    } else {
        at
    };
    match usize::try_from(at) {
        Ok(place) if at < length => Ok(place),
        _ => fail(ErrorKind::Index, message),
    }
}

fn position(machine: &Machine<'_>, items: &[Value], wanted: &Value) -> Outcome<Option<usize>> {
    for (at, item) in items.iter().enumerate() {
        if are_equal(machine, item, wanted)? {
            return Ok(Some(at));
        }
    }
    Ok(None)
}
