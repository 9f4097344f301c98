//! The value of an option as it is read: text, or a typed value behind the marker `!py!`.

use std::borrow::Cow;

use crate::Typed;

/// What reading an option gives. References are substituted, `$${` is `${`.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Text(String),
    /// Never [`Typed::Str`]: a marked string is read as text.
    Typed(Typed),
}

impl Value {
    /// The text; of a typed value the form that a profile holds, `!py!` and the literal.
    pub fn as_text(&self) -> Cow<'_, str> {
        match self {
            Value::Text(text) => Cow::Borrowed(text),
            Value::Typed(typed) => Cow::Owned(typed.to_marker_lossy()),
        }
    }

    /// The same, by value.
    pub fn into_text(self) -> String {
        match self {
            Value::Text(text) => text,
            Value::Typed(typed) => typed.to_marker_lossy(),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::Text(text)
    }
}

impl From<Typed> for Value {
    /// A string becomes text.
    fn from(typed: Typed) -> Value {
        match typed {
            Typed::Str(text) => Value::Text(text),
            other => Value::Typed(other),
        }
    }
}
