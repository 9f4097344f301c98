//! `slapos profile fmt`: profiles written well, in place.

use crate::atomic_file;
use crate::failure::{Exit, Failure, Outcome};
use crate::print;
use serde_json::json;
use slapos_buildout::FILE_BYTES_MAX;
use slapos_profile::format::format;
use std::io::Read;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

const EXAMPLES: &str = "\
Examples:
  slapos profile fmt software.cfg stack/*.cfg
  slapos profile fmt --check software.cfg        Change nothing; exit code 1 if it would
  slapos profile fmt - < software.cfg            From standard input to standard output
                                                 (with --json the text is in `text`)

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
        return run_input(args.check, json);
    }
    if args.files.iter().any(|file| file == "-") {
        return Err(Failure::usage(
            "- is standard input and stands alone; write ./- for a file of that name",
        ));
    }
    let (mut rows, mut failures, mut is_any_changed) = (Vec::new(), Vec::new(), false);
    for file in &args.files {
        let (changed, error) = match one(file, args.check) {
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
    Ok(exit(args.check && is_any_changed))
}

/// Standard input, written well to standard output.
fn run_input(check: bool, json: bool) -> Outcome {
    let formatted = read(std::io::stdin()).and_then(|text| {
        let formatted = format(&text).map_err(|error| error.to_string())?;
        Ok((formatted != text, formatted))
    });
    let is_changed = formatted.as_ref().is_ok_and(|(is_changed, _)| *is_changed);
    if json {
        let error = formatted.as_ref().err();
        let mut row = json!({ "file": "-", "changed": is_changed, "error": error });
        if let Some((_, text)) = formatted.as_ref().ok().filter(|_| !check) {
            row["text"] = json!(text);
        }
        print::json(&json!({ "files": [row], "check": check }))?;
    }
    let (_, text) = formatted
        .map_err(|reason| Failure::new(format!("not formatted: standard input: {reason}")))?;
    if !check && !json {
        print::raw(text.as_bytes())?;
    }
    Ok(exit(check && is_changed))
}

fn exit(is_bad: bool) -> Exit {
    if is_bad { Exit::Failed } else { Exit::Done }
}

/// Whether it changed, or would.
fn one(file: &str, check: bool) -> Result<bool, String> {
    let text = read(open(file)?)?;
    let formatted = format(&text).map_err(|error| error.to_string())?;
    let is_changed = formatted != text;
    if is_changed && !check {
        write(Path::new(file), &formatted)?;
    }
    Ok(is_changed)
}

/// A regular file; opening anything else could wait for ever.
fn open(file: &str) -> Result<fs_err::File, String> {
    let said = |error: std::io::Error| error.to_string();
    let mut options = fs_err::OpenOptions::new();
    options.read(true);
    options
        .options_mut()
        .custom_flags(nix::fcntl::OFlag::O_NONBLOCK.bits());
    let opened = options.open(file).map_err(said)?;
    match opened.metadata().map_err(said)?.is_file() {
        true => Ok(opened),
        false => Err("it is not a regular file".to_owned()),
    }
}

/// The whole text, or none of it: what the language would refuse for its length is not cut.
fn read(source: impl Read) -> Result<String, String> {
    let bound = u64::try_from(FILE_BYTES_MAX).unwrap_or(u64::MAX);
    let mut text = String::new();
    let mut bounded = source.take(bound + 1);
    let length = bounded
        .read_to_string(&mut text)
        .map_err(|error| error.to_string())?;
    match length > FILE_BYTES_MAX {
        true => Err(format!(
            "it has more than {FILE_BYTES_MAX} bytes, which no profile may have"
        )),
        false => Ok(text),
    }
}

/// Through a link the file behind it is written, and its rights stay.
fn write(file: &Path, text: &str) -> Result<(), String> {
    let said = |error: std::io::Error| error.to_string();
    let file = fs_err::canonicalize(file).map_err(said)?;
    let mode = fs_err::metadata(&file).map_err(said)?.permissions().mode();
    atomic_file::write(&file, text.as_bytes(), mode & 0o7777).map_err(said)
}
