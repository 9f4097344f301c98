//! A GET over plain HTTP/1.1, just enough to see whether a URL answers.
//!
//! Bounded in time and size. It follows no redirect: a promise says what the answer should be.

use super::check::connect;
use crate::limits::FETCH_BYTES_MAX;
use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

/// What answered.
#[derive(Debug)]
pub(super) struct Answer {
    /// Status.
    pub(super) status: u16,
    /// Head and the beginning of the body.
    pub(super) body: String,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum FetchError {
    /// The URL cannot be fetched by anybody, or not by this check.
    Url(String),
    /// Nothing answers, or not as a web server does.
    Answer(String),
}

pub(super) fn fetch(url: &str, timeout: Duration) -> Result<Answer, FetchError> {
    let target = Target::parse(url).map_err(FetchError::Url)?;
    let text = talk(&target, timeout).map_err(|error| FetchError::Answer(error.to_string()))?;
    parse_answer(&text).ok_or_else(|| FetchError::Answer("it does not answer in HTTP".to_owned()))
}

#[derive(Debug, PartialEq, Eq)]
struct Target {
    host: String,
    port: u16,
    authority: String,
    path: String,
}

impl Target {
    fn parse(url: &str) -> Result<Self, String> {
        let Some(rest) = url.strip_prefix("http://") else {
            return Err(format!(
                "a url promise fetches http:// only, not {url}; use a command promise"
            ));
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let path = path.split('#').next().unwrap_or_default();
        let authority = authority.rsplit('@').next().unwrap_or_default();
        let bad = || format!("{url} is not a URL that can be fetched");
        let (host, port) = match authority.strip_prefix('[') {
            Some(v6) => {
                let (host, rest) = v6.split_once(']').ok_or_else(bad)?;
                (host, rest.strip_prefix(':'))
            }
            None => match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            },
        };
        let port = match port {
            None => 80,
            Some(port) => port.parse().map_err(|_| bad())?,
        };
        if host.is_empty() || url.contains(|c: char| c.is_control() || c == ' ') {
            return Err(bad());
        }
        Ok(Self {
            host: host.to_owned(),
            port,
            authority: authority.to_owned(),
            path: if path.starts_with('/') {
                path.to_owned()
            } else {
                format!("/{path}")
            },
        })
    }
}

fn talk(target: &Target, timeout: Duration) -> io::Result<Vec<u8>> {
    let deadline = Instant::now() + timeout;
    let mut stream = connect(&target.host, target.port, timeout)?;
    stream.set_write_timeout(Some(timeout))?;
    // In one piece: a server may answer, and hang up, as soon as it has seen a part.
    let ask = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: slapos-promise\r\nAccept: */*\r\nConnection: close\r\n\r\n",
        target.path, target.authority
    );
    stream.write_all(ask.as_bytes())?;
    let mut text = Vec::new();
    let mut chunk = [0; 16 << 10];
    while u64::try_from(text.len()).unwrap_or(u64::MAX) < FETCH_BYTES_MAX && !is_complete(&text) {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => text.extend_from_slice(&chunk[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Err(io::ErrorKind::TimedOut.into());
            }
            Err(error) => return Err(error),
        }
    }
    Ok(text)
}

/// Whether the length that the head announces has come, for servers that keep the line open.
fn is_complete(text: &[u8]) -> bool {
    let Some(end) = text.windows(4).position(|window| window == b"\r\n\r\n") else {
        return false;
    };
    let head = String::from_utf8_lossy(&text[..end]).to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"));
    let length = length.and_then(|length| length.trim().parse::<usize>().ok());
    length.is_some_and(|length| text.len() >= (end + 4).saturating_add(length))
}

fn parse_answer(text: &[u8]) -> Option<Answer> {
    let text = String::from_utf8_lossy(text);
    let status = text
        .strip_prefix("HTTP/1.")?
        .split(' ')
        .nth(1)?
        .parse()
        .ok()?;
    Some(Answer {
        status,
        body: text.into_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn serve(answer: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/x?y", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = [0; 1024];
            let _ = stream.read(&mut head).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            // The line stays open until the reader hangs up.
            let _ = stream.read(&mut head);
        });
        url
    }

    #[test]
    fn fetch_tells_status_and_body_though_the_line_stays_open() {
        let url = serve("HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nhello");
        let answer = fetch(&url, Duration::from_secs(20)).unwrap();
        assert_eq!(answer.status, 404);
        assert!(answer.body.ends_with("hello"));
    }

    #[test]
    fn fetch_of_a_silent_server_ends_at_the_deadline() {
        let url = serve("");
        let error = fetch(&url, Duration::from_millis(200)).unwrap_err();
        assert!(matches!(error, FetchError::Answer(_)));
    }

    #[test]
    fn fetch_of_something_else_is_no_answer() {
        let url = serve("SSH-2.0-x\r\nContent-Length: 0\r\n\r\n");
        assert!(matches!(
            fetch(&url, Duration::from_secs(5)),
            Err(FetchError::Answer(_))
        ));
    }

    #[test]
    fn target_of_urls_is_understood() {
        let target = Target::parse("http://[::1]:8080").unwrap();
        assert_eq!((target.host.as_str(), target.port), ("::1", 8080));
        assert_eq!(
            (target.authority.as_str(), target.path.as_str()),
            ("[::1]:8080", "/")
        );
        assert_eq!(Target::parse("http://h?q").unwrap().path, "/?q");
        for bad in [
            "https://x",
            "http://",
            "http://h:x/",
            "http://h/\r\nX: y",
            "ftp://x",
        ] {
            assert!(Target::parse(bad).is_err(), "{bad}");
        }
    }
}
