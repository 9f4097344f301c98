//! `cargo xtask test`: everything that has to pass before a change lands.

use crate::{Outcome, command, install, tidy};

/// The same on a developer's machine and in CI.
pub(crate) fn run_checks() -> Outcome {
    command::run("cargo", &["fmt", "--all", "--check"])?;
    tidy::run(false)?;
    command::run(
        "cargo",
        &[
            "clippy",
            "--workspace",
            "--all-targets",
            "--locked",
            "--",
            "-D",
            "warnings",
        ],
    )
}

/// Installs, checks, tests.
pub(crate) fn run(installs: bool) -> Outcome {
    if installs {
        install::run_all()?;
    }
    run_checks()?;
    // The binary is built first: the tests that use it start the one that is being tested.
    command::run("cargo", &["build", "--workspace", "--locked"])?;
    command::run("cargo", &["nextest", "run", "--workspace", "--locked"])
}
