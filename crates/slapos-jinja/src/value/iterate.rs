//! Going through values, all at once or one at a time.

use std::cell::RefCell;
use std::rc::Rc;

use super::{Nest, PER_PAIR, Value, View};
use crate::error::{ErrorKind, Outcome, fail, type_error};
use crate::render::Machine;

/// Gives the next item, none at the end.
type Next = Box<dyn FnMut(&Machine<'_>) -> Outcome<Option<Value>>>;

/// An iterator: shared, and used up by whoever goes through it.
#[derive(Clone)]
pub(crate) struct Iter(Rc<RefCell<Nest<Option<Next>>>>);

/// An iterator from a function.
pub(crate) fn lazy(next: impl FnMut(&Machine<'_>) -> Outcome<Option<Value>> + 'static) -> Value {
    let next: Next = Box::new(next);
    Value::Iter(Iter(Rc::new(RefCell::new(Nest::new(Some(next))))))
}

impl Iter {
    pub(crate) fn next(&self, machine: &Machine<'_>) -> Outcome<Option<Value>> {
        machine.spend(1)?;
        match self.0.try_borrow_mut() {
            Ok(mut next) => match &mut **next {
                // Iterators over iterators, as `map` makes them, are calls within calls.
                Some(next) => machine.deeper(|| next(machine)),
                None => Ok(None),
            },
            Err(_) => fail(ErrorKind::Value, "generator already executing"),
        }
    }
}

impl Value {
    /// All items.
    pub(crate) fn items(&self, machine: &Machine<'_>) -> Outcome<Vec<Value>> {
        if !matches!(self, Value::Iter(_) | Value::Undefined(_)) {
            let each = match self {
                Value::View(View::Items, _) => PER_PAIR,
                _ => 1,
            };
            machine.make_values(self.length().unwrap_or(0).saturating_mul(each))?;
        }
        Ok(match self {
            Value::Iter(iter) => {
                let mut all = Vec::new();
                while let Some(item) = iter.next(machine)? {
                    machine.make_values(1)?;
                    all.push(item);
                }
                return Ok(all);
            }
            Value::Str(text) => text
                .chars()
                .map(|c| Value::text(c.encode_utf8(&mut [0; 4])))
                .collect(),
            Value::Bytes(bytes) => bytes
                .iter()
                .map(|byte| Value::Int(i128::from(*byte)))
                .collect(),
            Value::List(items) => items.borrow().clone(),
            Value::Tuple(items) => items.to_vec(),
            Value::Dict(dict) | Value::Set(dict) | Value::View(View::Keys, dict) => {
                dict.borrow().values().map(|(key, _)| key.clone()).collect()
            }
            Value::FrozenSet(set) => set.values().map(|(key, _)| key.clone()).collect(),
            Value::View(View::Values, dict) => dict
                .borrow()
                .values()
                .map(|(_, value)| value.clone())
                .collect(),
            Value::View(View::Items, dict) => {
                let dict = dict.borrow();
                let pairs = dict
                    .values()
                    .map(|(key, value)| Value::tuple(vec![key.clone(), value.clone()]));
                pairs.collect()
            }
            Value::Range(start, stop, step) => {
                let length = range_length(*start, *stop, *step);
                (0..length)
                    .map(|at| range_item(*start, *step, at))
                    .collect()
            }
            Value::Undefined(missing) if missing.is_silent => Vec::new(),
            Value::Undefined(missing) => {
                return fail(ErrorKind::Undefined, missing.message.to_string());
            }
            Value::Object(object) if object.items.is_some() => object
                .items
                .as_ref()
                .map(|items| items.to_vec())
                .unwrap_or_default(),
            other => return type_error(format!("'{}' object is not iterable", other.type_name())),
        })
    }

    /// An iterator over the value; of an iterator, itself.
    pub(crate) fn iter(&self, machine: &Machine<'_>) -> Outcome<Iter> {
        match self {
            Value::Iter(iter) => Ok(iter.clone()),
            // A list that grows while it is gone through is gone through to its new end.
            Value::List(items) => {
                let (items, mut at) = (Rc::clone(items), 0);
                let Value::Iter(iter) = lazy(move |_| {
                    let item = items.borrow().get(at).cloned();
                    at += 1;
                    Ok(item)
                }) else {
                    return type_error("no iterator");
                };
                Ok(iter)
            }
            // A range may be long, and few of it be wanted.
            Value::Range(start, _, step) => {
                let (start, step, length) = (*start, *step, self.length().unwrap_or(0));
                let mut at = 0;
                let Value::Iter(iter) = lazy(move |_| {
                    at += 1;
                    Ok((at <= length).then(|| range_item(start, step, at - 1)))
                }) else {
                    return type_error("no iterator");
                };
                Ok(iter)
            }
            other => {
                let mut items = other.items(machine)?.into_iter();
                let Value::Iter(iter) = lazy(move |_| Ok(items.next())) else {
                    return type_error("no iterator");
                };
                Ok(iter)
            }
        }
    }

    pub(crate) fn is_iterable(&self) -> bool {
        match self {
            Value::Object(object) => object.items.is_some(),
            Value::Str(_)
            | Value::Bytes(_)
            | Value::List(_)
            | Value::Tuple(_)
            | Value::Dict(_)
            | Value::Set(_)
            | Value::FrozenSet(_)
            | Value::Range(..)
            | Value::View(..)
            | Value::Iter(_) => true,
            _ => false,
        }
    }
}

/// The number of items of a range.
pub(crate) fn range_length(start: i128, stop: i128, step: i128) -> usize {
    let (low, high) = if step > 0 {
        (start, stop)
    } else {
        (stop, start)
    };
    if low >= high || step == 0 {
        return 0;
    }
    let span = high.saturating_sub(low).saturating_sub(1);
    usize::try_from(span / step.saturating_abs()).map_or(usize::MAX, |n| n.saturating_add(1))
}

pub(super) fn range_item(start: i128, step: i128, at: usize) -> Value {
    let at = i128::try_from(at).unwrap_or(i128::MAX);
    Value::Int(start.saturating_add(step.saturating_mul(at)))
}

/// The first item and the step, which tell a range of a known length.
pub(super) fn range_ends(range: &Value) -> (i128, i128) {
    match range {
        Value::Range(start, _, step) if range.length() > Some(1) => (*start, *step),
        Value::Range(start, _, _) => (*start, 1),
        _ => (0, 0),
    }
}
