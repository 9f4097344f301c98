//! Files that survive a power cut: written aside, synced, renamed, folder synced.
//!
//! Either the old or the new content is found afterwards, never a mixture.

use std::io::{self, Write};
use std::path::Path;

use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt;

/// Replaces the content of `path`. When this returns `Ok`, it is on disk.
pub(crate) fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let aside = path.with_extension("new");
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&aside)?;
    let written = file.write_all(content).and_then(|()| file.sync_all());
    if let Err(error) = written.and_then(|()| fs::rename(&aside, path)) {
        // A full disk stays a little less full.
        let _ = fs::remove_file(&aside);
        return Err(error);
    }
    sync_parent(path)
}

/// Removes `path`, which may be missing. When this returns `Ok`, it stays removed.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => sync_parent(path),
    }
}

fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) => fs::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn write_replaces_and_leaves_nothing_aside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("group.json");
        write(&path, b"one").unwrap();
        write(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        remove(&path).unwrap();
        remove(&path).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn write_into_a_missing_folder_names_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let error = write(&folder.path().join("no/group.json"), b"x").unwrap_err();
        assert!(error.to_string().contains("no/group.new"), "{error}");
    }
}
