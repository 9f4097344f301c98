//! Section conditions: `[name : condition]`.
//!
//! A condition is an environment marker if it reads as one (`python_version < "3.11"`), else a Python expression
//! (`linux and platform.machine() == "x86_64"`) over what [`World`] tells. Nothing is ever run; what is asked of the
//! disk goes through [`Fetch`].

use crate::{Fetch, Machine, python};

mod arithmetic;
mod evaluate;
mod library;
mod marker;
mod names;

/// What conditions may know.
#[derive(Clone, Copy)]
pub(crate) struct World<'a> {
    pub(crate) machine: &'a Machine,
    pub(crate) fetch: &'a dyn Fetch,
}

/// Whether the condition of a header holds; files that it asks for are looked up through `fetch`.
///
/// # Errors
/// When it is no condition; the error fits behind "the condition …".
pub fn condition_holds(
    written: &str,
    machine: &Machine,
    fetch: &dyn Fetch,
) -> Result<bool, String> {
    holds(written, &World { machine, fetch })
}

/// Whether the condition holds on this machine. The error fits behind "the condition …".
pub(crate) fn holds(written: &str, world: &World<'_>) -> Result<bool, String> {
    // A header cannot hold these two characters, they would begin a comment.
    let text = written.replace(r"\x23", "#").replace(r"\x3b", ";");
    if let Some(result) = marker::evaluate(&text, world.machine) {
        return result;
    }
    // A text in brackets may go over lines and have a comment; that is how the original evaluates it.
    let expression = python::parse(&text).map_err(|reason| format!("{reason} (SyntaxError)"))?;
    evaluate::truth(&expression, world)
}
