//! What is on this host now, as pure data.
//!
//! The agent fills it from its records, the software folder and the supervisor; nothing here
//! reads or decides anything.

use crate::moment::Moment;
use crate::record::{InstanceRecord, ProgramKind, SoftwareRecord};
use slapos_supervise::{GroupStatus, ProgramState, Wanted};
use std::collections::BTreeMap;

/// All that is seen of the node.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Observed {
    /// When.
    pub now: Moment,
    /// Releases by URL: those that are there or were worked on.
    pub software: BTreeMap<String, ObservedSoftware>,
    /// Partitions by name: those that hold something.
    pub partitions: BTreeMap<String, ObservedPartition>,
    /// Groups of the supervisor by name; `None` when it does not answer.
    pub groups: Option<BTreeMap<String, ObservedGroup>>,
}

/// A release as it is here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ObservedSoftware {
    /// What its completion mark says, when it is complete.
    pub stamp: Option<String>,
    /// What is remembered of it.
    pub record: Option<SoftwareRecord>,
    /// Digest of what would be built, when that can be told without fetching anything.
    pub profile_digest: String,
    /// Whether a job works on it.
    pub is_busy: bool,
    /// When a failed build is tried again.
    pub retry_at: Moment,
}

/// A partition as it is here.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ObservedPartition {
    /// What it holds.
    pub record: Option<InstanceRecord>,
    /// Whether a job works on it.
    pub is_busy: bool,
    /// When a failed step is tried again.
    pub retry_at: Moment,
}

/// A group of the supervisor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedGroup {
    /// Whether its programs are to run.
    pub is_wanted: bool,
    /// Whether it was removed and only waits for its last process.
    pub is_removed: bool,
    /// Whether no process of it is left.
    pub is_quiet: bool,
    /// Its programs: kind and wanted digest by name.
    pub programs: BTreeMap<String, (ProgramKind, String)>,
}

impl ObservedGroup {
    /// From the supervisor's words.
    #[must_use]
    pub fn read(status: &GroupStatus) -> Self {
        let programs = status.programs.iter();
        Self {
            is_wanted: status.wanted == Wanted::Running && !status.is_removed,
            is_removed: status.is_removed,
            is_quiet: programs.clone().all(|program| {
                program.pid.is_none()
                    && matches!(program.state, ProgramState::Stopped | ProgramState::Done)
            }),
            programs: programs
                .map(|program| {
                    let kind = match program.kind {
                        slapos_supervise::ProgramKind::Run => ProgramKind::Run,
                        slapos_supervise::ProgramKind::Service => ProgramKind::Service,
                    };
                    (program.name.clone(), (kind, program.wanted_digest.clone()))
                })
                .collect(),
        }
    }
}
