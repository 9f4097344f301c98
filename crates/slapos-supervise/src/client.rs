//! The blocking client of the control socket.
//!
//! Every call has a time-out and is safe to repeat. After a [`ClientError`] other than `Refused`
//! the connection is in an unknown state: connect again. It never starts a supervisor itself.

use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::socket::{self, AddressFamily, SockFlag, SockType, UnixAddr};
use nix::sys::time::TimeVal;

use crate::limits;
use crate::spec::{GroupSpec, Signal, SpecError};
use crate::status::{Event, GroupStatus};
use crate::wire::{self, Ask, Reply, ReplyLine, RequestLine, ShutdownMode};

/// A connection to the supervisor of one folder.
#[derive(Debug)]
pub struct Client {
    lines: Lines,
    id_last: u64,
}

/// A stream of events. Ends with an error when the supervisor goes away or when the reader was so
/// slow that it was dropped; then ask for the status and subscribe again.
#[derive(Debug)]
pub struct Subscription {
    lines: Lines,
}

/// Why a call to the supervisor failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens there.
    #[error("cannot reach the supervisor at {}: {source}; is it running?", .socket.display())]
    Connect {
        /// The socket.
        socket: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The connection broke or timed out.
    #[error("lost the supervisor at {} while waiting for an answer: {source}", .socket.display())]
    Lost {
        /// The socket.
        socket: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The supervisor said no.
    #[error("the supervisor refused: {0}")]
    Refused(String),
    /// The specification is wrong; nothing was sent.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// The answer is not of this protocol.
    #[error("the supervisor at {} answered something unknown: {what}; are both of one version?", .socket.display())]
    Protocol {
        /// The socket.
        socket: PathBuf,
        /// What is odd about it.
        what: String,
    },
}

impl Client {
    /// Connects to the supervisor whose private folder is `dir`.
    pub fn connect(dir: &Path) -> Result<Self, ClientError> {
        Self::connect_with(dir, Duration::from_millis(limits::CLIENT_TIMEOUT_MS))
    }

    /// The same with a time-out for connecting and for each answer.
    pub fn connect_with(dir: &Path, timeout: Duration) -> Result<Self, ClientError> {
        let socket = dir.join(crate::run::SOCKET_NAME);
        match open_stream(dir, timeout) {
            Ok(stream) => {
                let lines = Lines {
                    stream,
                    socket,
                    buffer: Vec::new(),
                    timeout,
                };
                Ok(Self { lines, id_last: 0 })
            }
            Err(source) => Err(ClientError::Connect { socket, source }),
        }
    }

    /// Makes `group` the wanted state of its name. Returns when that is safely on disk; starting
    /// and stopping follow. Asking the same twice changes nothing.
    pub fn apply(&mut self, group: &GroupSpec) -> Result<(), ClientError> {
        group.check()?;
        self.ask_done(Ask::Apply(Box::new(group.clone())))
    }

    /// Forgets a group and stops what runs of it. Fine when there is none of that name.
    pub fn remove(&mut self, group: &str) -> Result<(), ClientError> {
        self.ask_done(Ask::Remove {
            group: group.to_owned(),
        })
    }

    /// The state of all groups, by name.
    pub fn status(&mut self) -> Result<Vec<GroupStatus>, ClientError> {
        self.ask_status(None)
    }

    /// The state of one group, `None` when there is none of that name.
    pub fn status_of(&mut self, group: &str) -> Result<Option<GroupStatus>, ClientError> {
        Ok(self.ask_status(Some(group.to_owned()))?.pop())
    }

    /// Stops one program, or all of the group, and starts it again, a finished run included.
    pub fn restart(&mut self, group: &str, program: Option<&str>) -> Result<(), ClientError> {
        let program = program.map(str::to_owned);
        self.ask_done(Ask::Restart {
            group: group.to_owned(),
            program,
        })
    }

    /// Sends a signal to the main process of a program.
    pub fn signal(
        &mut self,
        group: &str,
        program: &str,
        signal: Signal,
    ) -> Result<(), ClientError> {
        let (group, program) = (group.to_owned(), program.to_owned());
        self.ask_done(Ask::Signal {
            group,
            program,
            signal,
        })
    }

    /// Turns this connection into a stream of events from now on.
    pub fn subscribe(mut self) -> Result<Subscription, ClientError> {
        self.ask_done(Ask::Subscribe)?;
        Ok(Subscription { lines: self.lines })
    }

    /// Tells the supervisor to end. It answers at once and ends when `mode` is fulfilled.
    pub fn shutdown(&mut self, mode: ShutdownMode) -> Result<(), ClientError> {
        self.ask_done(Ask::Shutdown(mode))
    }

    fn ask_status(&mut self, group: Option<String>) -> Result<Vec<GroupStatus>, ClientError> {
        match self.ask(Ask::Status { group })? {
            Reply::Status(groups) => Ok(groups),
            other => Err(self.lines.odd(format!("{other:?} instead of a status"))),
        }
    }

    fn ask_done(&mut self, ask: Ask) -> Result<(), ClientError> {
        match self.ask(ask)? {
            Reply::Done => Ok(()),
            other => Err(self.lines.odd(format!("{other:?} instead of done"))),
        }
    }

    fn ask(&mut self, ask: Ask) -> Result<Reply, ClientError> {
        self.id_last += 1;
        let request = RequestLine {
            version: wire::VERSION,
            id: self.id_last,
            ask,
        };
        self.lines.send(&wire::to_line(&request))?;
        let deadline = Instant::now() + self.lines.timeout;
        let Some(line) = self.lines.next_line(deadline)? else {
            return Err(self.lines.lost(std::io::ErrorKind::TimedOut.into()));
        };
        match line.reply {
            Reply::Refused(why) => Err(ClientError::Refused(why)),
            _ if line.id != self.id_last => Err(self.lines.odd(format!("answer {}", line.id))),
            reply => Ok(reply),
        }
    }
}

impl Subscription {
    /// The next event, or `None` when there was none for `timeout`.
    pub fn next_within(&mut self, timeout: Duration) -> Result<Option<Event>, ClientError> {
        match self
            .lines
            .next_line(Instant::now() + timeout)?
            .map(|line| line.reply)
        {
            None => Ok(None),
            Some(Reply::Event(event)) => Ok(Some(event)),
            Some(Reply::Refused(why)) => Err(ClientError::Refused(why)),
            Some(other) => Err(self.lines.odd(format!("{other:?} instead of an event"))),
        }
    }
}

/// A stream cut into lines.
#[derive(Debug)]
struct Lines {
    stream: UnixStream,
    socket: PathBuf,
    buffer: Vec<u8>,
    timeout: Duration,
}

impl Lines {
    fn send(&mut self, line: &[u8]) -> Result<(), ClientError> {
        // The write time-out was set when the stream was opened.
        self.stream
            .write_all(line)
            .map_err(|error| self.lost(error))
    }

    /// The next message, `None` at the deadline.
    fn next_line(&mut self, deadline: Instant) -> Result<Option<ReplyLine>, ClientError> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                return match serde_json::from_slice(&line) {
                    Ok(reply) => Ok(Some(reply)),
                    Err(error) => Err(self.odd(error.to_string())),
                };
            }
            if !self.read_more(deadline)? {
                return Ok(None);
            }
        }
    }

    /// Reads once; false at the deadline.
    fn read_more(&mut self, deadline: Instant) -> Result<bool, ClientError> {
        let left = deadline.saturating_duration_since(Instant::now());
        // Zero would mean "wait for ever".
        let wait = left.max(Duration::from_millis(1));
        self.stream
            .set_read_timeout(Some(wait))
            .map_err(|error| self.lost(error))?;
        let mut chunk = [0; 16 << 10];
        match self.stream.read(&mut chunk) {
            Ok(0) => Err(self.lost(std::io::ErrorKind::UnexpectedEof.into())),
            Ok(n) => {
                self.buffer.extend_from_slice(&chunk[..n]);
                if self.buffer.len() > limits::CLIENT_BACKLOG_BYTES_MAX {
                    return Err(self.odd("a line without an end".to_owned()));
                }
                Ok(true)
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Ok(!left.is_zero()),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => Ok(true),
            Err(error) => Err(self.lost(error)),
        }
    }

    fn lost(&self, source: std::io::Error) -> ClientError {
        ClientError::Lost {
            socket: self.socket.clone(),
            source,
        }
    }

    fn odd(&self, what: String) -> ClientError {
        ClientError::Protocol {
            socket: self.socket.clone(),
            what,
        }
    }
}

/// Opens the stream through the folder's descriptor, so that a path of any length works although a
/// socket address holds 107 bytes.
fn open_stream(dir: &Path, timeout: Duration) -> std::io::Result<UnixStream> {
    let folder = fs_err::File::open(dir)?;
    let address = socket_address(folder.as_raw_fd())?;
    let stream: OwnedFd = socket::socket(
        AddressFamily::Unix,
        SockType::Stream,
        SockFlag::SOCK_CLOEXEC,
        None,
    )?;
    let micros = i64::try_from(timeout.as_micros())
        .unwrap_or(i64::MAX)
        .max(1);
    let limit = TimeVal::new(micros / 1_000_000, micros % 1_000_000);
    // Holds for connecting too, which waits when the supervisor's queue is full.
    socket::setsockopt(&stream, socket::sockopt::SendTimeout, &limit)?;
    socket::connect(stream.as_raw_fd(), &address)?;
    Ok(UnixStream::from(stream))
}

/// The address of the control socket in an open folder.
pub(crate) fn socket_address(folder: i32) -> nix::Result<UnixAddr> {
    UnixAddr::new(format!("/proc/self/fd/{folder}/{}", crate::run::SOCKET_NAME).as_str())
}
