//! The decision: what is to be done, from what is wanted and what is.
//!
//! Pure and total: the same two values give the same plan, and a converged host gives an empty
//! one. A plan says only the next steps of each partition; when they are done, the agent looks
//! again. Start at [`plan`].

use crate::desire::{Desired, WantedInstance, WantedSoftware};
use crate::moment::Moment;
use crate::observe::{Observed, ObservedGroup, ObservedPartition, ObservedSoftware};
use crate::record::{Installed, InstanceRecord};
use slapos_model::RequestedState;
use std::collections::BTreeMap;
use std::fmt;

/// The next steps.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// By release; they are independent of each other.
    pub software: BTreeMap<String, SoftwareStep>,
    /// By partition; they are independent of each other, the steps of one are in order.
    pub partitions: BTreeMap<String, Vec<PartitionStep>>,
    /// When to plan again although nothing happened: the earliest retry.
    pub wake_at: Option<Moment>,
}

/// What to do with a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SoftwareStep {
    /// Build it, or finish building it.
    Build,
    /// Remove it.
    Remove,
}

/// What to do in a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartitionStep {
    /// Ask the supervisor to stop the programs; data and configuration stay.
    Stop,
    /// Configure the instance.
    Install {
        /// What it will be when it succeeds.
        digest: String,
    },
    /// Tell the supervisor the programs of the last installation.
    Supervise {
        /// Whether they are to run.
        is_wanted: bool,
    },
    /// Take the programs from the supervisor for good.
    Withdraw,
    /// Remove everything in the partition.
    Remove {
        /// Why.
        reason: &'static str,
    },
}

impl Plan {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.software.is_empty() && self.partitions.is_empty()
    }

    /// One action a line, as printed by a dry run.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let software = self
            .software
            .iter()
            .map(|(url, step)| format!("{step} {url}"));
        let partitions = self
            .partitions
            .iter()
            .flat_map(|(name, steps)| steps.iter().map(move |step| format!("{name}: {step}")));
        software.chain(partitions).collect()
    }

    fn wake(&mut self, at: Moment) {
        self.wake_at = Some(self.wake_at.map_or(at, |earliest| earliest.min(at)));
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.lines() {
            writeln!(f, "{line}")?;
        }
        Ok(())
    }
}

impl fmt::Display for SoftwareStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Build => "build",
            Self::Remove => "remove",
        })
    }
}

impl fmt::Display for PartitionStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stop => f.write_str("stop the programs"),
            Self::Install { .. } => f.write_str("install"),
            Self::Supervise { is_wanted: true } => f.write_str("start the programs"),
            Self::Supervise { is_wanted: false } => f.write_str("keep the programs stopped"),
            Self::Withdraw => f.write_str("end the programs for good"),
            Self::Remove { reason } => write!(f, "remove everything ({reason})"),
        }
    }
}

/// Decides the next steps.
#[must_use]
pub fn plan(desired: &Desired, observed: &Observed) -> Plan {
    let mut plan = Plan::default();
    plan_software(desired, observed, &mut plan);
    let names = desired.instances.keys().chain(observed.partitions.keys());
    for name in names.collect::<std::collections::BTreeSet<_>>() {
        let empty = ObservedPartition::default();
        let partition = observed.partitions.get(name).unwrap_or(&empty);
        if partition.is_busy {
            continue;
        }
        let view = View {
            name,
            wanted: desired.instances.get(name),
            partition,
            observed,
        };
        let steps = view.steps(&mut plan);
        if !steps.is_empty() {
            plan.partitions.insert(name.clone(), steps);
        }
    }
    plan
}

fn plan_software(desired: &Desired, observed: &Observed, plan: &mut Plan) {
    let absent = ObservedSoftware::default();
    for (url, wanted) in &desired.software {
        let software = observed.software.get(url).unwrap_or(&absent);
        if software.is_busy {
            continue;
        }
        if wanted.is_available {
            match next_build(wanted, software, observed.now) {
                Build::Now => {
                    plan.software.insert(url.clone(), SoftwareStep::Build);
                }
                Build::At(moment) => plan.wake(moment),
                Build::Done => {}
            }
        } else if is_left(software) && !is_used(url, observed) {
            plan.software.insert(url.clone(), SoftwareStep::Remove);
        }
    }
}

enum Build {
    Now,
    At(Moment),
    Done,
}

/// A build is done once; again when a person asks for another attempt; a failed one also when what
/// is built changed, or when its pause is over.
fn next_build(wanted: &WantedSoftware, software: &ObservedSoftware, now: Moment) -> Build {
    let record = software.record.as_ref().filter(|record| !record.is_removed);
    let Some(record) = record else {
        return if software.stamp.is_some() {
            Build::Done
        } else {
            Build::Now
        };
    };
    match &record.failure {
        _ if wanted.attempt > record.attempt => Build::Now,
        None if software.stamp.is_some() => Build::Done,
        None => Build::Now,
        Some(failure) if failure.digest != software.profile_digest => Build::Now,
        Some(_) if software.retry_at <= now => Build::Now,
        Some(_) => Build::At(software.retry_at),
    }
}

/// Something of the release is here and was not removed as asked yet.
fn is_left(software: &ObservedSoftware) -> bool {
    match &software.record {
        Some(record) => !record.is_removed || software.stamp.is_some(),
        None => software.stamp.is_some(),
    }
}

/// A release is not taken away from under the programs of an instance.
fn is_used(url: &str, observed: &Observed) -> bool {
    observed.partitions.values().any(|partition| {
        let record = partition
            .record
            .as_ref()
            .filter(|record| !record.is_removed);
        record.is_some_and(|record| record.software == url)
    })
}

/// One partition with all that its steps depend on.
struct View<'a> {
    name: &'a str,
    wanted: Option<&'a WantedInstance>,
    partition: &'a ObservedPartition,
    observed: &'a Observed,
}

impl View<'_> {
    fn steps(&self, plan: &mut Plan) -> Vec<PartitionStep> {
        let record = self
            .partition
            .record
            .as_ref()
            .filter(|record| !record.is_removed);
        match (self.wanted, record) {
            (None, None) => Vec::new(),
            (None, Some(_)) => self.removal("no instance is asked for here any more", plan),
            (Some(wanted), Some(record)) if wanted.ask.id != record.id => {
                self.removal("it holds another instance", plan)
            }
            (Some(wanted), record) if wanted.state == RequestedState::Destroyed => match record {
                Some(_) => self.removal("the instance is destroyed", plan),
                None => Vec::new(),
            },
            (Some(wanted), record) => self.convergence(wanted, record, plan),
        }
    }

    /// The programs end first; what they wrote goes only when none of them is left.
    fn removal(&self, reason: &'static str, plan: &mut Plan) -> Vec<PartitionStep> {
        let Some(groups) = &self.observed.groups else {
            return Vec::new();
        };
        match groups.get(self.name) {
            Some(group) if !group.is_removed => vec![PartitionStep::Withdraw],
            Some(_) => Vec::new(),
            None if self.partition.retry_at > self.observed.now => {
                plan.wake(self.partition.retry_at);
                Vec::new()
            }
            None => vec![PartitionStep::Remove { reason }],
        }
    }

    fn convergence(
        &self,
        wanted: &WantedInstance,
        record: Option<&InstanceRecord>,
        plan: &mut Plan,
    ) -> Vec<PartitionStep> {
        let is_wanted = wanted.state == RequestedState::Started;
        let mut steps = Vec::new();
        // Stopping waits for nothing, not even for an installation that fails.
        if !is_wanted && self.group().is_some_and(|group| group.is_wanted) {
            steps.push(PartitionStep::Stop);
        }
        let software = self.observed.software.get(&wanted.ask.software);
        let Some(stamp) = software.and_then(|software| software.stamp.as_deref()) else {
            if steps.is_empty() {
                steps.extend(self.supervision(record, is_wanted));
            }
            return steps;
        };
        let digest = wanted.digest(stamp);
        if record.is_some_and(|record| record.digest == digest) {
            if steps.is_empty() {
                steps.extend(self.supervision(record, is_wanted));
            }
            return steps;
        }
        let failure = record.and_then(|record| record.failure.as_ref());
        let is_same_failure = failure.is_some_and(|failure| failure.digest == digest);
        if is_same_failure && self.partition.retry_at > self.observed.now {
            plan.wake(self.partition.retry_at);
            if steps.is_empty() {
                steps.extend(self.supervision(record, is_wanted));
            }
        } else {
            steps.push(PartitionStep::Install { digest });
            steps.push(PartitionStep::Supervise { is_wanted });
        }
        steps
    }

    /// What was installed last is what the supervisor should have, whatever happens meanwhile to a
    /// newer installation: a supervisor that lost its memory is told again.
    fn supervision(
        &self,
        record: Option<&InstanceRecord>,
        is_wanted: bool,
    ) -> Option<PartitionStep> {
        self.observed.groups.as_ref()?;
        let installed = record?.installed.as_ref()?;
        let is_told = self.group().is_some_and(|group| {
            group.is_wanted == is_wanted && !group.is_removed && has_programs(group, installed)
        });
        (!is_told).then_some(PartitionStep::Supervise { is_wanted })
    }

    fn group(&self) -> Option<&ObservedGroup> {
        self.observed.groups.as_ref()?.get(self.name)
    }
}

/// Programs that are gone from the installation may still be ending, so only the wanted ones count.
fn has_programs(group: &ObservedGroup, installed: &Installed) -> bool {
    installed.programs.iter().all(|program| {
        let known = group.programs.get(&program.name);
        known.is_some_and(|(kind, digest)| *kind == program.kind && *digest == program.digest)
    })
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
