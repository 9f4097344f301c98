//! The stream of events that a master keeps open, read line by line.
//!
//! A line has a bound, silence has a limit; nothing is opened again here. Start with
//! [`Watch::next_event`].

use super::ClientError;
use crate::limits::WATCH_LINE_BYTES_MAX;
use crate::wire::event::Event;
use reqwest::blocking::Response;
use std::io::{BufRead, BufReader, Read};

/// Events as they happen. Ends with an error when the master is silent for longer than
/// [`WATCH_TIMEOUT`](crate::limits::WATCH_TIMEOUT) or goes away; the caller connects again with the last `seq`.
#[derive(Debug)]
pub struct Watch {
    lines: BufReader<Response>,
    url: String,
}

impl Watch {
    /// Of the answer of the master at `url`.
    pub(super) fn new(response: Response, url: String) -> Self {
        Self {
            lines: BufReader::new(response),
            url,
        }
    }

    /// Waits for the next event; heartbeats are passed over.
    ///
    /// # Errors
    /// When the stream ended or was silent for too long.
    pub fn next_event(&mut self) -> Result<Event, ClientError> {
        let mut data = String::new();
        loop {
            let line = self.read_line()?;
            if let Some(rest) = line.strip_prefix("data:") {
                data.push_str(rest.trim_start());
            } else if line.is_empty() && !data.is_empty() {
                return serde_json::from_str(&data).map_err(|error| ClientError::Garbled {
                    url: self.url.clone(),
                    cause: error.to_string(),
                });
            }
        }
    }

    fn read_line(&mut self) -> Result<String, ClientError> {
        let gone = |cause: String| ClientError::Unreachable {
            url: self.url.clone(),
            cause,
        };
        let mut line = Vec::new();
        let limit = u64::try_from(WATCH_LINE_BYTES_MAX).unwrap_or(u64::MAX);
        let count = (&mut self.lines)
            .take(limit)
            .read_until(b'\n', &mut line)
            .map_err(|error| gone(error.to_string()))?;
        if count == 0 {
            return Err(gone("the watch stream ended".to_owned()));
        }
        if line.last() != Some(&b'\n') {
            return Err(gone(
                "a line of the watch stream is cut or over its limit".to_owned(),
            ));
        }
        Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
    }
}
