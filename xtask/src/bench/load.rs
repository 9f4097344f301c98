//! A closed-loop load generator: a fixed list of requests over some keep-alive connections.
//!
//! Each connection sends its next request when it has the whole answer to the last; a server that
//! closes after each answer is dialled again. One thread
//! for all connections, so that the generator leaves the machine to the server; its share of a
//! core is told. Every answer is kept for the caller to check. Loopback only.

use super::process::thread_cpu_us;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::time::Instant;

/// An answer takes at most so long, in milliseconds: beyond that something hangs.
const ANSWER_MS: u16 = 30_000;

/// What came of it.
#[derive(Debug)]
pub(crate) struct Load {
    /// From the first request to the last answer.
    pub(crate) seconds: f64,
    /// In the order of the requests.
    pub(crate) answers: Vec<Answer>,
    /// Share of one core that the generator used itself.
    pub(crate) generator_share: f64,
}

/// One answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Answer {
    /// HTTP status; 0 when there was none.
    pub(crate) status: u16,
    /// Its body.
    pub(crate) body: Vec<u8>,
    /// From sending the request to the end of the answer.
    pub(crate) milliseconds: f64,
}

impl Load {
    /// Answers in a second.
    pub(crate) fn rate(&self) -> f64 {
        f64::from(u32::try_from(self.answers.len()).unwrap_or(u32::MAX)) / self.seconds
    }
}

/// The bytes of a JSON request with the token of a person.
pub(crate) fn request(address: SocketAddr, token: &str, path: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Plays all requests over so many connections and waits for all answers.
pub(crate) fn play(
    address: SocketAddr,
    requests: &[Vec<u8>],
    connections: usize,
) -> Result<Load, String> {
    let mut lines = (0..connections)
        .map(|_| Line::open(address))
        .collect::<Result<Vec<_>, _>>()?;
    let mut play = Play {
        requests,
        next: 0,
        answers: vec![Answer::default(); requests.len()],
        missing: requests.len(),
    };
    let (start, cpu_before) = (Instant::now(), thread_cpu_us());
    for line in &mut lines {
        play.feed(line)?;
    }
    while play.missing > 0 {
        for index in ready(&lines)? {
            play.take(&mut lines[index])?;
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    let used = u32::try_from(thread_cpu_us() - cpu_before).unwrap_or(u32::MAX);
    Ok(Load {
        seconds,
        answers: play.answers,
        generator_share: f64::from(used) / 1e6 / seconds,
    })
}

/// One call over a connection of its own: what is too long for [`play`], which never waits to send.
pub(crate) fn call(address: SocketAddr, request: &[u8]) -> Result<Answer, String> {
    let failed = |error: std::io::Error| format!("cannot call {address}: {error}");
    let mut line = Line::open(address)?;
    line.stream.set_nonblocking(false).map_err(failed)?;
    let limit = std::time::Duration::from_secs(120);
    line.stream.set_read_timeout(Some(limit)).map_err(failed)?;
    let sent_at = Instant::now();
    line.stream.write_all(request).map_err(failed)?;
    loop {
        line.read_some()?;
        if let Some((status, body)) = line.cut_answer()? {
            return Ok(Answer {
                status,
                body,
                milliseconds: sent_at.elapsed().as_secs_f64() * 1000.0,
            });
        }
    }
}

/// The `ETag` of the answer to a request.
pub(crate) fn tag(address: SocketAddr, request: &[u8]) -> Result<String, String> {
    let mut line = Line::open(address)?;
    let failed = |error: std::io::Error| format!("cannot call {address}: {error}");
    line.stream.set_nonblocking(false).map_err(failed)?;
    line.stream.write_all(request).map_err(failed)?;
    while find(&line.buffer, b"\r\n\r\n").is_none() {
        line.read_some()?;
    }
    let text = String::from_utf8_lossy(&line.buffer).into_owned();
    let tag = text.lines().find_map(|line| line.strip_prefix("etag: "));
    tag.map(str::to_owned)
        .ok_or_else(|| "the answer has no tag".to_owned())
}

/// Waits until some connections have something to read, and says which.
fn ready(lines: &[Line]) -> Result<Vec<usize>, String> {
    // A connection that has nothing more to ask may have been closed meanwhile.
    let busy: Vec<usize> = (0..lines.len())
        .filter(|index| lines[*index].asked.is_some())
        .collect();
    let mut polled: Vec<PollFd<'_>> = busy
        .iter()
        .map(|index| &lines[*index])
        .map(|line| PollFd::new(line.stream.as_fd(), PollFlags::POLLIN))
        .collect();
    match poll(&mut polled, PollTimeout::from(ANSWER_MS)) {
        Ok(0) => return Err(format!("no answer for {} s", ANSWER_MS / 1000)),
        Ok(_) | Err(nix::errno::Errno::EINTR) => {}
        Err(error) => return Err(format!("cannot wait for answers: {error}")),
    }
    let with_news = polled.iter().map(|fd| fd.any().unwrap_or_default());
    let with_news = busy.iter().zip(with_news);
    Ok(with_news
        .filter(|(_, is_new)| *is_new)
        .map(|(index, _)| *index)
        .collect())
}

struct Play<'a> {
    requests: &'a [Vec<u8>],
    next: usize,
    answers: Vec<Answer>,
    missing: usize,
}

impl Play<'_> {
    /// Sends the next request, if there is one.
    fn feed(&mut self, line: &mut Line) -> Result<(), String> {
        line.asked = None;
        let Some(request) = self.requests.get(self.next) else {
            return Ok(());
        };
        if line.is_closing {
            *line = Line::open(line.address)?;
        }
        line.asked = Some((self.next, Instant::now()));
        self.next += 1;
        // A request is far smaller than a socket's buffer, which is empty here.
        line.stream
            .write_all(request)
            .map_err(|error| format!("cannot send a request: {error}"))
    }

    /// Reads what came; at the end of an answer it is kept and the next request sent.
    fn take(&mut self, line: &mut Line) -> Result<(), String> {
        let Some((index, sent_at)) = line.asked else {
            return Err("a connection that waits for nothing was closed".to_owned());
        };
        line.read_some()?;
        if let Some((status, body)) = line.cut_answer()? {
            self.answers[index] = Answer {
                status,
                body,
                milliseconds: sent_at.elapsed().as_secs_f64() * 1000.0,
            };
            self.missing -= 1;
            self.feed(line)?;
        }
        Ok(())
    }
}

struct Line {
    address: SocketAddr,
    stream: TcpStream,
    /// The server said that it closes after this answer.
    is_closing: bool,
    buffer: Vec<u8>,
    asked: Option<(usize, Instant)>,
}

impl Line {
    fn open(address: SocketAddr) -> Result<Self, String> {
        let open = || {
            let stream = TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            Ok(stream)
        };
        let stream =
            open().map_err(|error: std::io::Error| format!("cannot reach {address}: {error}"))?;
        Ok(Self {
            address,
            stream,
            is_closing: false,
            buffer: Vec::new(),
            asked: None,
        })
    }

    fn read_some(&mut self) -> Result<(), String> {
        let mut chunk = [0; 64 << 10];
        match self.stream.read(&mut chunk) {
            Ok(0) => Err("the master closed a connection without an answer".to_owned()),
            Ok(n) => {
                self.buffer.extend_from_slice(&chunk[..n]);
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(format!("cannot read an answer: {error}")),
        }
    }

    /// The answer in the buffer, once it is whole.
    fn cut_answer(&mut self) -> Result<Option<(u16, Vec<u8>)>, String> {
        let Some(head_end) = find(&self.buffer, b"\r\n\r\n") else {
            return Ok(None);
        };
        let head = String::from_utf8_lossy(&self.buffer[..head_end]).to_ascii_lowercase();
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length:"))
            .and_then(|value| value.trim().parse::<usize>().ok())
            .or((status == Some(304)).then_some(0));
        let (Some(status), Some(length)) = (status, length) else {
            return Err(format!("an answer without status or length: {head}"));
        };
        self.is_closing = head
            .lines()
            .any(|line| line.starts_with("connection:") && line.ends_with("close"));
        let end = head_end + 4 + length;
        if self.buffer.len() < end {
            return Ok(None);
        }
        let body = self.buffer[head_end + 4..end].to_vec();
        self.buffer.drain(..end);
        Ok(Some((status, body)))
    }
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader};
    use std::net::TcpListener;

    /// Answers each request with its path, in two pieces.
    fn echo(stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut first = String::new();
        while reader.read_line(&mut first).unwrap() > 0 {
            let path = first.split(' ').nth(1).unwrap().to_owned();
            let mut line = String::new();
            while reader.read_line(&mut line).unwrap() > 2 {
                line.clear();
            }
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", path.len());
            (&stream).write_all(head.as_bytes()).unwrap();
            (&stream).write_all(path.as_bytes()).unwrap();
            first.clear();
        }
    }

    #[test]
    fn play_gives_each_request_its_own_answer() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                std::thread::spawn(move || echo(stream.unwrap()));
            }
        });
        let requests: Vec<Vec<u8>> = (0..50)
            .map(|n| request(address, "t", &format!("/{n}"), ""))
            .collect();
        let load = play(address, &requests, 4).unwrap();
        for (n, answer) in load.answers.iter().enumerate() {
            assert_eq!(answer.status, 200);
            assert_eq!(answer.body, format!("/{n}").into_bytes());
        }
    }

    #[test]
    fn play_with_nobody_there_says_where() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let error = play(address, &[b"x".to_vec()], 1).unwrap_err();
        assert!(error.contains(&address.to_string()), "{error}");
    }
}
