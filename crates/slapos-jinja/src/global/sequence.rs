//! Items: what makes sequences and iterators, goes through them and says something of them.

use crate::arguments::Arguments;
use crate::ast::{Comparison, Operator};
use crate::error::{Outcome, type_error, value_error};
use crate::filter;
use crate::method::set::set_from;
use crate::render::Machine;
use crate::value::{Dict, Iter, Value, binary, compare_by, fitting, lazy};

pub(crate) fn len(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let value = arguments.one("len")?;
    match value.counted_length(machine)? {
        Some(length) => Ok(Value::size(length)),
        None => {
            let kind = value.defined()?.type_name();
            type_error(format!("object of type '{kind}' has no len()"))
        }
    }
}

pub(super) fn list(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    items(machine, "list", arguments).map(Value::list)
}

pub(super) fn tuple(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    items(machine, "tuple", arguments).map(Value::tuple)
}

pub(super) fn set(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    members(machine, "set", arguments).map(Value::set)
}

pub(super) fn frozenset(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    members(machine, "frozenset", arguments).map(Value::frozen_set)
}

fn items(machine: &Machine<'_>, name: &str, arguments: Arguments) -> Outcome<Vec<Value>> {
    let [value] = arguments.bind(name, ["iterable"], 0)?;
    value.map_or(Ok(Vec::new()), |value| value.items(machine))
}

fn members(machine: &Machine<'_>, name: &str, arguments: Arguments) -> Outcome<Dict> {
    let [value] = arguments.bind(name, ["iterable"], 0)?;
    value.map_or(Ok(Dict::new()), |value| set_from(machine, &value))
}

pub(super) fn reversed(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let mut items = arguments.one("reversed")?.items(machine)?.into_iter().rev();
    Ok(lazy(move |_| Ok(items.next())))
}

pub(super) fn range(_: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    arguments.no_names("range")?;
    let bounds: Vec<i128> = arguments
        .plain
        .iter()
        .map(|n| n.as_int("a bound"))
        .collect::<Outcome<_>>()?;
    match *bounds.as_slice() {
        [stop] => Ok(Value::Range(0, stop, 1)),
        [start, stop] => Ok(Value::Range(start, stop, 1)),
        [_, _, 0] => value_error("range() arg 3 must not be zero"),
        [start, stop, step] => Ok(Value::Range(start, stop, step)),
        _ => type_error("range expected 1 to 3 arguments"),
    }
}

pub(super) fn enumerate(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let [items, start] = arguments.bind("enumerate", ["iterable", "start"], 1)?;
    let iter = items.unwrap_or(Value::None).iter(machine)?;
    let mut at = Some(start.map_or(Ok(0), |start| start.as_int("start"))?);
    Ok(lazy(move |machine| {
        let Some(item) = iter.next(machine)? else {
            return Ok(None);
        };
        machine.make_values(2)?;
        // The count fails when it is wanted beyond its end, as that of Python never does.
        let here = fitting(at)?;
        at = here.checked_add(1);
        Ok(Some(Value::tuple(vec![Value::Int(here), item])))
    }))
}

pub(super) fn zip(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    arguments.no_names("zip")?;
    let iters = iters(machine, &arguments.plain)?;
    Ok(lazy(move |machine| {
        let row = next_row(machine, &iters)?;
        Ok(row.filter(|row| !row.is_empty()).map(Value::tuple))
    }))
}

pub(super) fn map(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let (function, iters) = over(machine, "map", arguments)?;
    Ok(lazy(move |machine| match next_row(machine, &iters)? {
        Some(row) => machine.call(&function, Arguments::of(row)).map(Some),
        None => Ok(None),
    }))
}

pub(super) fn filter(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    if arguments.plain.len() > 2 {
        return type_error("filter expected 2 arguments");
    }
    let (function, iters) = over(machine, "filter", arguments)?;
    Ok(lazy(move |machine| {
        while let Some(row) = next_row(machine, &iters)? {
            let Some(item) = row.into_iter().next() else {
                break;
            };
            let holds = match function {
                Value::None => item.clone(),
                _ => machine.call(&function, Arguments::of([item.clone()]))?,
            };
            if holds.is_true()? {
                return Ok(Some(item));
            }
        }
        Ok(None)
    }))
}

/// The function of `map` or `filter`, and what it is called over.
fn over(
    machine: &Machine<'_>,
    name: &str,
    mut arguments: Arguments,
) -> Outcome<(Value, Vec<Iter>)> {
    arguments.no_names(name)?;
    if arguments.plain.len() < 2 {
        return type_error(format!("{name}() must have at least two arguments"));
    }
    let function = arguments.plain.remove(0);
    Ok((function, iters(machine, &arguments.plain)?))
}

fn iters(machine: &Machine<'_>, all: &[Value]) -> Outcome<Vec<Iter>> {
    all.iter().map(|items| items.iter(machine)).collect()
}

/// The next item of each, none as soon as one is at its end.
fn next_row(machine: &Machine<'_>, iters: &[Iter]) -> Outcome<Option<Vec<Value>>> {
    machine.make_values(iters.len())?;
    iters.iter().map(|iter| iter.next(machine)).collect()
}

pub(super) fn iter(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    arguments.one("iter")?.iter(machine).map(Value::Iter)
}

pub(super) fn next(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let [iterator, default] = arguments.bind("next", ["iterator", "default"], 1)?;
    let Value::Iter(iterator) = iterator.unwrap_or(Value::None) else {
        return type_error("next() needs an iterator; make one with iter()");
    };
    match iterator.next(machine)?.or(default) {
        Some(item) => Ok(item),
        None => value_error("the iterator is at its end (StopIteration)"),
    }
}

pub(super) fn all(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    has_one(machine, "all", arguments, false).map(|found| Value::Bool(!found))
}

pub(super) fn any(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    has_one(machine, "any", arguments, true).map(Value::Bool)
}

/// Whether an item has this truth; those after it are not asked for.
fn has_one(machine: &Machine<'_>, name: &str, arguments: Arguments, truth: bool) -> Outcome<bool> {
    let items = arguments.one(name)?.iter(machine)?;
    while let Some(item) = items.next(machine)? {
        if item.is_true()? == truth {
            return Ok(true);
        }
    }
    Ok(false)
}

pub(super) fn sum(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let [items, start] = arguments.bind("sum", ["iterable", "start"], 1)?;
    let mut total = start.unwrap_or(Value::Int(0));
    for item in items.unwrap_or(Value::None).items(machine)? {
        total = binary(machine, Operator::Add, total, item)?;
    }
    Ok(total)
}

pub(super) fn sorted(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let [items, key, reverse] = arguments.bind("sorted", ["iterable", "key", "reverse"], 1)?;
    let items = items.unwrap_or(Value::None).items(machine)?;
    let reverse = reverse.map_or(Ok(false), |flag| flag.is_true())?;
    let key = key.filter(|key| !matches!(key, Value::None));
    filter::sorted(machine, items, key, reverse).map(Value::list)
}

pub(super) fn max(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    extreme(machine, ("max", Comparison::Greater), arguments)
}

pub(super) fn min(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    extreme(machine, ("min", Comparison::Less), arguments)
}

/// The item that stands before or after all others, as `sign` says; the first of those that are equal.
fn extreme(
    machine: &Machine<'_>,
    (name, sign): (&str, Comparison),
    mut arguments: Arguments,
) -> Outcome<Value> {
    let plain = std::mem::take(&mut arguments.plain);
    let [key, default] = arguments.bind(name, ["key", "default"], 0)?;
    let items = match plain.as_slice() {
        [] => return type_error(format!("{name} expected at least 1 argument, got 0")),
        [items] => items.items(machine)?,
        _ if default.is_some() => {
            return type_error(format!(
                "Cannot specify a default for {name}() with multiple positional arguments"
            ));
        }
        _ => plain,
    };
    let mut best: Option<(Value, Value)> = None;
    for item in items {
        let by = match &key {
            Some(key) if !matches!(key, Value::None) => {
                machine.call(key, Arguments::of([item.clone()]))?
            }
            _ => item.clone(),
        };
        let is_better = match &best {
            None => true,
            Some((best, _)) => compare_by(machine, sign, &by, best)?,
        };
        if is_better {
            best = Some((by, item));
        }
    }
    match best.map(|(_, item)| item).or(default) {
        Some(item) => Ok(item),
        None => value_error(format!("{name}() arg is an empty sequence")),
    }
}
