//! `slapos profile diff`: what changes in the result.

use super::{Target, answer, refused, tell_warnings};
use crate::failure::{Exit, Failure, Outcome};
use slapos_profile::Question;
use slapos_profile::diff::{Side, difference};
use slapos_profile::resolve::{Resolved, resolve};

const EXAMPLES: &str = "\
Examples:
  slapos profile diff old/software.cfg new/software.cfg
  slapos profile diff software.cfg software-next.cfg --json --exit-code

Both are resolved and their values compared, wherever they were written. Two copies of a tree of
files in different folders are the same: their folders count as equal. Sections that cannot be
resolved are told of if what is wrong with them is not the same on both sides.";

/// Compare the resolved results of two profiles.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The profile before.
    #[arg(value_name = "BEFORE")]
    before: String,
    /// The profile after.
    #[arg(value_name = "AFTER")]
    after: String,
    /// Assignments above all files of both; += and -= work as in a file.
    #[arg(value_name = "SECTION:OPTION=VALUE")]
    assignments: Vec<String>,
    #[command(flatten)]
    target: Target,
    /// End with exit code 1 if anything changes.
    #[arg(long)]
    exit_code: bool,
}

pub(super) fn run(args: &Args, json: bool) -> Outcome {
    let (old, before) = side(args, &args.before, json)?;
    let (new, after) = side(args, &args.after, json)?;
    let found = difference(
        &Side {
            location: old.entry(),
            resolved: &before,
        },
        &Side {
            location: new.entry(),
            resolved: &after,
        },
    );
    answer(json, || found.to_json(), || found.to_text())?;
    let is_asked = args.exit_code && !found.is_empty();
    Ok(if is_asked { Exit::Failed } else { Exit::Done })
}

fn side(args: &Args, file: &str, json: bool) -> Result<(Question, Resolved), Failure> {
    let question = args.target.question(file, &args.assignments)?;
    let disk = args.target.reading.disk();
    let loaded = question.load(&disk);
    tell_warnings(&disk);
    let profile = loaded.map_err(|report| refused(&report, json))?;
    let resolved = resolve(&profile, None).map_err(|report| refused(&report, json))?;
    Ok((question, resolved))
}
