//! From a request to a running service and to a green one; from a kill to the successor.
//!
//! The process is seen by the supervisor's own events and the green by the master's watch stream,
//! each read in a thread of its own: no figure holds a pause between two looks.

use super::figure::{Figure, Goal, Spread};
use super::world::World;
use super::{Bench, limit, process};
use nix::sys::signal::Signal;
use slapos_supervise::EventKind;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// New services, one after the other.
const REQUESTS: u32 = 50;

/// Kills, a third of them after each measure of a bare spawn; no service twice, since one that was
/// just started waits before it is started again.
const KILLS: usize = 48;

/// A service that was killed is started again at once only when it lived this long.
const LIVED: Duration = Duration::from_millis(1100);

/// Anything here that takes so long is a failure, not a figure.
const LIMIT: Duration = Duration::from_secs(30);

/// Measures both, in one world.
pub(super) fn measure(bench: &mut Bench) -> Result<(), String> {
    let world = World::start(&bench.program, &bench.place, "slb", REQUESTS + 1)?;
    world.ask("warm")?;
    world.wait_green("warm")?;
    let starts = program_starts(&world.supervise_dir())?;
    let greens = green_events(&world)?;
    let (mut running, mut green) = (Vec::new(), Vec::new());
    let mut services = BTreeMap::new();
    for index in 0..REQUESTS {
        let asked_at = Instant::now();
        let view = world.ask(&format!("service-{index}"))?;
        let group = view
            .partition
            .ok_or_else(|| format!("{} got no partition", view.name))?;
        let start = wait_start(&starts, &group, 0)?;
        let green_at = wait_event(&greens, &view.id)?;
        running.push(milliseconds(asked_at, start.at));
        green.push(milliseconds(asked_at, green_at));
        services.insert(group, start.pid);
    }
    report_requests(bench, running, green);
    measure_kills(bench, &starts, services)
}

fn report_requests(bench: &mut Bench, running: Vec<f64>, green: Vec<f64>) {
    let what = format!(
        "{REQUESTS} new helloworld, software installed, one at a time: POST /v1/instances until \
         the supervisor says that the program file runs"
    );
    bench.report(Figure::new(
        "request.process_p50",
        what.clone(),
        Spread::of(running.clone()),
    ));
    let p99 = Spread::percentile(running, 99);
    bench.report(Figure::new("request.process_p99", what, p99).goal(Goal::AtMost(100.0)));
    let what = "the same until the event instance.green (3 promises kept)";
    let p50 = Spread::of(green.clone());
    bench.report(Figure::new("request.green_p50", what, p50).goal(Goal::AtMost(500.0)));
    let p99 = Spread::percentile(green, 99);
    bench.report(Figure::new("request.green_p99", what, p99).goal(Goal::AtMost(500.0)));
}

fn measure_kills(
    bench: &mut Bench,
    starts: &Receiver<Start>,
    mut services: BTreeMap<String, u32>,
) -> Result<(), String> {
    super::wait::pause(LIVED);
    let (mut kills, mut spawns) = (Vec::new(), Vec::new());
    let names: Vec<String> = services.keys().cloned().collect();
    for (index, group) in names.iter().cycle().take(KILLS).enumerate() {
        if index % (KILLS / 3) == 0 {
            spawns.extend(limit::spawn_ms(50)?);
        }
        let before = services.get(group).copied().unwrap_or_default();
        let (time, pid) = kill(starts, group, before)?;
        kills.push(time);
        services.insert(group.clone(), pid);
    }
    bench.report(beside_spawn(
        "crash.successor",
        &format!("kill -9 of one of {REQUESTS} helloworld until its successor's program file runs"),
        kills,
        spawns,
    ));
    Ok(())
}

/// A restart latency beside a bare spawn of the same run.
pub(super) fn beside_spawn(
    id: &'static str,
    what: &str,
    kills: Vec<f64>,
    spawns: Vec<f64>,
) -> Figure {
    let (value, bare) = (Spread::of(kills), Spread::of(spawns));
    Figure::new(id, what, value).goal(Goal::Limit {
        what: "posix_spawn of /bin/true, waited".to_owned(),
        ratio: value.median / bare.median,
        value: bare,
        at_most: 5.0,
    })
}

/// Kills the process `pid` of a group and waits for the next: how long that took, and its pid.
pub(super) fn kill(starts: &Receiver<Start>, group: &str, pid: u32) -> Result<(f64, u32), String> {
    let killed_at = Instant::now();
    if !process::send(pid, Signal::SIGKILL) {
        return Err(format!("there is no process {pid} of {group} to kill"));
    }
    let start = wait_start(starts, group, pid)?;
    Ok((milliseconds(killed_at, start.at), start.pid))
}

/// A program that was started.
#[derive(Debug)]
pub(super) struct Start {
    at: Instant,
    pub(super) group: String,
    pub(super) pid: u32,
}

/// Every start that the supervisor of a folder makes from now on.
pub(super) fn program_starts(dir: &Path) -> Result<Receiver<Start>, String> {
    let mut events = slapos_supervise::Client::connect(dir)
        .and_then(slapos_supervise::Client::subscribe)
        .map_err(|error| error.to_string())?;
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        // Ends with the supervisor, or with the receiver.
        while let Ok(event) = events.next_within(Duration::from_secs(3600)) {
            let at = Instant::now();
            let Some(event) = event else { continue };
            let EventKind::Started { pid } = event.kind else {
                continue;
            };
            let pid = u32::try_from(pid).unwrap_or_default();
            let group = event.group;
            if sender.send(Start { at, group, pid }).is_err() {
                return;
            }
        }
    });
    Ok(receiver)
}

impl World {
    /// Milliseconds from the start of the command `slapos request` to the running process.
    pub(super) fn command_until_running(
        &self,
        starts: &Receiver<Start>,
        index: usize,
    ) -> Result<f64, String> {
        let asked_at = Instant::now();
        let name = format!("measured-{index}");
        let output = self.command(&["request", "helloworld", &name])?;
        let view = self
            .client
            .find_instance(&name)
            .map_err(|error| format!("{name}: {error}, after: {output}"))?;
        let group = view.partition.ok_or(format!("{name} got no partition"))?;
        Ok(milliseconds(asked_at, wait_start(starts, &group, 0)?.at))
    }
}

/// The next start of a group that is not the process `old`.
fn wait_start(starts: &Receiver<Start>, group: &str, old: u32) -> Result<Start, String> {
    loop {
        let start = starts
            .recv_timeout(LIMIT)
            .map_err(|_| format!("no process of {group} after {} s", LIMIT.as_secs()))?;
        if start.group == group && start.pid != old {
            return Ok(start);
        }
    }
}

fn green_events(world: &World) -> Result<Receiver<(Instant, String)>, String> {
    let mut watch = world
        .client
        .watch(None)
        .map_err(|error| error.to_string())?;
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        // Ends with the master, or with the receiver.
        while let Ok(event) = watch.next_event() {
            let at = Instant::now();
            let Some(instance) = event.instance else {
                continue;
            };
            if event.kind == "instance.green" && sender.send((at, instance)).is_err() {
                return;
            }
        }
    });
    Ok(receiver)
}

fn wait_event(greens: &Receiver<(Instant, String)>, instance: &str) -> Result<Instant, String> {
    loop {
        let (at, found) = greens
            .recv_timeout(LIMIT)
            .map_err(|_| format!("{instance} is not green after {} s", LIMIT.as_secs()))?;
        if found == instance {
            return Ok(at);
        }
    }
}

fn milliseconds(from: Instant, to: Instant) -> f64 {
    to.saturating_duration_since(from).as_secs_f64() * 1000.0
}
