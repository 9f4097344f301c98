//! The jinja2 template language with Python's values, as profiles use it, and without Python.
//!
//! Start with [`render`]: a text, a context of [`Given`] values, and [`Settings`] (extensions, templates to import).
//! Values are Python's: lists and dictionaries are shared and change in place, integers print as integers, `True` as
//! `True`, `%` formats, methods of strings, lists and dictionaries are there; so templates written for the original
//! give the same text. [`Given::module`] gives the few Python modules that templates import.
//!
//! Never in here: disk, network, processes, the clock, chance. limits.rs bounds time, memory and depth; bad input
//! gives a [`TemplateError`] with template and line and never a panic.

mod arguments;
mod ast;
mod error;
mod filter;
mod format;
mod global;
mod lex;
mod limits;
mod method;
mod module;
mod parse;
mod render;
mod test;
mod value;

pub use error::{ErrorKind, TemplateError};
pub use global::is_global;
pub use module::module_names;

pub use render::{Budget, Extension, Given, Load, NoTemplates, Settings, render, render_within};
