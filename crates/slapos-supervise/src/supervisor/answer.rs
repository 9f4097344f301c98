//! The requests of clients.
//!
//! Every request is safe to repeat. `apply` and `remove` are answered when they are on disk; the
//! rest follows by itself.

use std::collections::BTreeSet;

use super::Supervisor;
use super::entry::{Entry, Group, ProgramId};
use crate::limits;
use crate::spec::{GroupSpec, ProgramSpec, Signal, Wanted};
use crate::step::Fact;
use crate::wire::{Ask, Reply, ShutdownMode};

impl Supervisor {
    /// Answers one request, but for `Subscribe`, which is about the connection.
    pub(super) fn answer(&mut self, ask: Ask) -> Reply {
        let done = match ask {
            Ask::Status { group } => return Reply::Status(self.report(group.as_deref())),
            Ask::Apply(group) => self.apply(*group),
            Ask::Remove { group } => self.remove(&group),
            Ask::Restart { group, program } => self.restart(&group, program.as_deref()),
            Ask::Signal {
                group,
                program,
                signal,
            } => self.signal(&group, &program, signal),
            Ask::Shutdown(ShutdownMode::StopServices) => {
                self.stop_all();
                Ok(())
            }
            Ask::Shutdown(ShutdownMode::LeaveServices) => {
                self.leave_all();
                Ok(())
            }
            Ask::Subscribe => Ok(()),
        };
        done.map_or_else(Reply::Refused, |()| Reply::Done)
    }

    fn apply(&mut self, spec: GroupSpec) -> Result<(), String> {
        spec.check().map_err(|error| error.to_string())?;
        if self.ending.is_some() {
            return Err("it is ending; ask the next supervisor".to_owned());
        }
        if self.groups.len() >= limits::GROUPS_MAX && !self.groups.contains_key(&spec.name) {
            return Err(format!(
                "it holds {} groups, the most it can",
                limits::GROUPS_MAX
            ));
        }
        if self.is_as_wanted(&spec) {
            return Ok(());
        }
        let name = spec.name.clone();
        self.wanted
            .save(&spec)
            .map_err(|error| format!("cannot keep group {name:?}: {error}"))?;
        for id in self.take_in(spec) {
            self.feed_wanted(id);
        }
        Ok(())
    }

    /// Makes the specification that of the held group; gives its programs, old and new.
    fn take_in(&mut self, spec: GroupSpec) -> Vec<ProgramId> {
        let empty = Group {
            wanted: spec.wanted,
            is_removed: false,
            programs: Default::default(),
        };
        let held = self.groups.entry(spec.name.clone()).or_insert(empty);
        held.wanted = spec.wanted;
        held.is_removed = false;
        let before: Vec<(String, ProgramId)> = held
            .programs
            .iter()
            .map(|(name, id)| (name.clone(), *id))
            .collect();
        let names: BTreeSet<String> = spec
            .programs
            .iter()
            .map(|program| program.name.clone())
            .collect();
        let mut ids = vec![];
        for (name, id) in before.iter().filter(|(name, _)| !names.contains(name)) {
            ids.push(*id);
            if let Some(entry) = self.entry_mut(*id) {
                entry.is_removed = true;
                debug_assert_eq!(entry.spec.name, *name);
            }
        }
        for program in spec.programs {
            let held = before.iter().find(|(name, _)| *name == program.name);
            ids.push(self.take_in_program(&spec.name, held.map(|(_, id)| *id), program));
        }
        ids
    }

    fn take_in_program(
        &mut self,
        group: &str,
        held: Option<ProgramId>,
        spec: ProgramSpec,
    ) -> ProgramId {
        let version = self.next_version();
        let Some((id, entry)) = held.and_then(|id| Some((id, self.entry_mut(id)?))) else {
            return self.place(None, Entry::new(group, spec, version));
        };
        if entry.spec.digest != spec.digest || entry.is_removed {
            // Removed and back again within its stop: the wish is a new one, too.
            entry.version = version;
        }
        entry.is_removed = false;
        entry.spec = spec;
        id
    }

    /// Whether this very specification is held already, and so is on disk.
    fn is_as_wanted(&self, spec: &GroupSpec) -> bool {
        let Some(held) = self.groups.get(&spec.name) else {
            return false;
        };
        let is_held = |program: &ProgramSpec| {
            let id = held.programs.get(&program.name);
            let entry = id.and_then(|id| self.entry(*id));
            entry.is_some_and(|entry| entry.spec == *program && !entry.is_removed)
        };
        let entries = held.programs.values().filter_map(|id| self.entry(*id));
        held.wanted == spec.wanted
            && !held.is_removed
            && entries.filter(|entry| !entry.is_removed).count() == spec.programs.len()
            && spec.programs.iter().all(is_held)
    }

    fn remove(&mut self, name: &str) -> Result<(), String> {
        crate::spec::check_name(name).map_err(|error| error.to_string())?;
        self.wanted
            .remove(name)
            .map_err(|error| format!("cannot forget group {name:?}: {error}"))?;
        let Some(group) = self.groups.get_mut(name) else {
            return Ok(());
        };
        group.is_removed = true;
        group.wanted = Wanted::Stopped;
        let ids: Vec<ProgramId> = group.programs.values().copied().collect();
        if ids.is_empty() {
            self.groups.remove(name);
        }
        for id in ids {
            if let Some(entry) = self.entry_mut(id) {
                entry.is_removed = true;
            }
            self.feed_wanted(id);
        }
        Ok(())
    }

    fn restart(&mut self, group: &str, program: Option<&str>) -> Result<(), String> {
        let ids = match program {
            Some(program) => vec![self.find_program(group, program)?],
            None => {
                let held = self.groups.get(group).ok_or_else(|| no_group(group))?;
                held.programs.values().copied().collect()
            }
        };
        if self
            .groups
            .get(group)
            .is_some_and(|group| group.wanted == Wanted::Stopped)
        {
            return Err(format!(
                "group {group:?} is wanted stopped; apply it as running first"
            ));
        }
        for id in ids {
            self.feed(id, Fact::RestartAsked);
        }
        Ok(())
    }

    fn signal(&mut self, group: &str, program: &str, signal: Signal) -> Result<(), String> {
        let id = self.find_program(group, program)?;
        let main = self.entry(id).and_then(|entry| entry.main);
        let main = main.filter(|main| self.by_pid.contains_key(&main.pid));
        let main = main.ok_or_else(|| format!("program {program:?} does not run"))?;
        let failed = |error| format!("cannot signal process {}: {error}", main.pid);
        main.signal(signal.number()).map_err(failed)
    }

    fn find_program(&self, group: &str, program: &str) -> Result<ProgramId, String> {
        let held = self.groups.get(group).ok_or_else(|| no_group(group))?;
        let id = held.programs.get(program).copied();
        id.ok_or_else(|| format!("group {group:?} has no program {program:?}"))
    }
}

fn no_group(group: &str) -> String {
    format!("there is no group {group:?}")
}
