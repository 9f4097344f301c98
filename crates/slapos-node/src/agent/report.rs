//! What is to be told of each instance and release, from what is wanted and what is.
//!
//! Called for what changed; the outbox finds out whether it is news.

use super::Agent;
use crate::limits;
use crate::record::InstanceRecord;
use crate::step::{InstanceStatus, SoftwareStatus};
use slapos_api::wire::node::{InstanceReport, ProcessReport, PromiseReport, SoftwareReport};
use slapos_model::{PromiseState, RequestedState};
use slapos_supervise::{GroupStatus, Outcome, ProgramState};
use std::collections::BTreeSet;

/// State and message, as reported.
type Said = (Option<&'static str>, Option<String>);

impl Agent {
    pub(super) fn tell_all(&mut self) {
        for url in self.known_urls() {
            self.tell_software(&url);
        }
        for partition in self.known_partitions() {
            self.tell_partition(&partition);
        }
        self.retain_told();
    }

    pub(super) fn known_urls(&self) -> BTreeSet<String> {
        let wanted = self.desired.software.keys();
        wanted.chain(self.software.keys()).cloned().collect()
    }

    pub(super) fn known_partitions(&self) -> BTreeSet<String> {
        let wanted = self.desired.instances.keys();
        wanted.chain(self.instances.keys()).cloned().collect()
    }

    /// What is neither wanted nor here is not told about any more.
    pub(super) fn retain_told(&mut self) {
        let wanted = self.desired.instances.values().map(|wanted| &wanted.ask.id);
        let here = self.instances.values().map(|record| &record.id);
        let ids: BTreeSet<&String> = wanted.chain(here).collect();
        let urls = self.known_urls();
        self.outbox
            .retain(&|id| ids.contains(&id.to_owned()), &|url| {
                urls.contains(url)
            });
    }

    pub(super) fn tell_software(&mut self, url: &str) {
        if !self.desired.software.contains_key(url) {
            return;
        }
        let (state, message) = self.software_state(url);
        let progress = self.progress.get(url).map(|(progress, _)| progress.clone());
        self.outbox.tell_software(SoftwareReport {
            url: url.to_owned(),
            state: state.to_owned(),
            message,
            progress: progress.filter(|_| state == "building"),
        });
    }

    fn software_state(&self, url: &str) -> (&'static str, Option<String>) {
        let is_available = self
            .desired
            .software
            .get(url)
            .is_none_or(|wanted| wanted.is_available);
        let record = self.software.get(url);
        if let Some(hold) = self.holds.get(url) {
            return ("failed", Some(hold.message.clone()));
        }
        if self
            .software_work
            .get(url)
            .is_some_and(|running| running.is_heavy)
        {
            return ("building", None);
        }
        let failure = record.and_then(|record| record.failure.as_ref());
        let is_here = self.stamps.contains_key(url);
        match (is_available, is_here, failure) {
            (true, _, Some(failure)) => ("failed", Some(failure.message.clone())),
            (true, true, None) => ("available", None),
            (false, false, _) if record.is_none_or(|record| record.is_removed) => {
                ("destroyed", None)
            }
            (false, true, _) => ("available", None),
            _ => ("waiting", None),
        }
    }

    pub(super) fn tell_partition(&mut self, partition: &str) {
        self.follow_promises(partition);
        let record = self.instances.get(partition).cloned();
        let wanted = self.desired.instances.get(partition).cloned();
        let Some(wanted) = wanted else {
            // Told when it is gone: the master may still be waiting for it.
            if let Some(record) = record.filter(|record| record.is_removed) {
                self.outbox
                    .tell_instance(bare(&record.id, record.generation, "destroyed"));
            }
            return;
        };
        let record = record.filter(|record| record.id == wanted.ask.id);
        let (state, message) = self.instance_state(partition, record.as_ref());
        let (id, generation) = (wanted.ask.id.clone(), wanted.ask.generation);
        if state == Some("destroyed") {
            self.outbox
                .tell_instance(bare(&id, generation, "destroyed"));
            return;
        }
        let installed = record.as_ref().and_then(|record| record.installed.as_ref());
        let report = InstanceReport {
            id,
            generation,
            state: state.map(str::to_owned),
            message,
            connection: installed.map(|installed| installed.connection.clone()),
            promises: installed.map(|_| self.promise_reports(partition)),
            processes: installed.map(|_| self.process_reports(partition)),
        };
        self.outbox.tell_instance(report);
    }

    fn instance_state(&mut self, partition: &str, record: Option<&InstanceRecord>) -> Said {
        let Some(wanted) = self.desired.instances.get(partition) else {
            return (None, None);
        };
        if wanted.state == RequestedState::Destroyed {
            let is_gone = record.is_none_or(|record| record.is_removed);
            return match (is_gone, self.holds.get(partition)) {
                (true, _) => (Some("destroyed"), None),
                (false, Some(hold)) => (Some("failed"), Some(hold.message.clone())),
                (false, None) => (None, None),
            };
        }
        if self
            .partition_work
            .get(partition)
            .is_some_and(|running| running.is_heavy)
        {
            return (Some("installing"), None);
        }
        let Some(stamp) = self.stamp(&wanted.ask.software) else {
            return self.software_wait(&wanted.ask.software);
        };
        let digest = wanted.digest(&stamp);
        if let Some(hold) = self.holds.get(partition) {
            return (Some("failed"), Some(hold.message.clone()));
        }
        let failure = record.and_then(|record| record.failure.as_ref());
        if let Some(failure) = failure.filter(|failure| failure.digest == digest) {
            return (Some("failed"), Some(failure.message.clone()));
        }
        if record.is_none_or(|record| record.digest != digest) {
            return match self.node.account(partition) {
                Ok(_) => (Some("installing"), None),
                Err(why) => (Some("failed"), Some(why)),
            };
        }
        let is_started = wanted.state == RequestedState::Started;
        self.running_state(partition, is_started)
    }

    fn software_wait(&self, url: &str) -> Said {
        match self.software_state(url) {
            ("failed", message) => {
                let message = message.unwrap_or_default();
                (
                    Some("failed"),
                    Some(format!("its software is not available: {message}")),
                )
            }
            _ => (Some("building"), None),
        }
    }

    fn running_state(&mut self, partition: &str, is_started: bool) -> Said {
        let group = self
            .groups
            .as_ref()
            .and_then(|groups| groups.get(partition))
            .cloned();
        let Some(group) = group else {
            return (None, None);
        };
        if !is_started {
            let is_quiet = crate::observe::ObservedGroup::read(&group).is_quiet;
            return if is_quiet {
                (Some("stopped"), None)
            } else {
                (None, None)
            };
        }
        let was_up = self
            .instances
            .get(partition)
            .is_some_and(|record| record.was_up);
        if was_up || self.is_up(partition, &group) {
            self.note_up(partition);
            (Some("started"), None)
        } else {
            (Some("installing"), troubled(&group))
        }
    }

    /// Every program is up and stayed so for a moment, or its promises already say so.
    fn is_up(&mut self, partition: &str, group: &GroupStatus) -> bool {
        let programs = group.programs.iter();
        let is_running =
            |state: ProgramState| matches!(state, ProgramState::Running | ProgramState::Done);
        if !programs.clone().all(|program| is_running(program.state)) {
            self.up_since.remove(partition);
            return false;
        }
        let pids: Vec<i32> = programs.filter_map(|program| program.pid).collect();
        let now = self.now();
        let since = self
            .up_since
            .entry(partition.to_owned())
            .or_insert((pids.clone(), now));
        if since.0 != pids {
            *since = (pids, now);
        }
        let since = since.1;
        let said = self.schedule.said(partition);
        let is_green = !said.is_empty() && said.iter().all(|said| said.state == PromiseState::Kept);
        group.programs.is_empty() || is_green || now.since(since) >= limits::UP_AFTER
    }

    fn note_up(&mut self, partition: &str) {
        let Some(record) = self
            .instances
            .get_mut(partition)
            .filter(|record| !record.was_up)
        else {
            return;
        };
        record.was_up = true;
        if let Err(error) = self.node.records.note_instance(partition, record) {
            tracing::warn!(partition, %error, "record not kept");
        }
        self.up_since.remove(partition);
    }

    /// Programs that stayed up long enough meanwhile.
    pub(super) fn grow_up(&mut self) {
        let now = self.now();
        let ripe = self.up_since.iter();
        let ripe: Vec<String> = ripe
            .filter(|(_, (_, since))| now.since(*since) >= limits::UP_AFTER)
            .map(|(partition, _)| partition.clone())
            .collect();
        for partition in ripe {
            self.tell_partition(&partition);
        }
    }

    /// The schedule holds the promises of what is to run, and of nothing else.
    fn follow_promises(&mut self, partition: &str) {
        let wanted = self.desired.instances.get(partition);
        let is_started = wanted.is_some_and(|wanted| wanted.state == RequestedState::Started);
        let group = self
            .groups
            .as_ref()
            .and_then(|groups| groups.get(partition));
        // A supervisor that is away for a moment takes no promise away.
        let is_running = group.is_none_or(|group| !group.is_removed);
        let record = self.instances.get(partition);
        let installed = record.and_then(|record| record.installed.as_ref());
        match installed.filter(|_| is_started && is_running) {
            Some(installed) => {
                let now = self.stopwatch.now();
                self.schedule.set(partition, &installed.promises, now);
            }
            None => self.schedule.clear(partition),
        }
    }

    pub(super) fn promise_reports(&self, partition: &str) -> Vec<PromiseReport> {
        let said = self.schedule.said(partition).into_iter();
        let mut reports: Vec<PromiseReport> = said
            .map(|said| PromiseReport {
                name: said.name,
                state: said.state.to_string(),
                message: said.message,
                checked_at_us: said.checked_at_us,
            })
            .collect();
        let record = self.instances.get(partition);
        let installed = record.and_then(|record| record.installed.as_ref());
        for (name, why) in installed
            .iter()
            .flat_map(|installed| &installed.broken_promises)
        {
            reports.push(PromiseReport {
                name: name.clone(),
                state: PromiseState::CheckBroken.to_string(),
                message: why.clone(),
                checked_at_us: 0,
            });
        }
        reports
    }

    pub(super) fn process_reports(&self, partition: &str) -> Vec<ProcessReport> {
        let group = self
            .groups
            .as_ref()
            .and_then(|groups| groups.get(partition));
        process_reports(group)
    }

    /// For the one-shot steps.
    pub(crate) fn software_statuses(&self) -> Vec<SoftwareStatus> {
        let urls = self.known_urls().into_iter();
        urls.map(|url| {
            let wanted = self.desired.software.get(&url);
            let is_available = wanted.is_some_and(|wanted| wanted.is_available);
            let (state, message) = self.software_state(&url);
            SoftwareStatus {
                path: self.node.layout.software(&url),
                requested_state: if is_available {
                    "available"
                } else {
                    "destroyed"
                }
                .to_owned(),
                state: state.to_owned(),
                message,
                url,
            }
        })
        .collect()
    }

    /// For the one-shot steps.
    pub(crate) fn instance_statuses(&mut self) -> Vec<InstanceStatus> {
        let partitions = self.known_partitions().into_iter();
        let statuses: Vec<_> = partitions
            .filter_map(|name| self.instance_status(&name))
            .collect();
        statuses
    }

    fn instance_status(&mut self, partition: &str) -> Option<InstanceStatus> {
        let record = self.instances.get(partition).cloned();
        let wanted = self.desired.instances.get(partition).cloned();
        let (state, message) = self.instance_state(partition, record.as_ref());
        let (id, name, software) = match (&wanted, &record) {
            (Some(wanted), _) => (&wanted.ask.id, &wanted.ask.name, &wanted.ask.software),
            (None, Some(record)) => (&record.id, &record.name, &record.software),
            (None, None) => return None,
        };
        let requested = wanted
            .as_ref()
            .map_or(RequestedState::Destroyed, |wanted| wanted.state);
        Some(InstanceStatus {
            partition: partition.to_owned(),
            id: id.clone(),
            name: name.clone(),
            software: software.clone(),
            requested_state: requested.to_string(),
            state: state.unwrap_or("unknown").to_owned(),
            message,
            processes: self.process_reports(partition),
            promises: self.promise_reports(partition),
        })
    }
}

fn bare(id: &str, generation: i64, state: &str) -> InstanceReport {
    InstanceReport {
        id: id.to_owned(),
        generation,
        state: Some(state.to_owned()),
        message: None,
        connection: None,
        promises: None,
        processes: None,
    }
}

/// The first program that does not stay up, in a sentence.
fn troubled(group: &GroupStatus) -> Option<String> {
    let mut programs = group.programs.iter();
    let program = programs.find(|program| matches!(program.state, ProgramState::Backoff { .. }))?;
    let ended = program
        .last_exit
        .as_ref()
        .map_or_else(String::new, exit_text);
    Some(format!(
        "{} does not stay up: it {ended}, and was started again {} times; its log is {}",
        program.name,
        program.restarts,
        program.log.display()
    ))
}

fn exit_text(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Code(code) => format!("ended with code {code}"),
        Outcome::Signal(signal) => format!("was killed by signal {signal}"),
        Outcome::NotStarted(why) => format!("could not be started: {why}"),
        Outcome::Unknown => "ended while nobody watched".to_owned(),
    }
}

/// The processes of a group on the wire.
pub(crate) fn process_reports(group: Option<&GroupStatus>) -> Vec<ProcessReport> {
    let programs = group.into_iter().flat_map(|group| &group.programs);
    programs
        .map(|program| ProcessReport {
            name: program.name.clone(),
            kind: match program.kind {
                slapos_supervise::ProgramKind::Run => "run",
                slapos_supervise::ProgramKind::Service => "service",
            }
            .to_owned(),
            state: match program.state {
                ProgramState::Stopped => "stopped",
                ProgramState::Starting => "starting",
                ProgramState::Running => "running",
                ProgramState::Stopping => "stopping",
                ProgramState::Backoff { .. } => "backoff",
                ProgramState::Done => "exited",
            }
            .to_owned(),
            pid: program.pid.and_then(|pid| u32::try_from(pid).ok()),
            restarts: program.restarts,
            last_exit: program.last_exit.as_ref().map(exit_text),
        })
        .collect()
}
