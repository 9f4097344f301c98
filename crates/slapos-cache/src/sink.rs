//! Where an origin's bytes go: a temporary file, hashed on the way, with a bound.

use std::fmt;
use std::io::{self, Seek, SeekFrom, Write};

use tempfile::NamedTempFile;

use crate::hash::{Digests, Hash, mismatch};
use crate::{Source, limits};

/// What happens while a source is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceNews<'n> {
    /// Bytes so far.
    Received(u64),
    /// What is done, or what did not work, in words.
    Said(&'n str),
}

/// Told about each chunk and about what is done. Answers whether to go on.
pub type Watch<'a> = dyn FnMut(SourceNews<'_>) -> bool + 'a;

/// Takes the bytes of a source.
pub struct Sink<'a> {
    file: NamedTempFile,
    digests: Digests,
    received: u64,
    head: Vec<u8>,
    watch: &'a mut Watch<'a>,
    stopped: bool,
}

impl fmt::Debug for Sink<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Sink")
            .field("received", &self.received)
            .finish_non_exhaustive()
    }
}

/// What a finished sink holds.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) file: NamedTempFile,
    pub(crate) hashes: [Hash; 4],
}

impl<'a> Sink<'a> {
    pub(crate) fn new(file: NamedTempFile, watch: &'a mut Watch<'a>) -> Sink<'a> {
        Sink {
            file,
            digests: Digests::default(),
            received: 0,
            head: Vec::new(),
            watch,
            stopped: false,
        }
    }

    /// Forgets everything written.
    pub fn restart(&mut self) -> io::Result<()> {
        self.file.as_file_mut().set_len(0)?;
        self.file.as_file_mut().seek(SeekFrom::Start(0))?;
        self.digests = Digests::default();
        self.received = 0;
        self.head.clear();
        Ok(())
    }

    /// Bytes written since the start.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Whether the watch said to stop; writing fails from then on.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Tells the watch of progress that is not written here yet; false when to stop.
    pub fn tell(&mut self, received: u64) -> bool {
        self.pass_on(SourceNews::Received(received))
    }

    /// Tells the watch what is being done; false when to stop.
    pub fn say(&mut self, text: &str) -> bool {
        self.pass_on(SourceNews::Said(text))
    }

    fn pass_on(&mut self, news: SourceNews<'_>) -> bool {
        if !self.stopped && !(self.watch)(news) {
            self.stopped = true;
        }
        !self.stopped
    }

    /// The first hash of the source that the bytes do not have, and the one they have.
    #[must_use]
    pub fn mismatch(&self, source: &Source) -> Option<(Hash, Hash)> {
        mismatch(&source.hashes, &self.digests.clone().finish())
    }

    /// Whether the bytes begin like a web page.
    #[must_use]
    pub fn looks_like_html(&self) -> bool {
        let head = String::from_utf8_lossy(&self.head).to_ascii_lowercase();
        let head = head.trim_start_matches('\u{feff}').trim_start();
        head.starts_with("<!doctype html") || head.starts_with("<html")
    }

    pub(crate) fn finish(mut self) -> io::Result<Received> {
        self.file.flush()?;
        Ok(Received {
            file: self.file,
            hashes: self.digests.finish(),
        })
    }
}

impl Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.received + bytes.len() as u64 > limits::SOURCE_BYTES_MAX {
            return Err(io::Error::other(format!(
                "larger than {} GiB",
                limits::SOURCE_BYTES_MAX >> 30
            )));
        }
        self.file.write_all(bytes)?;
        self.digests.update(bytes);
        let wanted = limits::HEAD_BYTES
            .saturating_sub(self.head.len())
            .min(bytes.len());
        self.head.extend_from_slice(&bytes[..wanted]);
        self.received += bytes.len() as u64;
        if !self.tell(self.received) {
            return Err(io::Error::other("stopped as asked"));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
