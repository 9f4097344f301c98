//! Small files: read with a bound, written whole, and only if they differ.

use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use fs_err as fs;
use sha2::{Digest, Sha256};

use crate::limits;

/// Reads a text with a bound.
pub(crate) fn read_text(path: &Path) -> io::Result<String> {
    String::from_utf8(read_bytes(path)?).map_err(|_| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{} is not UTF-8", path.display()),
        )
    })
}

/// Reads a small file with a bound.
pub(crate) fn read_bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = fs::File::open(path)?
        .take(limits::TEXT_BYTES_MAX + 1)
        .read_to_end(&mut bytes)?;
    if read as u64 > limits::TEXT_BYTES_MAX {
        let limit = limits::TEXT_BYTES_MAX >> 20;
        return Err(io::Error::other(format!(
            "{} is larger than {limit} MiB",
            path.display()
        )));
    }
    Ok(bytes)
}

/// Writes a file under a temporary name and renames it, not synced; gives whether it differed.
///
/// Parents are made. A file of the same bytes and mode is left alone, so that an idle run writes nothing.
pub(crate) fn write_if_changed(path: &Path, bytes: &[u8], mode: u32) -> io::Result<bool> {
    if let Ok(metadata) = fs::symlink_metadata(path)
        && metadata.is_file()
        && metadata.len() == bytes.len() as u64
        && metadata.permissions().mode() & 0o7777 == mode
        && fs::read(path)? == bytes
    {
        return Ok(false);
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut file = tempfile::Builder::new()
        .prefix(".new-")
        .tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file()
        .set_permissions(std::fs::Permissions::from_mode(mode))?;
    file.persist(path).map_err(|e| e.error)?;
    Ok(true)
}

/// Syncs files and the folders they are in, many at once so that the disk's journal takes them together.
pub(crate) fn sync_all(paths: &[PathBuf]) -> io::Result<()> {
    let folders = paths
        .iter()
        .filter_map(|path| path.parent())
        .map(Path::to_owned);
    let mut folders: Vec<PathBuf> = folders.collect();
    folders.sort();
    folders.dedup();
    sync_each(paths)?;
    sync_each(&folders)
}

fn sync_each(paths: &[PathBuf]) -> io::Result<()> {
    let size = paths.len().div_ceil(limits::SYNC_THREADS).max(1);
    std::thread::scope(|scope| {
        let workers: Vec<_> = paths
            .chunks(size)
            .map(|chunk| scope.spawn(move || chunk.iter().try_for_each(|path| sync_one(path))))
            .collect();
        let panicked = |_| Err(io::Error::other("a thread that syncs files panicked"));
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().unwrap_or_else(panicked))
    })
}

/// Links and what is gone have nothing to sync but their folder.
fn sync_one(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_file() || metadata.is_dir() => fs::File::open(path)?.sync_all(),
        _ => Ok(()),
    }
}

/// Copies a file with its time, which `make` compares.
pub(crate) fn copy_with_time(from: &Path, to: &Path) -> io::Result<()> {
    let modified = fs::metadata(from)?.modified()?;
    fs::copy(from, to)?;
    fs::OpenOptions::new()
        .append(true)
        .open(to)?
        .file()
        .set_modified(modified)
}

/// Copies folders and files; links are copied as what they lead to.
pub(crate) fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if fs::metadata(&source)?.is_dir() {
            fs::create_dir_all(&target)?;
            copy_tree(&source, &target)?;
        } else {
            copy_with_time(&source, &target)?;
        }
    }
    Ok(())
}

/// Removes a file, a link or a whole tree, read-only folders in it too; nothing there is fine.
pub(crate) fn remove_tree(path: &Path) -> io::Result<()> {
    let metadata = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    if !metadata.is_dir() {
        return fs::remove_file(path);
    }
    if fs::remove_dir_all(path).is_ok() {
        return Ok(());
    }
    make_writable(path)?;
    fs::remove_dir_all(path)
}

fn make_writable(folder: &Path) -> io::Result<()> {
    fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            make_writable(&entry.path())?;
        }
    }
    Ok(())
}

/// The SHA-256 of a file, or of every name, mode and byte below a folder.
pub(crate) fn digest_tree(path: &Path) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut budget = limits::INPUT_BYTES_MAX;
    add_tree(path, &mut hasher, &mut budget)?;
    Ok(hex(&hasher.finalize()))
}

fn add_tree(path: &Path, hasher: &mut Sha256, budget: &mut u64) -> io::Result<()> {
    let metadata = fs::metadata(path)?;
    if metadata.is_dir() {
        let entries = fs::read_dir(path)?.collect::<io::Result<Vec<_>>>()?;
        let mut names: Vec<_> = entries.into_iter().map(|entry| entry.file_name()).collect();
        names.sort();
        hasher.update((names.len() as u64).to_le_bytes());
        for name in names {
            let text = name.as_encoded_bytes();
            hasher.update((text.len() as u64).to_le_bytes());
            hasher.update(text);
            add_tree(&path.join(&name), hasher, budget)?;
        }
        return Ok(());
    }
    *budget = budget.checked_sub(metadata.len()).ok_or_else(|| {
        let limit = limits::INPUT_BYTES_MAX >> 20;
        io::Error::other(format!(
            "{}: more than {limit} MiB of local files",
            path.display()
        ))
    })?;
    hasher.update(metadata.len().to_le_bytes());
    hasher.update([u8::from(metadata.permissions().mode() & 0o111 != 0)]);
    hasher.update(fs::read(path)?);
    Ok(())
}

/// The SHA-256 of bytes, in hex.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Two digits for each byte.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn write_if_changed_leaves_the_same_bytes_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b");
        assert!(write_if_changed(&path, b"x", 0o600).unwrap());
        assert!(!write_if_changed(&path, b"x", 0o600).unwrap());
        assert!(write_if_changed(&path, b"x", 0o700).unwrap());
        assert!(write_if_changed(&path, b"y", 0o700).unwrap());
        assert_eq!(fs::read_dir(dir.path().join("a")).unwrap().count(), 1);
    }

    #[test]
    fn digest_tree_sees_names_bytes_and_the_executable_bit() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("f");
        let mut seen = std::collections::BTreeSet::new();
        fs::write(&file, "x").unwrap();
        seen.insert(digest_tree(dir.path()).unwrap());
        fs::write(&file, "y").unwrap();
        seen.insert(digest_tree(dir.path()).unwrap());
        fs::set_permissions(&file, PermissionsExt::from_mode(0o755)).unwrap();
        seen.insert(digest_tree(dir.path()).unwrap());
        fs::rename(&file, dir.path().join("g")).unwrap();
        seen.insert(digest_tree(dir.path()).unwrap());
        assert_eq!(seen.len(), 4);
    }

    #[test]
    fn remove_tree_removes_read_only_folders() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().join("t");
        fs::create_dir_all(top.join("a/b")).unwrap();
        fs::write(top.join("a/b/f"), "").unwrap();
        for folder in ["a/b", "a", ""] {
            fs::set_permissions(top.join(folder), PermissionsExt::from_mode(0o500)).unwrap();
        }
        remove_tree(&top).unwrap();
        assert!(!top.exists());
        remove_tree(&top).unwrap();
    }

    #[test]
    fn sync_all_takes_files_links_and_what_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("f");
        fs::write(&file, "x").unwrap();
        std::os::unix::fs::symlink("nowhere", dir.path().join("l")).unwrap();
        sync_all(&[file, dir.path().join("l"), dir.path().join("gone")]).unwrap();
    }
}
