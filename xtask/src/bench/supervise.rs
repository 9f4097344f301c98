//! The supervisor alone, as it ships: many services in a private folder.
//!
//! The services are `/bin/sleep`, one group each, as one partition has one service.

use super::figure::{Figure, Goal, Spread};
use super::service::{beside_spawn, kill, program_starts};
use super::wait::{pause, wait_for};
use super::world::{listener_pid, make_folder};
use super::{Bench, limit, process};
use nix::sys::signal::Signal;
use slapos_supervise::{
    Client, GroupSpec, ProgramKind, ProgramSpec, ProgramState, ShutdownMode, Wanted,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Services of the figures with a goal.
const SERVICES: usize = 500;

/// Starts of the whole, and kills of one service.
const ROUNDS: usize = 3;
const KILLS: usize = 20;

/// Starting or stopping everything takes at most so long.
const LIMIT: Duration = Duration::from_secs(120);

/// What one run gives.
#[derive(Debug, Default)]
pub(super) struct Run {
    /// Seconds from exec to all running.
    pub(super) start_s: Vec<f64>,
    /// Seconds from the first order to all running, each order synced.
    apply_s: f64,
    /// PSS of the supervisor with all services, KiB.
    pub(super) pss_kib: f64,
    /// The same before the first one.
    empty_kib: f64,
    /// Milliseconds from a kill to the successor.
    pub(super) kill_ms: Vec<f64>,
    /// Bare spawns in between.
    spawn_ms: Vec<f64>,
    /// Services that had another pid after a kill of the supervisor.
    changed: usize,
}

/// Measures 500 services.
pub(super) fn measure(bench: &mut Bench) -> Result<(), String> {
    let run = run(&bench.program, &bench.place, SERVICES)?;
    let bare = Spread::of(run.spawn_ms.clone());
    let all_bare = Spread::one(bare.median * count(SERVICES) / 1000.0);
    let start = Spread::of(run.start_s.clone());
    let what = "exec of the supervisor until 500 known services run";
    bench.report(
        Figure::new("supervise.start_500", what, start)
            .unit("s")
            .goal(Goal::Limit {
                what: "500 bare spawns".to_owned(),
                ratio: start.median / all_bare.median,
                value: all_bare,
                at_most: 1.5,
            }),
    );
    let what = "500 new groups ordered one by one, each synced, until all run";
    bench.report(Figure::new("supervise.apply_500", what, Spread::one(run.apply_s)).unit("s"));
    report_memory(bench, &run);
    let what = "kill -9 of one of 500 services until its successor's program file runs";
    bench.report(beside_spawn(
        "supervise.restart_500",
        what,
        run.kill_ms,
        run.spawn_ms,
    ));
    let what = "services of 500 with another pid after kill -9 of the supervisor and a new one";
    let changed = Spread::one(count(run.changed));
    let figure = Figure::new("supervise.changed_500", what, changed).unit("services");
    bench.report(figure.goal(Goal::AtMost(0.0)));
    Ok(())
}

/// Alone on the machine, the supervisor's PSS holds the pages of the program file that it shares
/// with master and agent otherwise. So both are told: the whole by the number of services, as it is
/// told of other supervisors, and what 500 services add.
fn report_memory(bench: &mut Bench, run: &Run) {
    let (all, empty) = (run.pss_kib, run.empty_kib);
    let each = Spread::one(all / count(SERVICES));
    let what = format!("PSS of the supervisor ({all:.0} KiB, alone) divided by its services");
    let figure = Figure::new("supervise.memory_500", what, each).unit("KiB");
    bench.report(figure.goal(Goal::AtMost(10.0)));
    let each = Spread::one((all - empty) / count(SERVICES));
    let what = format!("what each service adds to its PSS ({empty:.0} KiB without any)");
    let figure = Figure::new("supervise.memory_added", what, each).unit("KiB");
    bench.report(figure.goal(Goal::AtMost(10.0)));
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

/// One supervisor through its life.
pub(super) fn run(program: &Path, place: &Path, services: usize) -> Result<Run, String> {
    let dir = make_folder(place)?;
    let mut own = Own::new(program, dir.path());
    own.start()?;
    let mut run = Run {
        empty_kib: own.pss_kib()?,
        apply_s: own.order(services)?,
        ..Run::default()
    };
    pause(Duration::from_secs(2));
    run.pss_kib = own.pss_kib()?;
    own.kill_some(&mut run)?;
    run.changed = own.replace_killed()?;
    for _ in 0..ROUNDS {
        own.stop()?;
        let start = Instant::now();
        own.start()?;
        own.wait_running(services)?;
        run.start_s.push(start.elapsed().as_secs_f64());
        run.spawn_ms.extend(limit::spawn_ms(50)?);
    }
    Ok(run)
}

/// A supervisor of ours.
struct Own {
    program: PathBuf,
    root: PathBuf,
    dir: PathBuf,
    child: Option<Child>,
}

impl Own {
    fn new(program: &Path, root: &Path) -> Self {
        Self {
            program: program.to_owned(),
            root: root.to_owned(),
            dir: root.join("var/supervise"),
            child: None,
        }
    }

    fn start(&mut self) -> Result<(), String> {
        let child = Command::new(&self.program)
            .args(["internal", "supervise", "--root"])
            .arg(&self.root)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| format!("cannot start a supervisor: {error}"))?;
        self.child = Some(child);
        wait_for("a supervisor", LIMIT, || Ok(self.client().ok()))?;
        Ok(())
    }

    fn pss_kib(&self) -> Result<f64, String> {
        let pss = process::pss_kib(listener_pid(&self.dir)?)?;
        Ok(f64::from(u32::try_from(pss).unwrap_or(u32::MAX)))
    }

    fn client(&self) -> Result<Client, String> {
        Client::connect(&self.dir).map_err(|error| error.to_string())
    }

    /// Orders all services: seconds until all run.
    fn order(&self, services: usize) -> Result<f64, String> {
        let mut client = self.client()?;
        let start = Instant::now();
        for index in 0..services {
            let command = vec!["/bin/sleep".to_owned(), "1000000".to_owned()];
            let mut program = ProgramSpec::new("sleep", ProgramKind::Service, command);
            program.digest = "1".to_owned();
            let group = GroupSpec {
                name: format!("slappart{index}"),
                wanted: Wanted::Running,
                programs: vec![program],
            };
            client.apply(&group).map_err(|error| error.to_string())?;
        }
        self.wait_running(services)?;
        Ok(start.elapsed().as_secs_f64())
    }

    /// Waits until so many run, told by events; the status is asked once.
    fn wait_running(&self, services: usize) -> Result<(), String> {
        let starts = program_starts(&self.dir)?;
        let mut running = self.running()?;
        while running.len() < services {
            let start = starts
                .recv_timeout(LIMIT)
                .map_err(|_| format!("only {} of {services} run", running.len()))?;
            running.insert(start.group, start.pid);
        }
        Ok(())
    }

    /// Group to pid of what runs.
    fn running(&self) -> Result<BTreeMap<String, u32>, String> {
        let groups = self.client()?.status().map_err(|error| error.to_string())?;
        let pids = groups.into_iter().filter_map(|group| {
            let program = group.programs.first()?;
            let pid = u32::try_from(program.pid?).ok()?;
            (program.state == ProgramState::Running).then_some((group.name, pid))
        });
        Ok(pids.collect())
    }

    fn kill_some(&self, run: &mut Run) -> Result<(), String> {
        let running = self.running()?;
        let starts = program_starts(&self.dir)?;
        run.spawn_ms.extend(limit::spawn_ms(50)?);
        for (group, pid) in running.iter().take(KILLS) {
            run.kill_ms.push(kill(&starts, group, *pid)?.0);
        }
        run.spawn_ms.extend(limit::spawn_ms(50)?);
        Ok(())
    }

    /// Kills the supervisor and starts another: how many services have another pid or are gone.
    fn replace_killed(&mut self) -> Result<usize, String> {
        let before = self.running()?;
        if let Some(mut child) = self.child.take() {
            // It cannot refuse.
            drop(child.kill());
            drop(child.wait());
        }
        self.start()?;
        let after = self.running()?;
        let same = before
            .iter()
            .filter(|(group, pid)| after.get(*group) == Some(pid));
        Ok(before.len() - same.count())
    }

    fn stop(&mut self) -> Result<(), String> {
        let Some(mut child) = self.child.take() else {
            return Ok(());
        };
        let asked = self.client().and_then(|mut client| {
            client
                .shutdown(ShutdownMode::StopServices)
                .map_err(|error| error.to_string())
        });
        let ended = wait_for("the supervisor to end", LIMIT, || {
            Ok(child.try_wait().ok().flatten())
        });
        asked.and(ended.map(drop))
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        // A failure was told already; here only what is left is ended.
        if self.stop().is_err() {
            for (_, pid) in self.running().unwrap_or_default() {
                process::send(pid, Signal::SIGKILL);
            }
        }
    }
}
