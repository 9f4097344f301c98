//! The state of programs in the words of the wire.
//!
//! Reading only.

use super::entry::{Entry, Group};
use super::{Supervisor, now_ms};
use crate::status::{Containment, GroupStatus, ProgramState, ProgramStatus};
use crate::step::Phase;

impl Supervisor {
    /// All groups, or the one of that name, by name.
    pub(super) fn report(&self, group: Option<&str>) -> Vec<GroupStatus> {
        let groups = self.groups.iter();
        let groups = groups.filter(|(name, _)| group.is_none_or(|group| group == *name));
        groups
            .map(|(name, held)| self.report_group(name, held))
            .collect()
    }

    fn report_group(&self, name: &str, group: &Group) -> GroupStatus {
        let entries = group.programs.values().filter_map(|id| self.entry(*id));
        GroupStatus {
            name: name.to_owned(),
            wanted: group.wanted,
            is_removed: group.is_removed,
            programs: entries.map(|entry| self.report_program(entry)).collect(),
        }
    }

    fn report_program(&self, entry: &Entry) -> ProgramStatus {
        let (pid, since_ms) = match entry.life.phase {
            Phase::Running { pid, since_ms, .. } => (Some(pid), Some(since_ms)),
            Phase::Stopping { pid, .. } => (Some(pid), None),
            _ => (None, None),
        };
        let containment = if entry.is_in_cgroup {
            Containment::Cgroup
        } else {
            Containment::ProcessGroup
        };
        ProgramStatus {
            name: entry.spec.name.clone(),
            kind: entry.spec.kind,
            state: state_of(entry.life.phase),
            pid,
            running_digest: entry.running_digest.clone(),
            wanted_digest: entry.spec.digest.clone(),
            uptime_ms: since_ms.map(|since_ms| now_ms().saturating_sub(since_ms)),
            restarts: entry.starts.saturating_sub(u64::from(!entry.is_adopted)),
            last_exit: entry.last_exit.clone(),
            message: entry.message.clone(),
            containment,
            is_adopted: entry.is_adopted,
            log: self.logs.path_of(&entry.group, &entry.spec.name),
            log_dropped_bytes: entry.dropped_bytes,
            clamped_limits: entry.clamped_limits.clone(),
        }
    }
}

fn state_of(phase: Phase) -> ProgramState {
    match phase {
        Phase::Stopped => ProgramState::Stopped,
        Phase::Done { .. } => ProgramState::Done,
        Phase::Waiting { until_ms } => ProgramState::Backoff {
            in_ms: until_ms.saturating_sub(now_ms()),
        },
        Phase::Spawning { .. }
        | Phase::Running {
            is_executed: false, ..
        } => ProgramState::Starting,
        Phase::Running { .. } => ProgramState::Running,
        Phase::Stopping { .. } | Phase::Clearing { .. } => ProgramState::Stopping,
    }
}
