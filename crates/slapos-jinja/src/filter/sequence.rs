//! Filters over items.

use std::rc::Rc;

use super::apply as apply_filter;
use crate::arguments::Arguments;
use crate::error::{ErrorKind, Outcome, fail, type_error, value_error};
use crate::render::Machine;
use crate::test;
use crate::value::{Dict, Key, Value, are_equal, binary, lazy, order, sort_keyed};

pub(super) const NAMES: &[&str] = &[
    "batch",
    "dictsort",
    "first",
    "groupby",
    "items",
    "join",
    "last",
    "map",
    "max",
    "min",
    "reject",
    "rejectattr",
    "reverse",
    "select",
    "selectattr",
    "slice",
    "sort",
    "sum",
    "unique",
];

pub(super) fn apply(
    machine: &Machine<'_>,
    name: &str,
    arguments: &Arguments,
) -> Outcome<Option<Value>> {
    if !NAMES.contains(&name) {
        return Ok(None);
    }
    let given = arguments.clone();
    let found = match name {
        "join" => join(machine, given)?,
        "sort" => sort(machine, given)?,
        "dictsort" => dictsort(machine, given)?,
        "map" => map(machine, given)?,
        "select" => select(machine, given, true, false)?,
        "reject" => select(machine, given, false, false)?,
        "selectattr" => select(machine, given, true, true)?,
        "rejectattr" => select(machine, given, false, true)?,
        "first" => {
            let items = given.one(name)?.iter(machine)?;
            items
                .next(machine)?
                .unwrap_or_else(|| Value::missing("No first item, sequence was empty."))
        }
        "last" => {
            let last = given.one(name)?.items(machine)?.pop();
            last.unwrap_or_else(|| Value::missing("No last item, sequence was empty."))
        }
        "max" | "min" => extreme(machine, name, given)?,
        "sum" => sum(machine, given)?,
        "unique" => unique(machine, given)?,
        "reverse" => match given.one(name)? {
            Value::Str(text) => Value::text(text.chars().rev().collect::<String>()),
            other => generator(other.items(machine)?.into_iter().rev().collect()),
        },
        "batch" => batch(machine, given)?,
        "slice" => slice(machine, given)?,
        "groupby" => groupby(machine, given)?,
        "items" => match given.one(name)? {
            Value::Undefined(_) => generator(Vec::new()),
            value => match value.pairs(machine)? {
                Some(pairs) => generator(
                    pairs
                        .into_iter()
                        .map(|(k, v)| Value::tuple(vec![k, v]))
                        .collect(),
                ),
                None => return type_error("Can only get item pairs from a mapping."),
            },
        },
        _ => return Ok(None),
    };
    Ok(Some(found))
}

fn generator(items: Vec<Value>) -> Value {
    let mut items = items.into_iter();
    lazy(move |_| Ok(items.next()))
}

/// `a.b.0` of an item; with a default for what is missing.
fn path(
    machine: &Machine<'_>,
    item: &Value,
    attribute: &Value,
    default: Option<&Value>,
) -> Outcome<Value> {
    let mut value = item.clone();
    let parts = match attribute {
        Value::Int(_) => vec![attribute.clone()],
        other => other.as_str("an attribute")?.split('.').map(part).collect(),
    };
    for part in parts {
        value = machine.item(&value, &part)?;
        if let (Value::Undefined(_), Some(default)) = (&value, default) {
            value = default.clone();
        }
    }
    Ok(value)
}

fn part(text: &str) -> Value {
    match text.parse::<i128>() {
        Ok(n) if !text.starts_with(['+', '-']) => Value::Int(n),
        _ => Value::text(text),
    }
}

fn lowered(value: Value, is_case_sensitive: bool) -> Value {
    match &value {
        Value::Str(text) if !is_case_sensitive => Value::text(text.to_lowercase()),
        _ => value,
    }
}

fn flag(value: Option<Value>, default: bool) -> Outcome<bool> {
    value.map_or(Ok(default), |flag| flag.is_true())
}

fn join(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let [items, separator, attribute] = arguments.bind("join", ["value", "d", "attribute"], 1)?;
    let separator = separator.map_or(Ok(Rc::from("")), |s| s.to_text(machine))?;
    let mut out = String::new();
    for (at, item) in items
        .unwrap_or(Value::None)
        .items(machine)?
        .iter()
        .enumerate()
    {
        let item = match &attribute {
            Some(attribute) if !matches!(attribute, Value::None) => {
                path(machine, item, attribute, None)?
            }
            _ => item.clone(),
        };
        let text = item.to_text(machine)?;
        machine.make(separator.len() + text.len())?;
        if at > 0 {
            out.push_str(&separator);
        }
        out.push_str(&text);
    }
    Ok(Value::text(out))
}

fn sort(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let names = ["value", "reverse", "case_sensitive", "attribute"];
    let [items, reverse, case, attribute] = arguments.bind("sort", names, 1)?;
    let (reverse, case) = (flag(reverse, false)?, flag(case, false)?);
    let mut keyed = Vec::new();
    for item in items.unwrap_or(Value::None).items(machine)? {
        let key = match &attribute {
            // In a list, as the original compares: equal ones need no order.
            None | Some(Value::None) => Value::list(vec![lowered(item.clone(), case)]),
            Some(Value::Str(names)) => {
                let keys = names.split(',').map(|name| {
                    let value = path(machine, &item, &Value::text(name.trim()), None)?;
                    Ok(lowered(value, case))
                });
                Value::list(keys.collect::<Outcome<_>>()?)
            }
            Some(other) => {
                let value = path(machine, &item, other, None)?;
                Value::list(vec![lowered(value, case)])
            }
        };
        keyed.push((key, item));
    }
    let keyed = sort_keyed(machine, keyed, reverse)?;
    Ok(Value::list(
        keyed.into_iter().map(|(_, item)| item).collect(),
    ))
}

fn dictsort(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let names = ["value", "case_sensitive", "by", "reverse"];
    let [dict, case, by, reverse] = arguments.bind("dictsort", names, 1)?;
    let (case, reverse) = (flag(case, false)?, flag(reverse, false)?);
    let by = by.map_or(Ok(Rc::from("key")), |by| by.as_str("by"))?;
    if !matches!(&*by, "key" | "value") {
        return value_error("You can only sort by either \"key\" or \"value\"");
    }
    let Some(pairs) = dict.unwrap_or(Value::None).defined()?.pairs(machine)? else {
        return type_error("dictsort needs a mapping");
    };
    let keyed = pairs.into_iter().map(|(key, value)| {
        let by = if &*by == "value" { &value } else { &key };
        (lowered(by.clone(), case), Value::tuple(vec![key, value]))
    });
    let keyed: Vec<_> = keyed.collect();
    let keyed = sort_keyed(machine, keyed, reverse)?;
    Ok(Value::list(
        keyed.into_iter().map(|(_, pair)| pair).collect(),
    ))
}

/// `map("filter", …)` or `map(attribute="name", default=…)`; lazy, as in the original.
fn map(_: &Machine<'_>, mut arguments: Arguments) -> Outcome<Value> {
    if arguments.plain.is_empty() {
        return type_error("the filter `map` lacks its value");
    }
    let items = arguments.plain.remove(0);
    if arguments.plain.is_empty() {
        let [attribute, default] = arguments.bind("map", ["attribute", "default"], 1)?;
        let attribute = attribute.unwrap_or(Value::None);
        return Ok(over(items, move |machine, item| {
            path(machine, &item, &attribute, default.as_ref()).map(Some)
        }));
    }
    let filter = arguments.plain.remove(0).as_str("the name of a filter")?;
    Ok(over(items, move |machine, item| {
        apply_filter(machine, &filter, arguments.clone().with_first(item)).map(Some)
    }))
}

/// Goes through `items` when it is gone through; none drops an item.
fn over(
    items: Value,
    each: impl Fn(&Machine<'_>, Value) -> Outcome<Option<Value>> + 'static,
) -> Value {
    let mut iter = None;
    lazy(move |machine| {
        let iter = match &mut iter {
            Some(iter) => iter,
            slot => slot.insert(items.iter(machine)?),
        };
        while let Some(item) = iter.next(machine)? {
            if let Some(result) = each(machine, item)? {
                return Ok(Some(result));
            }
        }
        Ok(None)
    })
}

fn select(
    _: &Machine<'_>,
    mut arguments: Arguments,
    wanted: bool,
    by_attribute: bool,
) -> Outcome<Value> {
    if arguments.plain.is_empty() || (by_attribute && arguments.plain.len() < 2) {
        return type_error("`select` and `reject` need items, those with `attr` an attribute too");
    }
    let items = arguments.plain.remove(0);
    let attribute = by_attribute.then(|| arguments.plain.remove(0));
    let name = match arguments.plain.is_empty() {
        true => None,
        false => Some(arguments.plain.remove(0).as_str("the name of a test")?),
    };
    Ok(over(items, move |machine, item| {
        let value = match &attribute {
            Some(attribute) => path(machine, &item, attribute, None)?,
            None => item.clone(),
        };
        let holds = match &name {
            Some(name) => test::apply(machine, name, arguments.clone().with_first(value))?,
            None => value.is_true()?,
        };
        Ok((holds == wanted).then_some(item))
    }))
}

fn extreme(machine: &Machine<'_>, name: &str, arguments: Arguments) -> Outcome<Value> {
    let [items, case, attribute] =
        arguments.bind(name, ["value", "case_sensitive", "attribute"], 1)?;
    let case = flag(case, false)?;
    let mut best: Option<(Value, Value)> = None;
    for item in items.unwrap_or(Value::None).items(machine)? {
        let key = match &attribute {
            Some(attribute) if !matches!(attribute, Value::None) => {
                path(machine, &item, attribute, None)?
            }
            _ => item.clone(),
        };
        let key = lowered(key, case);
        let is_better = match &best {
            None => true,
            Some((best, _)) if name == "max" => {
                order(machine, &key, best, ">")?.is_some_and(std::cmp::Ordering::is_gt)
            }
            Some((best, _)) => {
                order(machine, &key, best, "<")?.is_some_and(std::cmp::Ordering::is_lt)
            }
        };
        if is_better {
            best = Some((key, item));
        }
    }
    Ok(best.map_or_else(
        || Value::missing("No aggregated item, sequence was empty."),
        |(_, item)| item,
    ))
}

fn sum(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let [items, attribute, start] = arguments.bind("sum", ["iterable", "attribute", "start"], 1)?;
    let mut total = start.unwrap_or(Value::Int(0));
    for item in items.unwrap_or(Value::None).items(machine)? {
        let item = match &attribute {
            Some(attribute) if !matches!(attribute, Value::None) => {
                path(machine, &item, attribute, None)?
            }
            _ => item,
        };
        total = binary(machine, crate::ast::Operator::Add, total, item)?;
    }
    Ok(total)
}

fn unique(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let [items, case, attribute] =
        arguments.bind("unique", ["value", "case_sensitive", "attribute"], 1)?;
    let case = flag(case, false)?;
    let mut seen = Dict::new();
    let mut kept = Vec::new();
    for item in items.unwrap_or(Value::None).items(machine)? {
        let key = match &attribute {
            Some(attribute) if !matches!(attribute, Value::None) => {
                path(machine, &item, attribute, None)?
            }
            _ => item.clone(),
        };
        let key = lowered(key, case);
        if seen
            .insert(Key::of(machine, &key)?, (key, Value::None))
            .is_none()
        {
            kept.push(item);
        }
    }
    Ok(generator(kept))
}

fn batch(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let [items, size, fill] = arguments.bind("batch", ["value", "linecount", "fill_with"], 2)?;
    let size = usize::try_from(size.unwrap_or(Value::None).as_int("linecount")?).unwrap_or(0);
    if size == 0 {
        return fail(ErrorKind::Value, "batch: linecount must be above 0");
    }
    let items = items.unwrap_or(Value::None).items(machine)?;
    let lines = items.len().div_ceil(size);
    machine.make_values(match fill {
        Some(_) => lines.saturating_mul(size),
        None => items.len(),
    })?;
    let lines = items.chunks(size).map(|chunk| {
        let mut line = chunk.to_vec();
        if let Some(fill) = &fill
            && !matches!(fill, Value::None)
        {
            line.resize(size, fill.clone());
        }
        Value::list(line)
    });
    Ok(generator(lines.collect()))
}

fn slice(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let [items, slices, fill] = arguments.bind("slice", ["value", "slices", "fill_with"], 2)?;
    let slices = usize::try_from(slices.unwrap_or(Value::None).as_int("slices")?).unwrap_or(0);
    if slices == 0 {
        return fail(ErrorKind::Value, "slice: slices must be above 0");
    }
    let items = items.unwrap_or(Value::None).items(machine)?;
    machine.make_values(slices.saturating_add(items.len()).saturating_mul(2))?;
    let (size, longer) = (items.len() / slices, items.len() % slices);
    let mut rest = items.as_slice();
    let mut all = Vec::new();
    for at in 0..slices {
        let (here, after) = rest.split_at(size + usize::from(at < longer));
        let mut column = here.to_vec();
        if let Some(fill) = &fill
            && at >= longer
            && longer > 0
        {
            column.push(fill.clone());
        }
        all.push(Value::list(column));
        rest = after;
    }
    Ok(generator(all))
}

/// Pairs of the value and its items; a pair is a tuple with the names `grouper` and `list`.
fn groupby(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let names = ["value", "attribute", "default", "case_sensitive"];
    let [items, attribute, default, case] = arguments.bind("groupby", names, 2)?;
    let (attribute, case) = (attribute.unwrap_or(Value::None), flag(case, false)?);
    let mut keyed = Vec::new();
    for item in items.unwrap_or(Value::None).items(machine)? {
        let key = path(machine, &item, &attribute, default.as_ref())?;
        keyed.push((lowered(key.clone(), case), Value::tuple(vec![key, item])));
    }
    let keyed = sort_keyed(machine, keyed, false)?;
    let mut groups: Vec<(Value, Value, Vec<Value>)> = Vec::new();
    for (key, pair) in keyed {
        let Some([shown, item]) = pair
            .sequence(machine)?
            .and_then(|pair| <[Value; 2]>::try_from(pair).ok())
        else {
            continue;
        };
        match groups.last_mut() {
            Some((last, _, items)) if are_equal(machine, last, &key)? => items.push(item),
            _ => groups.push((key, shown, vec![item])),
        }
    }
    let groups = groups.into_iter().map(|(_, shown, items)| {
        let items = Value::list(items);
        let pair = [("grouper", shown.clone()), ("list", items.clone())];
        crate::module::named_tuple("_GroupTuple", pair.to_vec(), vec![shown, items])
    });
    Ok(Value::list(groups.collect()))
}
