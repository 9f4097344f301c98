//! `slapos profile annotate`: where each value comes from.

use super::{Named, answer, refused, tell_warnings};
use crate::failure::Outcome;
use slapos_profile::annotate;

const EXAMPLES: &str = "\
Examples:
  slapos profile annotate software.cfg --section nginx
  slapos profile annotate software.cfg --json

Below each option stand the places that make its value, `=` first, then `+=` and `-=`; then, after
`over`, what they replaced, the nearest first. Inherited options name the section they are from.
Values are those before references are substituted.";

/// Show every value with its file and line, and what it overrode.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    named: Named,
    /// Only this section.
    #[arg(long, value_name = "NAME")]
    section: Option<String>,
}

pub(super) fn run(args: &Args, json: bool) -> Outcome {
    let question = args.named.question()?;
    let disk = args.named.disk();
    let told = annotate::annotate(&question, &disk, args.section.as_deref());
    tell_warnings(&disk);
    let told = told.map_err(|report| refused(&report, json))?;
    answer(json, || told.to_json(), || told.to_text())
}
