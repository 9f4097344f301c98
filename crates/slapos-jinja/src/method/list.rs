//! Methods of lists and tuples.

use std::rc::Rc;

use crate::arguments::Arguments;
use crate::error::{ErrorKind, Outcome, fail, type_error, value_error};
use crate::filter::sorted;
use crate::render::Machine;
use crate::value::{Shared, Value, are_equal};

pub(super) const NAMES: &[&str] = &[
    "append",
    "clear",
    "copy",
    "count",
    "extend",
    "index",
    "insert",
    "pop",
    "remove",
    "reverse",
    "sort",
    "__setitem__",
    "__delitem__",
];

pub(super) fn call(
    machine: &Machine<'_>,
    list: &Shared<Vec<Value>>,
    name: &str,
    arguments: Arguments,
) -> Outcome<Value> {
    match name {
        "append" => {
            let item = arguments.one(name)?;
            machine.make_values(1)?;
            list.borrow_mut().push(item);
        }
        "extend" => {
            let items = arguments.one(name)?.items(machine)?;
            machine.make_values(items.len())?;
            list.borrow_mut().extend(items);
        }
        "clear" => {
            arguments.none(name)?;
            list.borrow_mut().clear();
        }
        "copy" => {
            arguments.none(name)?;
            let items = Value::List(Rc::clone(list)).items(machine)?;
            return Ok(Value::list(items));
        }
        "insert" => {
            let [at, item] = arguments.bind(name, ["index", "object"], 2)?;
            let at = at.unwrap_or(Value::None).as_int("the index")?;
            machine.make_values(1)?;
            moves(machine, &list.borrow())?;
            let mut list = list.borrow_mut();
            let length = i128::try_from(list.len()).unwrap_or(0);
            let at = if at < 0 {
                at.saturating_add(length).max(0)
            } else {
                at.min(length)
            };
            list.insert(
                usize::try_from(at).unwrap_or(0),
                item.unwrap_or(Value::None),
            );
        }
        "pop" => {
            let [at] = arguments.bind(name, ["index"], 0)?;
            let at = at.map_or(Ok(-1), |at| at.as_int("the index"))?;
            let mut list = list.borrow_mut();
            let at = place(list.len(), at, "pop index out of range")?;
            moves(machine, &list[at..])?;
            return Ok(list.remove(at));
        }
        "remove" => {
            let item = arguments.one(name)?;
            let at = position(machine, &list.borrow(), &item)?;
            match at {
                Some(at) => {
                    moves(machine, &list.borrow())?;
                    drop(list.borrow_mut().remove(at));
                }
                None => return value_error("list.remove(x): x not in list"),
            }
        }
        "reverse" => {
            arguments.none(name)?;
            moves(machine, &list.borrow())?;
            list.borrow_mut().reverse();
        }
        "sort" => {
            let [key, reverse] = arguments.bind(name, ["key", "reverse"], 0)?;
            let items = Value::List(Rc::clone(list)).items(machine)?;
            let reverse = reverse.map_or(Ok(false), |flag| flag.is_true())?;
            let result = sorted(
                machine,
                items,
                key.filter(|key| !matches!(key, Value::None)),
                reverse,
            )?;
            **list.borrow_mut() = result;
        }
        "__setitem__" => {
            let [at, item] = arguments.bind(name, ["index", "value"], 2)?;
            let at = at.unwrap_or(Value::None).as_int("the index")?;
            let mut list = list.borrow_mut();
            let at = place(list.len(), at, "list assignment index out of range")?;
            list[at] = item.unwrap_or(Value::None);
        }
        "__delitem__" => {
            let at = arguments.one(name)?.as_int("the index")?;
            let mut list = list.borrow_mut();
            let at = place(list.len(), at, "list assignment index out of range")?;
            moves(machine, &list[at..])?;
            list.remove(at);
        }
        _ => return call_frozen(machine, &list.borrow(), name, arguments),
    }
    Ok(Value::None)
}

/// Counts the items that are moved in memory: that is fast, but not free.
fn moves(machine: &Machine<'_>, items: &[Value]) -> Outcome<()> {
    machine.spend(1 + items.len() as u64 / 16)
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

pub(super) fn call_frozen(
    machine: &Machine<'_>,
    items: &[Value],
    name: &str,
    arguments: Arguments,
) -> Outcome<Value> {
    match name {
        "count" => {
            let wanted = arguments.one(name)?;
            let mut count = 0;
            for item in items {
                count += i128::from(are_equal(machine, item, &wanted)?);
            }
            Ok(Value::Int(count))
        }
        "index" => {
            let [wanted, start, _] = arguments.bind(name, ["value", "start", "stop"], 1)?;
            let wanted = wanted.unwrap_or(Value::None);
            let start = start.map_or(Ok(0), |start| start.as_int("start"))?;
            let skip = usize::try_from(start.max(0)).unwrap_or(0).min(items.len());
            match position(machine, &items[skip..], &wanted)? {
                Some(at) => Ok(Value::size(at + skip)),
                None => value_error(format!("{} is not in list", wanted.repr(machine)?)),
            }
        }
        _ => type_error(format!("a list has no method `{name}`")),
    }
}
