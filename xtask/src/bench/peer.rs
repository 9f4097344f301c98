//! The Python side by side, in the same run: supervisord, and the genuine master and node of
//! slapos.core, each from pip in a private environment.

use super::Bench;
use super::figure::{Figure, Goal, Spread};
use super::process::send;
use super::service::program_starts;
use super::wait::wait_for;
use super::world::{World, make_folder};
use super::{process, supervise};
use crate::compat::slap::life::{Life, Side};
use crate::compat::slap::python::Python;
use crate::venv;
use nix::sys::signal::Signal;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const SERVICES: usize = 100;
const ROUNDS: usize = 3;
const KILLS: usize = 5;
/// Each fills a partition; the genuine node has three.
const REQUESTS: usize = 3;
const LIMIT: Duration = Duration::from_secs(60);

/// supervisord imports `pkg_resources`, which later setuptools no longer have.
const PACKAGES: [&str; 2] = ["supervisor==4.3.0", "setuptools<71"];

/// Starts and restarts of 100 services, then requests: theirs and ours.
pub(super) fn measure(bench: &mut Bench) -> Result<(), String> {
    measure_supervisor(bench)?;
    measure_node(bench)
}

/// From the command `slapos request` to the running process, the software installed, theirs and ours.
fn measure_node(bench: &mut Bench) -> Result<(), String> {
    let python = Python::ensure()?;
    let life = Life::start(&python, &bench.program, Side::Original)?;
    life.prepare()?;
    let world = World::start(&bench.program, &bench.place, "slp", 1 + count(REQUESTS))?;
    world.ask("warm")?;
    world.wait_green("warm")?;
    let starts = program_starts(&world.supervise_dir())?;
    let (mut theirs, mut ours) = (Vec::new(), Vec::new());
    for index in 0..REQUESTS {
        theirs.push(life.request_until_running(index)?);
        ours.push(world.command_until_running(&starts, index)?);
    }
    let (theirs, own) = (Spread::of(theirs), Spread::of(ours));
    let what = format!(
        "{REQUESTS} times `slapos request`, from the start of the command until the process runs, \
         software installed (theirs: a round of the node at once, where cron would wait up to 60 s)"
    );
    let goal = Goal::Peer {
        what: "slapos.core, proxy and node".to_owned(),
        ratio: theirs.median / own.median,
        value: theirs,
        at_least: Some(50.0),
    };
    bench.report(Figure::new("peer.request_to_running", what, own).goal(goal));
    Ok(())
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn measure_supervisor(bench: &mut Bench) -> Result<(), String> {
    let dir = make_folder(&bench.place)?;
    let venv = venv::ensure("supervisor-4.3.0", Path::new("python3"), &PACKAGES)?;
    let (start, restart, pss) = run(&venv, dir.path())?;
    let ours = supervise::run(&bench.program, &bench.place, SERVICES)?;
    let own_start = Spread::of(ours.start_s);
    let figure = Figure::new(
        "peer.start_100",
        "exec of the supervisor until 100 services run",
        own_start,
    );
    bench.report(figure.unit("s").goal(ahead(own_start, start)));
    let own_restart = Spread::of(ours.kill_ms);
    let what = "kill -9 of one of 100 services until its successor runs";
    bench.report(
        Figure::new("peer.restart_100", what, own_restart).goal(ahead(own_restart, restart)),
    );
    let own_pss = Spread::one(ours.pss_kib);
    let what = "PSS of the supervisor of 100 services";
    let figure = Figure::new("peer.memory_100", what, own_pss).unit("KiB");
    bench.report(figure.goal(ahead(own_pss, pss)));
    Ok(())
}

fn ahead(own: Spread, theirs: Spread) -> Goal {
    Goal::Peer {
        what: "supervisord".to_owned(),
        ratio: theirs.median / own.median,
        value: theirs,
        at_least: None,
    }
}

/// Seconds to start, milliseconds to restart, KiB.
fn run(venv: &Path, dir: &Path) -> Result<(Spread, Spread, Spread), String> {
    std::fs::write(dir.join("supervisord.conf"), configuration(dir))
        .map_err(|error| error.to_string())?;
    let (mut starts, mut restarts, mut sizes) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let mut peer = Peer::start(venv, dir)?;
        peer.wait_children(SERVICES)?;
        starts.push(start.elapsed().as_secs_f64());
        let pss = process::pss_kib(peer.child.id())?;
        sizes.push(f64::from(u32::try_from(pss).unwrap_or(u32::MAX)));
        for _ in 0..KILLS {
            restarts.push(peer.kill_one()?);
        }
    }
    Ok((Spread::of(starts), Spread::of(restarts), Spread::of(sizes)))
}

fn configuration(dir: &Path) -> String {
    let dir = dir.display();
    let mut text = format!(
        "[supervisord]\nnodaemon=true\nminfds=4096\nlogfile={dir}/log\npidfile={dir}/pid\n"
    );
    for index in 0..SERVICES {
        text.push_str(&format!(
            "[program:s{index}]\ncommand=/bin/sleep 1000000\nautorestart=true\nstartsecs=0\n\
             redirect_stderr=true\nstdout_logfile={dir}/s{index}.log\n"
        ));
    }
    text
}

struct Peer {
    child: Child,
}

impl Peer {
    fn start(venv: &Path, dir: &Path) -> Result<Self, String> {
        let child = Command::new(venv.join("bin/supervisord"))
            .arg("-c")
            .arg(dir.join("supervisord.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("cannot start supervisord: {error}"))?;
        Ok(Self { child })
    }

    /// The children that run their program already.
    fn children(&self) -> BTreeSet<u32> {
        let pid = self.child.id();
        let path = format!("/proc/{pid}/task/{pid}/children");
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let is_service = |pid: &u32| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.starts_with(b"/bin/sleep")
        };
        let pids = text.split_whitespace().filter_map(|word| word.parse().ok());
        pids.filter(is_service).collect()
    }

    fn wait_children(&self, count: usize) -> Result<BTreeSet<u32>, String> {
        wait_for(&format!("{count} services of supervisord"), LIMIT, || {
            let children = self.children();
            Ok((children.len() == count).then_some(children))
        })
    }

    fn kill_one(&mut self) -> Result<f64, String> {
        let before = self.wait_children(SERVICES)?;
        let victim = before.first().copied().unwrap_or_default();
        let start = Instant::now();
        send(victim, Signal::SIGKILL);
        wait_for("a successor", LIMIT, || {
            let children = self.children();
            Ok((children.difference(&before).count() > 0).then_some(()))
        })?;
        Ok(start.elapsed().as_secs_f64() * 1000.0)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        send(self.child.id(), Signal::SIGTERM);
        let ended = wait_for("supervisord to end", LIMIT, || {
            Ok(self.child.try_wait().ok().flatten())
        });
        if ended.is_err() {
            // It cannot refuse.
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}
