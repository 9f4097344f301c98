//! Work that takes time, each in a thread of its own that ends with it.
//!
//! A worker knows what it was given and tells what came of it; it decides nothing. How many there
//! are is bounded by who begins them.

use super::Notice;
use crate::act;
use crate::desire::{WantedInstance, WantedSoftware};
use crate::node::{Node, Snapshot};
use crate::plan::{PartitionStep, SoftwareStep};
use crate::promise::check::Place;
use crate::promise::{Key, check_promise};
use crate::record::{InstanceRecord, SoftwareRecord};
use crate::release::ReadRelease;
use crate::system::Cancel;
use slapos_build::PromiseSpec;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

/// Small: the deepest thing that a worker does is to remove a tree.
const STACK_BYTES: usize = 256 << 10;

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let thread = std::thread::Builder::new().name(name.to_owned());
    thread.stack_size(STACK_BYTES).spawn(body).map(drop)
}

/// What came of the steps of a partition.
#[derive(Debug, Default)]
pub(crate) struct PartitionEnd {
    /// The record as it is now; `None` when nothing of it changed.
    pub(super) record: Option<InstanceRecord>,
    /// The supervisor's groups after it, when it was asked for something.
    pub(super) groups: Option<Snapshot>,
    /// What went wrong on this machine.
    pub(super) fault: Option<String>,
    /// Programs were started or changed.
    pub(super) is_new_start: bool,
}

/// The steps of one partition, in order.
pub(super) struct PartitionOrder {
    pub(super) node: Arc<Node>,
    pub(super) sender: SyncSender<Notice>,
    pub(super) partition: String,
    pub(super) steps: Vec<PartitionStep>,
    pub(super) wanted: Option<WantedInstance>,
    pub(super) record: Option<InstanceRecord>,
    pub(super) cancel: Cancel,
}

impl PartitionOrder {
    pub(super) fn begin(self) -> io::Result<()> {
        spawn("partition", move || {
            let sender = self.sender.clone();
            let partition = self.partition.clone();
            let end = self.perform();
            // An agent that is gone needs no answer.
            let _ = sender.send(Notice::PartitionDone(partition, Box::new(end)));
        })
    }

    fn perform(mut self) -> PartitionEnd {
        let mut end = PartitionEnd::default();
        for step in std::mem::take(&mut self.steps) {
            tracing::info!(partition = self.partition, step = %step, "step begins");
            match self.step(&step, &mut end) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    end.fault = Some(error.to_string());
                    break;
                }
            }
        }
        end.record.clone_from(&self.record);
        end
    }

    /// Does one step; false when the following ones make no sense.
    fn step(&mut self, step: &PartitionStep, end: &mut PartitionEnd) -> io::Result<bool> {
        match step {
            PartitionStep::Install { digest } => return self.install(digest, end),
            PartitionStep::Stop => {
                if let Some(record) = &self.record {
                    act::stop_instance(&self.node, &self.partition, record)?;
                    end.groups = Some(self.node.take_snapshot()?);
                }
            }
            PartitionStep::Supervise { is_wanted } => {
                if let Some(record) = &self.record {
                    act::supervise_instance(&self.node, &self.partition, record, *is_wanted)?;
                    end.groups = Some(self.node.take_snapshot()?);
                    end.is_new_start = *is_wanted;
                }
                // The record is kept after the supervisor knows the programs: killed in between,
                // the installation is done again, which changes nothing.
                if let Some(record) = &self.record {
                    self.node.records.store_instance(&self.partition, record)?;
                }
            }
            PartitionStep::Withdraw => {
                act::withdraw_instance(&self.node, &self.partition)?;
                end.groups = Some(self.node.take_snapshot()?);
            }
            PartitionStep::Remove { .. } => {
                if let Some(record) = &self.record {
                    let gone = act::remove_instance(&self.node, &self.partition, record)?;
                    self.record = Some(gone);
                }
            }
        }
        Ok(true)
    }

    fn install(&mut self, digest: &str, end: &mut PartitionEnd) -> io::Result<bool> {
        let Some(wanted) = &self.wanted else {
            return Ok(false);
        };
        let record =
            act::install_instance(&self.node, (wanted, digest), &self.cancel, &mut |_| {})?;
        let is_installed = record.digest == digest;
        self.record = Some(record);
        if !is_installed {
            if let Some(record) = &self.record {
                self.node.records.store_instance(&self.partition, record)?;
            }
            end.record.clone_from(&self.record);
        }
        Ok(is_installed)
    }
}

/// A step of a release.
pub(super) struct SoftwareOrder {
    pub(super) node: Arc<Node>,
    pub(super) master: Arc<dyn ReadRelease>,
    pub(super) sender: SyncSender<Notice>,
    pub(super) url: String,
    pub(super) wanted: WantedSoftware,
    pub(super) step: SoftwareStep,
    pub(super) cancel: Cancel,
}

impl SoftwareOrder {
    pub(super) fn begin(self) -> io::Result<()> {
        spawn("software", move || {
            tracing::info!(url = self.url, step = %self.step, "step begins");
            let result = self.perform().map_err(|error| error.to_string());
            let _ = self.sender.send(Notice::SoftwareDone(self.url, result));
        })
    }

    fn perform(&self) -> io::Result<SoftwareRecord> {
        match self.step {
            SoftwareStep::Remove => {
                act::remove_software(&self.node, &self.url, self.wanted.attempt)
            }
            SoftwareStep::Build => act::build_software(
                &self.node,
                (&self.url, &self.wanted),
                (&*self.master, &self.cancel),
                &mut |progress| {
                    let notice = Notice::Progress(self.url.clone(), progress);
                    // News that nobody has time for is dropped; there will be newer ones.
                    let _ = self.sender.try_send(notice);
                },
            ),
        }
    }
}

/// A promise to be checked.
pub(super) struct PromiseOrder {
    pub(super) node: Arc<Node>,
    pub(super) sender: SyncSender<Notice>,
    pub(super) key: Key,
    pub(super) spec: PromiseSpec,
    pub(super) cancel: Cancel,
}

impl PromiseOrder {
    pub(super) fn begin(self) -> io::Result<()> {
        spawn("promise", move || {
            let folder = self.node.layout.partition(&self.key.partition);
            let place = Place {
                system: &*self.node.system,
                clock: &*self.node.clock,
                partition: &self.key.partition,
                folder: &folder,
                account: self.node.account(&self.key.partition).unwrap_or_default(),
                cancel: &self.cancel,
            };
            let finding = check_promise(place, &self.spec);
            let _ = self.sender.send(Notice::Promise(self.key, finding));
        })
    }
}
