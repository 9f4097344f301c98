//! Promises outside of the resident agent: all of them once, and what was found before.

use super::{Agent, work};
use crate::promise::Said;
use crate::step::InstanceStatus;
use slapos_api::wire::node::PromiseReport;
use std::sync::mpsc::sync_channel;

impl Agent {
    /// `partition promise`, one for each that is to be checked.
    pub(crate) fn promise_names(&mut self) -> Vec<String> {
        let mut names = Vec::new();
        for partition in self.scoped_partitions() {
            let said = self.schedule.said(&partition).into_iter();
            names.extend(said.map(|said: Said| format!("{partition} {}", said.name)));
        }
        names
    }

    /// Checks each promise once, some at a time. A one-shot check knows no start-up grace.
    pub(crate) fn check_all_promises(&mut self) {
        let (sender, notices) = sync_channel(crate::limits::NOTICES_MAX);
        let partitions = self.scoped_partitions();
        let now = self.now();
        let mut running = 0_usize;
        loop {
            for (key, spec) in self.schedule.take_due_once(now, &partitions) {
                let order = work::PromiseOrder {
                    node: std::sync::Arc::clone(&self.node),
                    sender: sender.clone(),
                    key,
                    spec,
                    cancel: self.promise_cancel.clone(),
                };
                running += usize::from(order.begin().is_ok());
            }
            if running == 0 {
                return;
            }
            if let Ok(super::Notice::Promise(key, finding)) = notices.recv() {
                running -= 1;
                self.schedule.record_once(&key, &finding);
            }
        }
    }

    /// For who only looks: what the resident agent noted of each promise.
    pub(crate) fn instance_statuses_from_history(&mut self) -> Vec<InstanceStatus> {
        let mut statuses = self.instance_statuses();
        for status in &mut statuses {
            let history = self.history.of(&status.partition);
            for promise in &mut status.promises {
                let last = history
                    .get(&promise.name)
                    .and_then(|changes| changes.last());
                if let Some(last) = last {
                    *promise = PromiseReport {
                        name: promise.name.clone(),
                        state: last.state.clone(),
                        message: last.message.clone(),
                        checked_at_us: last.at_us,
                    };
                }
            }
        }
        statuses
    }

    fn scoped_partitions(&self) -> Vec<String> {
        let only = &self.scope.only;
        let wanted = self.desired.instances.iter();
        wanted
            .filter(|(partition, wanted)| {
                only.is_empty() || only.contains(*partition) || only.contains(&wanted.ask.name)
            })
            .map(|(partition, _)| partition.clone())
            .collect()
    }
}
