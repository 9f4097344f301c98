//! What the supervisor holds of one program and of one group.
//!
//! Plain data; who may change what is written at the fields.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;

use crate::proc::Birth;
use crate::spec::{ProgramSpec, Wanted};
use crate::status::Outcome;
use crate::step::{Program, Wish};

/// Index of a program, and its slot in the children table.
pub(super) type ProgramId = u32;

/// A partition's programs.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) wanted: Wanted,
    pub(super) is_removed: bool,
    /// Those included that are removed and still stopping.
    pub(super) programs: BTreeMap<String, ProgramId>,
}

/// One program.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) group: String,
    pub(super) spec: ProgramSpec,
    /// Changes with the digest of the specification.
    pub(super) version: u64,
    /// No longer in the specification of its group.
    pub(super) is_removed: bool,
    /// Changed by `feed` alone.
    pub(super) life: Program,
    /// The main process started last, dead or alive.
    pub(super) main: Option<Birth>,
    pub(super) running_digest: Option<String>,
    pub(super) is_adopted: bool,
    pub(super) is_in_cgroup: bool,
    /// Only of an adopted main process; the end of an own child is told by SIGCHLD.
    pub(super) pidfd: Option<OwnedFd>,
    /// Only until the program file was executed.
    pub(super) gate: Option<OwnedFd>,
    /// Whether the child was let through the gate; only then its closing means an exec.
    pub(super) is_let_through: bool,
    /// Whether its cgroup must be made anew before the next birth, see `launch.rs`.
    pub(super) has_used_cgroup: bool,
    /// The end of the output pipe that is read here.
    pub(super) output: Option<OwnedFd>,
    pub(super) starts: u64,
    pub(super) last_exit: Option<Outcome>,
    pub(super) message: Option<String>,
    pub(super) clamped_limits: Vec<String>,
    pub(super) dropped_bytes: u64,
    /// Of these, those that the log does not yet tell of.
    pub(super) untold_bytes: u64,
    /// The entry of this program in the timers.
    pub(super) timer_ms: Option<u64>,
    /// When to look at a dying tree again, and the pause after that.
    pub(super) look_ms: Option<(u64, u64)>,
}

impl Entry {
    /// A program that was never started.
    pub(super) fn new(group: &str, spec: ProgramSpec, version: u64) -> Self {
        Self {
            group: group.to_owned(),
            spec,
            version,
            is_removed: false,
            life: Program::new(),
            main: None,
            running_digest: None,
            is_adopted: false,
            is_in_cgroup: false,
            pidfd: None,
            gate: None,
            is_let_through: false,
            // An earlier supervisor may have.
            has_used_cgroup: true,
            output: None,
            starts: 0,
            last_exit: None,
            message: None,
            clamped_limits: vec![],
            dropped_bytes: 0,
            untold_bytes: 0,
            timer_ms: None,
            look_ms: None,
        }
    }

    /// What `step` needs to know of the specification.
    pub(super) fn wish(&self) -> Wish {
        Wish {
            kind: self.spec.kind,
            version: self.version,
            stop_signal: self.spec.stop_signal,
            stop_timeout_ms: self.spec.stop_timeout_ms,
        }
    }
}
