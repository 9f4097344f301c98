//! What Python counts as text and how it prints values, in one place for all who have to agree with it.
//!
//! Profiles, templates and the old wire were defined by Python's functions, which differ from Rust's
//! in a few characters. Nothing here knows any of them: no values, no language, no I/O.
//! [`text`] has spaces, lines and indentation; [`print`] has what `repr` writes.

pub mod print;
pub mod text;
