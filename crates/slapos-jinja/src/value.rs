//! Python's values: lists, dictionaries and sets are shared, so that a change is seen wherever they are.
//!
//! Start at [`Value`]. compare.rs has equality and order, key.rs what can be a key, repr.rs the printed form,
//! convert.rs the way from and to typed values and JSON, operate.rs the operators, iterate.rs loops.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use indexmap::IndexMap;

use crate::arguments::Arguments;
use crate::ast::MacroDefinition;
use crate::error::{ErrorKind, Outcome, fail};
use crate::limits;
use crate::render::{LoopState, Machine, Scope};

mod compare;
mod convert;
mod iterate;
mod key;
mod nest;
mod operate;
mod repr;
mod sort;

pub(crate) use compare::{are_equal, are_same, order};
pub(crate) use convert::from_json_text;
pub(crate) use iterate::{Iter, lazy};
pub(crate) use key::Key;
pub(crate) use nest::{Nest, drop_flat};
pub(crate) use operate::{
    binary, compare as compare_by, contains, divided, fitting, floor_divide, item, negative, slice,
    union,
};
pub(crate) use slapos_python::print::{float as float_text, quoted};
pub(crate) use sort::sort_keyed;

/// A dictionary in the order of insertion; a set has no values.
pub(crate) type Dict = IndexMap<Key, (Value, Value)>;
/// What a pair of a dictionary takes, in values: the key twice, and the value.
pub(crate) const PER_PAIR: usize = 3;
/// A container that is shared and changes in place.
pub(crate) type Shared<T> = Rc<RefCell<Nest<T>>>;

/// A value of a template. Cloning one does not copy a list or a dictionary.
#[derive(Clone)]
pub(crate) enum Value {
    Undefined(Missing),
    None,
    Bool(bool),
    Int(i128),
    Float(f64),
    Complex(f64, f64),
    Str(Rc<str>),
    Bytes(Rc<[u8]>),
    List(Shared<Vec<Value>>),
    Tuple(Rc<Nest<Vec<Value>>>),
    Dict(Shared<Dict>),
    Set(Shared<Dict>),
    FrozenSet(Rc<Nest<Dict>>),
    Range(i128, i128, i128),
    /// `dict.keys()` and the like: they follow the dictionary.
    View(View, Shared<Dict>),
    Iter(Iter),
    Function(Rc<Function>),
    /// A type such as `int`, to call and to test with.
    Type(&'static str),
    Macro(Rc<Macro>),
    Namespace(Shared<Dict>),
    Loop(Rc<LoopState>),
    Object(Rc<Object>),
}

/// What stands for a name that is not there.
#[derive(Clone)]
pub(crate) struct Missing {
    /// What to say when it is used.
    pub(crate) message: Rc<str>,
    /// The result of an `if` without `else` prints as nothing; any other use of any missing value is an error.
    pub(crate) is_silent: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    Keys,
    Values,
    Items,
}

/// What a call does.
type Call = dyn Fn(&Machine<'_>, Arguments) -> Outcome<Value>;

/// Something to call, written in Rust.
pub(crate) struct Function {
    pub(crate) name: Rc<str>,
    pub(crate) call: Box<Call>,
}

/// A macro with the names around it.
pub(crate) struct Macro {
    pub(crate) definition: Rc<MacroDefinition>,
    pub(crate) scope: Rc<Scope>,
    /// The template it is from, for messages.
    pub(crate) template: Rc<str>,
}

/// An object with attributes, such as a module, an address that was taken apart, or a template that was imported.
#[derive(Default)]
pub(crate) struct Object {
    pub(crate) kind: &'static str,
    pub(crate) printed: Rc<str>,
    pub(crate) attributes: RefCell<Nest<IndexMap<Rc<str>, Value>>>,
    /// For objects that are tuples too.
    pub(crate) items: Option<Rc<Nest<Vec<Value>>>>,
    pub(crate) call: Option<Rc<Function>>,
}

impl Drop for Function {
    fn drop(&mut self) {
        let nothing = Box::new(|_: &Machine<'_>, _| Ok(Value::None));
        drop_flat(std::mem::replace(&mut self.call, nothing));
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.type_name())
    }
}

impl Value {
    pub(crate) fn text(text: impl AsRef<str>) -> Value {
        Value::Str(Rc::from(text.as_ref()))
    }

    pub(crate) fn list(items: Vec<Value>) -> Value {
        Value::List(Rc::new(RefCell::new(Nest::new(items))))
    }

    pub(crate) fn tuple(items: Vec<Value>) -> Value {
        Value::Tuple(Rc::new(Nest::new(items)))
    }

    pub(crate) fn dict(dict: Dict) -> Value {
        Value::Dict(Rc::new(RefCell::new(Nest::new(dict))))
    }

    pub(crate) fn set(set: Dict) -> Value {
        Value::Set(Rc::new(RefCell::new(Nest::new(set))))
    }

    pub(crate) fn frozen_set(set: Dict) -> Value {
        Value::FrozenSet(Rc::new(Nest::new(set)))
    }

    pub(crate) fn size(n: usize) -> Value {
        Value::Int(i128::try_from(n).unwrap_or(i128::MAX))
    }

    pub(crate) fn function(
        name: &str,
        call: impl Fn(&Machine<'_>, Arguments) -> Outcome<Value> + 'static,
    ) -> Value {
        Value::Function(Rc::new(Function {
            name: Rc::from(name),
            call: Box::new(call),
        }))
    }

    pub(crate) fn missing(message: impl Into<String>) -> Value {
        Value::Undefined(Missing {
            message: Rc::from(message.into()),
            is_silent: false,
        })
    }

    pub(crate) fn object(kind: &'static str, attributes: Vec<(&str, Value)>) -> Value {
        let attributes = attributes
            .into_iter()
            .map(|(name, value)| (Rc::from(name), value));
        Value::Object(Rc::new(Object {
            kind,
            printed: Rc::from(format!("<{kind} object>")),
            attributes: RefCell::new(Nest::new(attributes.collect())),
            ..Object::default()
        }))
    }

    /// Python's name of the type.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Value::Undefined(_) => "Undefined",
            Value::None => "NoneType",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Float(_) => "float",
            Value::Complex(..) => "complex",
            Value::Str(_) => "str",
            Value::Bytes(_) => "bytes",
            Value::List(_) => "list",
            Value::Tuple(_) => "tuple",
            Value::Dict(_) => "dict",
            Value::Set(_) => "set",
            Value::FrozenSet(_) => "frozenset",
            Value::Range(..) => "range",
            Value::View(View::Keys, _) => "dict_keys",
            Value::View(View::Values, _) => "dict_values",
            Value::View(View::Items, _) => "dict_items",
            Value::Iter(_) => "generator",
            Value::Function(_) => "function",
            Value::Type(_) => "type",
            Value::Macro(_) => "Macro",
            Value::Namespace(_) => "Namespace",
            Value::Loop(_) => "LoopContext",
            Value::Object(object) => object.kind,
        }
    }

    /// An error if the value is missing.
    pub(crate) fn defined(self) -> Outcome<Value> {
        match &self {
            Value::Undefined(missing) => fail(ErrorKind::Undefined, missing.message.to_string()),
            _ => Ok(self),
        }
    }

    /// Python's truth.
    pub(crate) fn is_true(&self) -> Outcome<bool> {
        Ok(match self {
            Value::Undefined(missing) if !missing.is_silent => {
                return fail(ErrorKind::Undefined, missing.message.to_string());
            }
            Value::Undefined(_) | Value::None => false,
            Value::Bool(flag) => *flag,
            Value::Int(n) => *n != 0,
            Value::Float(n) => *n != 0.0,
            Value::Complex(re, im) => *re != 0.0 || *im != 0.0,
            Value::Str(text) => !text.is_empty(),
            _ => self.length().is_none_or(|n| n != 0),
        })
    }

    /// The number of items, of what has one.
    pub(crate) fn length(&self) -> Option<usize> {
        Some(match self {
            Value::Str(text) => text.chars().count(),
            Value::Bytes(bytes) => bytes.len(),
            Value::List(items) => items.borrow().len(),
            Value::Tuple(items) => items.len(),
            Value::Dict(dict) | Value::Set(dict) | Value::View(_, dict) => dict.borrow().len(),
            Value::FrozenSet(dict) => dict.len(),
            Value::Range(start, stop, step) => iterate::range_length(*start, *stop, *step),
            Value::Object(object) => object.items.as_ref()?.len(),
            Value::Loop(state) => state.length(),
            _ => return None,
        })
    }

    /// Whether there is a number of items.
    pub(crate) fn has_length(&self) -> bool {
        matches!(self, Value::Str(_)) || self.length().is_some()
    }

    /// The number of items, with the work that it takes to count the characters of a text as steps.
    pub(crate) fn counted_length(&self, machine: &Machine<'_>) -> Outcome<Option<usize>> {
        if let Value::Str(text) = self {
            machine.spend(text.len() as u64 / limits::BYTES_PER_STEP)?;
        }
        Ok(self.length())
    }

    /// The text as `str()` and `{{ }}` give it.
    pub(crate) fn to_text(&self, machine: &Machine<'_>) -> Outcome<Rc<str>> {
        match self {
            Value::Str(text) => Ok(Rc::clone(text)),
            Value::Undefined(missing) if missing.is_silent => Ok(Rc::from("")),
            Value::Undefined(missing) => fail(ErrorKind::Undefined, missing.message.to_string()),
            other => Ok(Rc::from(repr::repr(machine, other)?)),
        }
    }

    /// The text as `repr()` gives it.
    pub(crate) fn repr(&self, machine: &Machine<'_>) -> Outcome<String> {
        repr::repr(machine, self)
    }

    pub(crate) fn is_callable(&self) -> bool {
        match self {
            Value::Function(_) | Value::Type(_) | Value::Macro(_) => true,
            Value::Object(object) => object.call.is_some(),
            Value::Loop(state) => state.is_recursive(),
            _ => false,
        }
    }

    /// The text itself, of a string.
    pub(crate) fn as_str(&self, what: &str) -> Outcome<Rc<str>> {
        match self {
            Value::Str(text) => Ok(Rc::clone(text)),
            Value::Undefined(missing) => fail(ErrorKind::Undefined, missing.message.to_string()),
            other => {
                let message = format!("{what} must be a str, not {}", other.type_name());
                fail(ErrorKind::Type, message)
            }
        }
    }

    /// An integer; booleans are.
    pub(crate) fn as_int(&self, what: &str) -> Outcome<i128> {
        match self {
            Value::Int(n) => Ok(*n),
            Value::Bool(flag) => Ok(i128::from(*flag)),
            Value::Undefined(missing) => fail(ErrorKind::Undefined, missing.message.to_string()),
            other => {
                let message = format!("{what} must be an integer, not {}", other.type_name());
                fail(ErrorKind::Type, message)
            }
        }
    }

    /// A number as a float, of what is one.
    pub(crate) fn as_float(&self) -> Option<f64> {
        match self {
            Value::Int(n) => Some(int_to_float(*n)),
            Value::Bool(flag) => Some(f64::from(u8::from(*flag))),
            Value::Float(n) => Some(*n),
            _ => None,
        }
    }
}

/// The nearest float.
#[expect(
    clippy::cast_precision_loss,
    reason = "the nearest float is what is wanted"
)]
pub(crate) fn int_to_float(n: i128) -> f64 {
    n as f64
}

/// The integer part of a float, none if it does not fit.
#[expect(clippy::cast_possible_truncation, reason = "the bounds are checked")]
pub(crate) fn float_to_int(n: f64) -> Option<i128> {
    (n.is_finite() && n.abs() < 1.0e38).then(|| n.trunc() as i128)
}
