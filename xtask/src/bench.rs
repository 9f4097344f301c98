//! `cargo xtask bench first`: figures of the first whole slice, beside the goals set for it; `bench profile`: of the
//! profile language, beside zc.buildout (profile.rs); `bench slap`: the old wire beside the Python original (slap.rs).
//!
//! Every ratio is between two sides of the same run. Each measure is a file in `bench/` and an
//! entry of [`MEASURES`]; add a new one there. A goal that is not met is told in the table and is
//! no failure of the command; an answer that is wrong or lost is.

mod build;
mod child;
mod durable;
mod figure;
mod idle;
mod limit;
mod load;
mod nodes;
mod peer;
pub(crate) mod process;
mod profile;
mod service;
mod size;
mod slap;
mod supervise;
pub(crate) mod wait;
pub(crate) mod world;

use crate::Outcome;
use crate::command::{run, say};
use crate::venv::target_folder;
use figure::Figure;
use std::io::Write;
use std::path::PathBuf;

/// What is measured and how.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    suite: Suite,
}

#[derive(Debug, clap::Subcommand)]
enum Suite {
    /// From one command to a running service: times, memory, size, durable requests.
    First(First),
    /// The profile language beside zc.buildout 3.0.1 from PyPI: time and memory.
    Profile(profile::Arguments),
    /// Run a program and tell its time and peak of memory; for the suites themselves.
    #[command(hide = true)]
    Child(child::Arguments),
    /// The old wire: `slapos proxy` from PyPI, ours, and our master, in one run.
    Slap(slap::Arguments),
    /// Ten thousand nodes on one master, or on several with PostgreSQL.
    Nodes(nodes::Arguments),
    /// `slapos build` beside the genuine zc.buildout with slapos.recipe.cmmi.
    Build(build::Build),
}

#[derive(Debug, clap::Args)]
struct First {
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
    /// Only these measures: size, supervise, durable, service, idle. Repeatable.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Measure Python programs too, installed with pip into a private folder.
    #[arg(long)]
    with_peers: bool,
    /// Where the private folders are made. A file system in memory makes every sync free.
    #[arg(long, value_name = "DIR", default_value = "/var/tmp")]
    place: PathBuf,
    /// Measure this program instead of building the one of this repository.
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

type Measure = fn(&mut Bench) -> Result<(), String>;

/// In this order, so that the cheap ones come first.
const MEASURES: [(&str, Measure); 5] = [
    ("size", size::measure),
    ("supervise", supervise::measure),
    ("durable", durable::measure),
    ("service", service::measure),
    ("idle", idle::measure),
];

/// What every measure needs, and what they found.
struct Bench {
    program: PathBuf,
    place: PathBuf,
    json: bool,
    figures: Vec<Figure>,
}

impl Bench {
    fn report(&mut self, figure: Figure) {
        let line = match self.json {
            true => figure.json().to_string(),
            false => figure.line(),
        };
        // Whoever reads no more does not stop the measures.
        drop(writeln!(std::io::stdout(), "{line}"));
        self.figures.push(figure);
    }
}

/// Runs a suite.
pub(crate) fn run_suite(arguments: Arguments) -> Outcome {
    match arguments.suite {
        Suite::First(first) => run_first(first),
        Suite::Profile(asked) => profile::run(asked),
        Suite::Slap(asked) => slap::run(asked),
        Suite::Nodes(asked) => nodes::run(asked),
        Suite::Child(asked) => child::run(&asked),
        Suite::Build(build) => build::run(build),
    }
}

fn run_first(first: First) -> Outcome {
    let chosen = choose(&first.only, first.with_peers)?;
    let mut bench = Bench {
        program: program(first.program)?,
        place: first.place,
        json: first.json,
        figures: Vec::new(),
    };
    let mut failures = Vec::new();
    for (name, measure) in chosen {
        say(&format!("==> {name} (load {:.1})", process::load_average()));
        if let Err(error) = measure(&mut bench) {
            say(&format!("{name} failed: {error}"));
            failures.push(name);
        }
    }
    summarise(&bench);
    match failures.as_slice() {
        [] => Ok(()),
        names => Err(format!("these measures failed: {}", names.join(", "))),
    }
}

fn choose(only: &[String], with_peers: bool) -> Result<Vec<(&'static str, Measure)>, String> {
    let names: Vec<&str> = MEASURES.iter().map(|(name, _)| *name).collect();
    if let Some(unknown) = only.iter().find(|name| !names.contains(&name.as_str())) {
        return Err(format!(
            "there is no measure {unknown}; there are {}",
            names.join(", ")
        ));
    }
    let is_chosen = |name: &str| only.is_empty() || only.iter().any(|chosen| chosen == name);
    let mut chosen: Vec<_> = MEASURES
        .into_iter()
        .filter(|(name, _)| is_chosen(name))
        .collect();
    if with_peers {
        chosen.push(("peers", peer::measure));
    }
    Ok(chosen)
}

/// The program that was named, or the one that is shipped, built now.
pub(crate) fn program(named: Option<PathBuf>) -> Result<PathBuf, String> {
    if let Some(path) = named {
        return std::path::absolute(&path).map_err(|error| format!("{}: {error}", path.display()));
    }
    run("cargo", &["build", "--release", "--locked", "-p", "slapos"])?;
    Ok(target_folder().join("release/slapos"))
}

fn summarise(bench: &Bench) {
    let verdicts: Vec<bool> = bench.figures.iter().filter_map(Figure::is_met).collect();
    let met = verdicts.iter().filter(|is_met| **is_met).count();
    say(&format!("{met} of {} goals met", verdicts.len()));
    for figure in &bench.figures {
        if figure.is_met() == Some(false) {
            say(&format!("  not met: {}", figure.id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choose_of_nothing_is_everything_without_peers() {
        assert_eq!(choose(&[], false).unwrap().len(), MEASURES.len());
        let only = choose(&["size".to_owned()], true).unwrap();
        let names: Vec<_> = only.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["size", "peers"]);
    }

    #[test]
    fn choose_of_an_unknown_name_lists_the_known() {
        let error = choose(&["siez".to_owned()], false).unwrap_err();
        assert!(
            error.contains("siez") && error.contains("durable"),
            "{error}"
        );
    }
}
