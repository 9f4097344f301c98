//! `cargo xtask bench build`: `slapos build` beside the genuine zc.buildout 3.0.1 with recipes from PyPI.
//!
//! The same profile, the same local archives, the same compiler, no network, turn by turn in one run. The peer runs in
//! `bench/build/peer.rs`, what both build is written by `bench/build/project.rs`. A goal that is missed is told.
//! Ours syncs what it installs and records it; the peer syncs nothing, which is its advantage here.

mod peer;
mod project;

use super::figure::{Figure, Goal, Spread};
use super::process::load_average;
use crate::Outcome;
use crate::command::say;
use peer::Peer;
use project::Project;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// What is measured and how.
#[derive(Debug, clap::Args)]
pub(super) struct Build {
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
    /// How often each side builds everything from nothing.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Only these measures: packages, chain, unpack. Repeatable.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Where the private folders are made. A file system in memory makes every sync free.
    #[arg(long, value_name = "DIR", default_value = "/var/tmp")]
    place: PathBuf,
    /// Measure this program instead of building the one of this repository.
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

/// How often an idle run is repeated: ours takes milliseconds, the peer seconds.
const IDLE_ROUNDS: u32 = 20;
const PEER_IDLE_ROUNDS: u32 = 3;

type Measure = fn(&mut Bench) -> Outcome;

const MEASURES: [(&str, Measure); 3] =
    [("unpack", unpack), ("chain", chain), ("packages", packages)];

struct Bench {
    program: PathBuf,
    peer: Peer,
    folder: tempfile::TempDir,
    rounds: u32,
    json: bool,
    figures: Vec<Figure>,
}

/// Runs it.
pub(super) fn run(build: Build) -> Outcome {
    let names: Vec<&str> = MEASURES.iter().map(|(name, _)| *name).collect();
    if let Some(unknown) = build
        .only
        .iter()
        .find(|name| !names.contains(&name.as_str()))
    {
        return Err(format!(
            "there is no measure {unknown}; there are {}",
            names.join(", ")
        ));
    }
    let mut bench = Bench {
        program: super::program(build.program)?,
        peer: Peer::ready()?,
        folder: tempfile::Builder::new()
            .prefix("slapos-bench-build-")
            .tempdir_in(&build.place)
            .map_err(|error| format!("{}: {error}", build.place.display()))?,
        rounds: build.rounds.max(1),
        json: build.json,
        figures: Vec::new(),
    };
    for (name, measure) in MEASURES {
        if build.only.is_empty() || build.only.iter().any(|one| one == name) {
            say(&format!("==> {name} (load {:.1})", load_average()));
            measure(&mut bench).map_err(|error| format!("{name}: {error}"))?;
        }
    }
    let verdicts: Vec<bool> = bench.figures.iter().filter_map(Figure::is_met).collect();
    let met = verdicts.iter().filter(|met| **met).count();
    say(&format!("{met} of {} goals met", verdicts.len()));
    Ok(())
}

/// Six independent packages of C, cold and idle.
fn packages(bench: &mut Bench) -> Outcome {
    let project = Project::packages(bench.folder.path())?;
    let (mut ours, mut theirs, mut theirs_with_jobs) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..bench.rounds {
        project.forget()?;
        ours.push(bench.ours(&project)?);
        theirs.push(bench.peer.build(&project, "")?);
        project.forget_theirs()?;
        theirs_with_jobs.push(bench.peer.build(&project, "-j2")?);
        project.check_same()?;
    }
    let (ours, theirs) = (Spread::of(ours), Spread::of(theirs));
    let what = "6 independent packages of C from local archives, from nothing";
    bench.report(Figure::new("build.cold", what, ours).unit("s").goal(ahead(
        "zc.buildout + slapos.recipe.cmmi",
        ours,
        theirs,
        Some(1.5),
    )));
    let what = "the same; the peer is given MAKEFLAGS=-j2, which it does not do by itself";
    let theirs = Spread::of(theirs_with_jobs);
    bench.report(
        Figure::new("build.cold_peer_j2", what, ours)
            .unit("s")
            .goal(ahead("zc.buildout with -j2", ours, theirs, None)),
    );
    let what = "the same again, nothing changed";
    bench.idle("build.again", what, &project, 100.0)
}

/// A thousand parts, each of which needs the one before it.
fn chain(bench: &mut Bench) -> Outcome {
    let project = Project::chain(bench.folder.path())?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..bench.rounds {
        project.forget()?;
        ours.push(bench.ours(&project)?);
        theirs.push(bench.peer.build(&project, "")?);
        project.check_same()?;
    }
    let (ours, theirs) = (Spread::of(ours), Spread::of(theirs));
    let what = "1000 chained slapos.recipe.template, from nothing; ours synced and recorded";
    bench.report(
        Figure::new("buildout.1000_cold", what, ours)
            .unit("s")
            .goal(ahead("zc.buildout", ours, theirs, Some(20.0))),
    );
    let what = "the same again, nothing changed";
    bench.idle("buildout.1000_again", what, &project, 35.0)
}

/// One large archive, hashed and unpacked and synced.
fn unpack(bench: &mut Bench) -> Outcome {
    let project = Project::archive(bench.folder.path())?;
    // Once, so that the source is in the store, as it is on the peer's disk.
    bench.ours(&project)?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..bench.rounds.max(3) {
        project.forget()?;
        // What others left to be written is not to be paid by whoever syncs first.
        project.settle()?;
        ours.push(bench.ours(&project)?);
        project.settle()?;
        theirs.push(timed(&mut project.unpack_with_tar())?);
    }
    let (ours, theirs) = (Spread::of(ours), Spread::of(theirs));
    let what =
        "an archive of 4000 files hashed, unpacked and synced, the start of the program included";
    bench.report(
        Figure::new("build.unpack_gz", what, ours)
            .unit("s")
            .goal(ahead(
                "sha256sum, tar xzf, sync -f",
                ours,
                theirs,
                Some(1.2),
            )),
    );
    Ok(())
}

impl Bench {
    fn ours(&self, project: &Project) -> Result<f64, String> {
        timed(&mut self.command(project))
    }

    fn command(&self, project: &Project) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("build").arg(project.profile());
        command.arg("--root").arg(project.our_root());
        command.arg("--cache").arg(self.folder.path().join("cache"));
        command
    }

    fn idle(&mut self, id: &'static str, what: &str, project: &Project, least: f64) -> Outcome {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for round in 0..IDLE_ROUNDS {
            ours.push(self.ours(project)? * 1000.0);
            if round < PEER_IDLE_ROUNDS {
                theirs.push(self.peer.build(project, "")? * 1000.0);
            }
        }
        let (ours, theirs) = (Spread::of(ours), Spread::of(theirs));
        let goal = ahead("zc.buildout", ours, theirs, Some(least));
        self.report(Figure::new(id, what, ours).goal(goal));
        Ok(())
    }

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

fn ahead(what: &str, ours: Spread, theirs: Spread, at_least: Option<f64>) -> Goal {
    Goal::Peer {
        what: what.to_owned(),
        ratio: theirs.median / ours.median,
        value: theirs,
        at_least,
    }
}

/// Seconds that a command takes, which must end well.
fn timed(command: &mut Command) -> Result<f64, String> {
    let start = Instant::now();
    let output = command.output();
    let seconds = start.elapsed().as_secs_f64();
    let output = output.map_err(|error| format!("cannot run {command:?}: {error}"))?;
    match output.status.success() {
        true => Ok(seconds),
        false => {
            let (out, err) = (&output.stdout, &output.stderr);
            let (out, err) = (String::from_utf8_lossy(out), String::from_utf8_lossy(err));
            Err(format!("{command:?} failed: {out}{err}"))
        }
    }
}

/// Removes a folder; nothing there is fine.
fn remove(folder: &Path) -> Outcome {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.to_string()),
        _ => Ok(()),
    }
}
