//! What the master should know, and what it knows: the difference is the next report.
//!
//! Level-triggered: only the newest of each instance and release is kept, so it is bounded however
//! long the master is away. It is made again from the records on disk when the agent starts, so
//! nothing that waits can be lost.

use super::master::Master;
use crate::limits;
use slapos_api::wire::catalog::ReleaseFiles;
use slapos_api::wire::node::{InstanceReport, NodeReport, SoftwareReport};
use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Shared by the agent, which fills it, and the thread that delivers.
#[derive(Debug, Default)]
pub struct Outbox {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    client: Option<Master>,
    is_watching: bool,
    is_ended: bool,
    sequence: i64,
    instances: BTreeMap<String, InstanceReport>,
    software: BTreeMap<String, SoftwareReport>,
    known_instances: BTreeMap<String, InstanceReport>,
    known_software: BTreeMap<String, SoftwareReport>,
}

/// What woke the delivering thread.
#[derive(Debug)]
pub enum Errand {
    /// There is something to deliver.
    Deliver(Master, NodeReport),
    /// Nothing happened for long: ask what is wanted.
    Poll(Master),
    /// The agent ends.
    End,
}

impl Outbox {
    /// What the master should know of an instance.
    pub fn tell_instance(&self, report: InstanceReport) {
        let mut state = self.lock();
        let known = state.known_instances.get(&report.id);
        let is_news = known.is_none_or(|known| !is_same(known, &report));
        state.instances.insert(report.id.clone(), report);
        if is_news {
            self.changed.notify_all();
        }
    }

    /// What the master should know of a release.
    pub fn tell_software(&self, report: SoftwareReport) {
        let mut state = self.lock();
        let is_news = state.known_software.get(&report.url) != Some(&report);
        state.software.insert(report.url.clone(), report);
        if is_news {
            self.changed.notify_all();
        }
    }

    /// Nothing more is to be told of what is not in these lists.
    pub fn retain(&self, instances: &dyn Fn(&str) -> bool, software: &dyn Fn(&str) -> bool) {
        let mut state = self.lock();
        state.instances.retain(|id, _| instances(id));
        state.known_instances.retain(|id, _| instances(id));
        state.software.retain(|url, _| software(url));
        state.known_software.retain(|url, _| software(url));
    }

    /// The master is another one than before: it knows nothing.
    pub fn forget_known(&self) {
        let mut state = self.lock();
        state.known_instances.clear();
        state.known_software.clear();
        self.changed.notify_all();
    }

    /// There is a way to the master, or there is none any more.
    pub fn set_client(&self, client: Option<Master>) {
        self.lock().client = client;
        self.changed.notify_all();
    }

    /// Whether the watch stream stands, which makes polling rarer.
    pub fn set_watching(&self, is_watching: bool) {
        self.lock().is_watching = is_watching;
        self.changed.notify_all();
    }

    /// Reports that the master does not have.
    #[must_use]
    pub fn waiting(&self) -> usize {
        let report = self.lock().difference();
        report.instances.len() + report.software.len()
    }

    /// Ends [`Outbox::next_errand`].
    pub fn end(&self) {
        self.lock().is_ended = true;
        self.changed.notify_all();
    }

    /// Waits for something to do.
    pub fn next_errand(&self, jitter: Duration) -> Errand {
        let mut state = self.lock();
        loop {
            if state.is_ended {
                return Errand::End;
            }
            let report = state.difference();
            if let Some(client) = state.client.clone()
                && !(report.instances.is_empty() && report.software.is_empty())
            {
                state.sequence += 1;
                let sequence = state.sequence;
                return Errand::Deliver(client, NodeReport { sequence, ..report });
            }
            let pause = if state.is_watching {
                limits::POLL_WATCHING
            } else {
                limits::POLL
            };
            let (back, timeout) = self
                .changed
                .wait_timeout(state, pause + jitter)
                .unwrap_or_else(PoisonError::into_inner);
            state = back;
            if timeout.timed_out()
                && let Some(client) = state.client.clone()
            {
                return Errand::Poll(client);
            }
        }
    }

    /// The master took a report.
    pub fn acknowledge(&self, report: &NodeReport) {
        let mut state = self.lock();
        for instance in &report.instances {
            state
                .known_instances
                .insert(instance.id.clone(), instance.clone());
        }
        for software in &report.software {
            state
                .known_software
                .insert(software.url.clone(), software.clone());
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl crate::release::ReadRelease for Outbox {
    fn read_release(&self, url: &str) -> Result<ReleaseFiles, String> {
        let client = self.lock().client.clone();
        let client = client.ok_or_else(|| "the master cannot be reached".to_owned())?;
        client.read_release(url)
    }
}

impl State {
    fn difference(&self) -> NodeReport {
        let mut report = NodeReport::default();
        let known = &self.known_instances;
        for (id, wanted) in &self.instances {
            if known.get(id).is_none_or(|known| !is_same(known, wanted)) {
                report.instances.push(wanted.clone());
            }
            if report.instances.len() >= limits::REPORT_ITEMS_MAX {
                break;
            }
        }
        for (url, wanted) in &self.software {
            if self.known_software.get(url) != Some(wanted) {
                report.software.push(wanted.clone());
            }
            if report.software.len() >= limits::REPORT_ITEMS_MAX {
                break;
            }
        }
        report
    }
}

/// Whether two reports say the same; when a promise was checked is no news by itself for some
/// minutes.
fn is_same(known: &InstanceReport, wanted: &InstanceReport) -> bool {
    let refresh = i64::try_from(limits::PROMISE_REFRESH.as_micros()).unwrap_or(i64::MAX);
    let promises = match (&known.promises, &wanted.promises) {
        (Some(known), Some(wanted)) => {
            known.len() == wanted.len()
                && known.iter().zip(wanted).all(|(known, wanted)| {
                    known.name == wanted.name
                        && known.state == wanted.state
                        && (known.checked_at_us - wanted.checked_at_us).abs() < refresh
                })
        }
        (known, wanted) => known == wanted,
    };
    let plain = |report: &InstanceReport| InstanceReport {
        promises: None,
        ..report.clone()
    };
    promises && plain(known) == plain(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use slapos_api::wire::node::PromiseReport;

    fn report(state: &str, promise: &str, checked_at_us: i64) -> InstanceReport {
        InstanceReport {
            id: "SOFTINST-1".to_owned(),
            generation: 1,
            state: Some(state.to_owned()),
            message: None,
            connection: None,
            promises: Some(vec![PromiseReport {
                name: "p".to_owned(),
                state: promise.to_owned(),
                message: checked_at_us.to_string(),
                checked_at_us,
            }]),
            processes: None,
        }
    }

    #[test]
    fn outbox_keeps_only_the_newest_until_it_is_known() {
        let outbox = Outbox::default();
        outbox.tell_instance(report("installing", "pending", 1));
        outbox.tell_instance(report("started", "kept", 2));
        let said = outbox.lock().difference();
        assert_eq!(said.instances.len(), 1);
        assert_eq!(said.instances[0].state.as_deref(), Some("started"));
        outbox.acknowledge(&said);
        assert_eq!(outbox.waiting(), 0);
    }

    #[test]
    fn outbox_a_promise_checked_again_is_no_news_for_some_minutes() {
        let outbox = Outbox::default();
        let said = NodeReport {
            instances: vec![report("started", "kept", 0)],
            ..NodeReport::default()
        };
        outbox.acknowledge(&said);
        outbox.tell_instance(report("started", "kept", 60_000_000));
        assert_eq!(outbox.waiting(), 0);
        outbox.tell_instance(report("started", "broken", 60_000_000));
        assert_eq!(outbox.waiting(), 1);
        outbox.tell_instance(report("started", "kept", 3_600_000_000));
        assert_eq!(outbox.waiting(), 1);
    }

    #[test]
    fn outbox_for_another_master_says_everything_again() {
        let outbox = Outbox::default();
        outbox.tell_instance(report("started", "kept", 0));
        let said = outbox.lock().difference();
        outbox.acknowledge(&said);
        outbox.forget_known();
        assert_eq!(outbox.waiting(), 1);
    }

    #[test]
    fn outbox_ended_gives_no_more_errands() {
        let outbox = Outbox::default();
        outbox.end();
        assert!(matches!(outbox.next_errand(Duration::ZERO), Errand::End));
    }
}
