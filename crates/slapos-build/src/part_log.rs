//! The log of one part: bounded on disk, with its last lines at hand for an error.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use fs_err as fs;

use crate::limits;

/// An open log. The file is made with the first byte, so that a part without output leaves none.
#[derive(Debug)]
pub(crate) struct PartLog {
    path: PathBuf,
    file: Option<fs::File>,
    written: u64,
    tail: VecDeque<String>,
    line: Vec<u8>,
}

impl PartLog {
    pub(crate) fn new(path: PathBuf) -> PartLog {
        PartLog {
            path,
            file: None,
            written: 0,
            tail: VecDeque::new(),
            line: Vec::new(),
        }
    }

    /// One that only has a tail: its file counts as full from the beginning.
    pub(crate) fn without_file() -> PartLog {
        PartLog {
            written: limits::LOG_BYTES_MAX,
            ..PartLog::new(PathBuf::new())
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether anything was written.
    pub(crate) fn is_used(&self) -> bool {
        self.file.is_some()
    }

    /// Adds output. A log that cannot be written does not stop a build: its tail is kept all the same.
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        // Nothing can be said about a full disk in a log on that disk.
        let _ = self.write(bytes);
        for byte in bytes {
            match byte {
                b'\n' => self.end_line(),
                _ if self.line.len() < limits::TAIL_LINE_CHARS => self.line.push(*byte),
                _ => {}
            }
        }
    }

    /// The last lines.
    pub(crate) fn tail(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.tail.iter().cloned().collect();
        if !self.line.is_empty() {
            lines.push(String::from_utf8_lossy(&self.line).into_owned());
        }
        lines
    }

    /// The last whole line that says anything.
    pub(crate) fn last_line(&self) -> Option<&str> {
        let mut lines = self.tail.iter().rev();
        lines
            .find(|line| !line.trim().is_empty())
            .map(String::as_str)
    }

    fn end_line(&mut self) {
        let line = String::from_utf8_lossy(&self.line).into_owned();
        self.line.clear();
        if self.tail.len() == limits::TAIL_LINES {
            self.tail.pop_front();
        }
        self.tail.push_back(line);
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let room = limits::LOG_BYTES_MAX.saturating_sub(self.written);
        if room == 0 {
            return Ok(());
        }
        if self.file.is_none() {
            fs::create_dir_all(self.path.parent().unwrap_or(Path::new(".")))?;
            self.file = Some(fs::File::create(&self.path)?);
        }
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        let fits = usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len());
        file.write_all(&bytes[..fits])?;
        self.written += fits as u64;
        if fits < bytes.len() {
            file.write_all(b"\n[the log is full; what follows is dropped]\n")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tail_is_the_last_lines_cut_to_their_bound() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = PartLog::new(dir.path().join("log/p.log"));
        assert!(!log.is_used());
        for n in 0..100 {
            log.add(format!("line {n}\n").as_bytes());
        }
        log.add(&[b'x'; 1000]);
        let tail = log.tail();
        assert_eq!(tail.len(), limits::TAIL_LINES + 1);
        assert_eq!(tail[0], "line 60");
        assert_eq!(tail.last().unwrap().len(), limits::TAIL_LINE_CHARS);
    }

    #[test]
    fn add_beyond_the_bound_is_dropped_and_said() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("p.log");
        let mut log = PartLog::new(path.clone());
        for _ in 0..20 {
            log.add(&vec![b'x'; 1 << 20]);
        }
        log.add(b"\nthe end\n");
        assert!(fs::metadata(&path).unwrap().len() < limits::LOG_BYTES_MAX + 100);
        assert_eq!(log.tail().last().unwrap(), "the end");
    }
}
