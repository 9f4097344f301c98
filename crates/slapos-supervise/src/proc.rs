//! What /proc says about processes: identity, parentage, environment mark.
//!
//! A pid alone names nobody: it is used again. A [`Birth`] (pid and start time) does, within one
//! boot. Reading only; signals go through `tree.rs`.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsFd;

use crate::sys;

/// How the mark starts by which the processes of a program are recognised.
pub(crate) const MARK: &str = "SLAPOS_PROGRAM=";

/// One process of this boot, for ever: its pid and its start time in clock ticks since boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Birth {
    pub(crate) pid: i32,
    pub(crate) start_ticks: u64,
}

/// The part of /proc/PID/stat that matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) is_zombie: bool,
    pub(crate) parent: i32,
    pub(crate) process_group: i32,
    pub(crate) start_ticks: u64,
}

/// All processes at one moment.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) processes: BTreeMap<i32, Stat>,
    children: BTreeMap<i32, Vec<i32>>,
    /// The processes whose environment has a mark, by that mark; read when first needed.
    marked: OnceCell<BTreeMap<Vec<u8>, Vec<i32>>>,
}

impl Birth {
    /// The process that has this pid now.
    pub(crate) fn of(pid: i32) -> io::Result<Self> {
        Ok(Self {
            pid,
            start_ticks: stat(pid)?.start_ticks,
        })
    }

    /// Whether it still runs (a zombie does not).
    pub(crate) fn is_alive(self) -> bool {
        stat(self.pid).is_ok_and(|now| now.start_ticks == self.start_ticks && !now.is_zombie)
    }

    /// Signals this very process, or nobody.
    pub(crate) fn signal(self, number: i32) -> io::Result<()> {
        let pidfd = sys::pidfd_open(self.pid)?;
        // The descriptor is fixed to a process; only now does comparing its start time prove who.
        if !self.is_alive() {
            return Err(io::ErrorKind::NotFound.into());
        }
        sys::pidfd_send_signal(pidfd.as_fd(), number)
    }
}

impl Snapshot {
    /// Reads all of /proc once.
    pub(crate) fn take() -> io::Result<Self> {
        let mut processes = BTreeMap::new();
        for entry in fs_err::read_dir("/proc")? {
            let name = entry?.file_name();
            let pid = name.to_str().and_then(|name| name.parse::<i32>().ok());
            if let Some((pid, stat)) = pid.and_then(|pid| Some((pid, stat(pid).ok()?))) {
                processes.insert(pid, stat);
            }
        }
        Ok(Self::of(processes))
    }

    fn of(processes: BTreeMap<i32, Stat>) -> Self {
        let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
        for (pid, stat) in &processes {
            children.entry(stat.parent).or_default().push(*pid);
        }
        Self {
            processes,
            children,
            marked: OnceCell::new(),
        }
    }

    /// Adds all descendants of `pids` to it.
    pub(crate) fn close_over_children(&self, pids: &mut Vec<i32>) {
        let mut next = 0;
        while let Some(pid) = pids.get(next).copied() {
            for child in self.children.get(&pid).into_iter().flatten() {
                if !pids.contains(child) {
                    pids.push(*child);
                }
            }
            next += 1;
        }
    }

    /// The processes that were started with this `SLAPOS_PROGRAM=value` in their environment.
    pub(crate) fn marked(&self, mark: &[u8]) -> &[i32] {
        let all = self.marked.get_or_init(|| {
            let mut all: BTreeMap<Vec<u8>, Vec<i32>> = BTreeMap::new();
            for pid in self.processes.keys() {
                if let Some(mark) = mark_of(*pid) {
                    all.entry(mark).or_default().push(*pid);
                }
            }
            all
        });
        all.get(mark).map(Vec::as_slice).unwrap_or_default()
    }
}

/// Reads /proc/PID/stat.
pub(crate) fn stat(pid: i32) -> io::Result<Stat> {
    let text = std::fs::read(format!("/proc/{pid}/stat"))?;
    parse_stat(&String::from_utf8_lossy(&text)).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// The fields after the command, which may itself hold spaces and parentheses.
fn parse_stat(text: &str) -> Option<Stat> {
    let (_, fields) = text.rsplit_once(") ")?;
    let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
    Some(Stat {
        is_zombie: matches!(*fields.first()?, "Z" | "X"),
        parent: fields.get(1)?.parse().ok()?,
        process_group: fields.get(2)?.parse().ok()?,
        start_ticks: fields.get(19)?.parse().ok()?,
    })
}

/// The mark in the environment that a process was started with; a zombie has none.
fn mark_of(pid: i32) -> Option<Vec<u8>> {
    let environment = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
    let mut entries = environment.split(|byte| *byte == 0);
    entries
        .find(|entry| entry.starts_with(MARK.as_bytes()))
        .map(<[u8]>::to_vec)
}

/// Direct children of this single-threaded process; `None` where the kernel does not list them.
pub(crate) fn own_children() -> Option<Vec<i32>> {
    let own = std::process::id();
    let text = std::fs::read_to_string(format!("/proc/self/task/{own}/children")).ok()?;
    Some(
        text.split_ascii_whitespace()
            .filter_map(|pid| pid.parse().ok())
            .collect(),
    )
}

/// A name of this boot of this machine or container: the kernel's boot and the start of process 1.
/// A container that is started again in the same boot has other processes under the same pids.
pub(crate) fn boot_name() -> io::Result<String> {
    let boot = fs_err::read_to_string("/proc/sys/kernel/random/boot_id")?;
    Ok(format!("{}-{}", boot.trim(), stat(1)?.start_ticks))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_stat_of_an_odd_command_reads_the_fields_after_it() {
        let rest = "S 4 5 6 0 -1 7 8 9 10 11 12 13 14 15 16 17 18 19 4242 21";
        let stat = parse_stat(&format!("1 (a) b) (c) {rest}")).unwrap();
        let expected = Stat {
            is_zombie: false,
            parent: 4,
            process_group: 5,
            start_ticks: 4242,
        };
        assert_eq!(stat, expected);
        assert_eq!(parse_stat("1 (a) S 4 5"), None);
        assert_eq!(parse_stat(""), None);
    }

    #[test]
    fn birth_of_another_start_time_is_not_alive_and_not_signalled() {
        let own = Birth::of(i32::try_from(std::process::id()).unwrap()).unwrap();
        assert!(own.is_alive());
        let other = Birth {
            start_ticks: own.start_ticks + 1,
            ..own
        };
        assert!(!other.is_alive());
        assert!(other.signal(libc::SIGKILL).is_err());
    }

    #[test]
    fn snapshot_descendants_are_found_through_generations() {
        let of = |parent| Stat {
            is_zombie: false,
            parent,
            process_group: 1,
            start_ticks: 1,
        };
        let processes = [(2, of(1)), (3, of(2)), (4, of(3)), (5, of(1))]
            .into_iter()
            .collect();
        let mut pids = vec![2];
        Snapshot::of(processes).close_over_children(&mut pids);
        assert_eq!(pids, [2, 3, 4]);
    }
}
