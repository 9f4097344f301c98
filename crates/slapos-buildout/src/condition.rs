//! Section conditions: `[name : condition]`.
//!
//! A condition is an environment marker if it reads as one (`python_version < "3.11"`), else a Python expression
//! (`linux and platform.machine() == "x86_64"`) over what [`Machine`] tells. Nothing is ever run or opened.

use crate::{Machine, python};

mod evaluate;
mod library;
mod marker;
mod names;

/// Whether the condition holds on this machine. The error fits behind "the condition …".
pub fn holds(written: &str, machine: &Machine) -> Result<bool, String> {
    // A header cannot hold these two characters, they would begin a comment.
    let text = written.replace(r"\x23", "#").replace(r"\x3b", ";");
    if let Some(result) = marker::evaluate(&text, machine) {
        return result;
    }
    // A text in brackets may go over lines and have a comment; that is how the original evaluates it.
    let expression = python::parse(&text).map_err(|reason| format!("{reason} (SyntaxError)"))?;
    evaluate::truth(&expression, machine)
}
