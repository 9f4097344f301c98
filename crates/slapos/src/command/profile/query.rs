//! `slapos profile query`: one value.

use super::{Above, answer, refused, tell_warnings};
use crate::failure::{Failure, Outcome};
use slapos_profile::query;

const EXAMPLES: &str = "\
Examples:
  slapos profile query software.cfg nginx:url
  slapos profile query software.cfg nginx:url --json nginx:version=1.25.3

Only what the option needs is evaluated. --json adds where the value comes from.";

/// Print the value of one option.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The profile: a path or a URL.
    #[arg(value_name = "FILE_OR_URL")]
    file: String,
    /// The option; without a section it is of [buildout].
    #[arg(value_name = "SECTION:OPTION")]
    option: String,
    #[command(flatten)]
    above: Above,
}

pub(super) fn run(args: &Args, json: bool) -> Outcome {
    let (section, option) = args
        .option
        .split_once(':')
        .unwrap_or(("buildout", &args.option));
    if section.is_empty() || option.is_empty() || option.contains([':', '=']) {
        let message = format!("`{}` names no option", args.option);
        return Err(Failure::usage(message).with_hint("write section:option"));
    }
    let question = args
        .above
        .target
        .question(&args.file, &args.above.assignments)?;
    let disk = args.above.target.reading.disk();
    let found = query::query(&question, &disk, section, option);
    tell_warnings(&disk);
    let found = found.map_err(|report| refused(&report, json))?;
    answer(json, || found.to_json(), || found.to_text())
}
