//! The start of a supervisor: what is wanted, from disk, and what a predecessor left alive.
//!
//! A process is taken over only when boot, pid and start time are those that were written down; so
//! no stranger is ever taken for a child. Whatever is found, the wanted state is fed afterwards, so
//! that the rest follows by the same rules as always.

use std::os::fd::AsFd;

use nix::unistd::{SysconfVar, sysconf};

use super::entry::{Entry, Group, ProgramId};
use super::{Supervisor, now_ms};
use crate::child_table::ChildRecord;
use crate::poll::Token;
use crate::spec::{GroupSpec, ProgramSpec, Wanted};
use crate::step::{Fact, Wish};
use crate::sys;

impl Supervisor {
    /// Reads everything from disk, takes the living over and starts what is missing.
    pub(crate) fn take_over(&mut self) {
        self.note("starting");
        let records = self.load_records();
        let groups = self.load_groups();
        let mut found = vec![];
        for (slot, record) in records {
            found.push((self.place_record(slot, &record, &groups), record));
        }
        for group in &groups {
            self.place_group(group);
        }
        for (id, record) in found {
            self.find(id, &record);
        }
        for id in self.ids() {
            self.feed_wanted(id);
        }
        // Children that ended before the signals became a descriptor.
        self.reap();
    }

    /// Tells a program what its group wants of it.
    pub(super) fn feed_wanted(&mut self, id: ProgramId) {
        let Some(entry) = self.entry(id) else { return };
        let is_running = self.groups.get(&entry.group).is_some_and(|group| {
            group.wanted == Wanted::Running && !group.is_removed && !entry.is_removed
        });
        let wish = (is_running && self.ending.is_none()).then(|| entry.wish());
        self.feed(id, Fact::Want(wish));
    }

    /// Puts a new program into the first free slot, or the one given.
    pub(super) fn place(&mut self, slot: Option<usize>, entry: Entry) -> ProgramId {
        let free = || self.programs.iter().position(Option::is_none);
        let slot = slot.or_else(free).unwrap_or(self.programs.len());
        if slot >= self.programs.len() {
            self.programs.resize_with(slot + 1, || None);
        }
        let id = ProgramId::try_from(slot).unwrap_or(ProgramId::MAX);
        let group = self
            .groups
            .entry(entry.group.clone())
            .or_insert_with(|| Group {
                wanted: Wanted::Stopped,
                is_removed: true,
                programs: Default::default(),
            });
        group.programs.insert(entry.spec.name.clone(), id);
        if let Some(place) = self.programs.get_mut(slot) {
            *place = Some(Box::new(entry));
        }
        id
    }

    /// A number that no program's version had before.
    pub(super) fn next_version(&mut self) -> u64 {
        self.version_last += 1;
        self.version_last
    }

    fn load_groups(&mut self) -> Vec<GroupSpec> {
        match self.wanted.load() {
            Ok((groups, faults)) => {
                for fault in faults {
                    self.note(&fault);
                }
                groups
            }
            Err(error) => {
                self.note(&format!("cannot read the wanted groups: {error}"));
                vec![]
            }
        }
    }

    /// Records of this boot; others speak of processes that ended with theirs.
    fn load_records(&mut self) -> Vec<(usize, ChildRecord)> {
        let (mut now, mut before) = (vec![], vec![]);
        match self.table.load() {
            Ok(records) => {
                for (slot, record) in records {
                    let list = if record.boot == self.boot {
                        &mut now
                    } else {
                        &mut before
                    };
                    list.push((slot, record));
                }
            }
            Err(error) => self.note(&format!("cannot read the children table: {error}")),
        }
        for (slot, _) in before {
            let _ = self.table.clear(slot);
        }
        now
    }

    /// The entry of a recorded program, in its slot: as specified, or what is known of it when it
    /// is specified no more.
    fn place_record(
        &mut self,
        slot: usize,
        record: &ChildRecord,
        groups: &[GroupSpec],
    ) -> ProgramId {
        let group = groups.iter().find(|group| group.name == record.group);
        let programs = group
            .map(|group| group.programs.as_slice())
            .unwrap_or_default();
        let spec = programs
            .iter()
            .find(|program| program.name == record.program);
        let is_removed = spec.is_none();
        let spec = spec.cloned().unwrap_or_else(|| spec_of(record));
        let version = self.next_version();
        let mut entry = Entry::new(&record.group, spec, version);
        entry.is_removed = is_removed;
        self.place(Some(slot), entry)
    }

    fn place_group(&mut self, group: &GroupSpec) {
        let empty = Group {
            wanted: group.wanted,
            is_removed: false,
            programs: Default::default(),
        };
        let held = self.groups.entry(group.name.clone()).or_insert(empty);
        held.wanted = group.wanted;
        held.is_removed = false;
        let missing = group
            .programs
            .iter()
            .filter(|spec| !held.programs.contains_key(&spec.name));
        let missing: Vec<ProgramSpec> = missing.cloned().collect();
        for spec in missing {
            let version = self.next_version();
            self.place(None, Entry::new(&group.name, spec, version));
        }
    }

    /// Compares a record with the world.
    fn find(&mut self, id: ProgramId, record: &ChildRecord) {
        let other_version = self.next_version();
        let Some(entry) = self.entry_mut(id) else {
            return;
        };
        entry.main = Some(record.birth());
        entry.is_in_cgroup = record.is_in_cgroup;
        entry.is_adopted = true;
        let is_same = entry.spec.digest == record.digest;
        let started = Wish {
            kind: record.kind,
            version: if is_same {
                entry.version
            } else {
                other_version
            },
            stop_signal: record.stop_signal,
            stop_timeout_ms: record.stop_timeout_ms,
        };
        let fact = if record.is_done {
            Fact::FoundDone { started }
        } else {
            self.try_adopt(id, record, started)
                .unwrap_or(Fact::FoundDead)
        };
        // What it wrote in the meantime waits in its pipe.
        self.watch_output(id);
        self.feed(id, fact);
    }

    /// Takes a living process over.
    fn try_adopt(&mut self, id: ProgramId, record: &ChildRecord, started: Wish) -> Option<Fact> {
        let pidfd = sys::pidfd_open(record.pid).ok()?;
        // Compared after the descriptor was opened: now it is about the same process for ever.
        if !record.birth().is_alive() {
            return None;
        }
        self.poller.add(pidfd.as_fd(), Token::Process(id)).ok()?;
        self.by_pid.insert(record.pid, id);
        let entry = self.entry_mut(id)?;
        entry.pidfd = Some(pidfd);
        entry.running_digest = Some(record.digest.clone());
        let since_ms = ticks_to_ms(record.start_ticks).min(now_ms());
        Some(Fact::Adopted {
            pid: record.pid,
            since_ms,
            started,
        })
    }
}

/// What can be said of a program that is no longer specified: enough to stop it.
fn spec_of(record: &ChildRecord) -> ProgramSpec {
    let mut spec = ProgramSpec::new(record.program.clone(), record.kind, vec!["/".to_owned()]);
    spec.digest.clone_from(&record.digest);
    spec.stop_signal = record.stop_signal;
    spec.stop_timeout_ms = record.stop_timeout_ms;
    spec
}

fn ticks_to_ms(ticks: u64) -> u64 {
    let per_second = sysconf(SysconfVar::CLK_TCK).ok().flatten();
    let per_second = per_second
        .and_then(|ticks| u64::try_from(ticks).ok())
        .unwrap_or(100);
    ticks.saturating_mul(1000) / per_second.max(1)
}
