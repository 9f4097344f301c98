//! `slapos build FILE`: builds a profile without a master, into a folder of its own.
//!
//! All work is in `slapos-build`; here its order is made of words, and its news go to [`screen`].
//! What is in the folder, the JSON and how a build goes on after a kill is taught in docs/building.md.

use super::cache::keys;
use crate::engine;
use crate::failure::{Exit, Failure, Outcome};
use crate::folder::sources;
use crate::print;
use clap::Subcommand;
use serde_json::{Value as Json, json};
use slapos_build::{Cancel, Origins, SoftwareBuild, SoftwareReport};
use std::path::{Path, PathBuf};

mod check;
mod screen;
mod shell;

const EXAMPLES: &str = "\
Examples:
  slapos build software.cfg                        Into the folder slapos-build
  slapos build software.cfg --root /srv/try        Into another one
  slapos build software.cfg --part zlib            Only this part and what it needs
  slapos build https://example.org/software.cfg    A profile from the web
  slapos build software.cfg --from-cache http://10.0.0.1:8780   Where sites are gone
  slapos build software.cfg zlib:version=1.3.1     With an option set above all files
  slapos build software.cfg --json | tail -1       How each part stands, for programs
  slapos build shell zlib                          Stand where the steps of a part stood
  slapos build check software.cfg                  Build twice, tell what differs

Run again it does only what is missing; a build that was killed goes on where it was.

Exit codes: 0 all parts are installed, 1 something failed, 2 wrong usage.";

/// Build a profile without a master: fetch, compile and install its parts.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    order: Order,
}

#[derive(Debug, Subcommand)]
enum Action {
    Shell(shell::Args),
    Check(check::Args),
}

/// What to build, and how.
#[derive(Debug, clap::Args)]
struct Order {
    /// The profile: a path or a URL.
    #[arg(value_name = "FILE_OR_URL", required = true)]
    file: Option<String>,
    /// Assignments above all files; += and -= work as in a file.
    #[arg(value_name = "SECTION:OPTION=VALUE")]
    assignments: Vec<String>,
    #[command(flatten)]
    how: How,
}

/// How to build.
#[derive(Debug, clap::Args)]
struct How {
    /// Only this part and what it needs; nothing is removed. Repeatable.
    #[arg(long, value_name = "NAME")]
    part: Vec<String>,
    /// How many processes may compile at once, over all parts together [default: the processors,
    /// less when memory is short].
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    jobs: Option<u32>,
    /// Where sources are kept, by their hashes; builds may share it [default:
    /// ~/.cache/slapos/sources].
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Where parts with `shared = true` are installed; builds may share it [default: shared, in the
    /// root].
    #[arg(long, value_name = "DIR")]
    shared: Option<PathBuf>,
    /// Another machine's cache, asked for sources before their own sites: one URL, or
    /// `SHACACHE_URL,SHADIR_URL`. Repeatable.
    #[arg(long, value_name = "URL", conflicts_with = "offline")]
    from_cache: Vec<String>,
    /// Keys or certificates (PEM) whose word counts on what a URL without a hash had. Repeatable.
    #[arg(long, value_name = "FILE", requires = "from_cache")]
    trust: Vec<PathBuf>,
    /// Take sources from the cache only.
    #[arg(long)]
    offline: bool,
    /// Let the steps of packages reach the network; else they are cut off where the kernel can.
    #[arg(long)]
    network: bool,
}

/// Runs it; `root` is the folder to build into.
pub(crate) fn run(args: Args, root: Option<PathBuf>, json: bool) -> Outcome {
    match args.action {
        Some(Action::Shell(args)) => shell::run(&args, &build_root(root)?),
        Some(Action::Check(args)) => check::run(&args, &build_root(root)?, json),
        None => build(&args.order, root, json),
    }
}

fn build(order: &Order, root: Option<PathBuf>, json: bool) -> Outcome {
    let cancel = Cancel::default();
    let build = order.build(&build_root(root)?, cancel.clone())?;
    engine::on_interrupt(move || cancel.raise())?;
    let mut screen = screen::Screen::new(json);
    let report = slapos_build::report_software(&build, &mut |news| screen.show(&news));
    screen.end();
    match json {
        true => print::json(&end_line(&build.root, &report))?,
        false => print_end(&build.root, &report)?,
    }
    match report.failure {
        None => Ok(Exit::Done),
        Some(error) => Err(Failure::new(error.to_string())),
    }
}

impl Order {
    fn build(&self, root: &Path, cancel: Cancel) -> Result<SoftwareBuild, Failure> {
        Ok(SoftwareBuild {
            profile: self.file.clone().unwrap_or_default(),
            root: root.to_owned(),
            shared: Some(self.how.shared(root)),
            cache: self.how.cache.clone().unwrap_or_else(|| sources(root)),
            jobs: self.how.jobs.unwrap_or_else(slapos_build::default_jobs),
            overrides: self.assignments.clone(),
            only: self.how.part.clone(),
            path: slapos_build::default_path(),
            network: self.how.network,
            origins: Origins {
                caches: self.how.from_cache.clone(),
                trusted: keys(&self.how.trust)?,
                url: !self.how.offline,
                debian: !self.how.offline,
            },
            cancel,
        })
    }
}

impl How {
    /// Absolute, since it stands in what is built.
    fn shared(&self, root: &Path) -> PathBuf {
        let named = self.shared.as_deref().map(std::path::absolute);
        match named {
            Some(Ok(shared)) => shared,
            _ => root.join("shared"),
        }
    }
}

/// The folder that was named, or `slapos-build` here. `SLAPOS_ROOT` is a node's and does not count.
fn build_root(named: Option<PathBuf>) -> Result<PathBuf, Failure> {
    let root = named.unwrap_or_else(|| PathBuf::from("slapos-build"));
    std::path::absolute(&root)
        .map_err(|error| Failure::usage(format!("{} is no folder: {error}", root.display())))
}

fn end_line(root: &Path, report: &SoftwareReport) -> Json {
    let outcome = &report.outcome;
    json!({
        "event": "end",
        "ok": report.failure.is_none(),
        "root": root,
        "parts": outcome.parts,
        "waiting": report.waiting,
        "unpinned": outcome.unpinned,
        "warnings": outcome.warnings,
        "seconds": seconds(outcome.elapsed_ms),
        "error": report.failure.as_ref().map(slapos_build::BuildError::failure),
    })
}

fn print_end(root: &Path, report: &SoftwareReport) -> Result<(), Failure> {
    let outcome = &report.outcome;
    for text in &outcome.warnings {
        print::line(format!("warning: {text}"))?;
    }
    for text in &outcome.unpinned {
        print::line(format!("warning: the source has no hash: {text}"))?;
    }
    if report.failure.is_some() {
        return Ok(());
    }
    let counts = [
        (outcome.installed.len(), "installed"),
        (outcome.kept.len(), "kept"),
        (outcome.removed.len(), "removed"),
    ];
    let counts: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    print::line(format!(
        "{} in {:.1} s, in {}",
        if counts.is_empty() {
            "no parts".to_owned()
        } else {
            counts.join(", ")
        },
        seconds(outcome.elapsed_ms),
        root.display()
    ))
}

fn seconds(milliseconds: u64) -> f64 {
    std::time::Duration::from_millis(milliseconds).as_secs_f64()
}
