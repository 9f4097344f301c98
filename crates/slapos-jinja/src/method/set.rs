//! Methods of sets.

use crate::arguments::Arguments;
use crate::error::{ErrorKind, Outcome, fail, type_error};
use crate::render::Machine;
use crate::value::{Dict, Key, PER_PAIR, Shared, Value, union};

pub(super) const NAMES: &[&str] = &[
    "add",
    "clear",
    "discard",
    "pop",
    "remove",
    "update",
    "difference_update",
    "intersection_update",
    "symmetric_difference_update",
];
pub(super) const FROZEN_NAMES: &[&str] = &[
    "copy",
    "difference",
    "intersection",
    "isdisjoint",
    "issubset",
    "issuperset",
    "symmetric_difference",
    "union",
];

/// A set of the items of anything.
pub(crate) fn set_from(machine: &Machine<'_>, value: &Value) -> Outcome<Dict> {
    let mut set = Dict::new();
    for item in value.items(machine)? {
        machine.make_values(PER_PAIR)?;
        set.entry(Key::of(machine, &item)?)
            .or_insert((item, Value::None));
    }
    Ok(set)
}

pub(super) fn call(
    machine: &Machine<'_>,
    set: &Shared<Dict>,
    name: &str,
    arguments: Arguments,
) -> Outcome<Value> {
    match name {
        "add" => {
            let item = arguments.one(name)?;
            machine.make_values(PER_PAIR)?;
            let key = Key::of(machine, &item)?;
            set.borrow_mut().entry(key).or_insert((item, Value::None));
        }
        "discard" | "remove" => {
            let item = arguments.one(name)?;
            machine.spend(set.borrow().len() as u64)?;
            let removed = set.borrow_mut().shift_remove(&Key::of(machine, &item)?);
            if removed.is_none() && name == "remove" {
                return fail(ErrorKind::Key, item.repr(machine)?);
            }
        }
        "pop" => {
            machine.spend(set.borrow().len() as u64)?;
            return match set.borrow_mut().shift_remove_index(0) {
                Some((_, (item, _))) => Ok(item),
                None => fail(ErrorKind::Key, "pop from an empty set"),
            };
        }
        "clear" => set.borrow_mut().clear(),
        "update" | "difference_update" | "intersection_update" | "symmetric_difference_update" => {
            let method = name.strip_suffix("_update").unwrap_or("union");
            let others = others(machine, arguments)?;
            let result = combined(machine, &set.borrow(), method, others)?;
            **set.borrow_mut() = result;
        }
        _ => {
            // The arguments come first: going through them may change this very set.
            let others = others(machine, arguments)?;
            return Ok(match of_members(machine, &set.borrow(), name, others)? {
                Answer::Members(members) => Value::set(members),
                Answer::Holds(holds) => Value::Bool(holds),
            });
        }
    }
    Ok(Value::None)
}

pub(super) fn call_frozen(
    machine: &Machine<'_>,
    set: &Dict,
    name: &str,
    arguments: Arguments,
) -> Outcome<Value> {
    let others = others(machine, arguments)?;
    Ok(match of_members(machine, set, name, others)? {
        Answer::Members(members) => Value::frozen_set(members),
        Answer::Holds(holds) => Value::Bool(holds),
    })
}

/// What a method that changes nothing gives.
enum Answer {
    Members(Dict),
    Holds(bool),
}

fn others(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Vec<Dict>> {
    if !arguments.named.is_empty() {
        return type_error("the methods of a set take no named arguments");
    }
    let all = arguments.plain.iter();
    all.map(|other| set_from(machine, other)).collect()
}

fn of_members(machine: &Machine<'_>, set: &Dict, name: &str, others: Vec<Dict>) -> Outcome<Answer> {
    let all_in = |some: &Dict, others: &Dict| some.keys().all(|key| others.contains_key(key));
    machine.spend(set.len() as u64)?;
    Ok(match (name, others.as_slice()) {
        ("copy", []) => Answer::Members(combined(machine, set, name, others)?),
        ("isdisjoint", [other]) => Answer::Holds(!set.keys().any(|key| other.contains_key(key))),
        ("issubset", [other]) => Answer::Holds(all_in(set, other)),
        ("issuperset", [other]) => Answer::Holds(all_in(other, set)),
        ("symmetric_difference", [_]) | ("difference" | "intersection" | "union", _) => {
            Answer::Members(combined(machine, set, name, others)?)
        }
        ("isdisjoint" | "issubset" | "issuperset" | "symmetric_difference", _) => {
            return type_error(format!("{name}() takes exactly one argument"));
        }
        ("copy", _) => return type_error("copy() takes no arguments"),
        _ => return type_error(format!("a set has no method `{name}`")),
    })
}

fn combined(machine: &Machine<'_>, set: &Dict, method: &str, others: Vec<Dict>) -> Outcome<Dict> {
    machine.make_values(set.len().saturating_mul(PER_PAIR))?;
    let mut all = set.clone();
    for other in others {
        machine.make_values((all.len() + other.len()).saturating_mul(PER_PAIR))?;
        match method {
            "difference" => all.retain(|key, _| !other.contains_key(key)),
            "intersection" => all.retain(|key, _| other.contains_key(key)),
            "symmetric_difference" => {
                let mut only = other.clone();
                only.retain(|key, _| !all.contains_key(key));
                all.retain(|key, _| !other.contains_key(key));
                all = union(all, only);
            }
            _ => all = union(all, other),
        }
    }
    Ok(all)
}
