//! `cargo xtask generate`: files that are made from the code and checked in.
//!
//! Each has a test that compares what is kept with what is made.

use crate::Outcome;
use crate::command::{output, run_with, top};
use std::process::Command;

/// Makes them all.
pub(crate) fn run() -> Outcome {
    // The API's description is made by the test that compares it, when asked to.
    let mut command = Command::new("cargo");
    command.args([
        "nextest",
        "run",
        "--package",
        "slapos-master",
        "openapi_file_is_up_to_date",
    ]);
    run_with(command.env("SLAPOS_GENERATE", "1"))?;
    let arguments = [
        "run",
        "--quiet",
        "--package",
        "slapos",
        "--",
        "internal",
        "cli-reference",
    ];
    let reference = output("cargo", &arguments)?;
    std::fs::write(top().join("docs/cli.md"), reference)
        .map_err(|error| format!("cannot write docs/cli.md: {error}"))
}
