//! Where the master and the agent write their log: a file with a bound, and [`start_logging`].
//!
//! Rotation is by size: `master.log` becomes `master.log.1`, the one before that goes. A log that
//! cannot be written (a full disk, a deleted folder) is passed over: it never stops the work.

use crate::failure::Failure;
use crate::limits::LOG_BYTES_MAX;
use fs_err::File;
use fs_err::os::unix::fs::OpenOptionsExt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use tracing_subscriber::filter::LevelFilter;

/// Sends all that is logged in this process to `path`. The level is in `SLAPOS_LOG`: error, warn,
/// info, debug, trace or off; info when it is not set.
pub(crate) fn start_logging(path: &Path) -> Result<(), Failure> {
    let level = match std::env::var("SLAPOS_LOG") {
        Ok(word) => word.parse::<LevelFilter>().map_err(|_| {
            Failure::usage(format!(
                "SLAPOS_LOG is {word:?}, which is no level of logging."
            ))
            .with_hint("use error, warn, info, debug, trace or off")
        })?,
        Err(_) => LevelFilter::INFO,
    };
    let file = RotatedFile::new(path, LOG_BYTES_MAX);
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_ansi(false)
        .with_writer(Mutex::new(file))
        .try_init()
        .map_err(|error| Failure::new(format!("cannot start the log: {error}")))
}

/// A file that begins anew at a size, keeping the one before.
#[derive(Debug)]
struct RotatedFile {
    path: PathBuf,
    bytes_max: u64,
    // Invariant: none until the first write and after a failed one, so that the next write tries
    // to open it again.
    file: Option<File>,
    bytes: u64,
}

impl RotatedFile {
    fn new(path: &Path, bytes_max: u64) -> Self {
        Self {
            path: path.to_owned(),
            bytes_max,
            file: None,
            bytes: 0,
        }
    }

    fn append(&mut self, text: &[u8]) -> io::Result<()> {
        let added = u64::try_from(text.len()).unwrap_or(u64::MAX);
        if self.file.is_some() && self.bytes.saturating_add(added) > self.bytes_max {
            self.file = None;
            fs_err::rename(&self.path, self.path.with_extension("log.1"))?;
        }
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let file = fs_err::OpenOptions::new()
                    .create(true)
                    .append(true)
                    .mode(0o600)
                    .open(&self.path)?;
                self.bytes = file.metadata()?.len();
                self.file.insert(file)
            }
        };
        file.write_all(text)?;
        self.bytes += added;
        Ok(())
    }
}

impl Write for RotatedFile {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        if self.append(text).is_err() {
            self.file = None;
        }
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotated_file_never_holds_more_than_its_bound() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        let mut file = RotatedFile::new(&path, 100);
        for n in 0..30 {
            writeln!(file, "line {n:04}").unwrap();
        }
        assert!(fs_err::metadata(&path).unwrap().len() <= 100);
        assert!(
            fs_err::metadata(folder.path().join("a.log.1"))
                .unwrap()
                .len()
                <= 100
        );
        assert!(
            fs_err::read_to_string(&path)
                .unwrap()
                .ends_with("line 0029\n")
        );
    }

    #[test]
    fn rotated_file_goes_on_after_a_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        RotatedFile::new(&path, 100).write_all(b"one\n").unwrap();
        RotatedFile::new(&path, 100).write_all(b"two\n").unwrap();
        assert_eq!(fs_err::read_to_string(&path).unwrap(), "one\ntwo\n");
    }

    #[test]
    fn rotated_file_that_cannot_be_written_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gone/a.log");
        let mut file = RotatedFile::new(&path, 100);
        file.write_all(b"lost\n").unwrap();
        fs_err::create_dir(folder.path().join("gone")).unwrap();
        file.write_all(b"kept\n").unwrap();
        assert_eq!(fs_err::read_to_string(&path).unwrap(), "kept\n");
    }
}
