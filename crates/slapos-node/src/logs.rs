//! Logs on demand: the end of a log, or what came after a cursor.
//!
//! A cursor names each file by its inode and the bytes that were read, so that it stays right when
//! a file is rotated: the rest of the old file is read, then the new one from its beginning. Every
//! answer and every wait has a bound; there are never more readers than a few.

mod tail;

use crate::layout::Layout;
use crate::limits;
use slapos_api::Client;
use slapos_api::wire::log::{LogAnswer, LogChunk, LogWanted};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tail::Source;

/// Reads logs for the master.
#[derive(Debug, Clone)]
pub struct LogReader {
    layout: Layout,
    readers: Arc<AtomicUsize>,
}

/// Gives a reader's place back however its thread ends.
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl LogReader {
    /// For the logs of a root.
    #[must_use]
    pub fn new(layout: &Layout) -> Self {
        Self {
            layout: layout.clone(),
            readers: Arc::new(AtomicUsize::new(0)),
        }
    }

    /// Answers in a thread of its own.
    pub fn answer(&self, client: Client, wanted: LogWanted) {
        let place = Place(Arc::clone(&self.readers));
        let is_full = self.readers.fetch_add(1, Ordering::SeqCst) >= limits::LOG_READERS_MAX;
        let reader = self.clone();
        let body = move || {
            let place = place;
            let mut wanted = wanted;
            if is_full {
                // Still an answer, only one that waits for nothing.
                wanted.wait_ms = 0;
            }
            let answer = match reader.read(&wanted) {
                Ok(chunk) => LogAnswer {
                    chunk: Some(chunk),
                    error: None,
                },
                Err(error) => LogAnswer {
                    chunk: None,
                    error: Some(error),
                },
            };
            if let Err(error) = client.answer_log(&wanted.request, &answer) {
                tracing::debug!(%error, "log not delivered");
            }
            drop(place);
        };
        let thread = std::thread::Builder::new()
            .name("log".to_owned())
            .stack_size(512 << 10);
        if let Err(error) = thread.spawn(body) {
            tracing::warn!(%error, "log reader not started");
        }
    }

    /// Reads what is wanted; waits for new text when there is none.
    ///
    /// # Errors
    /// Why there is no such log, in a sentence.
    pub fn read(&self, wanted: &LogWanted) -> Result<LogChunk, String> {
        let deadline = Instant::now() + Duration::from_millis(u64::from(wanted.wait_ms));
        let source = Source::find(&self.layout, wanted)?;
        let mut chunk = source.read(wanted)?;
        while chunk.text.is_empty() && Instant::now() < deadline {
            source.wait(deadline);
            chunk = source.read(wanted)?;
        }
        Ok(chunk)
    }
}
