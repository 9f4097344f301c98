//! Writing a small file so that it is there whole or not at all, also after a power cut.

use fs_err::os::unix::fs::OpenOptionsExt;
use std::io::{self, Write};
use std::path::Path;

/// Replaces `path` by `text` with the permissions `mode`: temporary name, sync, rename, sync of
/// the folder.
pub(crate) fn write(path: &Path, text: &[u8], mode: u32) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let mut temporary = name.to_owned();
    temporary.push(format!(".{}.tmp", std::process::id()));
    let temporary = folder.join(temporary);
    let written = write_synced(&temporary, text, mode).and_then(|()| {
        fs_err::rename(&temporary, path)?;
        fs_err::File::open(folder)?.sync_all()
    });
    if written.is_err() {
        // Whatever is left of it is of no use; that it is gone already is fine.
        let _ = fs_err::remove_file(&temporary);
    }
    written
}

fn write_synced(path: &Path, text: &[u8], mode: u32) -> io::Result<()> {
    let mut file = fs_err::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(path)?;
    file.write_all(text)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn write_replaces_the_file_with_its_mode_and_leaves_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        write(&path, b"one", 0o600).unwrap();
        write(&path, b"two", 0o600).unwrap();
        assert_eq!(fs_err::read(&path).unwrap(), b"two");
        let mode = fs_err::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 1);
    }
}
