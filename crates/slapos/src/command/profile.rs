//! `slapos profile …`: what a profile comes to, why, and what is wrong with it.
//!
//! Needs no master and no folder of SlapOS. Every answer is made in `slapos-profile`; here it is asked and printed.

use crate::failure::{Exit, Failure, Outcome};
use crate::print;
use clap::Subcommand;
use slapos_buildout::{Machine, Profile, Report};
use slapos_profile::{Disk, Freshness, Question, host_machine, parse_python, report_json};
use std::path::PathBuf;

mod annotate;
mod diff;
mod format;
mod graph;
mod lint;
mod lsp;
mod query;
mod resolve;

const EXAMPLES: &str = "\
Examples:
  slapos profile resolve software.cfg            Every section with its values, the order of parts
  slapos profile annotate software.cfg --section nginx   Where each value comes from
  slapos profile query software.cfg nginx:url    One value
  slapos profile graph software.cfg --format svg > needs.svg
  slapos profile lint software.cfg               What is wrong or suspicious
  slapos profile diff old.cfg new.cfg            What changes in the result
  slapos profile fmt software.cfg                Write it well, in place
  slapos profile lsp                             Serve an editor

Every command takes assignments above all files, such as buildout:parts=nginx.

Exit codes: 0 done, 1 the profile has errors, 2 wrong usage.";

/// Look into a profile: what it comes to, where each value comes from, what is wrong with it.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Resolve(resolve::Args),
    Annotate(annotate::Args),
    Query(query::Args),
    Graph(graph::Args),
    Lint(lint::Args),
    Diff(diff::Args),
    #[command(name = "fmt")]
    Format(format::Args),
    Lsp(lsp::Args),
}

/// What every command reads.
#[derive(Debug, clap::Args)]
struct Named {
    /// The profile: a path or a URL.
    #[arg(value_name = "FILE_OR_URL")]
    file: String,
    #[command(flatten)]
    above: Above,
}

/// What is set above the files.
#[derive(Debug, clap::Args)]
struct Above {
    /// Assignments above all files; += and -= work as in a file.
    #[arg(value_name = "SECTION:OPTION=VALUE")]
    assignments: Vec<String>,
    #[command(flatten)]
    target: Target,
}

/// For which machine, and above what.
#[derive(Debug, clap::Args)]
struct Target {
    #[command(flatten)]
    reading: Reading,
    /// A file of defaults below the profile, such as ~/.buildout/default.cfg; none is read otherwise.
    #[arg(long, value_name = "FILE")]
    user_defaults: Option<String>,
}

/// How profiles are read.
#[derive(Debug, clap::Args)]
struct Reading {
    /// What `uname -m` says on the machine that section conditions ask about [default: this one's].
    #[arg(long, value_name = "NAME")]
    machine: Option<String>,
    /// The version of Python that section conditions ask about [default: 3.11.7].
    #[arg(long, value_name = "X.Y.Z")]
    python: Option<String>,
    /// Take profiles from the web from their copies only; otherwise their sites are asked first.
    #[arg(long)]
    offline: bool,
}

/// Runs it.
pub(crate) fn run(args: Args, json: bool) -> Outcome {
    match args.action {
        Action::Resolve(args) => resolve::run(&args, json),
        Action::Annotate(args) => annotate::run(&args, json),
        Action::Query(args) => query::run(&args, json),
        Action::Graph(args) => graph::run(&args, json),
        Action::Lint(args) => lint::run(&args, json),
        Action::Diff(args) => diff::run(&args, json),
        Action::Format(args) => format::run(&args, json),
        Action::Lsp(args) => lsp::run(&args),
    }
}

impl Named {
    fn question(&self) -> Result<Question, Failure> {
        self.above
            .target
            .question(&self.file, &self.above.assignments)
    }

    /// Loads the profile from the disk or the web; what is wrong with it is printed.
    fn load(&self, json: bool) -> Result<Profile, Failure> {
        let question = self.question()?;
        let disk = self.disk();
        let loaded = question.load(&disk);
        tell_warnings(&disk);
        loaded.map_err(|report| refused(&report, json))
    }

    fn disk(&self) -> Disk {
        self.above.target.reading.disk()
    }
}

impl Target {
    fn question(&self, file: &str, assignments: &[String]) -> Result<Question, Failure> {
        let folder = std::env::current_dir()
            .map_err(|error| Failure::new(format!("cannot tell the current folder: {error}")))?;
        let question = Question::new(file, &folder, self.reading.machine()?);
        let question = question
            .with_assignments(assignments)
            .map_err(|error| Failure::usage(error.to_string()))?;
        Ok(match &self.user_defaults {
            Some(file) => question.with_user_defaults(file),
            None => question,
        })
    }
}

impl Reading {
    fn disk(&self) -> Disk {
        let freshness = match self.offline {
            true => Freshness::Offline,
            false => Freshness::Newest,
        };
        Disk::new(copies(), freshness)
    }

    fn machine(&self) -> Result<Machine, Failure> {
        let host = host_machine();
        let mut machine = match &self.machine {
            Some(name) => Machine {
                release: host.release,
                os_release: host.os_release,
                ..Machine::linux(name)
            },
            None => host,
        };
        if let Some(python) = &self.python {
            machine.python =
                parse_python(python).map_err(|error| Failure::usage(error.to_string()))?;
        }
        Ok(machine)
    }
}

/// Where copies of profiles from the web are: the user's cache, as the XDG base directory specification has it.
fn copies() -> PathBuf {
    let named = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let cache = named("XDG_CACHE_HOME").filter(|folder| folder.is_absolute());
    let cache = cache.or_else(|| Some(named("HOME")?.join(".cache")));
    cache
        .unwrap_or_else(std::env::temp_dir)
        .join("slapos/profiles")
}

/// Says which copies stand in for sites that did not answer.
fn tell_warnings(disk: &Disk) {
    disk.take_warnings()
        .iter()
        .for_each(|warning| note(warning));
}

/// What is wrong with a profile: for people on standard error, with --json also as one object on standard output.
fn refused(report: &Report, json: bool) -> Failure {
    if json && let Err(failure) = print::json(&report_json(report)) {
        return failure;
    }
    Failure::new(report.to_string())
}

/// Tells of what is not fatal on standard error.
fn note(text: &str) {
    use std::io::Write;
    // When even standard error is gone, there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// The answer in the form that is wanted.
fn answer(
    json: bool,
    value: impl FnOnce() -> serde_json::Value,
    text: impl FnOnce() -> String,
) -> Outcome {
    match json {
        true => print::json(&value())?,
        false => print::raw(text().as_bytes())?,
    }
    Ok(Exit::Done)
}
