//! Methods of sets.

use std::rc::Rc;

use crate::arguments::Arguments;
use crate::error::{ErrorKind, Outcome, fail, type_error};
use crate::render::Machine;
use crate::value::{Dict, Key, Shared, Value, union};

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
        set.entry(Key::of(&item)?).or_insert((item, Value::None));
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
            set.borrow_mut()
                .entry(Key::of(&item)?)
                .or_insert((item, Value::None));
        }
        "discard" | "remove" => {
            let item = arguments.one(name)?;
            let removed = set.borrow_mut().shift_remove(&Key::of(&item)?);
            if removed.is_none() && name == "remove" {
                return fail(ErrorKind::Key, item.repr());
            }
        }
        "pop" => {
            return match set.borrow_mut().shift_remove_index(0) {
                Some((_, (item, _))) => Ok(item),
                None => fail(ErrorKind::Key, "pop from an empty set"),
            };
        }
        "clear" => set.borrow_mut().clear(),
        "update" | "difference_update" | "intersection_update" | "symmetric_difference_update" => {
            let method = name.strip_suffix("_update").unwrap_or("union");
            let result = combined(machine, set.borrow().clone(), method, arguments)?;
            *set.borrow_mut() = result;
        }
        _ => {
            let frozen = Rc::new(set.borrow().clone());
            return match call_frozen(machine, &frozen, name, arguments)? {
                Value::FrozenSet(result) => Ok(Value::set(Dict::clone(&result))),
                other => Ok(other),
            };
        }
    }
    Ok(Value::None)
}

pub(super) fn call_frozen(
    machine: &Machine<'_>,
    set: &Rc<Dict>,
    name: &str,
    arguments: Arguments,
) -> Outcome<Value> {
    let all_in = |some: &Dict, others: &Dict| some.keys().all(|key| others.contains_key(key));
    match name {
        "copy" => Ok(Value::FrozenSet(Rc::clone(set))),
        "isdisjoint" | "issubset" | "issuperset" => {
            let other = set_from(machine, &arguments.one(name)?)?;
            Ok(Value::Bool(match name {
                "isdisjoint" => !set.keys().any(|key| other.contains_key(key)),
                "issubset" => all_in(set, &other),
                _ => all_in(&other, set),
            }))
        }
        "difference" | "intersection" | "symmetric_difference" | "union" => {
            let result = combined(machine, Dict::clone(set), name, arguments)?;
            Ok(Value::FrozenSet(Rc::new(result)))
        }
        _ => type_error(format!("a set has no method `{name}`")),
    }
}

fn combined(machine: &Machine<'_>, set: Dict, method: &str, arguments: Arguments) -> Outcome<Dict> {
    let mut all = set;
    for other in arguments.plain {
        let other = set_from(machine, &other)?;
        all = match method {
            "difference" => all
                .into_iter()
                .filter(|(key, _)| !other.contains_key(key))
                .collect(),
            "intersection" => all
                .into_iter()
                .filter(|(key, _)| other.contains_key(key))
                .collect(),
            "symmetric_difference" => {
                let only: Dict = other
                    .iter()
                    .filter(|(key, _)| !all.contains_key(*key))
                    .map(own)
                    .collect();
                let kept: Dict = all
                    .into_iter()
                    .filter(|(key, _)| !other.contains_key(key))
                    .collect();
                union(kept, only)
            }
            _ => union(all, other),
        };
    }
    Ok(all)
}

fn own((key, pair): (&Key, &(Value, Value))) -> (Key, (Value, Value)) {
    (key.clone(), pair.clone())
}
