//! The process tree of one program: is anything left, signal all of it, kill all of it.
//!
//! With a cgroup the kernel answers. Without one, a process belongs to the tree when it is in the
//! process group of the main process, when its environment holds the program's mark, or when it descends
//! from such a process: the supervisor is the reaper of orphans, so what loses its parent comes
//! to it. A process is signalled by descriptor after its identity was compared, never by pid alone.

use std::io;

use crate::cgroup::Cgroup;
use crate::proc::{self, Birth, Snapshot};

/// What is known of the tree of a program.
#[derive(Debug)]
pub(crate) struct Tree<'a> {
    /// Its cgroup, when it was born in one.
    pub(crate) cgroup: Option<Cgroup>,
    /// Its main process, dead or alive.
    pub(crate) main: Option<Birth>,
    /// `SLAPOS_PROGRAM=…` of its environment.
    pub(crate) mark: &'a [u8],
    /// Whether an earlier supervisor started it: then orphans did not come to this one.
    pub(crate) is_adopted: bool,
}

/// What a turn of the loop knows of all processes, read when first needed.
#[derive(Debug, Default)]
pub(crate) struct Look {
    snapshot: Option<Snapshot>,
}

impl Tree<'_> {
    /// Whether no process of it is left. The main process must be gone, or a zombie.
    pub(crate) fn is_empty(&self, known: &dyn Fn(i32) -> bool, look: &mut Look) -> bool {
        match &self.cgroup {
            Some(cgroup) => cgroup.is_empty(),
            None if self.cannot_have_orphans(known) => true,
            None => self.members(look).is_ok_and(|members| members.is_empty()),
        }
    }

    /// What a dead main process left came to this process, its reaper; so when it has no child that
    /// it does not know, there is nothing. Saves a look at all processes at each restart.
    fn cannot_have_orphans(&self, known: &dyn Fn(i32) -> bool) -> bool {
        let is_main_dead = self.main.is_none_or(|main| !main.is_alive());
        is_main_dead && !self.is_adopted && !has_strays(known)
    }

    /// Sends a signal to every process of it.
    pub(crate) fn signal(&self, number: i32, look: &mut Look) -> io::Result<()> {
        for member in self.members(look)? {
            // Gone in the meantime is as good as signalled.
            let _ = member.signal(number);
        }
        Ok(())
    }

    /// Kills every process of it that exists now; more may be born meanwhile, so look again.
    pub(crate) fn kill(&self, known: &dyn Fn(i32) -> bool, look: &mut Look) -> io::Result<()> {
        match &self.cgroup {
            Some(cgroup) => cgroup.kill(),
            None if self.cannot_have_orphans(known) => Ok(()),
            None => self.signal(libc::SIGKILL, look),
        }
    }

    fn members(&self, look: &mut Look) -> io::Result<Vec<Birth>> {
        if let Some(cgroup) = &self.cgroup {
            return Ok(cgroup
                .pids()
                .into_iter()
                .filter_map(|pid| Birth::of(pid).ok())
                .collect());
        }
        let snapshot = look.snapshot()?;
        let mut pids = self.roots(snapshot);
        snapshot.close_over_children(&mut pids);
        let own = i32::try_from(std::process::id()).unwrap_or_default();
        let births = pids
            .into_iter()
            .filter(|pid| *pid != own)
            .filter_map(|pid| {
                let stat = snapshot
                    .processes
                    .get(&pid)
                    .filter(|stat| !stat.is_zombie)?;
                Some(Birth {
                    pid,
                    start_ticks: stat.start_ticks,
                })
            });
        Ok(births.collect())
    }

    /// The processes that belong to the tree by themselves.
    fn roots(&self, snapshot: &Snapshot) -> Vec<i32> {
        // When the pid of the main process names another process now, its group is not ours.
        let main = self.main.filter(|main| {
            let now = snapshot.processes.get(&main.pid);
            now.is_none_or(|now| now.start_ticks == main.start_ticks)
        });
        let group = main.map_or(0, |main| main.pid);
        let of_group = snapshot
            .processes
            .iter()
            .filter(|(_, stat)| stat.process_group == group);
        let of_group = of_group.filter(|_| group > 0).map(|(pid, _)| *pid);
        let mut roots: Vec<i32> = of_group.collect();
        let marked = snapshot.marked(self.mark).iter();
        let more: Vec<i32> = marked.copied().filter(|pid| !roots.contains(pid)).collect();
        roots.extend(more);
        roots
    }
}

impl Look {
    /// Processes were made since: what was seen is no longer all.
    pub(crate) fn forget(&mut self) {
        self.snapshot = None;
    }

    fn snapshot(&mut self) -> io::Result<&Snapshot> {
        if self.snapshot.is_none() {
            self.snapshot = Some(Snapshot::take()?);
        }
        self.snapshot
            .as_ref()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

/// Whether orphans came to this process: children of it that it did not start.
fn has_strays(known: &dyn Fn(i32) -> bool) -> bool {
    let is_stray = |pid: i32| !known(pid) && proc::stat(pid).is_ok_and(|stat| !stat.is_zombie);
    proc::own_children().is_none_or(|children| children.into_iter().any(is_stray))
}
