//! The logs of programs: bounded, rotated, re-created when deleted, never a reason to wait.
//!
//! [`LogFiles::write`] either writes or says at once why not; the caller counts what was lost. Files
//! are opened below the log folder, which no tenant can write, and a few are kept open. Before each
//! write the name is compared with the open file, so that a deleted or moved log comes back.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt;

use crate::limits::OPEN_LOGS_MAX;
use crate::spec::LogSpec;

/// All logs of one supervisor.
#[derive(Debug)]
pub(crate) struct LogFiles {
    folder: PathBuf,
    /// Used last at the end.
    open: Vec<OpenLog>,
}

#[derive(Debug)]
struct OpenLog {
    path: PathBuf,
    file: File,
    identity: (u64, u64),
    size: u64,
}

impl LogFiles {
    /// Logs below `folder`, which need not exist yet.
    pub(crate) fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            open: vec![],
        }
    }

    /// Where the log of a program is.
    pub(crate) fn path_of(&self, group: &str, program: &str) -> PathBuf {
        self.folder.join(group).join(format!("{program}.log"))
    }

    /// The log of the supervisor itself.
    pub(crate) fn own_path(&self) -> PathBuf {
        self.folder.join("supervise.log")
    }

    /// Appends `text`, rotating as `spec` says. Gives the bytes written and, when these are not all,
    /// why.
    pub(crate) fn write(
        &mut self,
        path: &Path,
        spec: LogSpec,
        text: &[u8],
    ) -> (usize, io::Result<()>) {
        let mut written = 0;
        while written < text.len() {
            match self.write_some(path, spec, &text[written..]) {
                Ok(n) => written += n,
                Err(error) => {
                    self.forget(path);
                    return (written, Err(error));
                }
            }
        }
        (written, Ok(()))
    }

    /// Closes the log of a program that is gone.
    pub(crate) fn forget(&mut self, path: &Path) {
        self.open.retain(|log| log.path != path);
    }

    fn write_some(&mut self, path: &Path, spec: LogSpec, text: &[u8]) -> io::Result<usize> {
        let log = self.open_log(path)?;
        let room = spec.bytes_max.saturating_sub(log.size);
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        let part = part_that_fits(text, room, log.size == 0);
        if part == 0 && log.size > 0 {
            self.forget(path);
            rotate(path, spec.files_max)?;
            return Ok(0);
        }
        let n = log.file.write(&text[..part])?;
        log.size += n as u64;
        if n == 0 {
            Err(io::ErrorKind::WriteZero.into())
        } else {
            Ok(n)
        }
    }

    fn open_log(&mut self, path: &Path) -> io::Result<&mut OpenLog> {
        let now = std::fs::symlink_metadata(path)
            .map(|found| (found.dev(), found.ino()))
            .ok();
        let is_same = |log: &OpenLog| log.path == path && Some(log.identity) == now;
        let log = match self.open.iter().position(is_same) {
            Some(place) => self.open.remove(place),
            None => {
                self.forget(path);
                if self.open.len() >= OPEN_LOGS_MAX {
                    self.open.remove(0);
                }
                open_for_append(path)?
            }
        };
        self.open.push(log);
        self.open
            .last_mut()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

/// How much of `text` goes into the current file: whole lines, but for a line longer than a file.
fn part_that_fits(text: &[u8], room: usize, is_new: bool) -> usize {
    if text.len() <= room {
        return text.len();
    }
    let line_end = text[..room].iter().rposition(|byte| *byte == b'\n');
    let without = if is_new { room } else { 0 };
    line_end.map_or(without, |end| end + 1)
}

fn open_for_append(path: &Path) -> io::Result<OpenLog> {
    if let Some(folder) = path.parent() {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o750)
            .create(folder)?;
    }
    let mut options = fs::OpenOptions::new();
    options
        .append(true)
        .create(true)
        .mode(0o640)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    let file = options.open(path)?.into_file();
    let found = file.metadata()?;
    let identity = (found.dev(), found.ino());
    Ok(OpenLog {
        path: path.to_owned(),
        file,
        identity,
        size: found.len(),
    })
}

/// `x.log` becomes `x.log.1`, that `x.log.2` and so on; the oldest goes.
fn rotate(path: &Path, files_max: u32) -> io::Result<()> {
    let numbered = |n: u32| match n {
        0 => path.to_owned(),
        n => PathBuf::from(format!("{}.{n}", path.display())),
    };
    let last = files_max.saturating_sub(1);
    if last == 0 {
        return fs::remove_file(path);
    }
    for n in (0..last).rev() {
        match fs::rename(numbered(n), numbered(n + 1)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: LogSpec = LogSpec {
        bytes_max: 4096,
        files_max: 3,
    };

    fn write(logs: &mut LogFiles, path: &Path, text: &[u8]) {
        let (written, result) = logs.write(path, SMALL, text);
        result.unwrap();
        assert_eq!(written, text.len());
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn write_more_than_all_files_hold_keeps_the_newest_lines_whole() {
        let dir = tempfile::tempdir().unwrap();
        let mut logs = LogFiles::new(dir.path());
        let path = logs.path_of("part", "service");
        for n in 0..5_000 {
            write(&mut logs, &path, format!("line {n:05}\n").as_bytes());
        }
        let folder = dir.path().join("part");
        assert_eq!(
            names(&folder),
            ["service.log", "service.log.1", "service.log.2"]
        );
        let mut all = vec![];
        for name in ["service.log.2", "service.log.1", "service.log"] {
            let text = fs::read(folder.join(name)).unwrap();
            assert!(text.len() <= 4096 && text.ends_with(b"\n"), "{name}");
            all.extend(text);
        }
        let first = all.splitn(2, |byte| *byte == b'\n').next().unwrap();
        assert!(first.starts_with(b"line ") && first.len() == 10);
        assert!(all.ends_with(b"line 04999\n"));
    }

    #[test]
    fn write_one_line_longer_than_a_file_is_cut() {
        let dir = tempfile::tempdir().unwrap();
        let mut logs = LogFiles::new(dir.path());
        let path = logs.path_of("part", "service");
        write(&mut logs, &path, &[b'x'; 10_000]);
        assert_eq!(fs::metadata(&path).unwrap().len(), 10_000 - 2 * 4096);
    }

    #[test]
    fn write_after_deletion_creates_the_log_again() {
        let dir = tempfile::tempdir().unwrap();
        let mut logs = LogFiles::new(&dir.path().join("log"));
        let path = logs.path_of("part", "service");
        write(&mut logs, &path, b"one\n");
        fs::remove_file(&path).unwrap();
        write(&mut logs, &path, b"two\n");
        assert_eq!(fs::read(&path).unwrap(), b"two\n");
        fs::remove_dir_all(dir.path().join("log")).unwrap();
        write(&mut logs, &path, b"three\n");
        assert_eq!(fs::read(&path).unwrap(), b"three\n");
    }

    #[test]
    fn write_to_a_full_device_or_a_link_says_so_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let mut logs = LogFiles::new(dir.path());
        let path = logs.path_of("part", "service");
        fs::create_dir(dir.path().join("part")).unwrap();
        fs_err::os::unix::fs::symlink("/dev/full", &path).unwrap();
        let (written, result) = logs.write(&path, SMALL, b"lost");
        assert_eq!((written, result.is_err()), (0, true));
    }

    #[test]
    fn write_to_more_logs_than_stay_open_loses_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut logs = LogFiles::new(dir.path());
        for round in 0..2 {
            for n in 0..OPEN_LOGS_MAX + 5 {
                let path = logs.path_of("part", &format!("s{n}"));
                write(&mut logs, &path, format!("{round}\n").as_bytes());
            }
        }
        assert_eq!(logs.open.len(), OPEN_LOGS_MAX);
        assert_eq!(fs::read(logs.path_of("part", "s0")).unwrap(), b"0\n1\n");
    }

    #[test]
    fn write_with_one_file_starts_it_over() {
        let dir = tempfile::tempdir().unwrap();
        let mut logs = LogFiles::new(dir.path());
        let path = logs.path_of("part", "service");
        let one = LogSpec {
            bytes_max: 4096,
            files_max: 1,
        };
        for _ in 0..3 {
            logs.write(&path, one, &[b'x'; 3_000]).1.unwrap();
        }
        assert_eq!(names(&dir.path().join("part")), ["service.log"]);
        assert!(fs::metadata(&path).unwrap().len() <= 4096);
    }
}
