//! Operators: arithmetic, comparison, membership, index and slice.

use std::cmp::Ordering;
use std::rc::Rc;

use super::compare::with_sets;
use super::iterate::{range_item, range_length};
use super::{Dict, Key, PER_PAIR, Value, View, are_equal, int_to_float, order};
use crate::arguments::Arguments;
use crate::ast::{Comparison, Operator};
use crate::error::{ErrorKind, Outcome, fail, failure, type_error};
use crate::format;
use crate::limits;
use crate::render::Machine;

/// `a + b` and the like.
pub(crate) fn binary(
    machine: &Machine<'_>,
    operator: Operator,
    a: Value,
    b: Value,
) -> Outcome<Value> {
    let (a, b) = (a.defined()?, b.defined()?);
    if let (Ok(x), Ok(y)) = (a.as_int(""), b.as_int("")) {
        return integers(operator, x, y);
    }
    if let (Some(x), Some(y)) = (a.as_float(), b.as_float()) {
        return floats(operator, x, y);
    }
    match (operator, &a, &b) {
        (Operator::Modulo, Value::Str(text), _) => format::percent(machine, text, &b),
        (Operator::Add, Value::Str(x), Value::Str(y)) => {
            machine.make(x.len() + y.len())?;
            Ok(Value::text(format!("{x}{y}")))
        }
        (Operator::Add, Value::Bytes(x), Value::Bytes(y)) => {
            machine.make(x.len() + y.len())?;
            Ok(Value::Bytes(Rc::from([&**x, &**y].concat())))
        }
        (Operator::Add, Value::List(x), Value::List(y)) => {
            machine.make_values(x.borrow().len() + y.borrow().len())?;
            Ok(Value::list(
                [x.borrow().as_slice(), y.borrow().as_slice()].concat(),
            ))
        }
        (Operator::Add, Value::Tuple(x), Value::Tuple(y)) => {
            machine.make_values(x.len() + y.len())?;
            Ok(Value::tuple([x.as_slice(), y.as_slice()].concat()))
        }
        (Operator::Multiply, sequence, times) | (Operator::Multiply, times, sequence)
            if times.as_int("").is_ok() && is_repeatable(sequence) =>
        {
            repeat(machine, sequence, times.as_int("the count")?)
        }
        (Operator::Subtract, _, _) => {
            let rest = with_sets(machine, &a, &b, |x, y| -> Outcome<Dict> {
                machine.make_values(x.len().saturating_mul(PER_PAIR))?;
                let rest = x.iter().filter(|(key, _)| !y.contains_key(*key));
                Ok(rest
                    .map(|(key, pair)| (key.clone(), pair.clone()))
                    .collect::<Dict>())
            })?;
            match rest {
                // The difference of frozen sets is frozen.
                Some(rest) if matches!(a, Value::FrozenSet(_)) => Ok(Value::frozen_set(rest?)),
                Some(rest) => Ok(Value::set(rest?)),
                None => unsupported(operator, &a, &b),
            }
        }
        _ => unsupported(operator, &a, &b),
    }
}

fn unsupported(operator: Operator, a: &Value, b: &Value) -> Outcome<Value> {
    let (sign, a, b) = (operator.sign(), a.type_name(), b.type_name());
    type_error(format!(
        "unsupported operand type(s) for {sign}: '{a}' and '{b}'"
    ))
}

fn is_repeatable(value: &Value) -> bool {
    matches!(
        value,
        Value::Str(_) | Value::List(_) | Value::Tuple(_) | Value::Bytes(_)
    )
}

fn repeat(machine: &Machine<'_>, sequence: &Value, times: i128) -> Outcome<Value> {
    let times = usize::try_from(times.max(0)).unwrap_or(usize::MAX);
    match sequence {
        Value::Str(text) => machine.make(text.len().saturating_mul(times))?,
        Value::Bytes(bytes) => machine.make(bytes.len().saturating_mul(times))?,
        other => {
            let length = other.length().unwrap_or(0);
            machine.make_values(length.saturating_mul(times))?;
        }
    }
    Ok(match sequence {
        Value::Str(text) => Value::text(text.repeat(times)),
        Value::Bytes(bytes) => Value::Bytes(Rc::from(bytes.repeat(times))),
        Value::Tuple(items) => Value::tuple(cycle(items, times)),
        other => Value::list(cycle(&other.sequence(machine)?.unwrap_or_default(), times)),
    })
}

fn cycle(items: &[Value], times: usize) -> Vec<Value> {
    items
        .iter()
        .cycle()
        .take(items.len() * times)
        .cloned()
        .collect()
}

fn integers(operator: Operator, a: i128, b: i128) -> Outcome<Value> {
    let checked = match operator {
        Operator::Add => a.checked_add(b),
        Operator::Subtract => a.checked_sub(b),
        Operator::Multiply => a.checked_mul(b),
        Operator::Divide if b == 0 => return fail(ErrorKind::ZeroDivision, "division by zero"),
        Operator::Divide => return Ok(Value::Float(int_to_float(a) / int_to_float(b))),
        Operator::FloorDivide => {
            return floor_divide(a, b).map(|(quotient, _)| Value::Int(quotient));
        }
        Operator::Modulo => return floor_divide(a, b).map(|(_, rest)| Value::Int(rest)),
        Operator::Power if b < 0 => return floats(operator, int_to_float(a), int_to_float(b)),
        Operator::Power if b > limits::EXPONENT_MAX && a.abs() > 1 => None,
        Operator::Power => {
            a.checked_pow(u32::try_from(b.min(limits::EXPONENT_MAX * 2)).unwrap_or(0))
        }
    };
    match (checked, operator, a) {
        // The parity of a large exponent decides.
        (Some(_), Operator::Power, -1) => Ok(Value::Int(if b % 2 == 0 { 1 } else { -1 })),
        (n, _, _) => fitting(n).map(Value::Int),
    }
}

/// Python's `divmod`: rounds down, the rest has the sign of the divisor.
pub(crate) fn floor_divide(a: i128, b: i128) -> Outcome<(i128, i128)> {
    if b == 0 {
        return fail(
            ErrorKind::ZeroDivision,
            "integer division or modulo by zero",
        );
    }
    let (quotient, rest) = (fitting(a.checked_div(b))?, fitting(a.checked_rem(b))?);
    Ok(match rest != 0 && (rest < 0) != (b < 0) {
        true => (quotient - 1, rest + b),
        false => (quotient, rest),
    })
}

fn floats(operator: Operator, a: f64, b: f64) -> Outcome<Value> {
    let divides = matches!(
        operator,
        Operator::Divide | Operator::FloorDivide | Operator::Modulo
    );
    if b == 0.0 && divides {
        return fail(ErrorKind::ZeroDivision, "float division by zero");
    }
    Ok(Value::Float(match operator {
        Operator::Add => a + b,
        Operator::Subtract => a - b,
        Operator::Multiply => a * b,
        Operator::Divide => a / b,
        Operator::FloorDivide => divided(a, b).0,
        Operator::Modulo => divided(a, b).1,
        Operator::Power if a == 0.0 && b < 0.0 => {
            return fail(
                ErrorKind::ZeroDivision,
                "0.0 cannot be raised to a negative power",
            );
        }
        // Python's result is complex, which nothing here computes with.
        Operator::Power if a < 0.0 && a.is_finite() && b.is_finite() && b.fract() != 0.0 => {
            return fail(
                ErrorKind::Unsupported,
                "a fractional power of a negative number is complex",
            );
        }
        Operator::Power => {
            let power = a.powf(b);
            if power.is_infinite() && a.is_finite() && b.is_finite() {
                return fail(
                    ErrorKind::Value,
                    "the result of ** is too large (OverflowError)",
                );
            }
            power
        }
    }))
}

/// Python's `divmod` of floats: the rest is exact and has the sign of the divisor, the quotient is rounded down.
pub(crate) fn divided(a: f64, b: f64) -> (f64, f64) {
    let mut rest = a % b;
    let mut quotient = (a - rest) / b;
    if rest != 0.0 {
        if (b < 0.0) != (rest < 0.0) {
            rest += b;
            quotient -= 1.0;
        }
    } else {
        rest = 0.0_f64.copysign(b);
    }
    let floor = if quotient == 0.0 {
        0.0_f64.copysign(a / b)
    } else {
        let floor = quotient.floor();
        if quotient - floor > 0.5 {
            floor + 1.0
        } else {
            floor
        }
    };
    (floor, rest)
}

/// The result of a checked operation.
pub(crate) fn fitting(n: Option<i128>) -> Outcome<i128> {
    n.ok_or_else(|| failure(ErrorKind::Limit, "an integer beyond 128 bits"))
}

/// `-a`
pub(crate) fn negative(value: Value) -> Outcome<Value> {
    match value.defined()? {
        Value::Float(n) => Ok(Value::Float(-n)),
        Value::Complex(re, im) => Ok(Value::Complex(-re, -im)),
        other => match other.as_int("") {
            Ok(n) => fitting(n.checked_neg()).map(Value::Int),
            Err(_) => type_error(format!(
                "bad operand type for unary -: '{}'",
                other.type_name()
            )),
        },
    }
}

/// One comparison of a chain.
pub(crate) fn compare(
    machine: &Machine<'_>,
    sign: Comparison,
    a: &Value,
    b: &Value,
) -> Outcome<bool> {
    let by = |text: &str, wanted: &[Ordering]| {
        Ok(order(machine, a, b, text)?.is_some_and(|found| wanted.contains(&found)))
    };
    match sign {
        Comparison::Equal => are_equal(machine, a, b),
        Comparison::NotEqual => Ok(!are_equal(machine, a, b)?),
        Comparison::Less => by("<", &[Ordering::Less]),
        Comparison::LessEqual => by("<=", &[Ordering::Less, Ordering::Equal]),
        Comparison::Greater => by(">", &[Ordering::Greater]),
        Comparison::GreaterEqual => by(">=", &[Ordering::Greater, Ordering::Equal]),
        Comparison::In => contains(machine, b, a),
        Comparison::NotIn => Ok(!contains(machine, b, a)?),
    }
}

/// `item in container`
pub(crate) fn contains(machine: &Machine<'_>, container: &Value, item: &Value) -> Outcome<bool> {
    match container {
        Value::Str(text) => {
            let item = item.as_str("the left side of `in <string>`")?;
            machine.spend(1 + text.len() as u64 / 64)?;
            Ok(text.contains(&*item))
        }
        Value::Dict(dict) | Value::Set(dict) | Value::View(View::Keys, dict) => {
            Ok(dict.borrow().contains_key(&Key::of(machine, item)?))
        }
        Value::FrozenSet(set) => Ok(set.contains_key(&Key::of(machine, item)?)),
        Value::List(items) => any_equal(machine, &items.borrow(), item),
        Value::Tuple(items) => any_equal(machine, items, item),
        Value::Range(..) if item.as_int("").is_ok() => Ok(is_in_range(container, item)),
        other => {
            // As in Python, an iterator is used up to where the item is found.
            let iter = other.iter(machine)?;
            while let Some(one) = iter.next(machine)? {
                if are_equal(machine, &one, item)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
    }
}

fn any_equal(machine: &Machine<'_>, items: &[Value], wanted: &Value) -> Outcome<bool> {
    for item in items {
        if are_equal(machine, item, wanted)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_in_range(range: &Value, item: &Value) -> bool {
    let (Value::Range(start, stop, step), Ok(n)) = (range, item.as_int("")) else {
        return false;
    };
    let is_within = match *step > 0 {
        true => *start <= n && n < *stop,
        false => *stop < n && n <= *start,
    };
    is_within
        && n.checked_sub(*start)
            .and_then(|from| from.checked_rem(*step))
            == Some(0)
}

/// `container[index]`; none where Python raises, so that the result is a missing value.
pub(crate) fn item(
    machine: &Machine<'_>,
    container: &Value,
    index: &Value,
) -> Outcome<Option<Value>> {
    let at = |length: usize| {
        let index = index.as_int("").ok()?;
        let length = i128::try_from(length).ok()?;
        let index = if index < 0 { index + length } else { index };
        usize::try_from(index).ok()
    };
    Ok(match container {
        Value::Undefined(missing) => {
            return fail(ErrorKind::Undefined, missing.message.to_string());
        }
        Value::Dict(dict) => match Key::of(machine, index) {
            Ok(key) => dict.borrow().get(&key).map(|(_, value)| value.clone()),
            Err(_) => None,
        },
        Value::List(items) => {
            let items = items.borrow();
            at(items.len()).and_then(|at| items.get(at).cloned())
        }
        Value::Tuple(items) => at(items.len()).and_then(|at| items.get(at).cloned()),
        Value::Object(object) => match &object.items {
            Some(items) => at(items.len()).and_then(|at| items.get(at).cloned()),
            None => {
                let method = object.attributes.borrow().get("__getitem__").cloned();
                let index = Arguments::of([index.clone()]);
                match method.map(|method| machine.call(&method, index)) {
                    Some(Err(failure)) if failure.kind == ErrorKind::Index => None,
                    found => found.transpose()?,
                }
            }
        },
        Value::Str(text) => {
            let length = container.counted_length(machine)?.unwrap_or(0);
            match length == text.len() {
                true => at(length).and_then(|at| text.get(at..=at).map(Value::text)),
                false => at(length)
                    .and_then(|at| text.chars().nth(at))
                    .map(|c| Value::text(c.encode_utf8(&mut [0; 4]))),
            }
        }
        Value::Bytes(bytes) => at(bytes.len())
            .and_then(|at| bytes.get(at))
            .map(|byte| Value::Int(i128::from(*byte))),
        Value::Range(start, _, step) => {
            let length = container.length().unwrap_or(0);
            at(length)
                .filter(|at| *at < length)
                .map(|at| range_item(*start, *step, at))
        }
        _ => None,
    })
}

/// `container[start:stop:step]`
pub(crate) fn slice(
    machine: &Machine<'_>,
    container: &Value,
    bounds: [Option<i128>; 3],
) -> Outcome<Value> {
    let Some(length) = container
        .length()
        .filter(|_| !matches!(container, Value::Dict(_) | Value::Set(_)))
    else {
        let kind = container.clone().defined()?.type_name();
        return type_error(format!("'{kind}' object cannot be sliced"));
    };
    let at = positions(machine, length, bounds)?;
    machine.spend(length as u64 / 64)?;
    let pick = |items: &[Value]| {
        at.iter()
            .filter_map(|at| items.get(*at).cloned())
            .collect::<Vec<_>>()
    };
    Ok(match container {
        Value::Str(text) => {
            let chars: Vec<char> = text.chars().collect();
            Value::text(
                at.iter()
                    .filter_map(|at| chars.get(*at))
                    .collect::<String>(),
            )
        }
        Value::Bytes(bytes) => {
            let picked: Vec<u8> = at.iter().filter_map(|at| bytes.get(*at).copied()).collect();
            Value::Bytes(Rc::from(picked))
        }
        Value::Tuple(items) => Value::tuple(pick(items)),
        other => Value::list(pick(&other.items(machine)?)),
    })
}

/// The indexes that a slice takes.
fn positions(
    machine: &Machine<'_>,
    length: usize,
    [start, stop, step]: [Option<i128>; 3],
) -> Outcome<Vec<usize>> {
    let length = i128::try_from(length).unwrap_or(i128::MAX);
    let step = step.unwrap_or(1);
    if step == 0 {
        return fail(ErrorKind::Value, "slice step cannot be zero");
    }
    let (lowest, highest) = if step > 0 {
        (0, length)
    } else {
        (-1, length - 1)
    };
    let place = |bound: Option<i128>, default: i128| match bound {
        None => default,
        Some(n) if n < 0 => n.saturating_add(length).clamp(lowest, highest),
        Some(n) => n.clamp(lowest, highest),
    };
    let (start, stop) = match step > 0 {
        true => (place(start, 0), place(stop, length)),
        false => (place(start, length - 1), place(stop, -1)),
    };
    machine.make_values(range_length(start, stop, step))?;
    let mut at = start;
    let mut all = Vec::new();
    while (step > 0 && at < stop) || (step < 0 && at > stop) {
        all.extend(usize::try_from(at));
        at = at.saturating_add(step);
    }
    Ok(all)
}

/// The members of two sets, for the methods of sets.
pub(crate) fn union(a: Dict, b: Dict) -> Dict {
    let mut all = a;
    for (key, value) in b {
        all.entry(key).or_insert(value);
    }
    all
}
