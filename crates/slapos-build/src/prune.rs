//! Removing shared parts that no release needs any more.
//!
//! Start at [`prune_shared`]. A part stays when its signature stands in a record, ours or the original's, or in a
//! script, of any release or partition in the folders that are named; nested installations are found in them too.
//! Builds hold `<shared>/.lock` shared for as long as they run, so that nothing they use is taken away; while one
//! runs, nothing is removed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use fs_err as fs;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};

use crate::software::io_error;
use crate::{BuildError, file, limits};

/// What to look at.
#[derive(Debug, Clone)]
pub struct Prune {
    /// The folder of shared parts.
    pub shared: PathBuf,
    /// Folders of releases and partitions that may use them.
    pub users: Vec<PathBuf>,
    /// Only tell.
    pub dry_run: bool,
}

/// What was removed, or would be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pruned {
    /// Folders `<shared>/<part>/<signature>`, in order of name.
    pub removed: Vec<PathBuf>,
    /// How many stay.
    pub kept: usize,
    /// True when a build runs: then nothing was looked at.
    pub is_busy: bool,
}

/// Removes shared parts that nobody in the folders names.
pub fn prune_shared(prune: &Prune) -> Result<Pruned, BuildError> {
    let mut pruned = Pruned::default();
    if !prune.shared.is_dir() {
        return Ok(pruned);
    }
    let Some(_lock) = hold(&prune.shared, FlockArg::LockExclusiveNonblock)? else {
        pruned.is_busy = true;
        return Ok(pruned);
    };
    let parts = shared_parts(&prune.shared)?;
    let mut named = BTreeSet::new();
    for user in &prune.users {
        Scan::new(&mut named).folder(user, 0)?;
    }
    for part in parts {
        let is_named = part
            .file_name()
            .and_then(|name| name.to_str())
            .is_some_and(|signature| named.contains(signature));
        if is_named {
            pruned.kept += 1;
            continue;
        }
        if !prune.dry_run {
            remove(&part)?;
        }
        pruned.removed.push(part);
    }
    Ok(pruned)
}

/// The lock of a folder of shared parts; none when another holds it and this one does not wait.
pub(crate) fn hold(
    shared: &Path,
    how: FlockArg,
) -> Result<Option<Flock<std::fs::File>>, BuildError> {
    let path = shared.join(".lock");
    // For reading: it may have been made by another user.
    let file = match fs::File::open(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            fs::OpenOptions::new().create(true).append(true).open(&path)
        }
        other => other,
    };
    let file = file.map_err(io_error("opening the lock", &path))?;
    match Flock::lock(file.into_file(), how) {
        Ok(lock) => Ok(Some(lock)),
        Err((_, Errno::EWOULDBLOCK)) => Ok(None),
        Err((_, errno)) => Err(io_error("locking", &path)(errno.into())),
    }
}

/// Folders `<part>/<32 digits>`; others are not ours.
fn shared_parts(shared: &Path) -> Result<Vec<PathBuf>, BuildError> {
    let mut parts = Vec::new();
    for name in list(shared)? {
        if name.is_dir() && !name.is_symlink() {
            parts.extend(list(&name)?.into_iter().filter(|path| is_part(path)));
        }
    }
    Ok(parts)
}

fn is_part(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    path.is_dir() && !path.is_symlink() && name.is_some_and(is_signature)
}

fn is_signature(text: &str) -> bool {
    let is_digit = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
    text.len() == 32 && text.bytes().all(is_digit)
}

/// The mark first: a part that is half removed counts for nothing.
fn remove(part: &Path) -> Result<(), BuildError> {
    for mark in [".slapos-shared.json", ".buildout-shared.json"] {
        let path = part.join(mark);
        file::remove_tree(&path).map_err(io_error("removing", &path))?;
    }
    file::remove_tree(part).map_err(io_error("removing", part))?;
    let (folder, name) = (part.parent(), part.file_name());
    if let (Some(folder), Some(name)) = (folder, name) {
        let lock = folder.join(format!(".{}.lock", name.to_string_lossy()));
        file::remove_tree(&lock).map_err(io_error("removing", &lock))?;
        // Not empty: other signatures of the same part.
        let _ = fs::remove_dir(folder);
    }
    Ok(())
}

fn list(folder: &Path) -> Result<Vec<PathBuf>, BuildError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(io_error("reading", folder))?,
    };
    let mut paths = Vec::new();
    for entry in entries {
        paths.push(entry.map_err(io_error("reading", folder))?.path());
    }
    paths.sort();
    Ok(paths)
}

/// Signatures that are named in records and scripts below a folder.
struct Scan<'n> {
    named: &'n mut BTreeSet<String>,
}

impl<'n> Scan<'n> {
    fn new(named: &'n mut BTreeSet<String>) -> Scan<'n> {
        Scan { named }
    }

    /// Records are wherever an installation is; scripts only beside one.
    fn folder(&mut self, folder: &Path, depth: usize) -> Result<(), BuildError> {
        let records = [".installed.cfg", ".slapos/installed.json"];
        let is_installation = records.iter().any(|name| folder.join(name).is_file());
        if is_installation {
            for name in records {
                self.file(&folder.join(name));
            }
            for scripts in [
                "bin",
                "sbin",
                "etc/run",
                "etc/service",
                "etc/promise",
                "etc/plugin",
            ] {
                for script in list(&folder.join(scripts))? {
                    self.file(&script);
                }
            }
        }
        if depth == limits::NESTING_MAX {
            return Ok(());
        }
        for path in list(folder)? {
            let is_parts = is_installation && path.file_name().is_some_and(|name| name == "parts");
            if path.is_dir() && !path.is_symlink() && !is_parts {
                self.folder(&path, depth + 1)?;
            }
        }
        Ok(())
    }

    /// A file that cannot be read names nothing; records are readable for who installs.
    fn file(&mut self, path: &Path) {
        let is_small =
            fs::metadata(path).is_ok_and(|it| it.is_file() && it.len() <= limits::RECORD_BYTES_MAX);
        let Some(bytes) = is_small.then(|| fs::read(path).ok()).flatten() else {
            return;
        };
        let is_digit = |byte: &u8| byte.is_ascii_alphanumeric();
        for word in bytes.split(|byte| !is_digit(byte)) {
            if let Ok(text) = std::str::from_utf8(word)
                && is_signature(text)
            {
                self.named.insert(text.to_owned());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(shared: &Path, name: &str, digit: &str) -> PathBuf {
        let path = shared.join(name).join(digit.repeat(32));
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join(".slapos-shared.json"), "{}").unwrap();
        path
    }

    #[test]
    fn prune_keeps_what_records_scripts_and_nested_installations_name() {
        let dir = tempfile::tempdir().unwrap();
        let shared = dir.path().join("shared");
        let [recorded, scripted, nested, unused] =
            ["a", "b", "c", "d"].map(|digit| part(&shared, "zlib", digit));
        fs::write(
            shared.join("zlib/.dddddddddddddddddddddddddddddddd.lock"),
            "",
        )
        .unwrap();
        let software = dir.path().join("software/x");
        let instance = dir.path().join("instance/slappart0/srv/runner/software/y");
        for folder in [
            software.join(".slapos"),
            software.join("bin"),
            instance.clone(),
        ] {
            fs::create_dir_all(folder).unwrap();
        }
        let record = format!("{{\"shared\": [\"{}\"]}}", recorded.display());
        fs::write(software.join(".slapos/installed.json"), record).unwrap();
        let script = format!("#!/bin/sh\nexec {}/bin/x\n", scripted.display());
        fs::write(software.join("bin/x"), script).unwrap();
        let record = format!("[z]\nlocation = {}\n", nested.display());
        fs::write(instance.join(".installed.cfg"), record).unwrap();
        let mut prune = Prune {
            shared: shared.clone(),
            users: vec![dir.path().join("software"), dir.path().join("instance")],
            dry_run: true,
        };
        assert_eq!(prune_shared(&prune).unwrap().removed, [unused.clone()]);
        assert!(unused.exists());
        prune.dry_run = false;
        let pruned = prune_shared(&prune).unwrap();
        assert_eq!((pruned.removed.len(), pruned.kept), (1, 3));
        assert!(!unused.exists() && recorded.exists() && scripted.exists() && nested.exists());
        assert_eq!(fs::read_dir(shared.join("zlib")).unwrap().count(), 3);
    }

    #[test]
    fn prune_beside_a_build_does_nothing_and_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let unused = part(dir.path(), "zlib", "a");
        let prune = Prune {
            shared: dir.path().to_owned(),
            users: Vec::new(),
            dry_run: false,
        };
        let lock = hold(dir.path(), FlockArg::LockShared).unwrap();
        assert!(prune_shared(&prune).unwrap().is_busy);
        assert!(unused.exists());
        drop(lock);
        assert_eq!(prune_shared(&prune).unwrap().removed, [unused]);
    }
}
