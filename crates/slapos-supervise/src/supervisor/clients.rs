//! The control socket: connections, lines in, lines out; none of them can make the loop wait.
//!
//! Every buffer is bounded. A client is answered only while it reads: as long as answers wait for
//! it, its next requests wait too. Only root and the supervisor's own user are let in.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use fs_err as fs;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, bind, getsockopt, listen, socket, sockopt,
};
use nix::unistd::Uid;

use super::{Supervisor, now_ms};
use crate::client::socket_address;
use crate::limits;
use crate::poll::{Poller, Token};
use crate::run::SOCKET_NAME;
use crate::status::Event;
use crate::wire::{self, Ask, Reply, ReplyLine, RequestLine};

/// All connections.
#[derive(Debug)]
pub(super) struct Clients {
    listener: UnixListener,
    connections: BTreeMap<u32, Connection>,
    id_last: u32,
}

#[derive(Debug)]
struct Connection {
    stream: UnixStream,
    input: Vec<u8>,
    /// How much of the input is known to hold no end of line.
    searched: usize,
    output: Vec<u8>,
    is_subscriber: bool,
    is_watched_for_writing: bool,
    active_ms: u64,
}

impl Clients {
    /// Opens the socket, in place of one that a predecessor left. The caller holds the lock.
    pub(super) fn listen(dir: &Path) -> io::Result<Self> {
        match fs::remove_file(dir.join(SOCKET_NAME)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let folder = fs::File::open(dir)?;
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let fd = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
        // The file is born with the mode that the socket has.
        nix::sys::stat::fchmod(&fd, nix::sys::stat::Mode::from_bits_truncate(0o600))?;
        bind(fd.as_raw_fd(), &socket_address(folder.as_raw_fd())?)?;
        listen(&fd, Backlog::new(64)?)?;
        Ok(Self {
            listener: UnixListener::from(fd),
            connections: BTreeMap::new(),
            id_last: 0,
        })
    }

    pub(super) fn listener(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }

    /// Ends all connections; the socket goes too.
    pub(super) fn close(&mut self, dir: &Path) {
        self.connections.clear();
        let _ = fs::remove_file(dir.join(SOCKET_NAME));
    }

    /// Whether a client has requests that were read and not yet answered, and can be answered.
    pub(super) fn has_waiting_lines(&self) -> bool {
        self.connections
            .values()
            .any(|client| client.output.is_empty() && client.has_line())
    }

    /// Sends an event to every subscriber; one that does not read is dropped.
    pub(super) fn publish(&mut self, poller: &Poller, event: &Event) {
        if !self.connections.values().any(|client| client.is_subscriber) {
            return;
        }
        let reply = Reply::Event(event.clone());
        let line = wire::to_line(&ReplyLine {
            version: wire::VERSION,
            id: 0,
            reply,
        });
        self.connections
            .retain(|id, client| !client.is_subscriber || client.send(poller, *id, &line).is_ok());
    }

    /// Accepts one connection.
    fn accept(&mut self, poller: &Poller) -> io::Result<()> {
        let (stream, _) = self.listener.accept()?;
        let peer = getsockopt(&stream, sockopt::PeerCredentials)?.uid();
        if peer != 0 && peer != Uid::effective().as_raw() {
            return Ok(());
        }
        stream.set_nonblocking(true)?;
        if self.connections.len() >= limits::CLIENTS_MAX {
            self.drop_most_silent();
        }
        self.id_last = self.id_last.wrapping_add(1);
        poller.add(&stream, Token::Client(self.id_last))?;
        self.connections
            .insert(self.id_last, Connection::new(stream));
        Ok(())
    }

    /// Makes room. Subscribers are silent by nature; the others go first.
    fn drop_most_silent(&mut self) {
        let all = self.connections.iter();
        let silent = all.min_by_key(|(_, client)| (client.is_subscriber, client.active_ms));
        if let Some(id) = silent.map(|(id, _)| *id) {
            self.connections.remove(&id);
        }
    }
}

impl Connection {
    fn new(stream: UnixStream) -> Self {
        Self {
            stream,
            input: vec![],
            searched: 0,
            output: vec![],
            is_subscriber: false,
            is_watched_for_writing: false,
            active_ms: now_ms(),
        }
    }

    fn has_line(&self) -> bool {
        self.input[self.searched..].contains(&b'\n')
    }

    /// Reads what is there, up to a bound. An error ends the connection.
    fn receive(&mut self) -> io::Result<()> {
        let mut chunk = [0; 64 << 10];
        match self.stream.read(&mut chunk) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => {
                self.input.extend_from_slice(&chunk[..n]);
                let is_too_long = self.input.len() > limits::LINE_BYTES_MAX && !self.has_line();
                let is_too_much = self.input.len() > 2 * limits::LINE_BYTES_MAX;
                if is_too_long || is_too_much {
                    return Err(io::ErrorKind::FileTooLarge.into());
                }
                Ok(())
            }
            Err(error) if is_patience(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn next_line(&mut self) -> Option<Vec<u8>> {
        let found = self.input[self.searched..]
            .iter()
            .position(|byte| *byte == b'\n');
        let Some(found) = found else {
            self.searched = self.input.len();
            return None;
        };
        let line = self.input.drain(..=self.searched + found).collect();
        self.searched = 0;
        if self.input.is_empty() {
            self.input.shrink_to_fit();
        }
        Some(line)
    }

    /// Queues a line and sends what the socket takes now.
    fn send(&mut self, poller: &Poller, id: u32, line: &[u8]) -> io::Result<()> {
        self.output.extend_from_slice(line);
        if self.output.len() > limits::CLIENT_BACKLOG_BYTES_MAX {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.flush(poller, id)
    }

    fn flush(&mut self, poller: &Poller, id: u32) -> io::Result<()> {
        while !self.output.is_empty() {
            match self.stream.write(&self.output) {
                Ok(n) => drop(self.output.drain(..n)),
                Err(error) if is_patience(&error) => break,
                Err(error) => return Err(error),
            }
        }
        let must_watch = !self.output.is_empty();
        if must_watch != self.is_watched_for_writing {
            poller.watch_writing(&self.stream, Token::Client(id), must_watch)?;
            self.is_watched_for_writing = must_watch;
        }
        if !must_watch {
            self.output.shrink_to(4096);
        }
        Ok(())
    }
}

impl Supervisor {
    pub(super) fn accept_client(&mut self) {
        if let Err(error) = self.clients.accept(&self.poller)
            && !is_patience(&error)
        {
            self.note(&format!("cannot accept a client: {error}"));
            // Out of descriptors: without a free one the socket would stay ready for ever.
            self.clients.drop_most_silent();
        }
    }

    /// A connection is ready: sends what waits, reads, answers.
    pub(super) fn serve_client(&mut self, id: u32) {
        let poller = &self.poller;
        let Some(client) = self.clients.connections.get_mut(&id) else {
            return;
        };
        let mut is_good = client.flush(poller, id).is_ok();
        // Who does not read its answers is not read either.
        if is_good && client.output.is_empty() {
            is_good = client.receive().is_ok();
        }
        // What was asked before the end of the connection still counts.
        self.answer_lines(id);
        if !is_good {
            self.clients.connections.remove(&id);
        }
    }

    /// Goes on with clients that asked for more than one turn's worth.
    pub(super) fn serve_waiting_clients(&mut self) {
        let clients = self.clients.connections.iter();
        let waiting = clients.filter(|(_, client)| client.output.is_empty() && client.has_line());
        let waiting: Vec<u32> = waiting.map(|(id, _)| *id).collect();
        for id in waiting {
            self.answer_lines(id);
        }
    }

    fn answer_lines(&mut self, id: u32) {
        for _ in 0..limits::REQUESTS_PER_TURN {
            let Some(client) = self.clients.connections.get_mut(&id) else {
                return;
            };
            if !client.output.is_empty() {
                return;
            }
            let Some(line) = client.next_line() else {
                return;
            };
            client.active_ms = now_ms();
            let reply = self.answer_line(id, &line);
            let line = wire::to_line(&reply);
            let Some(client) = self.clients.connections.get_mut(&id) else {
                return;
            };
            if client.send(&self.poller, id, &line).is_err() {
                self.clients.connections.remove(&id);
            }
        }
    }

    fn answer_line(&mut self, client: u32, line: &[u8]) -> ReplyLine {
        let (id, reply) = match serde_json::from_slice::<RequestLine>(line) {
            Err(error) => (
                0,
                Reply::Refused(format!("cannot understand the request: {error}")),
            ),
            Ok(request) if request.version != wire::VERSION => {
                let (theirs, ours) = (request.version, wire::VERSION);
                let what = format!("protocol version {theirs} was asked, {ours} is spoken here");
                (request.id, Reply::Refused(what))
            }
            Ok(request) => {
                if let (Ask::Subscribe, Some(client)) =
                    (&request.ask, self.clients.connections.get_mut(&client))
                {
                    client.is_subscriber = true;
                }
                (request.id, self.answer(request.ask))
            }
        };
        ReplyLine {
            version: wire::VERSION,
            id,
            reply,
        }
    }
}

fn is_patience(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}
