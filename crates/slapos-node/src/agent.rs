//! The resident part: takes in what happens, plans, hands the steps to workers.
//!
//! One thread decides and never waits for anything but the next notice; what takes time happens
//! in worker threads, so that one slow build or hung job delays nobody else. Start at
//! [`Agent::turn`].

mod report;
mod round;
mod supervisor;
mod work;

use crate::act;
use crate::atomic_file::read_foreign;
use crate::desire::{Desired, DesiredFile, Verdict, WantedInstance, judge};
use crate::layout::COMPLETED;
use crate::limits;
use crate::link::Outbox;
use crate::moment::{Moment, Stopwatch};
use crate::node::{Node, Snapshot};
use crate::observe::{Observed, ObservedGroup, ObservedPartition, ObservedSoftware};
use crate::plan::{PartitionStep, Plan, SoftwareStep, plan};
use crate::promise::{Change, Finding, History, Key, Schedule};
use crate::record::{InstanceRecord, SoftwareRecord};
use crate::release::ReadRelease;
use crate::shutdown::Shutdown;
use crate::system::Cancel;
use slapos_api::wire::instance::Progress;
use slapos_api::wire::node as wire;
use slapos_model::{PromiseState, RequestedState};
use slapos_supervise::{GroupStatus, ProgramState};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::Duration;

pub(crate) use supervisor::follow_supervisor;

/// Something that happened.
#[derive(Debug)]
pub(crate) enum Notice {
    /// The master said what it wants.
    Desired(wire::Desired),
    /// The supervisor's groups; `None` when it does not answer.
    Groups(Option<Snapshot>),
    /// A program of a partition ended, was started, …
    ProgramEvent(String),
    /// Steps of a partition are done.
    PartitionDone(String, Box<work::PartitionEnd>),
    /// A step of a release is done.
    SoftwareDone(String, Result<SoftwareRecord, String>),
    /// A build is so far.
    Progress(String, Progress),
    /// A promise was checked.
    Promise(Key, Finding),
    /// The master took a report.
    Acknowledged(wire::NodeReport),
    /// Look at the clock, or at the shutdown.
    Wake,
}

/// Which part of the plan is done; one-shot steps do a part only.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scope {
    pub(crate) has_software: bool,
    pub(crate) has_instances: bool,
    pub(crate) has_promises: bool,
    /// Only these URLs, their MD5, or partitions and names; empty means all.
    pub(crate) only: BTreeSet<String>,
}

/// A job or a chain of steps that runs in a worker.
struct Running {
    cancel: Cancel,
    is_heavy: bool,
    /// The instance that it is for, when it is an installation.
    installs: Option<String>,
}

/// After a step that failed for a reason of this machine.
#[derive(Debug, Clone, Default)]
struct Hold {
    until: Moment,
    count: u32,
    message: String,
}

pub(crate) struct Agent {
    node: Arc<Node>,
    outbox: Arc<Outbox>,
    master: Arc<dyn ReadRelease>,
    sender: SyncSender<Notice>,
    stopwatch: Stopwatch,
    scope: Scope,
    desired_file: DesiredFile,
    asked: Option<wire::Desired>,
    desired: Desired,
    instances: BTreeMap<String, InstanceRecord>,
    software: BTreeMap<String, SoftwareRecord>,
    stamps: BTreeMap<String, String>,
    retries: BTreeMap<String, Moment>,
    holds: BTreeMap<String, Hold>,
    groups: Option<BTreeMap<String, GroupStatus>>,
    /// Number of the newest snapshot that was taken in.
    snapshot: u64,
    up_since: BTreeMap<String, (Vec<i32>, Moment)>,
    partition_work: BTreeMap<String, Running>,
    software_work: BTreeMap<String, Running>,
    progress: BTreeMap<String, (Progress, Moment)>,
    schedule: Schedule,
    history: History,
    promise_cancel: Cancel,
}

/// What an agent is made of.
pub(crate) struct AgentParts {
    pub(crate) node: Arc<Node>,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) master: Arc<dyn ReadRelease>,
    pub(crate) sender: SyncSender<Notice>,
    pub(crate) scope: Scope,
}

impl Agent {
    /// An agent that knows what is on disk.
    pub(crate) fn new(parts: AgentParts) -> std::io::Result<Self> {
        let node = parts.node;
        let (instances, faults) = node.records.list_instances()?;
        let (software, more) = node.records.list_software()?;
        for fault in faults.into_iter().chain(more) {
            tracing::error!(fault, "record not read");
        }
        let state = node.layout.state();
        let mut agent = Self {
            desired_file: DesiredFile::new(&state),
            history: History::new(&state),
            outbox: parts.outbox,
            master: parts.master,
            sender: parts.sender,
            stopwatch: Stopwatch::start(),
            scope: parts.scope,
            asked: None,
            desired: Desired::default(),
            instances,
            software,
            stamps: BTreeMap::new(),
            retries: BTreeMap::new(),
            holds: BTreeMap::new(),
            groups: None,
            snapshot: 0,
            up_since: BTreeMap::new(),
            partition_work: BTreeMap::new(),
            software_work: BTreeMap::new(),
            progress: BTreeMap::new(),
            schedule: Schedule::default(),
            promise_cancel: Cancel::new()?,
            node,
        };
        match agent.desired_file.load() {
            Ok(Some(asked)) => agent.adopt(asked),
            Ok(None) => {}
            // The master says it again; what runs goes on meanwhile.
            Err(error) => tracing::error!(%error, "last request not read"),
        }
        Ok(agent)
    }

    /// Works until `shutdown` is requested.
    pub(crate) fn run(&mut self, notices: &Receiver<Notice>, shutdown: &Shutdown) {
        let mut is_open = true;
        while is_open && !shutdown.is_requested() {
            let wake_at = self.turn();
            is_open = self.take_in(notices, wake_at);
        }
        self.cancel_all();
    }

    /// Works until nothing is left to do, for one-shot steps.
    pub(crate) fn settle(&mut self, notices: &Receiver<Notice>) {
        loop {
            let wake_at = self.turn();
            let is_busy = !self.partition_work.is_empty() || !self.software_work.is_empty();
            let is_stopping = self.is_waiting_for_programs();
            if !is_busy && !is_stopping {
                return;
            }
            if !self.take_in(notices, wake_at) {
                return;
            }
        }
    }

    /// Waits for a notice or the time given, and takes in all that is there.
    pub(crate) fn take_in(&mut self, notices: &Receiver<Notice>, wake_at: Option<Moment>) -> bool {
        let pause = wake_at.map_or(Duration::from_secs(3600), |at| at.since(self.now()));
        match notices.recv_timeout(pause) {
            Ok(notice) => self.handle(notice),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return false,
        }
        for _ in 0..limits::NOTICES_MAX {
            match notices.try_recv() {
                Ok(notice) => self.handle(notice),
                Err(_) => break,
            }
        }
        true
    }

    /// Plans and begins what is due. Says when to do it again although nothing happened.
    fn turn(&mut self) -> Option<Moment> {
        let plan = self.plan();
        let mut wake_at = plan.wake_at;
        if self.scope.has_software {
            for (url, step) in &plan.software {
                self.begin_software(url, *step);
            }
        }
        if self.scope.has_instances {
            for (partition, steps) in plan.partitions {
                self.begin_partition(&partition, steps);
            }
        }
        if self.scope.has_promises {
            self.begin_promises();
            wake_at = earliest(wake_at, self.schedule.next_at());
        }
        let now = self.now();
        for hold in self.holds.values().filter(|hold| hold.until > now) {
            wake_at = earliest(wake_at, Some(hold.until));
        }
        let young = self
            .up_since
            .values()
            .map(|(_, since)| since.plus(limits::UP_AFTER));
        for at in young.filter(|at| *at > now).collect::<Vec<_>>() {
            wake_at = earliest(wake_at, Some(at));
        }
        // Progress waits for nobody; a look back at zero would be a loop without a pause.
        wake_at.map(|at| at.max(now.plus(Duration::from_millis(1))))
    }

    /// What is to be done now.
    pub(crate) fn plan(&mut self) -> Plan {
        self.grow_up();
        let mut plan = plan(&self.desired, &self.observe());
        if !self.scope.only.is_empty() {
            let only = &self.scope.only;
            plan.software.retain(|url, _| {
                only.contains(url) || only.contains(&crate::layout::url_digest(url))
            });
            let desired = &self.desired.instances;
            plan.partitions.retain(|name, _| {
                let wanted = desired.get(name);
                only.contains(name) || wanted.is_some_and(|wanted| only.contains(&wanted.ask.name))
            });
        }
        plan
    }

    /// Whether anything was ever asked of this node.
    pub(crate) fn was_asked(&self) -> bool {
        self.asked.is_some()
    }

    fn now(&self) -> Moment {
        self.stopwatch.now()
    }

    fn observe(&self) -> Observed {
        let now = self.now();
        let is_held = |key: &str| self.holds.get(key).is_some_and(|hold| hold.until > now);
        let mut observed = Observed {
            now,
            groups: self.groups.as_ref().map(|groups| {
                let groups = groups.iter();
                groups
                    .map(|(name, group)| (name.clone(), ObservedGroup::read(group)))
                    .collect()
            }),
            ..Observed::default()
        };
        let urls = self.desired.software.keys().chain(self.software.keys());
        let used = self
            .desired
            .instances
            .values()
            .map(|wanted| &wanted.ask.software);
        for url in urls.chain(used).collect::<BTreeSet<_>>() {
            let record = self.software.get(url).cloned();
            let has_failed = record
                .as_ref()
                .is_some_and(|record| record.failure.is_some());
            let software = ObservedSoftware {
                stamp: self.stamp(url),
                profile_digest: match has_failed {
                    true => act::profile_digest(&self.node, url),
                    false => String::new(),
                },
                record,
                is_busy: self.software_work.contains_key(url) || is_held(url),
                retry_at: self.retries.get(url).copied().unwrap_or_default(),
            };
            observed.software.insert(url.clone(), software);
        }
        for (name, record) in &self.instances {
            observed
                .partitions
                .insert(name.clone(), self.partition(name, Some(record)));
        }
        for name in self.desired.instances.keys() {
            let empty = self.partition(name, None);
            observed.partitions.entry(name.clone()).or_insert(empty);
        }
        for (name, partition) in &mut observed.partitions {
            partition.is_busy |= is_held(name);
        }
        observed
    }

    fn partition(&self, name: &str, record: Option<&InstanceRecord>) -> ObservedPartition {
        ObservedPartition {
            record: record.cloned(),
            is_busy: self.partition_work.contains_key(name),
            retry_at: self.retries.get(name).copied().unwrap_or_default(),
        }
    }

    /// The completion mark, read once: the agent is told of each change of it.
    fn stamp(&self, url: &str) -> Option<String> {
        if self.software_work.contains_key(url) {
            return None;
        }
        self.stamps.get(url).cloned()
    }

    fn read_stamp(&mut self, url: &str) {
        let path = self.node.layout.software(url).join(COMPLETED);
        match read_foreign(&path, limits::STAMP_BYTES_MAX) {
            Ok(Some(text)) => {
                let text = String::from_utf8_lossy(&text).into_owned();
                self.stamps.insert(url.to_owned(), text);
            }
            Ok(None) | Err(_) => {
                self.stamps.remove(url);
            }
        }
    }

    pub(crate) fn handle(&mut self, notice: Notice) {
        match notice {
            Notice::Desired(asked) => self.accept(asked),
            Notice::Groups(groups) => self.take_groups(groups),
            Notice::ProgramEvent(partition) => {
                let now = self.now();
                self.up_since.remove(&partition);
                self.schedule.look_soon(&partition, now);
            }
            Notice::PartitionDone(partition, end) => self.end_partition(&partition, *end),
            Notice::SoftwareDone(url, result) => self.end_software(&url, result),
            Notice::Progress(url, progress) => self.note_progress(&url, progress),
            Notice::Promise(key, finding) => self.note_promise(&key, &finding),
            Notice::Acknowledged(report) => self.forget_told(&report),
            Notice::Wake => {}
        }
    }

    /// Takes in what the master wants: durably first, then to be acted on.
    pub(crate) fn accept(&mut self, asked: wire::Desired) {
        match judge(self.asked.as_ref(), &asked) {
            Verdict::Same => return,
            Verdict::Older => {
                tracing::warn!(
                    epoch = asked.master_epoch,
                    offered = asked.generation,
                    known = self.asked.as_ref().map(|known| known.generation),
                    "older request refused"
                );
                return;
            }
            Verdict::Newer => {}
        }
        if let Err(error) = self.desired_file.store(&asked) {
            // Acting on it would promise what a power cut could take back; the next poll tries again.
            tracing::error!(%error, "request not kept");
            return;
        }
        let known = self.asked.as_ref().map(|known| known.master_epoch.as_str());
        if known.is_some_and(|known| known != asked.master_epoch) {
            tracing::info!(
                epoch = asked.master_epoch,
                "another master, or another life of it"
            );
            self.outbox.forget_known();
        }
        self.adopt(asked);
    }

    fn adopt(&mut self, asked: wire::Desired) {
        let (desired, faults) = Desired::read(&asked);
        for fault in faults {
            tracing::error!(fault, "part of the request not understood");
        }
        self.desired = desired;
        self.asked = Some(asked);
        self.holds.clear();
        let urls = self.desired.software.keys().cloned();
        let used = self
            .desired
            .instances
            .values()
            .map(|wanted| wanted.ask.software.clone());
        for url in urls.chain(used).collect::<BTreeSet<_>>() {
            self.read_stamp(&url);
        }
        self.cancel_unwanted();
        self.tell_all();
    }

    fn cancel_unwanted(&self) {
        for (partition, running) in &self.partition_work {
            let wanted = self.desired.instances.get(partition);
            let wanted = wanted.filter(|wanted| wanted.state != RequestedState::Destroyed);
            let is_wanted = wanted.map(|wanted| &wanted.ask.id) == running.installs.as_ref();
            if running.installs.is_some() && !is_wanted {
                running.cancel.press();
            }
        }
        for (url, running) in &self.software_work {
            let is_wanted = self
                .desired
                .software
                .get(url)
                .is_some_and(|wanted| wanted.is_available);
            if running.is_heavy && !is_wanted {
                running.cancel.press();
            }
        }
    }

    fn cancel_all(&self) {
        self.promise_cancel.press();
        let all = self
            .partition_work
            .values()
            .chain(self.software_work.values());
        for running in all {
            running.cancel.press();
        }
    }

    fn take_groups(&mut self, snapshot: Option<Snapshot>) {
        let number = snapshot.as_ref().map(|snapshot| snapshot.number);
        if number.is_some_and(|number| number < self.snapshot) {
            return;
        }
        self.snapshot = number.unwrap_or(self.snapshot);
        let groups = snapshot.map(|snapshot| snapshot.groups);
        let groups: Option<BTreeMap<String, GroupStatus>> = groups.map(|groups| {
            groups
                .into_iter()
                .map(|group| (group.name.clone(), group))
                .collect()
        });
        let names = groups
            .iter()
            .chain(self.groups.iter())
            .flat_map(BTreeMap::keys);
        let changed: BTreeSet<String> = names
            .filter(|name| {
                let of = |groups: &Option<BTreeMap<String, GroupStatus>>| {
                    groups
                        .as_ref()
                        .and_then(|groups| groups.get(*name))
                        .map(without_clock)
                };
                of(&groups) != of(&self.groups)
            })
            .cloned()
            .collect();
        let is_first = self.groups.is_none();
        self.groups = groups;
        if is_first {
            self.tell_all();
        } else {
            for partition in changed {
                self.tell_partition(&partition);
            }
        }
    }

    fn begin_software(&mut self, url: &str, step: SoftwareStep) {
        let heavy = self
            .software_work
            .values()
            .filter(|running| running.is_heavy)
            .count();
        let is_heavy = step == SoftwareStep::Build;
        let room = usize::try_from(self.node.settings.software_jobs).unwrap_or(1);
        let Some(wanted) = self.desired.software.get(url).cloned() else {
            return;
        };
        if is_heavy && heavy >= room {
            self.tell_software(url);
            return;
        }
        let Ok(cancel) = Cancel::new() else { return };
        let order = work::SoftwareOrder {
            node: Arc::clone(&self.node),
            master: Arc::clone(&self.master),
            sender: self.sender.clone(),
            url: url.to_owned(),
            wanted,
            step,
            cancel: cancel.clone(),
        };
        if order.begin().is_ok() {
            let running = Running {
                cancel,
                is_heavy,
                installs: None,
            };
            self.software_work.insert(url.to_owned(), running);
            self.tell_software(url);
        }
    }

    fn end_software(&mut self, url: &str, result: Result<SoftwareRecord, String>) {
        self.software_work.remove(url);
        self.progress.remove(url);
        self.read_stamp(url);
        match result {
            Ok(record) => {
                self.holds.remove(url);
                if let Some(failure) = &record.failure {
                    tracing::warn!(url, message = failure.message, "build failed");
                    let at = self.now().plus(self.backoff(failure.count));
                    self.retries.insert(url.to_owned(), at);
                } else {
                    self.retries.remove(url);
                }
                self.software.insert(url.to_owned(), record);
            }
            Err(message) => self.hold(url, message),
        }
        self.tell_software(url);
        let waiting: Vec<String> = self
            .desired
            .instances
            .iter()
            .filter(|(_, wanted)| wanted.ask.software == url)
            .map(|(partition, _)| partition.clone())
            .collect();
        for partition in waiting {
            self.tell_partition(&partition);
        }
    }

    fn begin_partition(&mut self, partition: &str, steps: Vec<PartitionStep>) {
        let is_heavy = steps
            .iter()
            .any(|step| matches!(step, PartitionStep::Install { .. }));
        let same_kind = self
            .partition_work
            .values()
            .filter(|running| running.is_heavy == is_heavy);
        let room = match is_heavy {
            true => usize::try_from(self.node.settings.instance_jobs).unwrap_or(1),
            false => limits::LIGHT_STEPS_MAX,
        };
        if same_kind.count() >= room {
            return;
        }
        let Ok(cancel) = Cancel::new() else { return };
        let wanted: Option<WantedInstance> = self.desired.instances.get(partition).cloned();
        let installs = wanted
            .as_ref()
            .filter(|_| is_heavy)
            .map(|wanted| wanted.ask.id.clone());
        let order = work::PartitionOrder {
            node: Arc::clone(&self.node),
            sender: self.sender.clone(),
            partition: partition.to_owned(),
            steps,
            wanted,
            record: self.instances.get(partition).cloned(),
            cancel: cancel.clone(),
        };
        if order.begin().is_ok() {
            let running = Running {
                cancel,
                is_heavy,
                installs,
            };
            self.partition_work.insert(partition.to_owned(), running);
            self.tell_partition(partition);
        }
    }

    fn end_partition(&mut self, partition: &str, end: work::PartitionEnd) {
        self.partition_work.remove(partition);
        if let Some(record) = end.record {
            match &record.failure {
                Some(failure) => {
                    tracing::warn!(partition, message = failure.message, "installation failed");
                    let at = self.now().plus(self.backoff(failure.count));
                    self.retries.insert(partition.to_owned(), at);
                }
                None => {
                    self.retries.remove(partition);
                }
            }
            self.instances.insert(partition.to_owned(), record);
        }
        match end.fault {
            Some(message) => self.hold(partition, message),
            None => {
                self.holds.remove(partition);
            }
        }
        if end.is_new_start {
            self.up_since.remove(partition);
        }
        if let Some(snapshot) = end.groups {
            self.take_groups(Some(snapshot));
        }
        if end.is_new_start {
            let now = self.now();
            self.schedule.restart(partition, now);
        }
        self.tell_partition(partition);
    }

    /// A fault of this machine, such as a full disk: nothing is tried for a moment.
    fn hold(&mut self, key: &str, message: String) {
        let (first, longest) = limits::HOLD;
        let now = self.now();
        tracing::warn!(subject = key, message, "step failed");
        let hold = self.holds.entry(key.to_owned()).or_default();
        hold.count = hold.count.saturating_add(1);
        hold.until = now.plus((first * 2_u32.saturating_pow(hold.count.min(10) - 1)).min(longest));
        hold.message = message;
    }

    fn backoff(&self, count: u32) -> Duration {
        let pause = limits::RETRY_FIRST * 2_u32.saturating_pow(count.clamp(1, 10) - 1);
        let pause = pause.min(limits::RETRY_MAX);
        pause + self.node.jitter(pause / 10)
    }

    fn note_progress(&mut self, url: &str, progress: Progress) {
        let now = self.now();
        let before = self.progress.get(url);
        let is_news = before.is_none_or(|(before, at)| {
            (before.part != progress.part || before.step != progress.step)
                || now.since(*at) >= Duration::from_secs(1)
        });
        let is_due = before.is_none_or(|(_, at)| now.since(*at) >= limits::PROGRESS_EVERY);
        if is_news && is_due {
            self.progress.insert(url.to_owned(), (progress, now));
            self.tell_software(url);
        }
    }

    fn begin_promises(&mut self) {
        let now = self.now();
        for (key, spec) in self.schedule.take_due(now) {
            let order = work::PromiseOrder {
                node: Arc::clone(&self.node),
                sender: self.sender.clone(),
                key: key.clone(),
                spec,
                cancel: self.promise_cancel.clone(),
            };
            if let Err(error) = order.begin() {
                let finding = Finding {
                    state: PromiseState::CheckBroken,
                    message: format!("the check cannot be started: {error}"),
                    checked_at_us: self.node.clock.now().as_micros(),
                };
                self.note_promise(&key, &finding);
            }
        }
    }

    /// While a program is being replaced, the one of before may still answer: that keeps nothing.
    fn is_being_replaced(&self, partition: &str) -> bool {
        let group = self
            .groups
            .as_ref()
            .and_then(|groups| groups.get(partition));
        group.is_some_and(|group| {
            group
                .programs
                .iter()
                .any(|program| program.state == ProgramState::Stopping)
        })
    }

    fn note_promise(&mut self, key: &Key, finding: &Finding) {
        let now = self.now();
        let mut finding = finding.clone();
        if finding.state == PromiseState::Kept && self.is_being_replaced(&key.partition) {
            finding.state = PromiseState::Pending;
            "a program is being replaced".clone_into(&mut finding.message);
        }
        if self.schedule.record(key, &finding, now) {
            let said = self.schedule.said(&key.partition);
            if let Some(said) = said.iter().find(|said| said.name == key.name) {
                let change = Change {
                    at_us: said.checked_at_us,
                    state: said.state.to_string(),
                    message: said.message.clone(),
                };
                if let Err(error) = self.history.add(&key.partition, &key.name, change) {
                    tracing::warn!(%error, "promise history not kept");
                }
            }
        }
        self.tell_partition(&key.partition);
    }

    /// What the master knows to be gone needs no record any more.
    fn forget_told(&mut self, report: &wire::NodeReport) {
        for told in &report.instances {
            if told.state.as_deref() != Some("destroyed") {
                continue;
            }
            let gone = self
                .instances
                .iter()
                .find(|(_, r)| r.id == told.id && r.is_removed);
            if let Some(partition) = gone.map(|(partition, _)| partition.clone()) {
                let done = self.node.records.forget_instance(&partition);
                let done = done.and_then(|()| self.history.forget(&partition));
                if let Err(error) = done {
                    tracing::warn!(%error, "record not removed");
                }
                self.instances.remove(&partition);
            }
        }
        self.retain_told();
    }

    /// In a one-shot step: programs are being stopped, and then something is to be removed.
    fn is_waiting_for_programs(&self) -> bool {
        let Some(groups) = &self.groups else {
            return false;
        };
        self.scope.has_instances && groups.values().any(|group| group.is_removed)
    }
}

/// A status without what changes by itself.
fn without_clock(status: &GroupStatus) -> GroupStatus {
    let mut status = status.clone();
    for program in &mut status.programs {
        program.uptime_ms = None;
        program.log_dropped_bytes = 0;
    }
    status
}

fn earliest(one: Option<Moment>, two: Option<Moment>) -> Option<Moment> {
    match (one, two) {
        (Some(one), Some(two)) => Some(one.min(two)),
        (one, two) => one.or(two),
    }
}
