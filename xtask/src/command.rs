//! Running programs, and telling what is run.

use crate::Outcome;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

/// The top of the repository.
pub(crate) fn top() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.parent().map(PathBuf::from).unwrap_or(here)
}

/// One line to whoever watches; where nobody reads any more, that is no error.
pub(crate) fn say(text: &str) {
    drop(writeln!(std::io::stderr(), "{text}"));
}

/// Runs a program at the top of the repository and waits for it.
pub(crate) fn run(program: &str, arguments: &[&str]) -> Outcome {
    run_with(Command::new(program).args(arguments))
}

/// Runs a prepared program at the top of the repository and waits for it.
pub(crate) fn run_with(command: &mut Command) -> Outcome {
    let line = format!("{command:?}").replace('"', "");
    say(&format!("==> {line}"));
    let start = Instant::now();
    let status = command
        .current_dir(top())
        .status()
        .map_err(|error| format!("cannot run {line}: {error}"))?;
    let seconds = start.elapsed().as_secs();
    if status.success() {
        say(&format!("    done in {seconds} s"));
        Ok(())
    } else {
        Err(format!("{line} failed after {seconds} s ({status})"))
    }
}

/// What a program prints, at the top of the repository.
pub(crate) fn output(program: &str, arguments: &[&str]) -> Result<String, String> {
    said(Command::new(program).args(arguments).current_dir(top()))
}

/// What a prepared program prints, when it ends well; otherwise all that it said.
pub(crate) fn said(command: &mut Command) -> Result<String, String> {
    let line = format!("{command:?}").replace('"', "");
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cannot run {line}: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(text);
    }
    let error = String::from_utf8_lossy(&output.stderr);
    Err(format!("{line} failed ({}): {text}{error}", output.status))
}

/// Is there such a program in PATH?
pub(crate) fn has_program(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(name).is_file())
}
