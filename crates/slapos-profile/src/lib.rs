//! What people and editors ask of a profile: what it comes to, why, what is wrong with it, how it looks written well.
//!
//! Start with [`Question`]: a profile, its assignments and the machine; every tool begins from one.
//! [`resolve`] gives the values, [`annotate`] where each comes from, [`lint`] what is suspicious, [`graph`] what needs what,
//! [`diff`] what changes between two, [`format`] the same file written well, [`lsp`] all of this in an editor.
//!
//! No recipe is ever run here, and nothing is written but copies of profiles from the web. The language itself is `slapos-buildout`'s.

pub mod annotate;
pub mod diff;
pub mod format;
pub mod graph;
mod limits;
pub mod lint;
pub mod lsp;
mod place;
pub mod query;
mod question;
#[cfg(test)]
mod random;
pub mod resolve;
mod syntax;
mod texts;
mod tree;

pub use place::report_json;
pub use question::{Question, QuestionError, absolute, parse_python};
pub use slapos_cache::{Disk, Freshness, host_machine};
