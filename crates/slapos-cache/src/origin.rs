//! An origin: a place that can be asked for a source.

use crate::{Sink, Source};

/// A place that may have a source.
///
/// An origin writes the bytes into the sink; who called it checks them. One that knows several locations
/// of the same file checks by itself with [`Sink::mismatch`] and begins again with [`Sink::restart`].
pub trait Origin: Send + Sync {
    /// What to call it in messages, such as "the profile's URL".
    fn name(&self) -> &str;

    /// Writes the source into the sink, whole.
    fn fetch(&self, source: &Source, sink: &mut Sink<'_>) -> Result<Fetched, OriginMiss>;
}

/// What an origin did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The exact place, for the message when the hash is wrong.
    pub location: String,
}

/// Why an origin did not give a source. None of them is an end: the next origin is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OriginMiss {
    /// It has no such file.
    NotHere(String),
    /// It may have, but asking failed; the text says how.
    Failed(String),
    /// The caller asked to stop; no other origin is asked.
    Stopped,
}

impl OriginMiss {
    /// What to tell.
    #[must_use]
    pub fn reason(&self) -> &str {
        match self {
            Self::NotHere(reason) | Self::Failed(reason) => reason,
            Self::Stopped => "stopped as asked",
        }
    }
}
