//! Lines of JSON between the engine and its recipe host, with bounds and a clock.
//!
//! To the host: `{"do": "paths" | "construct" | "freeze" | "fork", …}` and answers, `{"value": …}` or
//! `{"error": text, "kind": …}`. From it: questions `{"ask": "get" | "keys" | "set" | …}`, of a fork also
//! `{"pid": n}` and `{"died": text}`, and at the end of what was asked for `{"done": what, …}`.
//! Nothing in here knows what any of it means.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nix::sys::socket::{ControlMessage, MsgFlags, UnixAddr, sendmsg};
use serde_json::Value;

use crate::{Cancel, limits};

/// The engine's end.
#[derive(Debug)]
pub(super) struct Channel {
    stream: UnixStream,
    buffer: Vec<u8>,
    /// So much of the buffer holds no end of a line.
    looked_at: usize,
    received: u64,
}

/// Why no message came.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Lost {
    Gone,
    /// The build is to stop.
    Stopped,
    Silent,
    /// More than a recipe has any reason to say.
    Flood,
    Garbage,
}

impl Channel {
    pub(super) fn new(stream: UnixStream) -> Channel {
        Channel {
            stream,
            buffer: Vec::new(),
            looked_at: 0,
            received: 0,
        }
    }

    /// Sends a message; a host that does not read any more is given up after a while.
    pub(super) fn send(&mut self, message: &Value) -> io::Result<()> {
        self.stream
            .set_write_timeout(Some(limits::HOST_WRITE_TIMEOUT))?;
        let mut line = serde_json::to_vec(message)?;
        line.push(b'\n');
        self.stream.write_all(&line)
    }

    /// Sends a message with open files.
    pub(super) fn send_with(
        &mut self,
        message: &Value,
        files: &[BorrowedFd<'_>],
    ) -> io::Result<()> {
        let numbers: Vec<i32> = files.iter().map(AsRawFd::as_raw_fd).collect();
        // The files go with one byte of their own: a space before the message, which JSON ignores.
        let sent = sendmsg::<UnixAddr>(
            self.stream.as_raw_fd(),
            &[IoSlice::new(b" ")],
            &[ControlMessage::ScmRights(&numbers)],
            MsgFlags::empty(),
            None,
        )?;
        match sent {
            1 => self.send(message),
            _ => Err(ErrorKind::WriteZero.into()),
        }
    }

    /// The next message, waited for until the build is to stop.
    pub(super) fn wait(&mut self, patience: Duration, cancel: &Cancel) -> Result<Value, Lost> {
        let deadline = Instant::now() + patience;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if let Some(message) = self.receive(left.min(limits::CANCEL_POLL))? {
                return Ok(message);
            }
            if cancel.is_raised() {
                return Err(Lost::Stopped);
            }
            if left.is_zero() {
                return Err(Lost::Silent);
            }
        }
    }

    /// The next message, none if it does not come within `patience`.
    pub(super) fn receive(&mut self, patience: Duration) -> Result<Option<Value>, Lost> {
        let deadline = Instant::now() + patience;
        loop {
            let fresh = &self.buffer[self.looked_at..];
            if let Some(at) = fresh.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=self.looked_at + at).collect();
                self.looked_at = 0;
                return serde_json::from_slice(&line)
                    .map(Some)
                    .map_err(|_| Lost::Garbage);
            }
            self.looked_at = self.buffer.len();
            if self.buffer.len() > limits::HOST_LINE_BYTES_MAX
                || self.received > limits::HOST_TALK_BYTES_MAX
            {
                return Err(Lost::Flood);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            // Zero would mean forever.
            let left = left.max(Duration::from_millis(1));
            self.stream
                .set_read_timeout(Some(left))
                .map_err(|_| Lost::Gone)?;
            let mut chunk = [0; 64 << 10];
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(Lost::Gone),
                Ok(n) => {
                    self.received += n as u64;
                    self.buffer.extend_from_slice(&chunk[..n]);
                }
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                    ) => {}
                Err(_) => return Err(Lost::Gone),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (Channel, UnixStream) {
        let (mine, theirs) = UnixStream::pair().unwrap();
        (Channel::new(mine), theirs)
    }

    #[test]
    fn receive_of_silence_garbage_and_the_end_tells_which() {
        let (mut channel, mut other) = pair();
        let short = Duration::from_millis(2);
        assert_eq!(channel.receive(short).unwrap(), None);
        other.write_all(b"{\"a\": 1}\n{\"b\"").unwrap();
        assert_eq!(channel.receive(short).unwrap().unwrap()["a"], 1);
        assert_eq!(channel.receive(short).unwrap(), None);
        other.write_all(b"\n").unwrap();
        assert_eq!(channel.receive(short), Err(Lost::Garbage));
        drop(other);
        assert_eq!(channel.receive(short), Err(Lost::Gone));
    }

    #[test]
    fn receive_of_a_line_without_end_stops_at_its_bound() {
        let (mut channel, mut other) = pair();
        let writer = std::thread::spawn(move || {
            let chunk = vec![b'x'; 1 << 20];
            // The reader goes away in the middle.
            while other.write_all(&chunk).is_ok() {}
        });
        let limit = Duration::from_secs(60);
        assert_eq!(channel.receive(limit), Err(Lost::Flood));
        drop(channel);
        writer.join().unwrap();
    }
}
