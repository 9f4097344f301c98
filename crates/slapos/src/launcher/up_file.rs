//! `var/up.json` and `var/up.lock`: who runs `up` in a folder.
//!
//! The lock says whether one runs; it ends with the process, however that ends. The file says
//! which processes those are. A pid alone means nothing, since the kernel gives it out again, so
//! each goes with its start time ([`ProcessMark`]).

use crate::atomic_file;
use crate::failure::Failure;
use crate::folder::Folder;
use fs_err::os::unix::fs::OpenOptionsExt;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use std::fs::TryLockError;
use std::time::Duration;

/// How often and how long apart the lock is tried before it counts as held.
const LOCK_TRIES: u32 = 5;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// The processes of a running `up`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UpFile {
    /// The launcher.
    pub(crate) up: ProcessMark,
    /// The master, when it runs.
    pub(crate) master: Option<ProcessMark>,
    /// The agent, when it runs.
    pub(crate) node: Option<ProcessMark>,
}

impl UpFile {
    /// This process, and its children.
    pub(super) fn of(master: Option<u32>, node: Option<u32>) -> Self {
        let own = std::process::id();
        Self {
            up: ProcessMark::of(own).unwrap_or(ProcessMark {
                pid: own,
                start_ticks: 0,
            }),
            master: master.and_then(ProcessMark::of),
            node: node.and_then(ProcessMark::of),
        }
    }

    pub(super) fn save(&self, folder: &Folder) -> Result<(), Failure> {
        let text = serde_json::to_vec(self)
            .map_err(|error| Failure::new(format!("cannot write the list of pids: {error}")))?;
        atomic_file::write(&folder.up_file(), &text, 0o644)
            .map_err(|error| Failure::new(error.to_string()))
    }
}

/// What the file says, also of an `up` that has ended. One that cannot be read says nothing.
pub(crate) fn load(folder: &Folder) -> Option<UpFile> {
    let text = fs_err::read(folder.up_file()).ok()?;
    serde_json::from_slice(&text).ok()
}

/// At a clean end.
pub(super) fn remove(folder: &Folder) {
    // Whoever finds it sees by the lock and the start times that nothing runs.
    let _ = fs_err::remove_file(folder.up_file());
}

/// Whether an `up` runs in the folder.
pub(crate) fn is_running(folder: &Folder) -> bool {
    match fs_err::File::open(folder.lock_file()) {
        Ok(file) => matches!(file.file().try_lock_shared(), Err(TryLockError::WouldBlock)),
        Err(_) => false,
    }
}

/// The lock, held while this lives.
#[derive(Debug)]
pub(crate) struct UpLock {
    _file: fs_err::File,
}

impl UpLock {
    /// Takes the lock, `None` when another `up` has it.
    pub(crate) fn take(folder: &Folder) -> Result<Option<Self>, Failure> {
        let file = fs_err::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            // Whoever may read it may lock it, and then no `up` would start.
            .mode(0o600)
            .open(folder.lock_file())
            .map_err(|error| Failure::new(error.to_string()))?;
        // Whoever asks `is_running` holds it for an instant; that is no other `up`.
        for _ in 0..LOCK_TRIES {
            match file.file().try_lock() {
                Ok(()) => return Ok(Some(Self { _file: file })),
                Err(TryLockError::WouldBlock) => std::thread::park_timeout(LOCK_PAUSE),
                Err(TryLockError::Error(error)) => {
                    let path = folder.lock_file();
                    return Err(Failure::new(format!(
                        "cannot lock {}: {error}",
                        path.display()
                    )));
                }
            }
        }
        Ok(None)
    }
}

/// A process, and no later one with the same pid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProcessMark {
    /// Its pid.
    pub(crate) pid: u32,
    /// When it started, in clock ticks since the machine did.
    pub(crate) start_ticks: u64,
}

impl ProcessMark {
    /// The process that has this pid now.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let stat = fs_err::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let start_ticks = read_start(&stat)?;
        Some(Self { pid, start_ticks })
    }

    /// Whether it still runs; a zombie does not.
    pub(crate) fn is_alive(self) -> bool {
        Self::of(self.pid) == Some(self)
    }

    /// Sends a signal, if it is still this process.
    pub(crate) fn signal(self, signal: Signal) {
        if let (true, Ok(pid)) = (self.is_alive(), i32::try_from(self.pid)) {
            // Refused means that it has just ended.
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }
}

/// The start time in a line of `/proc/PID/stat` (proc(5): field 22); none for a zombie. The name
/// in field 2 may hold anything, so the fields are counted from its end.
fn read_start(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_start_is_not_led_astray_by_a_name() {
        let rest = "S 1 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 1000 200";
        assert_eq!(read_start(&format!("12 (a) Z (b) {rest}")), Some(4711));
        assert_eq!(
            read_start("12 (a) Z 1 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711"),
            None
        );
        assert_eq!(read_start("12 (a"), None);
    }

    #[test]
    fn process_mark_of_another_start_time_is_not_alive() {
        let own = ProcessMark::of(std::process::id()).unwrap();
        assert!(own.is_alive());
        let other = ProcessMark {
            start_ticks: own.start_ticks + 1,
            ..own
        };
        assert!(!other.is_alive());
    }

    #[test]
    fn up_lock_is_taken_once_and_free_after() {
        let root = tempfile::tempdir().unwrap();
        fs_err::create_dir(root.path().join("var")).unwrap();
        let folder = Folder::find(Some(root.path())).unwrap();
        assert!(!is_running(&folder));
        let lock = UpLock::take(&folder).unwrap();
        assert!(lock.is_some());
        assert!(is_running(&folder));
        assert!(UpLock::take(&folder).unwrap().is_none());
        drop(lock);
        assert!(!is_running(&folder));
    }
}
