//! A file that is replaced: there whole or as before, also after a power cut.
//!
//! Never in here: what is in it, and files that only grow.

use std::io::{self, Write};
use std::path::Path;

use fs_err as fs;
use tempfile::NamedTempFile;

/// Writes a file in the folder of `place`, syncs it, and puts it there; the folder must be there.
pub(crate) fn replace<T>(
    place: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<T>,
) -> io::Result<T> {
    let folder = match place.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut writer = io::BufWriter::new(NamedTempFile::new_in(folder)?);
    let written = write(&mut writer)?;
    let file = writer
        .into_inner()
        .map_err(io::IntoInnerError::into_error)?;
    file.as_file().sync_all()?;
    file.persist(place).map_err(|error| error.error)?;
    fs::File::open(folder)?.sync_all()?;
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replace_that_fails_leaves_what_was_there_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("f");
        replace(&place, |file| file.write_all(b"old")).unwrap();
        let failed = replace(&place, |file| {
            file.write_all(b"new")?;
            Err::<(), _>(io::Error::other("the disk is full"))
        });
        assert!(failed.is_err());
        assert_eq!(fs::read(&place).unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
