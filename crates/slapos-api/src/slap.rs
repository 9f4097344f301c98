//! The old SLAP wire: marshalled values and instance XML, as the Python clients and nodes speak.
//!
//! Codecs and a client: what a call means is decided elsewhere. Nothing of a document is trusted:
//! depth, number of values and classes are bounded, no entity is expanded, no class but the four is
//! read.
//! Start with [`read`] and [`write`]; the old words "computer" and "slave" live in these modules
//! and in the master's `http/slap` only.

mod client;
mod instance_xml;
mod json;
mod python;
mod read;
mod value;
mod write;

pub use client::{SlapCallError, SlapClient, SlapRequest, SlapTrust};
pub use instance_xml::{read_instance_xml, write_instance_xml};
pub use json::{text_of, texts_of, unwrapped};
pub use python::{python_repr, python_text};
pub use read::read;
pub use value::{Class, Value};
pub use write::write;

/// Why a document of the old wire is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SlapError {
    /// No well-formed XML.
    #[error("the document is not well-formed XML at byte {at}: {cause}")]
    NotXml {
        /// Where.
        at: u64,
        /// The parser's words.
        cause: String,
    },
    /// XML, but no value of this wire.
    #[error("the document holds no marshalled value: {0}")]
    NotAValue(String),
    /// An object of a class that nobody may make.
    #[error("objects of the class `{0}` are not accepted")]
    Class(String),
    /// Over a limit.
    #[error("the document is {0}")]
    TooLarge(&'static str),
    /// A text that the wire cannot carry.
    #[error("the character {0:?} cannot be written in XML")]
    Character(char),
}
