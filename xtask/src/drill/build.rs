//! `cargo xtask drill build`: a build is killed at random moments, and meets a disk that is too small.
//!
//! After each kill nothing half-made is recorded as installed, nothing of the build still runs, and in the end
//! everything is there. The seed is printed; the same seed draws the same moments. The disk is in `build/disk.rs`.

mod disk;
mod project;

use super::luck::{self, Luck};
use crate::Outcome;
use crate::bench;
use crate::bench::process::{list_naming, load_average};
use crate::bench::wait::{pause, wait_for};
use crate::command::say;
use project::Project;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// What the guard of a killed builder takes to end what it had started.
const GONE: Duration = Duration::from_secs(20);

/// What is drilled and how.
#[derive(Debug, clap::Args)]
pub(super) struct Build {
    /// How many kills.
    #[arg(long, default_value_t = 50)]
    rounds: u32,
    /// How many times shared parts are pruned beside builds.
    #[arg(long, default_value_t = 100)]
    prunes: u32,
    /// Repeat a drill of before: when is killed is drawn from this number.
    #[arg(long)]
    seed: Option<u64>,
    /// Where the private folder is made.
    #[arg(long, value_name = "DIR", default_value = "/var/tmp")]
    place: PathBuf,
    /// Drill this program instead of building the one of this repository.
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

/// Runs it.
pub(super) fn run(build: Build) -> Outcome {
    let program = bench::program(build.program)?;
    let seed = build.seed.unwrap_or_else(luck::fresh_seed);
    say(&format!(
        "seed {seed}, {} kills, load {:.1}",
        build.rounds,
        load_average()
    ));
    let folder = tempfile::Builder::new()
        .prefix("slapos-build-")
        .tempdir_in(&build.place)
        .map_err(|error| format!("{}: {error}", build.place.display()))?;
    let project = Project::make(&program, folder.path())?;
    kill(&project, build.rounds, seed)?;
    prune(&project, build.prunes)?;
    disk::run(&project)
}

fn kill(project: &Project, rounds: u32, seed: u64) -> Outcome {
    let mut luck = Luck::new(seed);
    let begun = Instant::now();
    project.build()?;
    let whole = begun.elapsed();
    say(&format!(
        "an undisturbed build takes {:.2} s",
        whole.as_secs_f64()
    ));
    let (mut kills, mut wholes) = (0, 1);
    while kills < rounds {
        // Some rounds begin anew, others go on from what the last one left.
        if luck.below(3) == 0 {
            project.forget()?;
        }
        let moment = luck.up_to(u64::try_from(whole.as_millis()).unwrap_or(10_000));
        let mut child = project
            .command()
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| error.to_string())?;
        pause(Duration::from_millis(moment));
        let is_killed = kill_now(&mut child)?;
        let round = format!("after kill {kills}, at {moment} ms (seed {seed})");
        let told = |error: String| format!("{round}: {error}");
        match is_killed {
            true => kills += 1,
            false => wholes += 1,
        }
        nothing_runs(project).map_err(told)?;
        project.check_records().map_err(told)?;
    }
    project.build()?;
    project.check_whole()?;
    say(&format!(
        "{kills} kills, {wholes} builds to the end in between, all parts whole at the end"
    ));
    Ok(())
}

/// Builds and prunes side by side: what a build uses stays, and what only an older one used goes.
fn prune(project: &Project, prunes: u32) -> Outcome {
    let (mut builds, mut removed, mut busy) = (0_u32, 0, 0);
    let mut child: Option<Child> = None;
    for _ in 0..prunes {
        if child.is_none() {
            // Another value each time, so that the shared parts of the build before are in nobody's record.
            let mut command = project.command();
            command.arg(format!("part0:more={}", builds % 2 + 1));
            command.stdout(Stdio::null()).stderr(Stdio::null());
            child = Some(command.spawn().map_err(|error| error.to_string())?);
            builds += 1;
        }
        let pruned = project.prune()?;
        removed += pruned["removed"].as_array().map_or(0, Vec::len);
        busy += u32::from(pruned["is_busy"] == true);
        let ended = child.as_mut().map(Child::try_wait).transpose();
        if let Some(status) = ended.map_err(|error| error.to_string())?.flatten() {
            if !status.success() {
                return Err(format!("a build beside prunes ended with {status}"));
            }
            child = None;
        }
        project.check_records()?;
        pause(Duration::from_millis(20));
    }
    if let Some(mut child) = child {
        child.wait().map_err(|error| error.to_string())?;
    }
    project.prune()?;
    project.check_whole()?;
    say(&format!(
        "{prunes} prunes beside {builds} builds: {removed} parts removed, {busy} times a build ran; all is whole"
    ));
    Ok(())
}

/// Kills it; false when it had ended by itself, which must have been well.
fn kill_now(child: &mut Child) -> Result<bool, String> {
    if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
        return match status.success() {
            true => Ok(false),
            false => Err(format!("a build that nobody killed ended with {status}")),
        };
    }
    child.kill().map_err(|error| error.to_string())?;
    child.wait().map_err(|error| error.to_string())?;
    Ok(true)
}

/// No step of the killed build still writes into the folder.
fn nothing_runs(project: &Project) -> Outcome {
    let mark = project.root().display().to_string();
    wait_for("the steps of the killed build to end", GONE, || {
        Ok(list_naming(&mark).is_empty().then_some(()))
    })
}
