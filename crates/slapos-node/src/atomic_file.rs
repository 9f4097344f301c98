//! Files that survive a power cut: written aside, synced, renamed, folder synced.
//!
//! Only for files of the agent's own folders, which no tenant can write. Either the old or the new
//! content is found afterwards, never a mixture.

use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt;
use std::io::{self, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

/// Replaces the content of `path` (mode 0600). When this returns `Ok`, it is on disk.
pub(crate) fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    write_aside(path, content, 0o600)?;
    sync_parent(path)
}

/// The same, except that the old content may come back after a power cut: for what can be found
/// out again.
pub(crate) fn write_soon(path: &Path, content: &[u8]) -> io::Result<()> {
    write_aside(path, content, 0o600)
}

/// The same without waiting for the disk at all: for what is written durably soon after, or can be
/// lost together with what follows it.
pub(crate) fn write_early(path: &Path, content: &[u8]) -> io::Result<()> {
    let aside = path.with_extension("new");
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&aside)?;
    file.write_all(content)?;
    fs::rename(&aside, path)
}

/// As [`write`], for files that others may read (mode 0644).
pub(crate) fn write_readable(path: &Path, content: &[u8]) -> io::Result<()> {
    write_aside(path, content, 0o644)?;
    sync_parent(path)
}

fn write_aside(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let aside = path.with_extension("new");
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(&aside)?;
    let written = file.write_all(content).and_then(|()| file.sync_data());
    if let Err(error) = written.and_then(|()| fs::rename(&aside, path)) {
        // A full disk stays a little less full; the first error is the one that matters.
        let _ = fs::remove_file(&aside);
        return Err(error);
    }
    Ok(())
}

/// Removes `path`, which may be missing.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => sync_parent(path),
    }
}

/// Reads `path`; `None` when it is missing.
pub(crate) fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Opens a plain file that somebody else may have put there: never a link, a device or a pipe.
/// `None` when it is missing.
pub(crate) fn open_foreign(path: &Path) -> io::Result<Option<fs::File>> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let opened = fs::OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path);
    let file = match opened {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    if file.metadata()?.is_file() {
        Ok(Some(file))
    } else {
        Err(io::Error::other(format!(
            "{} is not a plain file",
            path.display()
        )))
    }
}

/// Reads at most `bytes_max` of such a file.
pub(crate) fn read_foreign(path: &Path, bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
    let Some(file) = open_foreign(path)? else {
        return Ok(None);
    };
    let mut content = Vec::new();
    file.take(bytes_max).read_to_end(&mut content)?;
    Ok(Some(content))
}

/// Makes a folder and those above it, with `mode` for the new ones.
pub(crate) fn make_folders(path: &Path, mode: u32) -> io::Result<()> {
    let made = std::fs::DirBuilder::new()
        .recursive(true)
        .mode(mode)
        .create(path);
    made.map_err(|error| {
        io::Error::new(
            error.kind(),
            format!("cannot make the folder {}: {error}", path.display()),
        )
    })
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
        let path = folder.path().join("a.json");
        write(&path, b"one").unwrap();
        write(&path, b"two").unwrap();
        assert_eq!(read(&path).unwrap().unwrap(), b"two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        remove(&path).unwrap();
        remove(&path).unwrap();
        assert_eq!(read(&path).unwrap(), None);
    }

    #[test]
    fn read_foreign_follows_no_link_and_waits_for_no_pipe() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "0123456789").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let pipe = folder.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert_eq!(read_foreign(&file, 4).unwrap().unwrap(), b"0123");
        assert!(read_foreign(&link, 4).is_err());
        assert!(read_foreign(&pipe, 4).is_err());
        assert!(read_foreign(Path::new("/dev/zero"), 4).is_err());
        assert_eq!(read_foreign(&folder.path().join("no"), 4).unwrap(), None);
    }

    #[test]
    fn write_into_a_missing_folder_names_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let error = write(&folder.path().join("no/a.json"), b"x").unwrap_err();
        assert!(error.to_string().contains("no/a.new"), "{error}");
    }
}
