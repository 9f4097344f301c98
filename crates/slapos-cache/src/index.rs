//! The index of a cache: entries under a key, each key in a file of its own.
//!
//! `<store>/index/ab/<sha256 of the key>` holds the key and its entries, newest first. A file is replaced whole
//! and synced before a change counts; who changes one key waits for who does so already.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use fs_err as fs;
use serde::{Deserialize, Serialize};

use crate::entry::Entry;
use crate::hash::sha256_of;
use crate::{Store, limits};

/// Entries beside the contents of a store.
#[derive(Debug, Clone)]
pub struct Index {
    store: Store,
}

#[derive(Debug, Serialize, Deserialize)]
struct Page {
    key: String,
    entries: Vec<Entry>,
}

impl Index {
    /// The index of this store.
    #[must_use]
    pub fn new(store: Store) -> Index {
        Index { store }
    }

    /// The entries of a key, newest first; none when nobody said anything.
    pub fn find(&self, key: &str) -> io::Result<Vec<Entry>> {
        let page = read(&self.place(key))?;
        // Two keys of one SHA-256 there are not; a file that somebody renamed there may be.
        let page = page.filter(|page| page.key == key);
        Ok(page.map(|page| page.entries).unwrap_or_default())
    }

    /// Adds an entry. One with the same text gains the signatures that it lacks.
    pub fn add(&self, key: &str, entry: Entry) -> io::Result<()> {
        let name = sha256_of(key.as_bytes());
        let _lock = self.store.lock(&format!("index-{}", &name.hex()[..2]))?;
        let mut entries = self.find(key)?;
        if !merge(&mut entries, entry) {
            return Ok(());
        }
        self.write(key, entries)
    }

    /// All keys with their entries.
    pub(crate) fn all(&self) -> io::Result<BTreeMap<String, Vec<Entry>>> {
        let mut all = BTreeMap::new();
        for file in self.store.files("index")? {
            if let Some(page) = read(&file)? {
                all.insert(page.key, page.entries);
            }
        }
        Ok(all)
    }

    fn write(&self, key: &str, entries: Vec<Entry>) -> io::Result<()> {
        let place = self.place(key);
        let folder = place.parent().unwrap_or(&place);
        fs::create_dir_all(folder)?;
        let page = Page {
            key: key.to_owned(),
            entries,
        };
        let page = serde_json::to_vec(&page)?;
        crate::file::replace(&place, |file| file.write_all(&page))
    }

    fn place(&self, key: &str) -> PathBuf {
        let name = sha256_of(key.as_bytes());
        let folder = self.store.dir().join("index").join(&name.hex()[..2]);
        folder.join(name.hex())
    }
}

/// Whether anything changed.
fn merge(entries: &mut Vec<Entry>, fresh: Entry) -> bool {
    if let Some(known) = entries.iter_mut().find(|entry| entry.text == fresh.text) {
        let before = known.signatures.len();
        for signature in fresh.signatures {
            let has_room = known.signatures.len() < limits::SIGNATURES_MAX;
            if has_room && !known.signatures.contains(&signature) {
                known.signatures.push(signature);
            }
        }
        return known.signatures.len() != before;
    }
    entries.insert(0, fresh);
    entries.truncate(limits::ENTRIES_MAX);
    true
}

/// None also for a file that is damaged: what it said is put there again by who has it.
fn read(path: &Path) -> io::Result<Option<Page>> {
    match fs::read(path) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signing::{Algorithm, Signature};

    fn entry(text: &str, signatures: &[&str]) -> Entry {
        let signature = |value: &&str| Signature {
            algorithm: Algorithm::Ed25519,
            value: (*value).to_owned(),
        };
        Entry {
            text: text.to_owned(),
            signatures: signatures.iter().map(signature).collect(),
        }
    }

    #[test]
    fn add_keeps_the_newest_first_and_joins_signatures_of_one_text() {
        let folder = tempfile::tempdir().unwrap();
        let index = Index::new(Store::new(folder.path()));
        assert_eq!(index.find("k/../k").unwrap(), []);
        index.add("k/../k", entry("old", &["a"])).unwrap();
        index.add("k/../k", entry("new", &["a"])).unwrap();
        index.add("k/../k", entry("old", &["a", "b"])).unwrap();
        let wanted = [entry("new", &["a"]), entry("old", &["a", "b"])];
        assert_eq!(index.find("k/../k").unwrap(), wanted);
        assert_eq!(index.find("k").unwrap(), []);
    }

    #[test]
    fn add_beyond_the_limit_forgets_the_oldest() {
        let mut entries = Vec::new();
        for number in 0..=limits::ENTRIES_MAX {
            assert!(merge(&mut entries, entry(&number.to_string(), &[])));
        }
        assert_eq!(entries.len(), limits::ENTRIES_MAX);
        assert_eq!(entries.last().unwrap().text, "1");
    }

    #[test]
    fn find_of_a_damaged_page_is_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let index = Index::new(Store::new(folder.path()));
        index.add("k", entry("e", &[])).unwrap();
        fs::write(index.place("k"), "{").unwrap();
        assert_eq!(index.find("k").unwrap(), []);
        index.add("k", entry("e", &[])).unwrap();
        assert_eq!(index.find("k").unwrap().len(), 1);
    }
}
