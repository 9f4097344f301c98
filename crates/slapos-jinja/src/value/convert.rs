//! From and to typed values of profiles, and JSON.

use std::rc::Rc;

use serde_json::Value as Json;
use slapos_buildout::Typed;

use super::{Dict, Key, Value, View};
use crate::error::{ErrorKind, Outcome, fail, failure};
use crate::render::Machine;

impl From<&Typed> for Value {
    fn from(typed: &Typed) -> Value {
        let all = |items: &[Typed]| items.iter().map(Value::from).collect::<Vec<_>>();
        let members = |items: &[Typed]| {
            let pairs = items.iter().map(Value::from).filter_map(|value| {
                let key = Key::given(&value).ok()?;
                Some((key, (value, Value::None)))
            });
            pairs.collect::<Dict>()
        };
        match typed {
            Typed::None => Value::None,
            Typed::Bool(flag) => Value::Bool(*flag),
            // Integers beyond 128 bits become floats; no template computes with them.
            Typed::Int(n) => match n.to_string().parse() {
                Ok(n) => Value::Int(n),
                Err(_) => Value::Float(n.to_string().parse().unwrap_or(f64::INFINITY)),
            },
            Typed::Float(n) => Value::Float(*n),
            Typed::Complex(re, im) => Value::Complex(*re, *im),
            Typed::Str(text) => Value::text(text),
            Typed::Bytes(bytes) | Typed::ByteArray(bytes) => {
                Value::Bytes(Rc::from(bytes.as_slice()))
            }
            Typed::List(items) => Value::list(all(items)),
            Typed::Tuple(items) => Value::tuple(all(items)),
            Typed::Set(items) => Value::set(members(items)),
            Typed::FrozenSet(items) => Value::frozen_set(members(items)),
            Typed::Dict(pairs) => {
                let pairs = pairs.iter().filter_map(|(key, value)| {
                    let key = Value::from(key);
                    Some((Key::given(&key).ok()?, (key, Value::from(value))))
                });
                Value::dict(pairs.collect())
            }
        }
    }
}

/// Deeper values are refused: a list may hold itself.
const DEPTH_MAX: u32 = 100;

impl Value {
    /// As a typed value that a profile can hold.
    pub(crate) fn to_typed(&self, machine: &Machine<'_>) -> Outcome<Typed> {
        self.typed(machine, 0)
    }

    fn typed(&self, machine: &Machine<'_>, depth: u32) -> Outcome<Typed> {
        machine.spend(1)?;
        machine.make(size_of::<Typed>())?;
        if depth > DEPTH_MAX {
            return fail(ErrorKind::Value, "the value is too deep, or holds itself");
        }
        let all = |items: &mut dyn Iterator<Item = Value>| {
            items
                .map(|item| item.typed(machine, depth + 1))
                .collect::<Outcome<Vec<_>>>()
        };
        let keys = |dict: &Dict| all(&mut dict.values().map(|(key, _)| key.clone()));
        Ok(match self {
            Value::None => Typed::None,
            Value::Bool(flag) => Typed::Bool(*flag),
            Value::Int(n) => Typed::Int((*n).into()),
            Value::Float(n) => Typed::Float(*n),
            Value::Complex(re, im) => Typed::Complex(*re, *im),
            Value::Str(text) => {
                machine.make(text.len())?;
                Typed::Str(text.to_string())
            }
            Value::Bytes(bytes) => {
                machine.make(bytes.len())?;
                Typed::Bytes(bytes.to_vec())
            }
            Value::List(items) => Typed::List(all(&mut items.borrow().iter().cloned())?),
            Value::Tuple(items) => Typed::Tuple(all(&mut items.iter().cloned())?),
            Value::Set(set) => Typed::Set(keys(&set.borrow())?),
            Value::FrozenSet(set) => Typed::FrozenSet(keys(set)?),
            Value::Dict(dict) => {
                let dict = dict.borrow();
                let pairs = dict.values().map(|(key, value)| {
                    Ok((
                        key.typed(machine, depth + 1)?,
                        value.typed(machine, depth + 1)?,
                    ))
                });
                Typed::Dict(pairs.collect::<Outcome<_>>()?)
            }
            Value::Undefined(missing) => {
                return fail(ErrorKind::Undefined, missing.message.to_string());
            }
            other => {
                let message = format!(
                    "a value of type {} cannot be held by a profile",
                    other.type_name()
                );
                return fail(ErrorKind::Value, message);
            }
        })
    }
}

/// The value of a JSON text.
pub(crate) fn from_json_text(text: &str) -> Outcome<Value> {
    let json: Json = serde_json::from_str(text)
        .map_err(|error| failure(ErrorKind::Value, format!("reading JSON: {error}")))?;
    Ok(from_json(&json))
}

/// Objects keep their order.
fn from_json(json: &Json) -> Value {
    match json {
        Json::Null => Value::None,
        Json::Bool(flag) => Value::Bool(*flag),
        Json::Number(number) => {
            let text = number.to_string();
            match text.parse::<i128>() {
                Ok(n) => Value::Int(n),
                Err(_) => Value::Float(text.parse().unwrap_or(f64::NAN)),
            }
        }
        Json::String(text) => Value::text(text),
        Json::Array(items) => Value::list(items.iter().map(from_json).collect()),
        Json::Object(map) => {
            let pairs = map
                .iter()
                .map(|(name, value)| (Key::text(name), (Value::text(name), from_json(value))));
            Value::dict(pairs.collect())
        }
    }
}

impl Value {
    /// All items in a list, for JSON: tuples and lists.
    pub(crate) fn sequence(&self, machine: &Machine<'_>) -> Outcome<Option<Vec<Value>>> {
        match self {
            Value::List(_) | Value::Tuple(_) => self.items(machine).map(Some),
            Value::Object(object) if object.items.is_some() => self.items(machine).map(Some),
            _ => Ok(None),
        }
    }

    /// The pairs of a dictionary.
    pub(crate) fn pairs(&self, machine: &Machine<'_>) -> Outcome<Option<Vec<(Value, Value)>>> {
        Ok(match self {
            Value::Dict(dict) | Value::View(View::Items, dict) => {
                let dict = dict.borrow();
                machine.make_values(dict.len().saturating_mul(2))?;
                Some(dict.values().cloned().collect())
            }
            _ => None,
        })
    }
}
