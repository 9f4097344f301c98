//! The buildout profile language: parse, extend, substitute, as pure code.
//!
//! Start with [`load`]: it reads a profile and everything it extends through a [`Fetch`] and gives a [`Profile`],
//! the merged sections with the place (file, line, column) of every option.
//! A [`Session`] then expands macros and references, constructs recipes through [`Recipes`], and knows the order of parts.
//!
//! This crate never opens a file, a socket or a process, and never reads the clock; what it asks of a disk goes through [`Fetch`].
//! Bad input gives a [`Report`] that shows the place; it never panics, and limits.rs bounds time and memory.
//! The language itself is taught in docs/profile-language.md.

mod command_line;
mod condition;
mod limits;
mod load;
mod location;
mod machine;
mod merge;
mod parse;
mod part;
mod profile;
mod python;
mod reference;
mod report;
mod session;
mod source;
mod typed;
mod value;

pub use command_line::{Override, OverrideError};
pub use condition::condition_holds;
pub use limits::FILE_BYTES_MAX;
pub use load::{Fetch, FetchFailure, LoadOptions, Probe, load};
pub use location::{base_of, is_url, join};
pub use machine::Machine;
pub use part::{PartOptions, RecipeError, Recipes};
pub use profile::{Origin, Profile, Step};
pub use reference::references;
pub use report::{Diagnostic, Kind, Link, Report};
pub use session::{Expanded, Session};
pub use typed::{Integer, Typed, TypedError};
pub use value::Value;
