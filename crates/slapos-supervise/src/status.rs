//! What is: the state of groups and programs as the supervisor reports it, and its events.
//!
//! Readers outside of this crate decide by these values only, never by files of the supervisor.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::spec::{ProgramKind, Wanted};

/// State of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupStatus {
    /// Name of the group.
    pub name: String,
    /// What was asked for. A group that was removed and is still stopping says `Stopped`.
    pub wanted: Wanted,
    /// Whether the group was removed and only waits for its last process.
    pub is_removed: bool,
    /// Its programs by name, those included that are removed and still stopping.
    pub programs: Vec<ProgramStatus>,
}

/// State of a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramStatus {
    /// Name within the group.
    pub name: String,
    /// What is done when it ends.
    pub kind: ProgramKind,
    /// Where it is in its life.
    pub state: ProgramState,
    /// The main process, while there is one.
    pub pid: Option<i32>,
    /// Digest that the live process was started with.
    pub running_digest: Option<String>,
    /// Digest that is wanted.
    pub wanted_digest: String,
    /// Milliseconds since the live process was started.
    pub uptime_ms: Option<u64>,
    /// Starts after the first one since this supervisor began to watch it.
    pub restarts: u64,
    /// How it ended the last time.
    pub last_exit: Option<Outcome>,
    /// Why it is as it is, in one sentence, when there is something to say: the reason that a start
    /// failed, a limit that was clamped.
    pub message: Option<String>,
    /// How its process tree is held together.
    pub containment: Containment,
    /// Whether the live process was started by an earlier supervisor.
    pub is_adopted: bool,
    /// The log file being written.
    pub log: PathBuf,
    /// Output that was lost since this supervisor started because the log could not be written.
    pub log_dropped_bytes: u64,
    /// Limits that this machine did not allow, in words.
    pub clamped_limits: Vec<String>,
}

/// Where a program is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProgramState {
    /// No process, as wanted.
    Stopped,
    /// Forked; its program file is not yet executed.
    Starting,
    /// Its program file was executed and the main process lives.
    Running,
    /// Asked to end, or its leftovers are being ended.
    Stopping,
    /// Failed; will be started again.
    Backoff {
        /// Milliseconds until the next start.
        in_ms: u64,
    },
    /// A [`ProgramKind::Run`] that ended well.
    Done,
}

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It returned this code.
    Code(i32),
    /// It was killed by the signal with this number.
    Signal(i32),
    /// It could not be started, for this reason.
    NotStarted(String),
    /// It ended while no supervisor that was its parent lived; nobody can tell how.
    Unknown,
}

/// How a process tree is held together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Containment {
    /// In a cgroup of its own: no process without root can leave it.
    Cgroup,
    /// By process group, parentage and environment mark: a program that wants to can hide from it.
    ProcessGroup,
}

/// Something that happened to a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Group of the program.
    pub group: String,
    /// Name of the program.
    pub program: String,
    /// What happened.
    pub kind: EventKind,
}

/// What happened to a program. There is no "gave up": the supervisor never does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// Its program file was executed.
    Started {
        /// The main process.
        pid: i32,
    },
    /// Its main process ended.
    Exited {
        /// How.
        outcome: Outcome,
    },
    /// It will be started again.
    Restarting {
        /// Milliseconds until then.
        in_ms: u64,
    },
    /// Nothing of it is left and it stays so: stopped as asked, removed, or done.
    Stopped,
}

impl Outcome {
    /// Whether the program did its work to the end.
    pub fn is_success(&self) -> bool {
        *self == Self::Code(0)
    }
}
