//! What can be a key of a dictionary or a member of a set: equal values are equal keys, whatever their type.
//!
//! [`Key::of`] counts what it makes and bounds its depth, so that a key is compared, hashed and dropped by plain
//! recursion.

use std::rc::Rc;

use super::iterate::range_ends;
use super::{Dict, Value, float_to_int};
use crate::error::{ErrorKind, Outcome, fail, type_error};
use crate::limits;
use crate::render::Machine;

/// The part of a value that equality looks at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Key {
    None,
    /// Booleans and whole floats are integers here, as `1 == 1.0 == True`.
    Int(i128),
    Float(u64),
    Complex(u64, u64),
    Str(Rc<str>),
    Bytes(Rc<[u8]>),
    Tuple(Vec<Key>),
    /// Sorted, so that equal sets are equal keys.
    FrozenSet(Vec<Key>),
    /// By the number of items, the first and the step: ranges of equal items are equal.
    Range(usize, i128, i128),
    /// By identity: functions, macros, modules.
    Identity(usize),
    Type(&'static str),
}

impl Key {
    /// The key of a value; unhashable values, and those that are too deep, give an error.
    pub(crate) fn of(machine: &Machine<'_>, value: &Value) -> Outcome<Key> {
        let count = |keys: usize| {
            machine.spend(keys as u64)?;
            machine.make(keys.saturating_mul(size_of::<Key>()))
        };
        Key::counted(&count, value, 0)
    }

    /// The key of a value that was not made by a template, but read from a profile.
    pub(crate) fn given(value: &Value) -> Outcome<Key> {
        Key::counted(&|_| Ok(()), value, 0)
    }

    fn counted(count: &dyn Fn(usize) -> Outcome<()>, value: &Value, depth: u32) -> Outcome<Key> {
        if depth > limits::KEY_DEPTH_MAX {
            return too_deep();
        }
        let tuple = |items: &[Value]| -> Outcome<Key> {
            count(items.len())?;
            let keys = items
                .iter()
                .map(|item| Key::counted(count, item, depth + 1));
            Ok(Key::Tuple(keys.collect::<Outcome<_>>()?))
        };
        Ok(match value {
            Value::Undefined(missing) => {
                return fail(ErrorKind::Undefined, missing.message.to_string());
            }
            Value::None => Key::None,
            Value::Bool(flag) => Key::Int(i128::from(*flag)),
            Value::Int(n) => Key::Int(*n),
            Value::Float(n) => of_float(*n),
            Value::Complex(re, 0.0) => of_float(*re),
            // Adding zero makes a negative zero positive: they are equal.
            Value::Complex(re, im) => Key::Complex((re + 0.0).to_bits(), (im + 0.0).to_bits()),
            Value::Str(text) => Key::Str(Rc::clone(text)),
            Value::Bytes(bytes) => Key::Bytes(Rc::clone(bytes)),
            Value::Tuple(items) => tuple(items)?,
            Value::FrozenSet(set) => of_set(count, set, depth)?,
            Value::Type(name) => Key::Type(name),
            Value::Range(..) => match (value.length().unwrap_or(0), range_ends(value)) {
                (0, _) => Key::Range(0, 0, 0),
                (length, (first, step)) => Key::Range(length, first, step),
            },
            Value::Function(function) => Key::Identity(Rc::as_ptr(function) as usize),
            Value::Macro(it) => Key::Identity(Rc::as_ptr(it) as usize),
            Value::Object(object) => match &object.items {
                Some(items) => tuple(items)?,
                None => Key::Identity(Rc::as_ptr(object) as usize),
            },
            other => return type_error(format!("unhashable type: '{}'", other.type_name())),
        })
    }

    pub(crate) fn text(text: &str) -> Key {
        Key::Str(Rc::from(text))
    }

    /// Levels within this key, and keys in it.
    fn measure(&self) -> (u32, usize) {
        match self {
            Key::Tuple(keys) | Key::FrozenSet(keys) => {
                keys.iter().map(Key::measure).fold((1, 1), |all, one| {
                    (all.0.max(one.0 + 1), all.1.saturating_add(one.1))
                })
            }
            _ => (0, 1),
        }
    }
}

fn of_float(n: f64) -> Key {
    match float_to_int(n) {
        Some(whole) if n.fract() == 0.0 => Key::Int(whole),
        _ => Key::Float(n.to_bits()),
    }
}

fn of_set(count: &dyn Fn(usize) -> Outcome<()>, set: &Dict, depth: u32) -> Outcome<Key> {
    let mut keys = Vec::with_capacity(set.len());
    for key in set.keys() {
        let (levels, size) = key.measure();
        if depth + levels >= limits::KEY_DEPTH_MAX {
            return too_deep();
        }
        count(size)?;
        keys.push(key.clone());
    }
    keys.sort();
    Ok(Key::FrozenSet(keys))
}

fn too_deep<T>() -> Outcome<T> {
    let most = limits::KEY_DEPTH_MAX;
    fail(
        ErrorKind::Limit,
        format!("a key of more than {most} levels"),
    )
}
