//! Equality, identity and order as Python has them.

use std::cmp::Ordering;
use std::rc::Rc;

use super::{Dict, Value};
use crate::error::{ErrorKind, Outcome, fail, type_error};

/// Python's `==`.
pub(crate) fn are_equal(a: &Value, b: &Value) -> Outcome<bool> {
    stacker::maybe_grow(
        crate::limits::STACK_RED_ZONE,
        crate::limits::STACK_GROWTH,
        || equal(a, b),
    )
}

fn equal(a: &Value, b: &Value) -> Outcome<bool> {
    for value in [a, b] {
        if let Value::Undefined(missing) = value {
            return fail(ErrorKind::Undefined, missing.message.to_string());
        }
    }
    if are_same(a, b) && !matches!(a, Value::Float(_)) {
        return Ok(true);
    }
    Ok(match (a, b) {
        (Value::None, Value::None) => true,
        (Value::Int(a), Value::Int(b)) => a == b,
        (Value::Str(a), Value::Str(b)) => a == b,
        (Value::Bytes(a), Value::Bytes(b)) => a == b,
        (Value::List(a), Value::List(b)) => all_equal(&a.borrow(), &b.borrow())?,
        (Value::Tuple(a), Value::Tuple(b)) => all_equal(a, b)?,
        (Value::Dict(a), Value::Dict(b)) => dicts_equal(&a.borrow(), &b.borrow())?,
        (Value::Range(..), Value::Range(..)) => {
            let length = a.length().unwrap_or(0);
            Some(length) == b.length()
                && (length == 0 || (super::iterate::range_ends(a) == super::iterate::range_ends(b)))
        }
        (Value::Type(a), Value::Type(b)) => a == b,
        (Value::Complex(re, im), Value::Complex(re2, im2)) => re == re2 && im == im2,
        (Value::Complex(re, im), other) | (other, Value::Complex(re, im)) => {
            *im == 0.0 && other.as_float() == Some(*re)
        }
        (Value::Object(object), other) | (other, Value::Object(object)) => {
            match (&object.items, other) {
                (Some(items), Value::Tuple(others)) => all_equal(items, others)?,
                (Some(items), Value::Object(other)) => match &other.items {
                    Some(others) => all_equal(items, others)?,
                    None => false,
                },
                _ => false,
            }
        }
        _ => match (set_of(a), set_of(b)) {
            (Some(a), Some(b)) => a.len() == b.len() && a.keys().all(|key| b.contains_key(key)),
            _ => match (a.as_float(), b.as_float()) {
                (Some(a), Some(b)) => a == b,
                _ => false,
            },
        },
    })
}

fn all_equal(a: &[Value], b: &[Value]) -> Outcome<bool> {
    if a.len() != b.len() {
        return Ok(false);
    }
    for (a, b) in a.iter().zip(b) {
        if !are_equal(a, b)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn dicts_equal(a: &Dict, b: &Dict) -> Outcome<bool> {
    if a.len() != b.len() {
        return Ok(false);
    }
    for (key, (_, value)) in a {
        match b.get(key) {
            Some((_, other)) if are_equal(value, other)? => {}
            _ => return Ok(false),
        }
    }
    Ok(true)
}

/// The members of a set, or of the keys of a dictionary.
pub(super) fn set_of(value: &Value) -> Option<Dict> {
    match value {
        Value::Set(set) | Value::View(super::View::Keys, set) => Some(set.borrow().clone()),
        Value::FrozenSet(set) => Some(Dict::clone(set)),
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

/// Python's order; none for floats that are not comparable. `sign` is for the message.
pub(crate) fn order(a: &Value, b: &Value, sign: &str) -> Outcome<Option<Ordering>> {
    stacker::maybe_grow(
        crate::limits::STACK_RED_ZONE,
        crate::limits::STACK_GROWTH,
        || ordered(a, b, sign),
    )
}

fn ordered(a: &Value, b: &Value, sign: &str) -> Outcome<Option<Ordering>> {
    for value in [a, b] {
        if let Value::Undefined(missing) = value {
            return fail(ErrorKind::Undefined, missing.message.to_string());
        }
    }
    match (a, b) {
        (Value::Str(a), Value::Str(b)) => Ok(Some(a.cmp(b))),
        (Value::Bytes(a), Value::Bytes(b)) => Ok(Some(a.cmp(b))),
        (Value::List(a), Value::List(b)) => order_items(&a.borrow(), &b.borrow(), sign),
        (Value::Tuple(a), Value::Tuple(b)) => order_items(a, b, sign),
        _ => {
            if let (Ok(a), Ok(b)) = (a.as_int(""), b.as_int("")) {
                return Ok(Some(a.cmp(&b)));
            }
            if let (Some(a), Some(b)) = (a.as_float(), b.as_float()) {
                return Ok(a.partial_cmp(&b));
            }
            if let (Some(a), Some(b)) = (set_of(a), set_of(b)) {
                let (below, above) = (
                    a.keys().all(|k| b.contains_key(k)),
                    b.keys().all(|k| a.contains_key(k)),
                );
                return Ok(match (below, above) {
                    (true, true) => Some(Ordering::Equal),
                    (true, false) => Some(Ordering::Less),
                    (false, true) => Some(Ordering::Greater),
                    (false, false) => None,
                });
            }
            let (a, b) = (a.type_name(), b.type_name());
            type_error(format!(
                "'{sign}' not supported between instances of '{a}' and '{b}'"
            ))
        }
    }
}

fn order_items(a: &[Value], b: &[Value], sign: &str) -> Outcome<Option<Ordering>> {
    for (x, y) in a.iter().zip(b) {
        if !are_equal(x, y)? {
            return order(x, y, sign);
        }
    }
    Ok(Some(a.len().cmp(&b.len())))
}
