//! The life of one program as a pure function: start at [`step`].
//!
//! It knows no process, no clock and no file: time and luck come in with [`Moment`], facts with
//! [`Fact`], and what must be done goes out as [`Effect`]s. It is total: a fact that does not fit
//! the phase changes nothing. The one promise: [`Effect::Spawn`] comes out only while no process
//! of the program is left. The loop in `supervisor/` performs the effects and feeds back the facts.

use crate::limits;
use crate::spec::{ProgramKind, Signal};

/// What is wanted of a program that should run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wish {
    pub(crate) kind: ProgramKind,
    /// Another number means another program: the live one must be replaced.
    pub(crate) version: u64,
    pub(crate) stop_signal: Signal,
    pub(crate) stop_timeout_ms: u64,
}

/// One program: what is wanted and where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Program {
    /// `None` when it should not run.
    pub(crate) wanted: Option<Wish>,
    pub(crate) phase: Phase,
    /// Failures in a row; decides the pause.
    pub(crate) failures: u32,
}

/// Where a program is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// No process is left.
    Stopped,
    /// A run that ended well; what it left behind may live.
    Done { started: Wish },
    /// No process is left; the next start is at `until_ms`.
    Waiting { until_ms: u64 },
    /// The effect `Spawn` is on its way.
    Spawning { started: Wish },
    /// The main process exists. `is_executed` once its program file runs.
    Running {
        pid: i32,
        since_ms: u64,
        started: Wish,
        is_executed: bool,
    },
    /// The main process was asked to end; `deadline_ms` is `None` once everything was killed.
    Stopping { pid: i32, deadline_ms: Option<u64> },
    /// The main process is gone, the rest of its tree is not known to be.
    Clearing {
        deadline_ms: Option<u64>,
        start_at_ms: u64,
    },
}

/// Something that is true now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fact {
    /// This is wanted from now on.
    Want(Option<Wish>),
    /// Somebody asked for a restart.
    RestartAsked,
    /// The answers to [`Effect::Spawn`].
    Spawned {
        pid: i32,
    },
    NotSpawned,
    /// The main process executed its program file.
    Executed,
    /// The main process is gone.
    Exited {
        is_success: bool,
    },
    /// No process of the program is left.
    TreeEmpty,
    /// The time that [`Program::due_ms`] named has come.
    Due,
    /// The patience of a supervisor that ends is over.
    KillNow,
    /// An earlier supervisor started it and it lives.
    Adopted {
        pid: i32,
        since_ms: u64,
        started: Wish,
    },
    /// An earlier supervisor started it and its main process is gone.
    FoundDead,
    /// An earlier supervisor saw this run end well.
    FoundDone {
        started: Wish,
    },
}

/// Something that must be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Start the main process; answer `Spawned` or `NotSpawned`.
    Spawn,
    /// Send this signal to every process of the tree.
    SignalTree(Signal),
    /// Kill every process of the tree.
    KillTree,
    /// Watch the tree until it is empty, then say `TreeEmpty`.
    WatchTree,
    /// Remember that this run ended well.
    RecordDone,
    /// Tell the subscribers.
    TellRestarting {
        in_ms: u64,
    },
    TellStopped,
}

/// Now, and a number drawn by lot.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) now_ms: u64,
    /// 0 to 1000.
    pub(crate) jitter_permille: u64,
}

impl Program {
    /// A program that was never seen before.
    pub(crate) fn new() -> Self {
        Self {
            wanted: None,
            phase: Phase::Stopped,
            failures: 0,
        }
    }

    /// When the next [`Fact::Due`] is due.
    pub(crate) fn due_ms(&self) -> Option<u64> {
        match self.phase {
            Phase::Waiting { until_ms } => Some(until_ms),
            Phase::Stopping { deadline_ms, .. } | Phase::Clearing { deadline_ms, .. } => {
                deadline_ms
            }
            _ => None,
        }
    }

    /// Whether the loop must watch for the end of the tree.
    pub(crate) fn is_clearing(&self) -> bool {
        matches!(self.phase, Phase::Clearing { .. })
    }

    /// Starts, when that is wanted.
    fn start(&mut self) -> Vec<Effect> {
        match self.wanted {
            Some(wish) => {
                self.phase = Phase::Spawning { started: wish };
                vec![Effect::Spawn]
            }
            None => {
                self.phase = Phase::Stopped;
                vec![Effect::TellStopped]
            }
        }
    }

    /// Asks a live main process to end.
    fn stop(&mut self, pid: i32, started: Wish, now_ms: u64) -> Vec<Effect> {
        let deadline_ms = Some(now_ms.saturating_add(started.stop_timeout_ms));
        self.phase = Phase::Stopping { pid, deadline_ms };
        vec![Effect::SignalTree(started.stop_signal)]
    }

    /// Asks what a finished run left behind to end.
    fn stop_left_behind(&mut self, started: Wish, now_ms: u64) -> Vec<Effect> {
        let deadline_ms = Some(now_ms.saturating_add(started.stop_timeout_ms));
        self.phase = Phase::Clearing {
            deadline_ms,
            start_at_ms: 0,
        };
        vec![Effect::SignalTree(started.stop_signal), Effect::WatchTree]
    }

    /// The main process failed: everything it left is killed, then it starts again.
    fn fail(&mut self, pause_ms: u64, now_ms: u64) -> Vec<Effect> {
        let start_at_ms = now_ms.saturating_add(pause_ms);
        self.phase = Phase::Clearing {
            deadline_ms: None,
            start_at_ms,
        };
        vec![
            Effect::TellRestarting { in_ms: pause_ms },
            Effect::KillTree,
            Effect::WatchTree,
        ]
    }

    /// Counts a failure and says how long to wait.
    fn pause_ms(&mut self, kind: ProgramKind, lived_ms: u64, at: Moment) -> u64 {
        if kind == ProgramKind::Service && lived_ms >= limits::LIVED_LONG_ENOUGH_MS {
            self.failures = 0;
        }
        let is_first = self.failures == 0;
        let pause = if kind == ProgramKind::Service && is_first {
            0
        } else if kind == ProgramKind::Service {
            backoff_ms(self.failures, at.jitter_permille)
        } else {
            backoff_ms(self.failures + 1, at.jitter_permille)
        };
        self.failures = self.failures.saturating_add(1).min(1000);
        pause
    }
}

/// What becomes of `program` when `fact` is learned, and what must be done about it.
pub(crate) fn step(mut program: Program, fact: Fact, at: Moment) -> (Program, Vec<Effect>) {
    let effects = match fact {
        Fact::Want(wish) => want(&mut program, wish, at.now_ms),
        Fact::RestartAsked => restart(&mut program, at.now_ms),
        Fact::Spawned { pid } => spawned(&mut program, pid, at.now_ms),
        Fact::NotSpawned => not_spawned(&mut program, at),
        Fact::Executed => {
            if let Phase::Running { is_executed, .. } = &mut program.phase {
                *is_executed = true;
            }
            vec![]
        }
        Fact::Exited { is_success } => exited(&mut program, is_success, at),
        Fact::TreeEmpty => tree_empty(&mut program, at.now_ms),
        Fact::Due => due(&mut program, at.now_ms),
        Fact::KillNow => kill_now(&mut program),
        Fact::Adopted { .. } | Fact::FoundDead | Fact::FoundDone { .. } => {
            found(&mut program, fact)
        }
    };
    (program, effects)
}

/// The pause after the given failure in a row, the first being 1.
fn backoff_ms(failure: u32, jitter_permille: u64) -> u64 {
    let doublings = failure.saturating_sub(1).min(20);
    let full = (limits::BACKOFF_FIRST_MS << doublings).min(limits::BACKOFF_MAX_MS);
    let share = limits::BACKOFF_JITTER_PERMILLE * jitter_permille.min(1000);
    full - full * share / 1_000_000
}

fn want(program: &mut Program, wish: Option<Wish>, now_ms: u64) -> Vec<Effect> {
    let before = program.wanted;
    program.wanted = wish;
    let is_new = before.map(|wish| wish.version) != wish.map(|wish| wish.version);
    if is_new {
        program.failures = 0;
    }
    match (&mut program.phase, wish) {
        (Phase::Stopped, Some(_)) => program.start(),
        (Phase::Waiting { .. }, _) if is_new => program.start(),
        (Phase::Clearing { start_at_ms, .. }, _) if is_new => {
            *start_at_ms = 0;
            vec![]
        }
        (Phase::Running { started, .. } | Phase::Done { started }, Some(wish))
            if wish.version == started.version =>
        {
            // The way to stop may change without a restart.
            *started = wish;
            vec![]
        }
        (&mut Phase::Running { pid, started, .. }, _) => program.stop(pid, started, now_ms),
        (&mut Phase::Done { started }, _) => program.stop_left_behind(started, now_ms),
        _ => vec![],
    }
}

fn restart(program: &mut Program, now_ms: u64) -> Vec<Effect> {
    if program.wanted.is_none() {
        return vec![];
    }
    program.failures = 0;
    match program.phase {
        Phase::Stopped | Phase::Waiting { .. } => program.start(),
        Phase::Running { pid, started, .. } => program.stop(pid, started, now_ms),
        Phase::Done { started } => program.stop_left_behind(started, now_ms),
        Phase::Clearing { deadline_ms, .. } => {
            program.phase = Phase::Clearing {
                deadline_ms,
                start_at_ms: 0,
            };
            vec![]
        }
        Phase::Spawning { .. } | Phase::Stopping { .. } => vec![],
    }
}

fn spawned(program: &mut Program, pid: i32, now_ms: u64) -> Vec<Effect> {
    let Phase::Spawning { started } = program.phase else {
        return vec![];
    };
    program.phase = Phase::Running {
        pid,
        since_ms: now_ms,
        started,
        is_executed: false,
    };
    // What was wanted may have changed while it was started.
    let is_wanted = program
        .wanted
        .is_some_and(|wish| wish.version == started.version);
    if is_wanted {
        vec![]
    } else {
        program.stop(pid, started, now_ms)
    }
}

fn not_spawned(program: &mut Program, at: Moment) -> Vec<Effect> {
    if !matches!(program.phase, Phase::Spawning { .. }) {
        return vec![];
    }
    if program.wanted.is_none() {
        return program.start();
    }
    let in_ms = program.pause_ms(ProgramKind::Run, 0, at);
    program.phase = Phase::Waiting {
        until_ms: at.now_ms.saturating_add(in_ms),
    };
    vec![Effect::TellRestarting { in_ms }]
}

fn exited(program: &mut Program, is_success: bool, at: Moment) -> Vec<Effect> {
    match program.phase {
        Phase::Running {
            since_ms, started, ..
        } => {
            if started.kind == ProgramKind::Run && is_success {
                program.phase = Phase::Done { started };
                program.failures = 0;
                return vec![Effect::RecordDone, Effect::TellStopped];
            }
            let lived_ms = at.now_ms.saturating_sub(since_ms);
            let pause_ms = program.pause_ms(started.kind, lived_ms, at);
            program.fail(pause_ms, at.now_ms)
        }
        Phase::Stopping { deadline_ms, .. } => {
            let grace_ms = at.now_ms.saturating_add(limits::LEFTOVER_GRACE_MS);
            let deadline_ms = deadline_ms.map(|deadline_ms| deadline_ms.min(grace_ms));
            program.phase = Phase::Clearing {
                deadline_ms,
                start_at_ms: 0,
            };
            vec![Effect::WatchTree]
        }
        _ => vec![],
    }
}

fn tree_empty(program: &mut Program, now_ms: u64) -> Vec<Effect> {
    let Phase::Clearing { start_at_ms, .. } = program.phase else {
        return vec![];
    };
    if program.wanted.is_some() && start_at_ms > now_ms {
        program.phase = Phase::Waiting {
            until_ms: start_at_ms,
        };
        return vec![];
    }
    program.start()
}

fn due(program: &mut Program, now_ms: u64) -> Vec<Effect> {
    if program.due_ms().is_none_or(|due_ms| due_ms > now_ms) {
        return vec![];
    }
    if let Phase::Waiting { .. } = program.phase {
        return program.start();
    }
    kill_now(program)
}

fn kill_now(program: &mut Program) -> Vec<Effect> {
    match &mut program.phase {
        Phase::Stopping { deadline_ms, .. } => {
            *deadline_ms = None;
            vec![Effect::KillTree]
        }
        Phase::Clearing { deadline_ms, .. } => {
            *deadline_ms = None;
            vec![Effect::KillTree, Effect::WatchTree]
        }
        _ => vec![],
    }
}

/// Facts about an earlier supervisor's work; they come before anything is wanted.
fn found(program: &mut Program, fact: Fact) -> Vec<Effect> {
    if program.phase != Phase::Stopped {
        return vec![];
    }
    match fact {
        Fact::Adopted {
            pid,
            since_ms,
            started,
        } => {
            program.wanted = Some(started);
            program.phase = Phase::Running {
                pid,
                since_ms,
                started,
                is_executed: true,
            };
            vec![]
        }
        Fact::FoundDone { started } => {
            program.wanted = Some(started);
            program.phase = Phase::Done { started };
            vec![]
        }
        Fact::FoundDead => {
            program.phase = Phase::Clearing {
                deadline_ms: None,
                start_at_ms: 0,
            };
            vec![Effect::KillTree, Effect::WatchTree]
        }
        _ => vec![],
    }
}

#[cfg(test)]
#[path = "step_tests.rs"]
mod tests;
