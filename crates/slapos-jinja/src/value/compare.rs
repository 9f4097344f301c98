//! Equality, identity and order as Python has them.

use std::cmp::Ordering;
use std::rc::Rc;

use super::iterate::range_ends;
use super::{Dict, Value};
use crate::error::{ErrorKind, Outcome, fail, type_error};
use crate::limits;
use crate::render::Machine;

/// Python's `==`; values that hold themselves end in an error, as in Python.
pub(crate) fn are_equal(machine: &Machine<'_>, a: &Value, b: &Value) -> Outcome<bool> {
    Comparing { machine, depth: 0 }.equal(a, b)
}

/// Python's order; none for floats that are not comparable. `sign` is for the message.
pub(crate) fn order(
    machine: &Machine<'_>,
    a: &Value,
    b: &Value,
    sign: &str,
) -> Outcome<Option<Ordering>> {
    Comparing { machine, depth: 0 }.ordered(a, b, sign)
}

/// One comparison: what it counts, and how deep it is.
#[derive(Clone, Copy)]
struct Comparing<'m, 's> {
    machine: &'m Machine<'s>,
    depth: u32,
}

impl Comparing<'_, '_> {
    /// Runs on the items of two containers.
    fn within<T>(self, run: impl FnOnce(Self) -> Outcome<T>) -> Outcome<T> {
        let depth = self.depth + 1;
        if depth > limits::COMPARE_DEPTH_MAX {
            return fail(
                ErrorKind::Limit,
                "maximum recursion depth exceeded in comparison: the values are too deep, or hold themselves",
            );
        }
        let machine = self.machine;
        stacker::maybe_grow(limits::STACK_RED_ZONE, limits::STACK_GROWTH, || {
            run(Comparing { machine, depth })
        })
    }

    fn equal(self, a: &Value, b: &Value) -> Outcome<bool> {
        self.machine.spend(1)?;
        are_defined(a, b)?;
        if are_same(a, b) && !matches!(a, Value::Float(_)) {
            return Ok(true);
        }
        Ok(match (a, b) {
            (Value::None, Value::None) => true,
            (Value::Int(a), Value::Int(b)) => a == b,
            (Value::Str(a), Value::Str(b)) => a == b,
            (Value::Bytes(a), Value::Bytes(b)) => a == b,
            (Value::List(a), Value::List(b)) => self.all_equal(&a.borrow(), &b.borrow())?,
            (Value::Tuple(a), Value::Tuple(b)) => self.all_equal(a, b)?,
            (Value::Dict(a), Value::Dict(b)) => self.dicts_equal(&a.borrow(), &b.borrow())?,
            (Value::Range(..), Value::Range(..)) => {
                let length = a.length().unwrap_or(0);
                Some(length) == b.length() && (length == 0 || range_ends(a) == range_ends(b))
            }
            (Value::Type(a), Value::Type(b)) => a == b,
            (Value::Complex(re, im), Value::Complex(re2, im2)) => re == re2 && im == im2,
            (Value::Complex(re, im), other) | (other, Value::Complex(re, im)) => {
                *im == 0.0 && other.as_float() == Some(*re)
            }
            (Value::Object(object), other) | (other, Value::Object(object)) => {
                match (&object.items, other) {
                    (Some(items), Value::Tuple(others)) => self.all_equal(items, others)?,
                    (Some(items), Value::Object(other)) => match &other.items {
                        Some(others) => self.all_equal(items, others)?,
                        None => false,
                    },
                    _ => false,
                }
            }
            _ => match with_sets(self.machine, a, b, |a, b| {
                a.len() == b.len() && is_within(a, b)
            })? {
                Some(are_equal) => are_equal,
                None => numbers_equal(a, b),
            },
        })
    }

    fn all_equal(self, a: &[Value], b: &[Value]) -> Outcome<bool> {
        if a.len() != b.len() {
            return Ok(false);
        }
        self.within(|inner| {
            for (a, b) in a.iter().zip(b) {
                if !inner.equal(a, b)? {
                    return Ok(false);
                }
            }
            Ok(true)
        })
    }

    fn dicts_equal(self, a: &Dict, b: &Dict) -> Outcome<bool> {
        if a.len() != b.len() {
            return Ok(false);
        }
        self.within(|inner| {
            for (key, (_, value)) in a {
                match b.get(key) {
                    Some((_, other)) if inner.equal(value, other)? => {}
                    _ => return Ok(false),
                }
            }
            Ok(true)
        })
    }

    fn ordered(self, a: &Value, b: &Value, sign: &str) -> Outcome<Option<Ordering>> {
        self.machine.spend(1)?;
        are_defined(a, b)?;
        match (a, b) {
            (Value::Str(a), Value::Str(b)) => Ok(Some(a.cmp(b))),
            (Value::Bytes(a), Value::Bytes(b)) => Ok(Some(a.cmp(b))),
            (Value::List(a), Value::List(b)) => self.items(&a.borrow(), &b.borrow(), sign),
            (Value::Tuple(a), Value::Tuple(b)) => self.items(a, b, sign),
            _ => {
                if let (Ok(a), Ok(b)) = (a.as_int(""), b.as_int("")) {
                    return Ok(Some(a.cmp(&b)));
                }
                if let (Some(a), Some(b)) = (a.as_float(), b.as_float()) {
                    return Ok(a.partial_cmp(&b));
                }
                let by_members = |a: &Dict, b: &Dict| match (is_within(a, b), is_within(b, a)) {
                    (true, true) => Some(Ordering::Equal),
                    (true, false) => Some(Ordering::Less),
                    (false, true) => Some(Ordering::Greater),
                    (false, false) => None,
                };
                if let Some(found) = with_sets(self.machine, a, b, by_members)? {
                    return Ok(found);
                }
                let (a, b) = (a.type_name(), b.type_name());
                type_error(format!(
                    "'{sign}' not supported between instances of '{a}' and '{b}'"
                ))
            }
        }
    }

    fn items(self, a: &[Value], b: &[Value], sign: &str) -> Outcome<Option<Ordering>> {
        self.within(|inner| {
            for (x, y) in a.iter().zip(b) {
                if !inner.equal(x, y)? {
                    return inner.ordered(x, y, sign);
                }
            }
            Ok(Some(a.len().cmp(&b.len())))
        })
    }
}

fn are_defined(a: &Value, b: &Value) -> Outcome<()> {
    for value in [a, b] {
        if let Value::Undefined(missing) = value {
            return fail(ErrorKind::Undefined, missing.message.to_string());
        }
    }
    Ok(())
}

fn numbers_equal(a: &Value, b: &Value) -> bool {
    match (a.as_int(""), b.as_int("")) {
        (Ok(a), Ok(b)) => a == b,
        _ => matches!((a.as_float(), b.as_float()), (Some(a), Some(b)) if a == b),
    }
}

fn is_within(some: &Dict, others: &Dict) -> bool {
    some.len() <= others.len() && some.keys().all(|key| others.contains_key(key))
}

/// Runs on the members of two sets, or of the keys of dictionaries, without copying them.
pub(super) fn with_sets<T>(
    machine: &Machine<'_>,
    a: &Value,
    b: &Value,
    run: impl FnOnce(&Dict, &Dict) -> T,
) -> Outcome<Option<T>> {
    with_set(a, |a| {
        with_set(b, |b| {
            machine.spend((a.len() + b.len()) as u64)?;
            Ok(run(a, b))
        })
    })
    .flatten()
    .transpose()
}

fn with_set<T>(value: &Value, run: impl FnOnce(&Dict) -> T) -> Option<T> {
    match value {
        Value::Set(set) | Value::View(super::View::Keys, set) => Some(run(&set.borrow())),
        Value::FrozenSet(set) => Some(run(set)),
        _ => None,
    }
}

/// Python's `is`.
pub(crate) fn are_same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::None, Value::None) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Int(a), Value::Int(b)) => a == b,
        (Value::Float(a), Value::Float(b)) => a.to_bits() == b.to_bits(),
        (Value::Str(a), Value::Str(b)) => a == b,
        (Value::List(a), Value::List(b)) => Rc::ptr_eq(a, b),
        (Value::Tuple(a), Value::Tuple(b)) => Rc::ptr_eq(a, b) || (a.is_empty() && b.is_empty()),
        (Value::Dict(a), Value::Dict(b))
        | (Value::Set(a), Value::Set(b))
        | (Value::Namespace(a), Value::Namespace(b)) => Rc::ptr_eq(a, b),
        (Value::Function(a), Value::Function(b)) => Rc::ptr_eq(a, b),
        (Value::Macro(a), Value::Macro(b)) => Rc::ptr_eq(a, b),
        (Value::Object(a), Value::Object(b)) => Rc::ptr_eq(a, b),
        (Value::Type(a), Value::Type(b)) => a == b,
        (Value::Undefined(a), Value::Undefined(b)) => Rc::ptr_eq(&a.message, &b.message),
        _ => false,
    }
}
