//! The lock file: every source and every profile from the web that a release needs, with hash, size, licence and
//! identifier.
//!
//! Start with [`Lock::of`], which fetches what is missing and looks into everything, or [`Lock::load`]. A build that
//! has a lock (`Origins::lock`) takes nothing else. Packages that pip, npm or cargo fetch by themselves, and clones of
//! git, are not in it: their own pins, lock files and revisions say what they are.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;

use fs_err as fs;
use serde::{Deserialize, Serialize};
use slapos_cache::{Hash, HashKind, Pins};

use crate::part_mark::UsedSource;
use crate::software::io_error;
use crate::tree_id::{blob_id, tree_id};
use crate::{BuildError, archive, file, licence};

/// The only form that there is yet.
const FORM: u32 = 1;

/// All that a release may use.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    form: u32,
    /// SHA-256 of the text, by URL.
    pub profiles: BTreeMap<String, String>,
    /// In the order of their names.
    pub sources: Vec<LockedSource>,
}

/// One source.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LockedSource {
    pub name: String,
    /// Empty for a source that is known by its hash only.
    pub url: String,
    pub sha256: String,
    pub md5: String,
    pub sha1: String,
    pub sha512: String,
    pub bytes: u64,
    /// Names of SPDX that its files tell; a help, and never the last word.
    pub licences: Vec<String>,
    /// Of the unpacked tree without its single top folder, or of the file when it is no archive.
    pub swhid: String,
    /// Whether the profile itself has a hash for it.
    pub pinned: bool,
}

impl Lock {
    pub(crate) fn new(profiles: BTreeMap<String, Hash>, sources: Vec<LockedSource>) -> Lock {
        let profiles = profiles.into_iter();
        Lock {
            form: FORM,
            profiles: profiles
                .map(|(url, sha256)| (url, sha256.hex().to_owned()))
                .collect(),
            sources: sources
                .into_iter()
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect(),
        }
    }

    /// Reads a lock file.
    pub fn load(path: &Path) -> Result<Lock, BuildError> {
        let text = file::read_text(path).map_err(io_error("reading the lock file", path))?;
        let wrong = |reason: String| {
            BuildError::Request(format!(
                "{} is no lock file: {reason}; write it anew",
                path.display()
            ))
        };
        let lock: Lock = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        if lock.form != FORM {
            return Err(wrong(format!("it has the form {}", lock.form)));
        }
        lock.pins().map_err(|error| wrong(error.to_string()))?;
        Ok(lock)
    }

    /// Writes it, synced; one that is the same is left alone.
    pub fn save(&self, path: &Path) -> Result<(), BuildError> {
        let failed = |error| io_error("writing the lock file", path)(error);
        let text = serde_json::to_string_pretty(self).map_err(|error| failed(error.into()))?;
        file::write_if_changed(path, format!("{text}\n").as_bytes(), 0o644)
            .and_then(|_| file::sync_all(&[path.to_owned()]))
            .map_err(failed)
    }

    /// Bytes of all sources.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.sources.iter().map(|source| source.bytes).sum()
    }

    /// How many sources each licence has; those of which none is known are under an empty name.
    #[must_use]
    pub fn licences(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for source in &self.sources {
            let names = source.licences.iter().map(String::as_str);
            let none = source.licences.is_empty().then_some("");
            for name in names.chain(none) {
                *counts.entry(name).or_default() += 1;
            }
        }
        counts
    }

    pub(crate) fn pins(&self) -> Result<Pins, slapos_cache::HashError> {
        let mut pins = Pins::default();
        for source in &self.sources {
            let others = [
                (HashKind::Md5, &source.md5),
                (HashKind::Sha1, &source.sha1),
                (HashKind::Sha512, &source.sha512),
            ];
            let others: Result<Vec<Hash>, _> = others
                .into_iter()
                .map(|(kind, hex)| Hash::new(kind, hex))
                .collect();
            let sha256 = Hash::new(HashKind::Sha256, &source.sha256)?;
            pins.add(&source.url, &sha256, others?);
        }
        Ok(pins)
    }

    pub(crate) fn profile_pins(&self) -> BTreeMap<String, Hash> {
        let pins = self.profiles.iter().filter_map(|(url, sha256)| {
            let sha256 = Hash::new(HashKind::Sha256, sha256).ok()?;
            Some((url.clone(), sha256))
        });
        pins.collect()
    }
}

impl LockedSource {
    /// Looks into a source whose file is here; `scratch` is a private folder.
    pub(crate) fn of(
        used: &UsedSource,
        path: &Path,
        scratch: &Path,
    ) -> Result<LockedSource, BuildError> {
        let failed = |error| io_error("looking into the source", path)(error);
        let mut digests = slapos_cache::Digests::default();
        let mut source = fs::File::open(path).map_err(failed)?;
        let mut tap = Tap(&mut digests);
        std::io::copy(&mut source, &mut tap).map_err(failed)?;
        let [md5, sha1, sha256, sha512] = digests.finish();
        let tree = scratch.join("tree");
        file::remove_tree(&tree)
            .and_then(|()| fs::create_dir_all(&tree))
            .map_err(failed)?;
        let (swhid, licences) = match archive::unpack(path, &tree) {
            Ok(()) => {
                let top = archive::top_folder(&tree).map_err(failed)?;
                let id = tree_id(&top, None).map_err(failed)?;
                (format!("swh:1:dir:{id}"), licence::licences_of(&top))
            }
            // A patch, a script, or an archive of a kind that no recipe unpacks.
            Err(_) => {
                let id = blob_id(path).map_err(failed)?;
                (format!("swh:1:cnt:{id}"), Vec::new())
            }
        };
        file::remove_tree(&tree).map_err(failed)?;
        Ok(LockedSource {
            name: used.name.clone(),
            url: used.url.clone(),
            sha256: sha256.hex().to_owned(),
            md5: md5.hex().to_owned(),
            sha1: sha1.hex().to_owned(),
            sha512: sha512.hex().to_owned(),
            bytes: used.bytes,
            licences,
            swhid,
            pinned: used.pinned,
        })
    }
}

struct Tap<'d>(&'d mut slapos_cache::Digests);

impl Write for Tap<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
