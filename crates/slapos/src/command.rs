//! One file per command: its options, its help, and what it does.
//!
//! A command is short: it turns words into a call of `slapos-api`, and the answer into lines or
//! JSON. Options that several commands share are in `parameter_args.rs` and in `cli.rs`.

pub(crate) mod build;
pub(crate) mod cache;
pub(crate) mod catalog;
pub(crate) mod completion;
pub(crate) mod down;
pub(crate) mod internal;
mod logs;
pub(crate) mod master;
pub(crate) mod node;
pub(crate) mod parameter_args;
pub(crate) mod profile;
pub(crate) mod proxy;
mod register;
pub(crate) mod request;
pub(crate) mod service;
pub(crate) mod software;
pub(crate) mod status;
pub(crate) mod supply;
pub(crate) mod up;
pub(crate) mod why;
