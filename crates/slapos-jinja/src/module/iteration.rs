//! `itertools`, `functools`, `operator` and `math`: the functions that templates use.

use std::cell::RefCell;
use std::rc::Rc;

use crate::arguments::Arguments;
use crate::ast::{Comparison, Operator};
use crate::error::{Outcome, type_error, value_error};
use crate::render::Machine;
use crate::value::{Function, Object, Value, are_equal, binary, compare_by, lazy};

type Call = fn(&Machine<'_>, Arguments) -> Outcome<Value>;

fn functions(all: &[(&'static str, Call)]) -> Value {
    let all = all
        .iter()
        .map(|(name, call)| (*name, Value::function(name, *call)));
    Value::object("module", all.collect())
}

pub(super) fn itertools() -> Value {
    let module = functions(&[
        ("count", count),
        ("repeat", repeat),
        ("cycle", cycle),
        ("islice", islice),
        ("product", product),
        ("groupby", groupby),
        ("zip_longest", zip_longest),
        ("accumulate", accumulate),
        ("combinations", combinations),
        ("permutations", permutations),
    ]);
    if let Value::Object(object) = &module {
        let chain = Rc::new(Object {
            kind: "type",
            printed: Rc::from("<class 'itertools.chain'>"),
            call: Some(Rc::new(Function {
                name: Rc::from("chain"),
                call: Box::new(|_, arguments| Ok(chained(arguments.plain))),
            })),
            ..Object::default()
        });
        let from = Value::function("from_iterable", |machine, arguments| {
            Ok(chained(arguments.one("from_iterable")?.items(machine)?))
        });
        chain
            .attributes
            .borrow_mut()
            .insert(Rc::from("from_iterable"), from);
        object
            .attributes
            .borrow_mut()
            .insert(Rc::from("chain"), Value::Object(chain));
    }
    module
}

fn chained(all: Vec<Value>) -> Value {
    let mut rest = all.into_iter();
    let mut now = None;
    lazy(move |machine| {
        loop {
            if now.is_none() {
                match rest.next() {
                    Some(next) => now = Some(next.iter(machine)?),
                    None => return Ok(None),
                }
            }
            match now
                .as_ref()
                .map(|iter| iter.next(machine))
                .transpose()?
                .flatten()
            {
                Some(item) => return Ok(Some(item)),
                None => now = None,
            }
        }
    })
}

fn count(_: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let [start, step] = arguments.bind("count", ["start", "step"], 0)?;
    let mut next = start.unwrap_or(Value::Int(0));
    let step = step.unwrap_or(Value::Int(1));
    Ok(lazy(move |machine| {
        let now = next.clone();
        next = binary(machine, Operator::Add, next.clone(), step.clone())?;
        Ok(Some(now))
    }))
}

fn repeat(_: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let [item, times] = arguments.bind("repeat", ["object", "times"], 1)?;
    let mut left = times.map(|n| n.as_int("times")).transpose()?;
    Ok(lazy(move |_| {
        if let Some(left) = &mut left {
            if *left <= 0 {
                return Ok(None);
            }
            *left -= 1;
        }
        Ok(item.clone())
    }))
}

fn cycle(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let items = arguments.one("cycle")?.items(machine)?;
    let mut at = 0;
    Ok(lazy(move |_| {
        at += 1;
        Ok(items.get((at - 1) % items.len().max(1)).cloned())
    }))
}

fn islice(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let mut arguments = arguments.plain.into_iter();
    let items = arguments.next().unwrap_or(Value::None);
    let bounds: Vec<Option<i128>> = arguments
        .map(|bound| match bound {
            Value::None => Ok(None),
            other => other.as_int("a bound").map(Some),
        })
        .collect::<Outcome<_>>()?;
    let (start, stop, step) = match *bounds.as_slice() {
        [stop] => (0, stop, 1),
        [start, stop] => (start.unwrap_or(0), stop, 1),
        [start, stop, step] => (start.unwrap_or(0), stop, step.unwrap_or(1)),
        _ => return type_error("islice() takes one to three bounds"),
    };
    if start < 0 || step < 1 || stop.is_some_and(|stop| stop < 0) {
        return value_error("the bounds of islice() must not be negative");
    }
    let iter = items.iter(machine)?;
    let mut at = 0;
    Ok(lazy(move |machine| {
        loop {
            if stop.is_some_and(|stop| at >= stop) {
                return Ok(None);
            }
            let item = iter.next(machine)?;
            let is_taken = at >= start && (at - start) % step == 0;
            at += 1;
            if item.is_none() || is_taken {
                return Ok(item);
            }
        }
    }))
}

fn product(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let mut rows: Vec<Vec<Value>> = vec![Vec::new()];
    for items in arguments.plain {
        let items = items.items(machine)?;
        let row = rows.first().map_or(0, Vec::len) + 2;
        machine.make_values(rows.len().saturating_mul(items.len()).saturating_mul(row))?;
        rows = rows
            .iter()
            .flat_map(|row| {
                items
                    .iter()
                    .map(|item| [row.as_slice(), std::slice::from_ref(item)].concat())
            })
            .collect();
    }
    let mut rows = rows.into_iter().map(Value::tuple);
    Ok(lazy(move |_| Ok(rows.next())))
}

fn groupby(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let [items, key] = arguments.bind("groupby", ["iterable", "key"], 1)?;
    let mut groups: Vec<(Value, Vec<Value>)> = Vec::new();
    for item in items.unwrap_or(Value::None).items(machine)? {
        let by = match &key {
            Some(key) if !matches!(key, Value::None) => {
                machine.call(key, Arguments::of([item.clone()]))?
            }
            _ => item.clone(),
        };
        match groups.last_mut() {
            Some((last, group)) if are_equal(machine, last, &by)? => group.push(item),
            _ => groups.push((by, vec![item])),
        }
    }
    let mut groups = groups
        .into_iter()
        .map(|(key, group)| Value::tuple(vec![key, Value::list(group)]));
    Ok(lazy(move |_| Ok(groups.next())))
}

fn zip_longest(machine: &Machine<'_>, mut arguments: Arguments) -> Outcome<Value> {
    let fill = arguments.named.pop().map_or(Value::None, |(_, fill)| fill);
    let columns = arguments
        .plain
        .iter()
        .map(|items| items.items(machine))
        .collect::<Outcome<Vec<_>>>()?;
    let length = columns.iter().map(Vec::len).max().unwrap_or(0);
    let mut at = 0;
    Ok(lazy(move |machine| {
        machine.make_values(columns.len())?;
        at += 1;
        let row = columns
            .iter()
            .map(|column| column.get(at - 1).unwrap_or(&fill).clone());
        Ok((at <= length).then(|| Value::tuple(row.collect())))
    }))
}

fn accumulate(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let [items, function] = arguments.bind("accumulate", ["iterable", "func"], 1)?;
    let iter = items.unwrap_or(Value::None).iter(machine)?;
    let mut total: Option<Value> = None;
    Ok(lazy(move |machine| {
        let Some(item) = iter.next(machine)? else {
            return Ok(None);
        };
        let next = match (total.take(), &function) {
            (None, _) => item,
            (Some(sum), Some(function)) => machine.call(function, Arguments::of([sum, item]))?,
            (Some(sum), None) => binary(machine, Operator::Add, sum, item)?,
        };
        total = Some(next.clone());
        Ok(Some(next))
    }))
}

fn combinations(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let [items, r] = arguments.bind("combinations", ["iterable", "r"], 2)?;
    let items = items.unwrap_or(Value::None).items(machine)?;
    let r = usize::try_from(r.unwrap_or(Value::None).as_int("r")?).unwrap_or(usize::MAX);
    let mut rows: Vec<(usize, Vec<Value>)> = vec![(0, Vec::new())];
    for _ in 0..r.min(items.len() + 1) {
        let mut longer = Vec::new();
        for (from, row) in rows {
            for (at, item) in items.iter().enumerate().skip(from) {
                machine.make_values(row.len() + 2)?;
                longer.push((
                    at + 1,
                    [row.as_slice(), std::slice::from_ref(item)].concat(),
                ));
            }
        }
        rows = longer;
    }
    let mut rows = rows.into_iter().map(|(_, row)| Value::tuple(row));
    Ok(lazy(move |_| Ok(rows.next())))
}

fn permutations(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let [items, r] = arguments.bind("permutations", ["iterable", "r"], 1)?;
    let items = items.unwrap_or(Value::None).items(machine)?;
    let r = match r {
        None | Some(Value::None) => items.len(),
        Some(r) => usize::try_from(r.as_int("r")?).unwrap_or(usize::MAX),
    };
    let mut rows: Vec<Vec<usize>> = vec![Vec::new()];
    for _ in 0..r.min(items.len() + 1) {
        let mut longer = Vec::new();
        for row in rows {
            for at in (0..items.len()).filter(|at| !row.contains(at)) {
                machine.make_values(row.len() + 2)?;
                longer.push([row.as_slice(), &[at]].concat());
            }
        }
        rows = longer;
    }
    let mut rows = rows.into_iter();
    Ok(lazy(move |_| {
        let row = rows.next();
        let row = row.map(|row| row.into_iter().map(|at| items[at].clone()).collect());
        Ok(row.map(Value::tuple))
    }))
}

pub(super) fn functools() -> Value {
    functions(&[("partial", partial), ("reduce", reduce)])
}

fn partial(_: &Machine<'_>, mut arguments: Arguments) -> Outcome<Value> {
    if arguments.plain.is_empty() {
        return type_error("partial() needs a function");
    }
    let function = arguments.plain.remove(0);
    Ok(Value::function(
        "partial",
        move |machine, more: Arguments| {
            machine.make_values(arguments.plain.len() + arguments.named.len())?;
            let mut all = arguments.clone();
            all.plain.extend(more.plain);
            for (name, value) in more.named {
                all.named.retain(|(known, _)| *known != name);
                all.named.push((name, value));
            }
            machine.call(&function, all)
        },
    ))
}

fn reduce(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let [function, items, first] =
        arguments.bind("reduce", ["function", "iterable", "initial"], 2)?;
    let function = function.unwrap_or(Value::None);
    let mut items = items.unwrap_or(Value::None).items(machine)?.into_iter();
    let Some(mut total) = first.or_else(|| items.next()) else {
        return type_error("reduce() of empty iterable with no initial value");
    };
    for item in items {
        total = machine.call(&function, Arguments::of([total, item]))?;
    }
    Ok(total)
}

pub(super) fn operator() -> Value {
    functions(&[
        ("add", |machine, arguments| {
            two(machine, arguments, Operator::Add)
        }),
        ("sub", |machine, arguments| {
            two(machine, arguments, Operator::Subtract)
        }),
        ("mul", |machine, arguments| {
            two(machine, arguments, Operator::Multiply)
        }),
        ("truediv", |machine, arguments| {
            two(machine, arguments, Operator::Divide)
        }),
        ("floordiv", |machine, arguments| {
            two(machine, arguments, Operator::FloorDivide)
        }),
        ("mod", |machine, arguments| {
            two(machine, arguments, Operator::Modulo)
        }),
        ("pow", |machine, arguments| {
            two(machine, arguments, Operator::Power)
        }),
        ("eq", |machine, arguments| {
            compared(machine, arguments, Comparison::Equal)
        }),
        ("ne", |machine, arguments| {
            compared(machine, arguments, Comparison::NotEqual)
        }),
        ("lt", |machine, arguments| {
            compared(machine, arguments, Comparison::Less)
        }),
        ("gt", |machine, arguments| {
            compared(machine, arguments, Comparison::Greater)
        }),
        ("itemgetter", itemgetter),
        ("attrgetter", itemgetter),
    ])
}

fn pair(arguments: Arguments) -> Outcome<(Value, Value)> {
    let [a, b] = arguments.bind("operator", ["a", "b"], 2)?;
    Ok((a.unwrap_or(Value::None), b.unwrap_or(Value::None)))
}

fn two(machine: &Machine<'_>, arguments: Arguments, operator: Operator) -> Outcome<Value> {
    let (a, b) = pair(arguments)?;
    binary(machine, operator, a, b)
}

fn compared(machine: &Machine<'_>, arguments: Arguments, sign: Comparison) -> Outcome<Value> {
    let (a, b) = pair(arguments)?;
    compare_by(machine, sign, &a, &b).map(Value::Bool)
}

fn itemgetter(_: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let names = RefCell::new(arguments.plain);
    Ok(Value::function("itemgetter", move |machine, arguments| {
        let value = arguments.one("itemgetter")?;
        let names = names.borrow();
        let found = names
            .iter()
            .map(|name| machine.item(&value, name)?.defined());
        let mut found = found.collect::<Outcome<Vec<_>>>()?;
        match (found.len(), found.pop()) {
            (1, Some(only)) => Ok(only),
            (_, last) => {
                found.extend(last);
                Ok(Value::tuple(found))
            }
        }
    }))
}

pub(super) fn math() -> Value {
    let module = functions(&[
        ("ceil", |_, arguments| whole(arguments, f64::ceil)),
        ("floor", |_, arguments| whole(arguments, f64::floor)),
        ("sqrt", |_, arguments| float(arguments, f64::sqrt)),
        ("log", log),
        ("log2", |_, arguments| float(arguments, f64::log2)),
        ("log10", |_, arguments| float(arguments, f64::log10)),
    ]);
    if let Value::Object(object) = &module {
        let constants = [
            ("pi", std::f64::consts::PI),
            ("e", std::f64::consts::E),
            ("inf", f64::INFINITY),
            ("nan", f64::NAN),
        ];
        let constants = constants.map(|(name, n)| (Rc::from(name), Value::Float(n)));
        object.attributes.borrow_mut().extend(constants);
    }
    module
}

fn log(_: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let [n, base] = arguments.bind("log", ["x", "base"], 1)?;
    let n = number(Arguments::of(n))?;
    let base = base.map(|base| number(Arguments::of([base]))).transpose()?;
    if n <= 0.0 || base.is_some_and(|base| base <= 0.0) {
        return value_error("math domain error");
    }
    Ok(Value::Float(match base {
        Some(base) => n.ln() / base.ln(),
        None => n.ln(),
    }))
}

fn number(arguments: Arguments) -> Outcome<f64> {
    let value = arguments.one("math")?;
    match value.as_float() {
        Some(n) => Ok(n),
        None => type_error(format!(
            "must be real number, not {}",
            value.defined()?.type_name()
        )),
    }
}

fn whole(arguments: Arguments, round: fn(f64) -> f64) -> Outcome<Value> {
    match crate::value::float_to_int(round(number(arguments)?)) {
        Some(n) => Ok(Value::Int(n)),
        None => value_error("cannot convert float to integer"),
    }
}

fn float(arguments: Arguments, function: fn(f64) -> f64) -> Outcome<Value> {
    let result = function(number(arguments)?);
    match result.is_nan() {
        true => value_error("math domain error"),
        false => Ok(Value::Float(result)),
    }
}
