//! `slapos profile resolve`: every section with its values, and the order of parts.

use super::{Named, note, refused};
use crate::failure::{Exit, Outcome};
use crate::print;
use slapos_buildout::Report;
use slapos_profile::resolve;
use std::collections::BTreeMap;

/// Sections that cannot be resolved and are told of on standard error; --json has all.
const NOTES_MAX: usize = 20;

const EXAMPLES: &str = "\
Examples:
  slapos profile resolve software.cfg
  slapos profile resolve software.cfg --section nginx
  slapos profile resolve software.cfg --json buildout:parts=nginx nginx:version=1.25.3
  slapos profile resolve https://example.org/software.cfg --raw

No recipe runs: what only a recipe would compute reads @@section:option@@, and --json lists it under
`computed`. A typed value is {\"py\": \"{'port': 80}\", \"type\": \"dict\"} in JSON. [buildout] has its built-in
defaults. A section that cannot be resolved and that no part needs is told on standard error, and
under `unresolved`; it is an error only if the profile, a part or the section asked for cannot be.";

/// Show every section with its values, and the parts in the order of installation.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    named: Named,
    /// Only this section, and the parts it needs; nothing else is evaluated.
    #[arg(long, value_name = "NAME")]
    section: Option<String>,
    /// The merged texts before macros and references.
    #[arg(long)]
    raw: bool,
}

pub(super) fn run(args: &Args, json: bool) -> Outcome {
    let profile = args.named.load(json)?;
    let section = args.section.as_deref();
    if json && section.is_none() && !args.raw {
        let answer = resolve::resolve_written(&profile, |live| print::json(live));
        let (written, unresolved) = answer.map_err(|report| refused(&report, json))?;
        written?;
        tell(&unresolved);
        // The process ends here: taking the profile apart piece by piece would only cost time.
        std::mem::forget(profile);
        return Ok(Exit::Done);
    }
    let resolved = match args.raw {
        true => resolve::raw(&profile, section),
        false => resolve::resolve(&profile, section),
    };
    let resolved = resolved.map_err(|report| refused(&report, json))?;
    tell(&resolved.unresolved);
    match json {
        true => print::json(&resolved)?,
        false => print::raw(resolved.to_text().as_bytes())?,
    }
    Ok(Exit::Done)
}

/// Says which sections cannot be resolved.
fn tell(unresolved: &BTreeMap<String, Report>) {
    for report in unresolved.values().take(NOTES_MAX) {
        note(&report.to_string());
    }
    if let Some(more) = unresolved.len().checked_sub(NOTES_MAX + 1) {
        note(&format!("… and {} more sections", more + 1));
    }
}
