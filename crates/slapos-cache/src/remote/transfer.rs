//! Bytes from a cache: with patience for a slow line, none for a cache that hardly moves.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use reqwest::blocking::{Client, Response};
use reqwest::header::RANGE;

use super::{RemoteError, network};
use crate::{Sink, limits};

/// Writes what is at the URL into the sink. A transfer that breaks is gone on with where it broke.
pub(super) fn fetch(client: &Client, url: &str, sink: &mut Sink<'_>) -> Result<(), RemoteError> {
    let start = Instant::now();
    sink.restart()
        .map_err(|error| RemoteError::Network(error.to_string()))?;
    for attempt in 0.. {
        let before = sink.received();
        let ask = client.get(url);
        let ask = match before {
            0 => ask,
            bytes => ask.header(RANGE, format!("bytes={bytes}-")),
        };
        let answer = success(ask.send().map_err(network)?)?;
        if before > 0 && answer.status() != StatusCode::PARTIAL_CONTENT {
            sink.restart()
                .map_err(|error| RemoteError::Network(error.to_string()))?;
        }
        match copy(answer, sink, start) {
            Err(RemoteError::Network(_))
                if sink.received() > before && attempt < limits::CACHE_RESUMES_MAX => {}
            result => return result,
        }
    }
    Ok(())
}

/// The answer, if it is one.
pub(super) fn success(answer: Response) -> Result<Response, RemoteError> {
    match answer.status().as_u16() {
        200..=299 => Ok(answer),
        404 | 410 => Err(RemoteError::NotThere),
        status => Err(RemoteError::Status(status, String::new())),
    }
}

/// A text of bounded length.
pub(super) fn small_text(answer: Response) -> Result<String, RemoteError> {
    let start = Instant::now();
    let (mut bytes, mut chunk) = (Vec::new(), vec![0; limits::CHUNK_BYTES]);
    let mut answer = answer;
    loop {
        match answer.read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => bytes.extend_from_slice(&chunk[..read]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(RemoteError::Network(error.to_string())),
        }
        if bytes.len() > limits::ENTRIES_BYTES_MAX {
            return Err(RemoteError::Nonsense("too much text".to_owned()));
        }
        if start.elapsed() > limits::CACHE_TEXT_TIMEOUT {
            let text = "it sends hardly anything".to_owned();
            return Err(RemoteError::Nonsense(text));
        }
    }
    String::from_utf8(bytes).map_err(|_| RemoteError::Nonsense("no text".to_owned()))
}

fn copy(mut answer: Response, sink: &mut Sink<'_>, start: Instant) -> Result<(), RemoteError> {
    let expected = answer.content_length();
    let (mut chunk, mut copied) = (vec![0; limits::CHUNK_BYTES], 0_u64);
    loop {
        let read = match answer.read(&mut chunk) {
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(RemoteError::Network(error.to_string())),
        };
        if read == 0 {
            break;
        }
        copied += read as u64;
        if let Err(error) = sink.write_all(&chunk[..read]) {
            return Err(match sink.is_stopped() {
                true => RemoteError::Stopped,
                false => RemoteError::Nonsense(error.to_string()),
            });
        }
        if is_too_slow(sink.received(), start.elapsed()) {
            let text = "it sends so slowly that the source's own site is better";
            return Err(RemoteError::Nonsense(text.to_owned()));
        }
    }
    match expected {
        Some(expected) if expected != copied => Err(RemoteError::Network(format!(
            "the transfer ended after {copied} of {expected} bytes"
        ))),
        _ => Ok(()),
    }
}

fn is_too_slow(received: u64, elapsed: Duration) -> bool {
    elapsed > limits::CACHE_GRACE
        && received < elapsed.as_secs() * limits::CACHE_BYTES_PER_SECOND_MIN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_too_slow_after_its_grace_only() {
        let second = Duration::from_secs(1);
        assert!(!is_too_slow(0, second));
        assert!(is_too_slow(1000, limits::CACHE_GRACE + second));
        assert!(!is_too_slow(10 << 20, limits::CACHE_GRACE + second));
    }
}
