//! `cargo xtask drill kill`: random kill -9 of a running SlapOS, and what must hold after each.
//!
//! Services, agent, supervisor and master are killed at random moments, half of the time while a
//! worker asks for a further service and destroys it again. After each kill everything converges,
//! no acknowledged request is lost, no other service gets another pid, and every service is there
//! exactly once. The seed is printed; the same seed kills in the same order.

mod check;
mod worker;

use super::luck::{self, Luck};
use crate::Outcome;
use crate::bench;
use crate::bench::process::{load_average, send};
use crate::bench::wait::{pause, wait_for};
use crate::bench::world::World;
use crate::command::say;
use check::Standing;
use nix::sys::signal::Signal;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use worker::Worker;

/// Everything is as asked again within this time after a kill.
const CONVERGED: Duration = Duration::from_secs(15);

/// Services that stay.
const SERVICES: [&str; 3] = ["first", "second", "third"];

/// Slots for these, for the worker's, and for one that is still being cleaned.
const PARTITIONS: u32 = 6;

/// Time between the start of a round and its kill, in milliseconds, at most.
const MOMENT_MS: u64 = 1500;

/// What is drilled and how.
#[derive(Debug, clap::Args)]
pub(super) struct Kill {
    /// How many kills.
    #[arg(long, default_value_t = 50)]
    rounds: u32,
    /// Repeat a drill of before: what is killed when is drawn from this number.
    #[arg(long)]
    seed: Option<u64>,
    /// Where the private folder is made.
    #[arg(long, value_name = "DIR", default_value = "/var/tmp")]
    place: PathBuf,
    /// Drill this program instead of building the one of this repository.
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

/// Who is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    Service(&'static str),
    Agent,
    Supervisor,
    Master,
}

impl Victim {
    fn draw(luck: &mut Luck) -> Self {
        match luck.below(4) {
            0 => Self::Service(SERVICES[luck.below(3)]),
            1 => Self::Agent,
            2 => Self::Supervisor,
            _ => Self::Master,
        }
    }
}

impl std::fmt::Display for Victim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Service(name) => write!(f, "service {name}"),
            Self::Agent => f.write_str("agent"),
            Self::Supervisor => f.write_str("supervisor"),
            Self::Master => f.write_str("master"),
        }
    }
}

/// Runs it.
pub(super) fn run(kill: Kill) -> Outcome {
    let program = bench::program(kill.program)?;
    let seed = kill.seed.unwrap_or_else(luck::fresh_seed);
    say(&format!(
        "seed {seed}, {} rounds, load {:.1}",
        kill.rounds,
        load_average()
    ));
    let world = World::start(&program, &kill.place, "slk", PARTITIONS)?;
    for name in SERVICES {
        world.ask(name)?;
    }
    for name in SERVICES {
        world.wait_green(name)?;
    }
    let mut drill = Round {
        standing: Standing::read(&world, &SERVICES)?,
        worker: Worker::default(),
        luck: Luck::new(seed),
        times: Vec::new(),
        world,
    };
    for number in 1..=kill.rounds {
        drill
            .one(number)
            .map_err(|error| format!("round {number} (seed {seed}): {error}"))?;
    }
    drill.summarise(seed);
    Ok(())
}

struct Round {
    world: World,
    standing: Standing,
    worker: Worker,
    luck: Luck,
    times: Vec<(Victim, f64)>,
}

impl Round {
    fn one(&mut self, number: u32) -> Outcome {
        let is_working = number.is_multiple_of(2);
        let victim = Victim::draw(&mut self.luck);
        let moment = Duration::from_millis(self.luck.up_to(MOMENT_MS));
        // Late effects of the round before are found here.
        self.standing.check_pids(&self.world, None)?;
        let killed_at = if is_working {
            self.kill_while_working(victim, moment)?
        } else {
            pause(moment);
            self.kill(victim)?
        };
        let doing = if is_working { "working" } else { "idle" };
        let seconds = self
            .converge(victim, killed_at)
            .map_err(|error| format!("{victim} killed while {doing}: {error}"))?;
        say(&format!(
            "round {number}: {victim} killed while {doing} after {} ms, all as asked after \
             {seconds:.2} s; {} requests acknowledged",
            moment.as_millis(),
            self.worker.acknowledged()
        ));
        self.times.push((victim, seconds));
        Ok(())
    }

    /// The worker goes on until its request that the kill may have hit is acknowledged.
    fn kill_while_working(&mut self, victim: Victim, moment: Duration) -> Result<Instant, String> {
        let mut worker = std::mem::take(&mut self.worker);
        let stop = std::sync::atomic::AtomicBool::new(false);
        let (killed, worked) = std::thread::scope(|scope| {
            let thread = scope.spawn(|| worker.work(&self.world, &stop, CONVERGED));
            pause(moment);
            let killed = self.kill(victim);
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
            let worked = thread.join();
            (killed, worked)
        });
        self.worker = worker;
        worked.unwrap_or_else(|_| Err("the worker broke".to_owned()))?;
        killed
    }

    fn kill(&self, victim: Victim) -> Result<Instant, String> {
        let pids = self.standing.processes;
        let pid = match victim {
            Victim::Service(name) => self.standing.pid_of(name)?,
            Victim::Agent => pids.node,
            Victim::Supervisor => pids.supervisor,
            Victim::Master => pids.master,
        };
        let now = Instant::now();
        match send(pid, Signal::SIGKILL) {
            true => Ok(now),
            false => Err(format!("{victim} has no process {pid}")),
        }
    }

    /// Waits until all holds: seconds since the kill.
    fn converge(&mut self, victim: Victim, killed_at: Instant) -> Result<f64, String> {
        let left = CONVERGED.saturating_sub(killed_at.elapsed());
        let mut missing = String::new();
        let next = wait_for("everything to be as asked", left, || {
            let looked = self
                .standing
                .look(&self.world, victim)
                .and_then(|next| self.worker.check(&self.world).map(|()| next));
            match looked {
                Ok(next) => Ok(Some(next)),
                Err(check::Fault::Broken(text)) => Err(text),
                Err(check::Fault::NotYet(text)) => {
                    missing = text;
                    Ok(None)
                }
            }
        });
        let next = next.map_err(|error| format!("{error}: {missing}"))?;
        self.standing = next;
        Ok(killed_at.elapsed().as_secs_f64())
    }

    fn summarise(&self, seed: u64) {
        say(&format!(
            "{} kills, seed {seed}: no acknowledged request of {} lost, no other service touched, \
             none doubled; load {:.1}",
            self.times.len(),
            self.worker.acknowledged(),
            load_average()
        ));
        for kind in ["service", "agent", "supervisor", "master"] {
            let of_kind = self
                .times
                .iter()
                .filter(|(victim, _)| victim.to_string().starts_with(kind));
            let mut seconds: Vec<f64> = of_kind.map(|(_, seconds)| *seconds).collect();
            seconds.sort_by(f64::total_cmp);
            if let (Some(middle), Some(last)) = (seconds.get(seconds.len() / 2), seconds.last()) {
                say(&format!(
                    "  {kind}: {} kills, converged after {middle:.2} s (median), {last:.2} s (longest)",
                    seconds.len()
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn victims_of_one_seed_are_the_same_and_of_every_kind() {
        let draw = |seed| {
            let mut luck = Luck::new(seed);
            (0..50).map(|_| Victim::draw(&mut luck)).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        for victim in [Victim::Agent, Victim::Supervisor, Victim::Master] {
            assert!(draw(7).contains(&victim), "{victim}");
        }
        let services = draw(7);
        let is_service = |victim: &&Victim| matches!(victim, Victim::Service(_));
        assert!(services.iter().filter(is_service).count() > 3);
    }
}
