//! `slapos profile fmt`: profiles written well, in place.

use crate::atomic_file;
use crate::failure::{Exit, Failure, Outcome};
use crate::print;
use serde_json::json;
use slapos_profile::format::format;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Of standard input; the language refuses larger files anyway.
const INPUT_BYTES_MAX: u64 = 4 << 20;

const EXAMPLES: &str = "\
Examples:
  slapos profile fmt software.cfg stack/*.cfg
  slapos profile fmt --check software.cfg        Change nothing; exit code 1 if it would
  slapos profile fmt - < software.cfg            From standard input to standard output

Only spaces and empty lines change: comments stay, and the profile means the same. A file with a
line that is nothing (a template, say) is left as it is, and is an error.

Exit codes: 0 done, 1 refused, or --check found something, 2 wrong usage.";

/// Write profiles well: spaces, indentation, empty lines. Nothing else changes.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The profiles, each by its path; - is standard input.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<String>,
    /// Only say which would change.
    #[arg(long)]
    check: bool,
}

pub(super) fn run(args: &Args, json: bool) -> Outcome {
    if args.files == ["-"] {
        return run_input(args.check);
    }
    let (mut rows, mut failures, mut is_any_changed) = (Vec::new(), Vec::new(), false);
    for file in &args.files {
        let outcome = one(file, args.check);
        let (changed, error) = match outcome {
            Ok(changed) => (changed, None),
            Err(reason) => (false, Some(reason)),
        };
        is_any_changed |= changed;
        if changed && !json {
            print::line(file)?;
        }
        rows.push(json!({ "file": file, "changed": changed, "error": error }));
        failures.extend(error.map(|reason| format!("{file}: {reason}")));
    }
    if json {
        print::json(&json!({ "files": rows, "check": args.check }))?;
    }
    if !failures.is_empty() {
        return Err(Failure::new(format!(
            "not formatted:\n{}",
            failures.join("\n")
        )));
    }
    let is_bad = args.check && is_any_changed;
    Ok(if is_bad { Exit::Failed } else { Exit::Done })
}

/// Whether it changed, or would.
fn one(file: &str, check: bool) -> Result<bool, String> {
    let text = fs_err::read_to_string(file).map_err(|error| error.to_string())?;
    let formatted = format(&text).map_err(|error| error.to_string())?;
    let is_changed = formatted != text;
    if is_changed && !check {
        write(Path::new(file), &formatted)?;
    }
    Ok(is_changed)
}

/// Through a link the file behind it is written, and its rights stay.
fn write(file: &Path, text: &str) -> Result<(), String> {
    let said = |error: std::io::Error| error.to_string();
    let file = fs_err::canonicalize(file).map_err(said)?;
    let mode = fs_err::metadata(&file).map_err(said)?.permissions().mode();
    atomic_file::write(&file, text.as_bytes(), mode & 0o7777).map_err(said)
}

fn run_input(check: bool) -> Outcome {
    let mut text = String::new();
    std::io::stdin()
        .take(INPUT_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(|error| Failure::new(format!("cannot read standard input: {error}")))?;
    let formatted = format(&text).map_err(|error| Failure::new(error.to_string()))?;
    if check {
        return Ok(if formatted == text {
            Exit::Done
        } else {
            Exit::Failed
        });
    }
    print::raw(formatted.as_bytes())?;
    Ok(Exit::Done)
}
