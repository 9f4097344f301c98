//! `cargo xtask generate`: files that are made from the code and checked in.
//!
//! Each has a test that compares; asked through `SLAPOS_GENERATE` the same test writes.

use crate::Outcome;
use crate::command::run_with;
use std::process::Command;

/// Makes them all.
pub(crate) fn run() -> Outcome {
    let mut command = Command::new("cargo");
    command.args(["nextest", "run", "--workspace", "-E", "test(is_up_to_date)"]);
    run_with(command.env("SLAPOS_GENERATE", "1"))
}
