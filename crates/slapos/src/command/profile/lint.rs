//! `slapos profile lint`: what is wrong or suspicious.

use super::{Named, answer, tell_warnings};
use crate::failure::{Exit, Outcome};
use slapos_profile::lint::{Extent, lint};

const EXAMPLES: &str = "\
Examples:
  slapos profile lint software.cfg
  slapos profile lint software.cfg --all --json
  slapos profile lint software.cfg --deny-warnings      For a commit hook

Errors have the kind of the error; the other rules are unused-section, unused-option,
unpinned-source, unpinned-egg, duplicate-option, duplicate-section, duplicate-extends,
shadowed-value, lost-increment, lost-in-original, lost-text, removes-nothing, moved-base and
comment-in-value; docs/profile-tools.md explains each.

Exit codes: 0 no errors, 1 errors (or warnings with --deny-warnings), 2 wrong usage.";

/// Find errors, and what is suspicious: unused, unpinned, written twice, lost without a word.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    named: Named,
    /// Warnings about extended files too, not only about the profile itself.
    #[arg(long)]
    all: bool,
    /// Fail for warnings too.
    #[arg(long)]
    deny_warnings: bool,
}

pub(super) fn run(args: &Args, json: bool) -> Outcome {
    let question = args.named.question()?;
    let extent = if args.all {
        Extent::All
    } else {
        Extent::Profile
    };
    let disk = args.named.disk();
    let findings = lint(&question, &disk, extent);
    tell_warnings(&disk);
    answer(json, || findings.to_json(), || findings.to_text())?;
    let is_bad = findings.errors > 0 || (args.deny_warnings && findings.warnings > 0);
    Ok(if is_bad { Exit::Failed } else { Exit::Done })
}
