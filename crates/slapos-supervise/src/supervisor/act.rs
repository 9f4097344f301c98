//! Facts in, effects out: the only place that calls `step` and performs what it says.
//!
//! [`Supervisor::feed`] is the door. Effects answer with further facts of the same program, so it
//! turns until there are none.

use std::collections::VecDeque;
use std::os::fd::AsFd;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::wait::WaitStatus;
use nix::unistd::Pid;

use super::entry::ProgramId;
use super::{Supervisor, now_ms};
use crate::limits;
use crate::proc::MARK;
use crate::status::{Event, EventKind, Outcome};
use crate::step::{Effect, Fact, Moment, Phase, step};
use crate::sys;
use crate::tree::Tree;

impl Supervisor {
    /// Learns a fact about a program and does what follows from it.
    pub(super) fn feed(&mut self, id: ProgramId, fact: Fact) {
        let mut facts = VecDeque::from([fact]);
        while let Some(fact) = facts.pop_front() {
            let at = Moment {
                now_ms: now_ms(),
                jitter_permille: self.draw_permille(),
            };
            let Some(entry) = self.entry_mut(id) else {
                return;
            };
            let (life, effects) = step(entry.life, fact, at);
            entry.life = life;
            for effect in effects {
                facts.extend(self.perform(id, effect));
            }
        }
        self.set_timer(id);
        self.drop_if_gone(id);
    }

    fn perform(&mut self, id: ProgramId, effect: Effect) -> Option<Fact> {
        match effect {
            Effect::Spawn => Some(self.launch(id)),
            Effect::SignalTree(signal) => {
                self.signal_tree(id, signal.number());
                None
            }
            Effect::KillTree => {
                self.kill_tree(id);
                None
            }
            Effect::WatchTree => self.look_at_tree(id, limits::TREE_LOOK_MS.0),
            Effect::RecordDone => {
                self.record_done(id);
                None
            }
            Effect::TellRestarting { in_ms } => {
                self.tell(id, EventKind::Restarting { in_ms });
                None
            }
            Effect::TellStopped => {
                self.stopped(id);
                None
            }
        }
    }

    /// The main process of a program is gone.
    pub(super) fn main_ended(&mut self, id: ProgramId, outcome: Outcome) {
        // What the child said before it ended explains its end.
        self.read_gate(id);
        let Some(entry) = self.entry_mut(id) else {
            return;
        };
        let main = entry.main.map(|main| main.pid);
        entry.gate = None;
        entry.pidfd = None;
        entry.running_digest = None;
        let outcome = match (&entry.last_exit, entry.life.phase) {
            (
                Some(told @ Outcome::NotStarted(_)),
                Phase::Running {
                    is_executed: false, ..
                },
            ) => told.clone(),
            _ => outcome,
        };
        let is_unborn = matches!(
            entry.life.phase,
            Phase::Running {
                is_executed: false,
                ..
            }
        ) && entry.is_in_cgroup
            && outcome == Outcome::Signal(libc::SIGKILL);
        entry.last_exit = Some(outcome.clone());
        if let Some(pid) = main {
            self.by_pid.remove(&pid);
        }
        if is_unborn {
            self.can_be_born_in_cgroups = false;
        }
        let is_success = outcome.is_success();
        self.tell(id, EventKind::Exited { outcome });
        self.feed(id, Fact::Exited { is_success });
    }

    /// The process descriptor of an adopted program became ready.
    pub(super) fn adopted_ended(&mut self, id: ProgramId) {
        let Some(pidfd) = self.entry(id).and_then(|entry| entry.pidfd.as_ref()) else {
            return;
        };
        let mut ready = [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)];
        if poll(&mut ready, PollTimeout::ZERO) != Ok(1) {
            return;
        }
        let status = sys::pidfd_exit_status(pidfd.as_fd());
        let status = status.and_then(|status| WaitStatus::from_raw(Pid::from_raw(1), status).ok());
        let outcome = match status {
            Some(WaitStatus::Exited(_, code)) => Outcome::Code(code),
            Some(WaitStatus::Signaled(_, signal, _)) => Outcome::Signal(signal as i32),
            _ => Outcome::Unknown,
        };
        self.main_ended(id, outcome);
    }

    /// Looks at every tree that is dying.
    pub(super) fn look_at_clearing_trees(&mut self) {
        self.look.forget();
        for id in self.ids() {
            let is_clearing = self.entry(id).is_some_and(|entry| entry.life.is_clearing());
            if is_clearing && let Some(fact) = self.look_at_tree(id, limits::TREE_LOOK_MS.0) {
                self.feed(id, fact);
            }
        }
    }

    /// Does what is due.
    pub(super) fn fire_timers(&mut self) {
        let now_ms = now_ms();
        while let Some((_, id)) = self
            .timers
            .first()
            .copied()
            .filter(|(at_ms, _)| *at_ms <= now_ms)
        {
            self.timers.pop_first();
            let Some(entry) = self.entry_mut(id) else {
                continue;
            };
            entry.timer_ms = None;
            let is_look_due = entry.look_ms.is_some_and(|(at_ms, _)| at_ms <= now_ms);
            if entry.life.due_ms().is_some_and(|due_ms| due_ms <= now_ms) {
                self.feed(id, Fact::Due);
            }
            if is_look_due {
                self.look_again(id);
            }
            self.set_timer(id);
        }
    }

    /// A second look at a dying tree; what should be dead by now and is not is killed again.
    fn look_again(&mut self, id: ProgramId) {
        let Some(entry) = self.entry_mut(id) else {
            return;
        };
        let Some((_, pause_ms)) = entry.look_ms.take() else {
            return;
        };
        if !entry.life.is_clearing() {
            return;
        }
        if entry.life.due_ms().is_none() {
            self.kill_tree(id);
        }
        let longer_ms = (pause_ms * 2).min(limits::TREE_LOOK_MS.1);
        if let Some(fact) = self.look_at_tree(id, longer_ms) {
            self.feed(id, fact);
        }
    }

    /// Says that the tree is empty, or sets the time for the next look.
    fn look_at_tree(&mut self, id: ProgramId, pause_ms: u64) -> Option<Fact> {
        let mark = self.mark_of(id)?;
        let tree = self.tree_of(id, &mark)?;
        let by_pid = &self.by_pid;
        let is_empty = tree.is_empty(&|pid| by_pid.contains_key(&pid), &mut self.look);
        let entry = self.entry_mut(id)?;
        entry.look_ms = (!is_empty).then(|| (now_ms() + pause_ms, pause_ms));
        is_empty.then_some(Fact::TreeEmpty)
    }

    fn signal_tree(&mut self, id: ProgramId, number: i32) {
        let Some(mark) = self.mark_of(id) else { return };
        let Some(tree) = self.tree_of(id, &mark) else {
            return;
        };
        if let Err(error) = tree.signal(number, &mut self.look) {
            self.note(&format!("cannot signal a program: {error}"));
        }
    }

    fn kill_tree(&mut self, id: ProgramId) {
        if let Some(entry) = self.entry_mut(id) {
            entry.has_used_cgroup = true;
        }
        let Some(mark) = self.mark_of(id) else { return };
        let Some(tree) = self.tree_of(id, &mark) else {
            return;
        };
        let by_pid = &self.by_pid;
        if let Err(error) = tree.kill(&|pid| by_pid.contains_key(&pid), &mut self.look) {
            self.note(&format!("cannot kill a program: {error}"));
        }
    }

    fn tree_of<'a>(&self, id: ProgramId, mark: &'a [u8]) -> Option<Tree<'a>> {
        let entry = self.entry(id)?;
        let cgroups = self.cgroups.as_ref().filter(|_| entry.is_in_cgroup);
        Some(Tree {
            cgroup: cgroups.map(|cgroups| cgroups.of(&entry.group, &entry.spec.name)),
            main: entry.main,
            mark,
            is_adopted: entry.is_adopted,
        })
    }

    /// The line of its environment by which the processes of a program are recognised.
    pub(super) fn mark_of(&self, id: ProgramId) -> Option<Vec<u8>> {
        let entry = self.entry(id)?;
        let (name, group, program) = (&self.name, &entry.group, &entry.spec.name);
        Some(format!("{MARK}{name}/{group}/{program}").into_bytes())
    }

    fn record_done(&mut self, id: ProgramId) {
        let Some(mut record) = self.entry(id).and_then(|entry| self.record_of(entry)) else {
            return;
        };
        record.is_done = true;
        if let Err(error) = self.table.record(id as usize, &record) {
            // At worst it runs once more with the next supervisor.
            self.note(&format!("cannot record that a run ended: {error}"));
        }
    }

    fn stopped(&mut self, id: ProgramId) {
        let Some(entry) = self.entry_mut(id) else {
            return;
        };
        entry.look_ms = None;
        if entry.life.phase == Phase::Stopped {
            entry.is_adopted = false;
            entry.message = None;
            // A slot that cannot be cleared names a dead process, which is harmless.
            let _ = self.table.clear(id as usize);
        }
        self.tell(id, EventKind::Stopped);
    }

    /// Brings the timers in line with what the program waits for.
    fn set_timer(&mut self, id: ProgramId) {
        let Some(entry) = self
            .programs
            .get_mut(id as usize)
            .and_then(Option::as_deref_mut)
        else {
            return;
        };
        let look_ms = entry.look_ms.map(|(at_ms, _)| at_ms);
        let next_ms = [entry.life.due_ms(), look_ms].into_iter().flatten().min();
        if entry.timer_ms != next_ms {
            if let Some(at_ms) = entry.timer_ms {
                self.timers.remove(&(at_ms, id));
            }
            if let Some(at_ms) = next_ms {
                self.timers.insert((at_ms, id));
            }
            entry.timer_ms = next_ms;
        }
    }

    /// Forgets a program that was removed and of which nothing is left.
    fn drop_if_gone(&mut self, id: ProgramId) {
        let is_gone = |entry: &super::Entry| entry.is_removed && entry.life.phase == Phase::Stopped;
        if !self.entry(id).is_some_and(is_gone) {
            return;
        }
        self.move_output(id);
        let Some(entry) = self.programs.get_mut(id as usize).and_then(Option::take) else {
            return;
        };
        if let Some(at_ms) = entry.timer_ms {
            self.timers.remove(&(at_ms, id));
        }
        let _ = self.table.clear(id as usize);
        self.remove_output(&entry);
        if let Some(cgroups) = &self.cgroups {
            cgroups.of(&entry.group, &entry.spec.name).remove();
        }
        if let Some(group) = self.groups.get_mut(&entry.group) {
            group.programs.remove(&entry.spec.name);
            if group.programs.is_empty() {
                if let Some(cgroups) = &self.cgroups {
                    cgroups.remove_group(&entry.group);
                }
                if group.is_removed {
                    self.groups.remove(&entry.group);
                }
            }
        }
    }

    /// Tells the subscribers.
    pub(super) fn tell(&mut self, id: ProgramId, kind: EventKind) {
        let Some(entry) = self.entry(id) else { return };
        let (group, program) = (entry.group.clone(), entry.spec.name.clone());
        self.clients.publish(
            &self.poller,
            &Event {
                group,
                program,
                kind,
            },
        );
    }

    /// 0 to 1000 by lot (xorshift; nothing depends on it being hard to guess).
    fn draw_permille(&mut self) -> u64 {
        self.luck ^= self.luck << 13;
        self.luck ^= self.luck >> 7;
        self.luck ^= self.luck << 17;
        self.luck % 1001
    }
}
