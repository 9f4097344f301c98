//! The changes of state of each promise, on disk and bounded.
//!
//! One file per partition in the agent's own folder; losing the newest entry in a power cut is
//! harmless, since the next check says the state again.

use crate::atomic_file;
use crate::limits::PROMISE_HISTORY_MAX;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// One change of state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// When, microseconds since 1970.
    pub at_us: i64,
    /// The state from then on.
    pub state: String,
    /// What the check said.
    pub message: String,
}

/// All changes, by partition and promise, oldest first.
#[derive(Debug)]
pub struct History {
    folder: PathBuf,
    partitions: BTreeMap<String, BTreeMap<String, Vec<Change>>>,
}

impl History {
    /// The history in the agent's state folder.
    #[must_use]
    pub fn new(state: &Path) -> Self {
        Self {
            folder: state.join("promise"),
            partitions: BTreeMap::new(),
        }
    }

    /// The changes of a partition's promises.
    pub fn of(&mut self, partition: &str) -> &BTreeMap<String, Vec<Change>> {
        self.load(partition)
    }

    /// Adds a change.
    ///
    /// # Errors
    /// When the disk refuses; the change is known until the agent ends.
    pub fn add(&mut self, partition: &str, promise: &str, change: Change) -> io::Result<()> {
        let folder = self.folder.clone();
        let promises = self.load(partition);
        let changes = promises.entry(promise.to_owned()).or_default();
        if changes
            .last()
            .is_some_and(|last| last.state == change.state)
        {
            return Ok(());
        }
        changes.push(change);
        let over = changes.len().saturating_sub(PROMISE_HISTORY_MAX);
        changes.drain(..over);
        let text = serde_json::to_vec(promises)?;
        atomic_file::make_folders(&folder, 0o700)?;
        atomic_file::write_soon(&folder.join(format!("{partition}.json")), &text)
    }

    /// Forgets a partition.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn forget(&mut self, partition: &str) -> io::Result<()> {
        self.partitions.remove(partition);
        match fs_err::remove_file(self.file(partition)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// A file that is damaged is an empty history: it is only for people to look back.
    fn load(&mut self, partition: &str) -> &mut BTreeMap<String, Vec<Change>> {
        let file = self.file(partition);
        self.partitions
            .entry(partition.to_owned())
            .or_insert_with(|| {
                let text = atomic_file::read(&file).ok().flatten().unwrap_or_default();
                serde_json::from_slice(&text).unwrap_or_default()
            })
    }

    fn file(&self, partition: &str) -> PathBuf {
        self.folder.join(format!("{partition}.json"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(at_us: i64, state: &str) -> Change {
        Change {
            at_us,
            state: state.to_owned(),
            message: String::new(),
        }
    }

    #[test]
    fn history_keeps_changes_across_a_restart_and_within_its_bound() {
        let folder = tempfile::tempdir().unwrap();
        let mut history = History::new(folder.path());
        for at in 0..250 {
            let state = if at % 2 == 0 { "kept" } else { "broken" };
            history.add("slappart0", "p", change(at, state)).unwrap();
        }
        history
            .add("slappart0", "p", change(999, "broken"))
            .unwrap();
        let mut again = History::new(folder.path());
        let changes = &again.of("slappart0")["p"];
        assert_eq!(changes.len(), PROMISE_HISTORY_MAX);
        assert_eq!(changes.last().unwrap().at_us, 249);
        again.forget("slappart0").unwrap();
        assert!(History::new(folder.path()).of("slappart0").is_empty());
    }
}
