//! `slapos build shell PART`: stands where the steps of a part stood, with nothing but their environment.

use crate::failure::{Failure, Outcome};
use slapos_build::PartEnvironment;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Enter the environment of a part that was built, well or not.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The part.
    part: String,
    /// Run this instead of a shell.
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// Becomes the shell; comes back only when that fails.
pub(super) fn run(args: &Args, root: &Path) -> Outcome {
    let environment =
        PartEnvironment::load(root, &args.part).map_err(|error| Failure::new(error.to_string()))?;
    let folder = folder(&environment, root);
    let mut words = args.command.iter().map(String::as_str);
    let program = words.next().unwrap_or("/bin/sh");
    let mut command = Command::new(program);
    command.args(words).current_dir(&folder).env_clear();
    command.envs(&environment.variables);
    // A jobserver is gone with its build.
    command.env_remove("MAKEFLAGS");
    if let Some(terminal) = std::env::var_os("TERM") {
        command.env("TERM", terminal);
    }
    command.env("PS1", format!("({}) \\w $ ", args.part));
    let error = command.exec();
    Err(Failure::new(format!(
        "cannot start {program} in {}: {error}",
        folder.display()
    )))
}

/// The unpacked sources of a part that failed, or where it is installed.
fn folder(environment: &PartEnvironment, root: &Path) -> PathBuf {
    let places = [&environment.tree, &environment.location];
    let there = places.into_iter().find(|place| place.is_dir());
    there.map_or_else(|| root.to_owned(), PathBuf::from)
}
