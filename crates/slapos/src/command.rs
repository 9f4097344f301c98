//! One file per command: its options, its help, and what it does.
//!
//! A command is short: it turns words into a call of `slapos-api`, and the answer into lines or
//! JSON. Options that several commands share are in `parameter_args.rs` and in `cli.rs`.

pub(crate) mod parameter_args;
pub(crate) mod request;
