//! Typed values: Python literals behind the marker `!py!`, as Nexedi's buildout stores what is not text.
//!
//! Only literals and the constructors of the built-in containers are read. The original evaluates the text as Python,
//! which lets a profile run code; here a marker is data.

use thiserror::Error;

mod compare;
mod integer;
mod read;
mod repr;

pub(crate) use compare::{are_equal, order};
pub use integer::Integer;

/// A value that a recipe or a rendered profile stored with its type.
///
/// Two are equal if they have the same type and content; dictionaries and sets in any order.
#[derive(Debug, Clone)]
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

/// Why a text is no typed value, or a value cannot be written as one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("reading the typed value `{text}`: it {reason}")]
pub struct TypedError {
    /// The beginning of the text.
    pub text: String,
    /// Fits behind "it".
    pub reason: String,
}

impl Typed {
    /// Whether a stored text is meant as a typed value; it may still be a bad one.
    pub fn is_marked(text: &str) -> bool {
        text.starts_with("!py")
    }

    /// Reads `!py!` and a literal. What follows the first line is ignored, as in the original.
    pub fn from_marker(text: &str) -> Result<Typed, TypedError> {
        read::from_marker(text).map_err(|reason| TypedError {
            text: text.chars().take(80).collect(),
            reason,
        })
    }

    /// The text form, `!py!` and a literal, with `$` and `;` escaped so that nothing substitutes or cuts it.
    ///
    /// Infinite and undefined numbers are refused: they could not be read back.
    pub fn to_marker(&self) -> Result<String, TypedError> {
        if self.is_finite() {
            return Ok(self.to_marker_lossy());
        }
        Err(TypedError {
            text: self.repr_lossy().chars().take(80).collect(),
            reason: "has a number that is not finite and that no profile can hold".to_owned(),
        })
    }

    /// As Python's `repr` writes it, on one line, dictionaries and sets sorted.
    pub fn repr(&self) -> String {
        self.repr_lossy()
    }

    /// Python's name of the type, such as `dict`.
    pub fn type_name(&self) -> &'static str {
        match self {
            Typed::None => "NoneType",
            Typed::Bool(_) => "bool",
            Typed::Int(_) => "int",
            Typed::Float(_) => "float",
            Typed::Complex(..) => "complex",
            Typed::Str(_) => "str",
            Typed::Bytes(_) => "bytes",
            Typed::ByteArray(_) => "bytearray",
            Typed::List(_) => "list",
            Typed::Tuple(_) => "tuple",
            Typed::Dict(_) => "dict",
            Typed::Set(_) => "set",
            Typed::FrozenSet(_) => "frozenset",
        }
    }

    /// The value of a key of a dictionary.
    pub fn entry(&self, key: &str) -> Option<&Typed> {
        let Typed::Dict(pairs) = self else {
            return None;
        };
        pairs
            .iter()
            .find(|(k, _)| matches!(k, Typed::Str(text) if text == key))
            .map(|(_, v)| v)
    }

    fn is_finite(&self) -> bool {
        match self {
            Typed::Float(n) => n.is_finite(),
            Typed::Complex(real, imaginary) => real.is_finite() && imaginary.is_finite(),
            Typed::List(all) | Typed::Tuple(all) | Typed::Set(all) | Typed::FrozenSet(all) => {
                all.iter().all(Typed::is_finite)
            }
            Typed::Dict(pairs) => pairs.iter().all(|(k, v)| k.is_finite() && v.is_finite()),
            _ => true,
        }
    }
}
