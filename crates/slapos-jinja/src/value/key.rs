//! What can be a key of a dictionary or a member of a set: equal values are equal keys, whatever their type.

use std::rc::Rc;

use super::{Value, float_to_int};
use crate::error::{ErrorKind, Outcome, fail, type_error};

/// The part of a value that equality looks at.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    None,
    /// Booleans and whole floats are integers here, as `1 == 1.0 == True`.
    Int(i128),
    Float(u64),
    Str(Rc<str>),
    Bytes(Rc<[u8]>),
    Tuple(Vec<Key>),
    /// Sorted by their printed form, so that equal sets are equal keys.
    FrozenSet(Vec<Key>),
    /// By identity: functions, macros, modules.
    Identity(usize),
    Type(&'static str),
}

impl Key {
    pub(crate) fn of(value: &Value) -> Outcome<Key> {
        Ok(match value {
            Value::Undefined(missing) => {
                return fail(ErrorKind::Undefined, missing.message.to_string());
            }
            Value::None => Key::None,
            Value::Bool(flag) => Key::Int(i128::from(*flag)),
            Value::Int(n) => Key::Int(*n),
            Value::Float(n) => match float_to_int(*n) {
                Some(whole) if n.fract() == 0.0 => Key::Int(whole),
                _ => Key::Float(n.to_bits()),
            },
            Value::Complex(re, im) => {
                Key::Tuple(vec![Key::Float(re.to_bits()), Key::Float(im.to_bits())])
            }
            Value::Str(text) => Key::Str(Rc::clone(text)),
            Value::Bytes(bytes) => Key::Bytes(Rc::clone(bytes)),
            Value::Tuple(items) => Key::Tuple(items.iter().map(Key::of).collect::<Outcome<_>>()?),
            Value::FrozenSet(set) => {
                let mut keys: Vec<Key> = set.keys().cloned().collect();
                keys.sort_by_key(|key| format!("{key:?}"));
                Key::FrozenSet(keys)
            }
            Value::Type(name) => Key::Type(name),
            Value::Range(start, stop, step) => {
                Key::Tuple(vec![Key::Int(*start), Key::Int(*stop), Key::Int(*step)])
            }
            Value::Function(function) => Key::Identity(Rc::as_ptr(function) as usize),
            Value::Macro(it) => Key::Identity(Rc::as_ptr(it) as usize),
            Value::Object(object) => match &object.items {
                Some(items) => Key::of(&Value::Tuple(Rc::clone(items)))?,
                None => Key::Identity(Rc::as_ptr(object) as usize),
            },
            other => return type_error(format!("unhashable type: '{}'", other.type_name())),
        })
    }

    pub(crate) fn text(text: &str) -> Key {
        Key::Str(Rc::from(text))
    }
}
