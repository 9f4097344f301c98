//! The table of live children on disk, by which a supervisor finds the children of its predecessor.
//!
//! One slot of fixed size per program, overwritten in place: no growth, no compaction, one small
//! write per start. It is not synced: it must outlive a killed supervisor, for which the page cache
//! suffices, and a power cut ends the children too (the boot in each slot tells). A slot that
//! cannot be read counts as empty.

use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt;
use serde::{Deserialize, Serialize};

use crate::limits::CHILD_SLOT_BYTES;
use crate::proc::Birth;
use crate::spec::{ProgramKind, Signal};

/// What is remembered of a program that was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ChildRecord {
    pub(crate) boot: String,
    pub(crate) group: String,
    pub(crate) program: String,
    pub(crate) digest: String,
    pub(crate) kind: ProgramKind,
    pub(crate) stop_signal: Signal,
    pub(crate) stop_timeout_ms: u64,
    pub(crate) pid: i32,
    pub(crate) start_ticks: u64,
    pub(crate) is_in_cgroup: bool,
    /// A run that ended well.
    pub(crate) is_done: bool,
}

impl ChildRecord {
    pub(crate) fn birth(&self) -> Birth {
        Birth {
            pid: self.pid,
            start_ticks: self.start_ticks,
        }
    }
}

/// The open table.
#[derive(Debug)]
pub(crate) struct ChildTable {
    file: fs::File,
}

impl ChildTable {
    /// Opens the table, making it when it is missing.
    pub(crate) fn open(dir: &Path) -> io::Result<Self> {
        let mut options = fs::OpenOptions::new();
        options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600);
        Ok(Self {
            file: options.open(dir.join("children"))?,
        })
    }

    /// The records of all slots that hold one, with their slot.
    pub(crate) fn load(&self) -> io::Result<Vec<(usize, ChildRecord)>> {
        let content = fs::read(self.file.path())?;
        let slots = content.chunks(CHILD_SLOT_BYTES).enumerate();
        Ok(slots
            .filter_map(|(slot, text)| Some((slot, serde_json::from_slice(text).ok()?)))
            .collect())
    }

    /// Writes a slot.
    pub(crate) fn record(&self, slot: usize, record: &ChildRecord) -> io::Result<()> {
        let mut text = serde_json::to_vec(record).map_err(io::Error::other)?;
        if text.len() > CHILD_SLOT_BYTES {
            let what = format!("a record of {} bytes does not fit its slot", text.len());
            return Err(io::Error::other(what));
        }
        text.resize(CHILD_SLOT_BYTES, b' ');
        self.write_slot(slot, &text)
    }

    /// Empties a slot.
    pub(crate) fn clear(&self, slot: usize) -> io::Result<()> {
        self.write_slot(slot, &[b' '; CHILD_SLOT_BYTES])
    }

    fn write_slot(&self, slot: usize, text: &[u8]) -> io::Result<()> {
        self.file
            .file()
            .write_all_at(text, (slot * CHILD_SLOT_BYTES) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits;

    fn record(program: &str) -> ChildRecord {
        ChildRecord {
            boot: "01234567-89ab-cdef-0123-456789abcdef-18446744073709551615".into(),
            group: "slappart0".into(),
            program: program.into(),
            digest: "d".into(),
            kind: ProgramKind::Service,
            stop_signal: Signal::Winch,
            stop_timeout_ms: u64::MAX,
            pid: i32::MAX,
            start_ticks: u64::MAX,
            is_in_cgroup: false,
            is_done: false,
        }
    }

    #[test]
    fn record_of_the_longest_names_fits_its_slot() {
        let dir = tempfile::tempdir().unwrap();
        let table = ChildTable::open(dir.path()).unwrap();
        let mut longest = record(&"p".repeat(limits::NAME_BYTES_MAX));
        longest.group = "g".repeat(limits::NAME_BYTES_MAX);
        longest.digest = "\"".repeat(limits::DIGEST_BYTES_MAX);
        table.record(0, &longest).unwrap();
        assert_eq!(table.load().unwrap(), [(0, longest)]);
    }

    #[test]
    fn load_skips_cleared_missing_and_torn_slots() {
        let dir = tempfile::tempdir().unwrap();
        let table = ChildTable::open(dir.path()).unwrap();
        for slot in [0, 1, 5] {
            table.record(slot, &record(&format!("p{slot}"))).unwrap();
        }
        table.clear(1).unwrap();
        table.file.file().write_all_at(b"\"torn", 0).unwrap();
        assert_eq!(table.load().unwrap(), [(5, record("p5"))]);
    }
}
