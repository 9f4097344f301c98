//! What must hold: who runs, under which pid, how often, and what the services answer.
//!
//! [`Standing`] is how everything stood when it was last as asked. A look compares with it; what
//! may still come is [`Fault::NotYet`], what can never become right again is [`Fault::Broken`].

use super::Victim;
use crate::bench::process::{self, Running};
use crate::bench::world::{Pids, World};
use slapos_supervise::ProgramState;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Why not all is as asked.
#[derive(Debug)]
pub(super) enum Fault {
    /// It may still become so.
    NotYet(String),
    /// Something happened that never may.
    Broken(String),
}

/// How everything stood when it was last as asked.
#[derive(Debug, Clone)]
pub(super) struct Standing {
    /// The processes that stay up.
    pub(super) processes: Pids,
    services: BTreeMap<&'static str, Service>,
}

#[derive(Debug, Clone)]
struct Service {
    partition: String,
    url: String,
    pid: u32,
}

impl Standing {
    /// How it stands now, with all services green.
    pub(super) fn read(world: &World, names: &[&'static str]) -> Result<Self, String> {
        let mut services = BTreeMap::new();
        let pids = service_pids(world)?;
        for name in names {
            let view = world
                .client
                .find_instance(name)
                .map_err(|error| error.to_string())?;
            let partition = view.partition.unwrap_or_default();
            let pid = pids
                .get(&partition)
                .copied()
                .ok_or_else(|| format!("{name} is green and has no process"))?;
            let url = view.connection.get("url").and_then(|url| url.as_str());
            let url = url.unwrap_or_default().to_owned();
            services.insert(
                *name,
                Service {
                    partition,
                    url,
                    pid,
                },
            );
        }
        Ok(Self {
            processes: world.pids()?,
            services,
        })
    }

    /// The process of a service.
    pub(super) fn pid_of(&self, name: &str) -> Result<u32, String> {
        let service = self.services.get(name);
        service
            .map(|service| service.pid)
            .ok_or_else(|| format!("there is no service {name}"))
    }

    /// Every service, but the one that was killed, still has its process.
    pub(super) fn check_pids(&self, world: &World, killed: Option<&str>) -> Result<(), String> {
        for (name, service) in &self.services {
            if Some(*name) != killed && !process::is_alive(service.pid) {
                return Err(format!(
                    "{name} was not killed, and its process {} is gone (load {:.1}, root {})",
                    service.pid,
                    process::load_average(),
                    world.root().display()
                ));
            }
        }
        Ok(())
    }

    /// How it stands after a kill, when all is as asked again.
    pub(super) fn look(&self, world: &World, victim: Victim) -> Result<Self, Fault> {
        let killed = match victim {
            Victim::Service(name) => Some(name),
            _ => None,
        };
        self.check_pids(world, killed).map_err(Fault::Broken)?;
        let processes = self.look_at_processes(world, victim)?;
        let pids = service_pids(world).map_err(Fault::NotYet)?;
        let mut next = Self {
            processes,
            services: self.services.clone(),
        };
        for (name, service) in &mut next.services {
            let pid = pids.get(&service.partition).copied();
            let pid = pid.ok_or_else(|| Fault::NotYet(format!("{name} does not run")))?;
            match (Some(*name) == killed, pid == service.pid) {
                (true, true) => return Err(Fault::NotYet(format!("{name} has its old pid"))),
                (false, false) => {
                    let old = service.pid;
                    return Err(Fault::Broken(format!(
                        "{name} was not killed, and is process {pid} instead of {old}"
                    )));
                }
                _ => service.pid = pid,
            }
            look_at_service(world, name, service).map_err(Fault::NotYet)?;
        }
        next.look_for_doubles(world)?;
        Ok(next)
    }

    fn look_at_processes(&self, world: &World, victim: Victim) -> Result<Pids, Fault> {
        let now = world.pids().map_err(Fault::NotYet)?;
        let before = self.processes;
        let changes = [
            ("up", before.up, now.up, false),
            (
                "master",
                before.master,
                now.master,
                victim == Victim::Master,
            ),
            ("agent", before.node, now.node, victim == Victim::Agent),
            (
                "supervisor",
                before.supervisor,
                now.supervisor,
                victim == Victim::Supervisor,
            ),
        ];
        for (name, before, now, is_killed) in changes {
            if is_killed && before == now || !process::is_alive(now) {
                return Err(Fault::NotYet(format!("there is no new {name}")));
            }
            if !is_killed && before != now {
                return Err(Fault::Broken(format!(
                    "{name} was not killed, and is process {now} instead of {before}"
                )));
            }
        }
        Ok(now)
    }

    /// One process for each service of ours, one for each role, no job left over.
    fn look_for_doubles(&self, world: &World) -> Result<(), Fault> {
        let root = world.root().display().to_string();
        let running = process::list_naming(&root);
        for (role, words) in [
            ("master", ["master", "run"]),
            ("agent", ["node", "run"]),
            ("supervisor", ["internal", "supervise"]),
        ] {
            expect_one(&running, role, |process| has_words(process, &words))?;
        }
        for (name, service) in &self.services {
            let own = format!("/instance/{}/", service.partition);
            expect_one(&running, name, |process| {
                process.words.iter().any(|word| word.contains(&own))
            })?;
        }
        Ok(())
    }
}

fn has_words(process: &Running, words: &[&str]) -> bool {
    process
        .words
        .windows(words.len())
        .any(|window| window == words)
}

fn expect_one(
    running: &[Running],
    what: &str,
    is_it: impl Fn(&Running) -> bool,
) -> Result<(), Fault> {
    let pids: Vec<u32> = running
        .iter()
        .filter(|process| is_it(process))
        .map(|process| process.pid)
        .collect();
    match pids.len() {
        1 => Ok(()),
        0 => Err(Fault::NotYet(format!("there is no process of {what}"))),
        // A check of a promise or a job may run for an instant; one that stays is found again.
        _ => Err(Fault::NotYet(format!(
            "{what} runs more than once: {pids:?}"
        ))),
    }
}

/// Partition to pid of its running service.
fn service_pids(world: &World) -> Result<BTreeMap<String, u32>, String> {
    let groups = world.groups()?;
    let pids = groups.into_iter().filter_map(|group| {
        let program = group.programs.first()?;
        let pid = u32::try_from(program.pid?).ok()?;
        (program.state == ProgramState::Running).then_some((group.name, pid))
    });
    Ok(pids.collect())
}

/// Green as the master tells, and answering.
fn look_at_service(world: &World, name: &str, service: &Service) -> Result<(), String> {
    let view = world
        .client
        .find_instance(name)
        .map_err(|error| error.to_string())?;
    if view.state != "started" || view.promises.total == 0 {
        let message = view.message.unwrap_or_default();
        return Err(format!("{name} is {}: {message}", view.state));
    }
    match fetch(&service.url) {
        Ok(page) if page.contains("Hello, world") => Ok(()),
        Ok(page) => Err(format!("{name} answers something else: {page}")),
        Err(error) => Err(format!(
            "{name} does not answer at {}: {error}",
            service.url
        )),
    }
}

fn fetch(url: &str) -> std::io::Result<String> {
    let address = url.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    write!(
        stream,
        "GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )?;
    let mut page = String::new();
    stream.take(1 << 16).read_to_string(&mut page)?;
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running(pid: u32, words: &[&str]) -> Running {
        Running {
            pid,
            words: words.iter().map(|word| (*word).to_owned()).collect(),
        }
    }

    #[test]
    fn expect_one_of_two_names_both() {
        let two = [
            running(1, &["slapos", "node", "run"]),
            running(2, &["slapos", "node", "run"]),
            running(3, &["slapos", "node", "status"]),
        ];
        let is_agent = |process: &Running| has_words(process, &["node", "run"]);
        assert!(expect_one(&two[1..], "agent", is_agent).is_ok());
        let fault = expect_one(&two, "agent", is_agent).unwrap_err();
        assert!(matches!(fault, Fault::NotYet(text) if text.contains("[1, 2]")));
        assert!(expect_one(&two[2..], "agent", is_agent).is_err());
    }
}
