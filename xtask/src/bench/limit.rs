//! What this machine can do at best, measured in the same run as what is compared with it.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Bytes of one record: about what a request stores.
const RECORD: [u8; 512] = [7; 512];

/// Milliseconds from asking for `/bin/true` until it has ended, one at a time. The standard
/// library uses `posix_spawn` for this.
pub(crate) fn spawn_ms(count: usize) -> Result<Vec<f64>, String> {
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let start = Instant::now();
        Command::new("/bin/true")
            .stdin(Stdio::null())
            .status()
            .map_err(|error| format!("cannot run /bin/true: {error}"))?;
        times.push(start.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(times)
}

/// Records of 512 bytes made durable in a second by so many writers that wait for each other's
/// `fdatasync`: whoever finds no sync under way writes all that wait and syncs once.
pub(crate) fn group_commit(dir: &Path, writers: usize, length: Duration) -> Result<f64, String> {
    let path = dir.join("group-commit");
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let file = File::create(&path).map_err(failed)?;
    let log = Log {
        state: Mutex::new(State::default()),
        synced: Condvar::new(),
        file,
    };
    let start = Instant::now();
    let counts: Vec<Result<u64, String>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..writers)
            .map(|_| scope.spawn(|| log.write_until(start + length)))
            .collect();
        let ends = threads.into_iter().map(std::thread::ScopedJoinHandle::join);
        ends.map(|end| end.unwrap_or_else(|_| Err("a writer broke".to_owned())))
            .collect()
    });
    let seconds = start.elapsed().as_secs_f64();
    std::fs::remove_file(&path).map_err(failed)?;
    let total: u64 = counts.into_iter().sum::<Result<u64, String>>()?;
    Ok(u32::try_from(total).map(f64::from).unwrap_or(f64::MAX) / seconds)
}

struct Log {
    state: Mutex<State>,
    synced: Condvar,
    file: File,
}

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    /// Number of the last record that was handed in, and of the last that is on the disk.
    last: u64,
    durable: u64,
    is_syncing: bool,
}

impl Log {
    fn write_until(&self, end: Instant) -> Result<u64, String> {
        let mut count = 0;
        while Instant::now() < end {
            self.write_one()?;
            count += 1;
        }
        Ok(count)
    }

    fn write_one(&self) -> Result<(), String> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.waiting.extend_from_slice(&RECORD);
        state.last += 1;
        let own = state.last;
        while state.durable < own {
            if state.is_syncing {
                state = self
                    .synced
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            state.is_syncing = true;
            let (batch, newest) = (std::mem::take(&mut state.waiting), state.last);
            drop(state);
            let outcome = (&self.file)
                .write_all(&batch)
                .and_then(|()| self.file.sync_data());
            state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.is_syncing = false;
            state.durable = newest;
            self.synced.notify_all();
            outcome.map_err(|error| format!("cannot sync a record: {error}"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn group_commit_of_many_writers_leaves_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let rate = group_commit(dir.path(), 8, Duration::from_millis(20)).unwrap();
        assert!(rate > 0.0);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn log_has_every_record_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let log = Log {
            state: Mutex::default(),
            synced: Condvar::new(),
            file: File::create(&path).unwrap(),
        };
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..5).for_each(|_| log.write_one().unwrap()));
            }
        });
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 20 * 512);
    }
}
