//! `cargo xtask bench nodes`: ten thousand nodes on one master, or on several with PostgreSQL.
//!
//! The nodes are tasks of this process that speak to the shipped program as `slapos node run` does:
//! TLS with a certificate each, a watch stream, polls, reports. All is measured from their side; a
//! call that fails, a bang that is not told or a report that is not kept ends the command. Start
//! with [`run`]; `settle.rs` prepares, `life.rs` is a node.

mod host;
mod life;
mod line;
mod record;
mod settle;
mod tell;

use super::figure::{Figure, Spread};
use super::load::{call, request};
use super::process::{cpu_us, load_average};
use super::wait::{pause, wait_for};
use crate::Outcome;
use crate::command::say;
use crate::drill::luck::Luck;
use host::Hosts;
use life::{Node, World};
use record::{Record, What};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;
use tokio::runtime::Runtime;

/// How many of what.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
    /// Nodes.
    #[arg(long, default_value_t = 10_000)]
    nodes: usize,
    /// Partitions of each, all of them in use.
    #[arg(long, default_value_t = 10)]
    partitions: usize,
    /// Masters; more than one share a PostgreSQL.
    #[arg(long, default_value_t = 1)]
    masters: usize,
    /// PostgreSQL also for one master.
    #[arg(long)]
    postgres: bool,
    /// Seconds in which a node polls and reports once; a real one does every five minutes.
    #[arg(long, default_value_t = 60)]
    period: u64,
    /// Nodes that begin in a second, at the start.
    #[arg(long, default_value_t = 200)]
    starts: u64,
    /// Seconds that are measured.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Seconds that the masters are gone.
    #[arg(long, default_value_t = 60)]
    silence: u64,
    /// Where the private folders are made. A file system in memory makes every sync free.
    #[arg(long, value_name = "DIR", default_value = "/var/tmp")]
    place: PathBuf,
    /// Measure this program instead of building the one of this repository.
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

/// Bangs by persons in a second.
const BANGS: u64 = 20;

/// Nodes whose reports are read back.
const READ_BACK: usize = 200;

/// Everybody has to be back after so long.
const BACK: Duration = Duration::from_secs(300);

struct Run {
    asked: Arguments,
    hosts: Hosts,
    world: Arc<World>,
    nodes: Vec<Arc<Node>>,
    runtime: Runtime,
    figures: Vec<Figure>,
    /// What was not served.
    failures: Vec<String>,
}

/// Measures.
pub(super) fn run(mut asked: Arguments) -> Outcome {
    let files = raise_open_files()?;
    say(&format!("at most {files} open files a process"));
    let program = super::program(asked.program.take())?;
    let count = (asked.masters, asked.postgres);
    let runtime = Runtime::new().map_err(|error| format!("no runtime: {error}"))?;
    let world = World {
        record: Record::new(),
        watching: 0.into(),
        period: Duration::from_secs(asked.period),
        is_over: false.into(),
        partitions: asked.partitions,
    };
    let mut run = Run {
        hosts: Hosts::start(&program, &asked.place, count)?,
        asked,
        world: Arc::new(world),
        nodes: Vec::new(),
        runtime,
        figures: Vec::new(),
        failures: Vec::new(),
    };
    let measured = run.measure();
    run.world.is_over.store(true, SeqCst);
    if measured.is_err() {
        for host in &run.hosts.masters {
            say(&host.last_words());
        }
    }
    measured
}

/// As many as may be: a node needs one here and one in the master, two while it calls.
fn raise_open_files() -> Result<u64, String> {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let failed = |error| format!("cannot raise the limit of open files: {error}");
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).map_err(failed)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most).map_err(failed)?;
    Ok(most)
}

impl Run {
    fn measure(&mut self) -> Outcome {
        let size = (self.asked.nodes, self.asked.partitions);
        self.nodes = settle::join(&self.hosts, &self.world, (&self.runtime, size.0))?;
        settle::fill(&self.hosts, size)?;
        let before = self.hosts.pss_mib()?;
        self.start_nodes()?;
        self.memory(before)?;
        self.steady()?;
        let silence = Duration::from_secs(self.asked.silence);
        self.come_back("nodes.back", silence)?;
        self.come_back("nodes.restart", Duration::ZERO)?;
        self.read_back()?;
        say("");
        say(&Figure::row_head());
        for figure in &self.figures {
            say(&figure.row());
        }
        match self.failures.is_empty() {
            true => Ok(()),
            false => Err(format!(
                "not all was served (load {:.1}): {}",
                load_average(),
                self.failures.join("; ")
            )),
        }
    }

    fn now(&self) -> Duration {
        self.world.record.now()
    }

    fn start_nodes(&mut self) -> Outcome {
        let begun = self.now();
        for (index, node) in (0..).zip(&self.nodes) {
            let delay = Duration::from_millis(index * 1000 / self.asked.starts.max(1));
            self.runtime.spawn(Arc::clone(node).live(delay));
        }
        self.wait_all()?;
        let span = begun..self.now();
        let what = format!(
            "until all {} watch, {} begin a second",
            self.nodes.len(),
            self.asked.starts
        );
        self.seconds("nodes.start", &what, &span);
        self.latencies(
            ["nodes.start_join", "nodes.start_poll", "nodes.start_report"],
            &span,
        );
        self.note_failures("at the start", &span);
        Ok(())
    }

    fn wait_all(&self) -> Outcome {
        wait_for("all nodes to watch", BACK, || {
            let are_all = self.world.watching.load(SeqCst) == self.nodes.len();
            Ok(are_all.then_some(()))
        })
        .map_err(|error| {
            let watching = self.world.watching.load(SeqCst);
            let failures = self.world.record.failures(&(Duration::ZERO..Duration::MAX));
            format!("{error}: {watching} do; {failures:?}")
        })
    }

    fn memory(&mut self, before: f64) -> Outcome {
        let after = self.hosts.pss_mib()?;
        let share = self.nodes.len() / self.hosts.masters.len();
        let each = (after - before) * 1024.0 / f64::from(u32::try_from(share).unwrap_or(1));
        let what = format!("PSS of a master for each stream; {before:.0} to {after:.0} MiB in all");
        self.report(Figure::new("nodes.stream_memory", what, Spread::one(each)).unit("KiB"));
        Ok(())
    }

    /// Polls, reports and bangs with everybody there.
    fn steady(&mut self) -> Outcome {
        let begun = self.now();
        let (cpu, own) = (self.hosts.cpu_seconds(), cpu_us(std::process::id()));
        let mut luck = Luck::new(7);
        let sent = self.bang(Duration::from_secs(self.asked.seconds), &mut luck)?;
        let span = begun..self.now();
        let length = (span.end - span.start).as_secs_f64();
        let cpu = (self.hosts.cpu_seconds() - cpu) / length;
        let own = Duration::from_micros(cpu_us(std::process::id()) - own).as_secs_f64() / length;
        self.latencies(["nodes.join", "nodes.poll", "nodes.report"], &span);
        let what = format!("of one core, all masters together; the simulated nodes {own:.2}");
        self.report(Figure::new("nodes.cpu", what, Spread::one(cpu)).unit("cores"));
        let told = || {
            self.nodes
                .iter()
                .map(|node| node.bangs.load(SeqCst))
                .sum::<usize>()
        };
        wait_for("all bangs to be told", Duration::from_secs(120), || {
            Ok((told() == sent).then_some(()))
        })
        .map_err(|error| format!("{error}: {} of {sent} are", told()))?;
        let span = begun..self.now();
        self.latency(
            "nodes.bang",
            What::Bang,
            &span,
            "a person's bang until its node is told",
        );
        self.note_failures("with everybody there", &span);
        Ok(())
    }

    /// Bangs an instance of a node after another; how many.
    fn bang(&self, length: Duration, luck: &mut Luck) -> Result<usize, String> {
        let (begun, mut sent) = (self.now(), 0);
        while self.now() - begun < length {
            let index = luck.up_to(u64::try_from(self.nodes.len() - 1).unwrap_or_default());
            let index = usize::try_from(index).unwrap_or_default();
            let node = &self.nodes[index];
            let now = u64::try_from(self.now().as_micros()).unwrap_or(u64::MAX);
            if node
                .banged_at
                .compare_exchange(0, now, SeqCst, SeqCst)
                .is_ok()
            {
                let name = settle::instance_name(index, sent % self.asked.partitions);
                let path = format!("/v1/instances/{name}/bang");
                self.ask(&path, r#"{"message": "look"}"#)?;
                sent += 1;
            }
            pause(Duration::from_millis(1000 / BANGS));
        }
        Ok(sent)
    }

    fn ask(&self, path: &str, body: &str) -> Result<serde_json::Value, String> {
        let address = self.hosts.masters[0].address;
        let mut bytes = request(address, &self.hosts.token, path, body);
        if body.is_empty() {
            bytes.splice(..4, *b"GET");
        }
        let answer = call(address, &bytes)?;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        match answer.status {
            200 => serde_json::from_str(&text).map_err(|error| format!("{path}: {error}")),
            status => Err(format!("{path} is answered {status}: {text}")),
        }
    }

    /// The masters go by kill -9 and come back after `silence`.
    fn come_back(&mut self, id: &'static str, silence: Duration) -> Outcome {
        let gone = self.now();
        self.hosts.kill();
        wait_for("the nodes to notice", BACK, || {
            Ok((self.world.watching.load(SeqCst) == 0).then_some(()))
        })?;
        pause(silence.saturating_sub(self.now() - gone));
        let begun = self.now();
        self.hosts.boot()?;
        let cpu = self.hosts.cpu_seconds();
        self.wait_all()?;
        let span = begun..self.now();
        let cpu = self.hosts.cpu_seconds() - cpu;
        let most = self.world.record.dialled_at_once(&span);
        let what = format!(
            "all {} watch again after {} s without a master; at most {most} dialled in a second, \
             CPU of the masters {cpu:.1} s",
            self.nodes.len(),
            silence.as_secs()
        );
        self.seconds(id, &what, &span);
        let ids = match id {
            "nodes.back" => ["nodes.back_join", "nodes.back_poll", "nodes.back_report"],
            _ => [
                "nodes.restart_join",
                "nodes.restart_poll",
                "nodes.restart_report",
            ],
        };
        self.latencies(ids, &span);
        for (text, count) in self.world.record.failures(&span) {
            say(&format!("  {count} times: {text}"));
        }
        Ok(())
    }

    /// What was acknowledged last is what a person reads.
    fn read_back(&self) -> Outcome {
        let step = (self.nodes.len() / READ_BACK).max(1);
        for (index, node) in self.nodes.iter().enumerate().step_by(step) {
            let turn = node.acknowledged.load(SeqCst);
            let number = usize::try_from(turn).unwrap_or_default() % self.asked.partitions;
            let name = settle::instance_name(index, number);
            let view = self.ask(&format!("/v1/instances/{name}"), "")?;
            // A turn may have ended between the two.
            let kept = view["message"].as_str().unwrap_or_default().to_owned();
            let is_newer = node.turn.load(SeqCst) > turn + 1;
            if kept != format!("turn {turn}") && !is_newer {
                return Err(format!(
                    "{name} says `{kept}` after turn {turn} was acknowledged"
                ));
            }
        }
        Ok(())
    }
}
