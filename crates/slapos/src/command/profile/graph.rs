//! `slapos profile graph`: what needs what.

use super::{Named, answer, refused};
use crate::failure::Outcome;
use slapos_profile::graph::{Scope, graph};

const EXAMPLES: &str = "\
Examples:
  slapos profile graph software.cfg --format svg > needs.svg
  slapos profile graph software.cfg | dot -Tpdf > needs.pdf
  slapos profile graph software.cfg --section nginx --json

Arrows go from a section to those that it reads; dashed ones to those that it inherits from by `<`.
Sections with a recipe are filled. [buildout] is left out.";

/// Draw which section needs which, as DOT or SVG.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    named: Named,
    /// Only this section and what it needs.
    #[arg(long, value_name = "NAME", conflicts_with = "all")]
    section: Option<String>,
    /// Sections that no part needs, too.
    #[arg(long)]
    all: bool,
    /// The form of the picture.
    #[arg(long, value_enum, default_value_t = Format::Dot)]
    format: Format,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    /// The language of Graphviz.
    Dot,
    /// A picture for browsers.
    Svg,
}

pub(super) fn run(args: &Args, json: bool) -> Outcome {
    let profile = args.named.load(json)?;
    let scope = match &args.section {
        Some(name) => Scope::Section(name),
        None if args.all => Scope::All,
        None => Scope::Parts,
    };
    let found = graph(&profile, scope).map_err(|report| refused(&report, json))?;
    let text = || match args.format {
        Format::Dot => found.to_dot(),
        Format::Svg => found.to_svg(),
    };
    answer(json, || found.to_json(), text)
}
