//! Talks to a TCP service in lines: what is said to it, and the text that has to come back.
//!
//! For services that speak plain lines or greet who connects, such as memcached or SSH. What is sent may hold a
//! password and is in no message. Nothing is read beyond the text that is waited for.

use super::check::connect;
use crate::limits;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Sends the lines and reads until the text came.
///
/// # Errors
/// A sentence on what came instead.
pub(super) fn listen_for(
    address: (&str, u16),
    send: Option<&str>,
    text: &str,
    timeout: Duration,
) -> Result<(), String> {
    let deadline = Instant::now() + timeout;
    let mut stream = connect(address.0, address.1, timeout)
        .map_err(|error| format!("nothing answers: {error}"))?;
    say(&mut stream, send.unwrap_or_default(), timeout)
        .map_err(|error| format!("it does not listen: {error}"))?;
    let mut heard: Vec<u8> = Vec::new();
    let mut chunk = [0; 1024];
    while heard.len() < limits::PROMISE_OUTPUT_BYTES_MAX {
        let left = deadline.saturating_duration_since(Instant::now());
        let read = stream
            .set_read_timeout(Some(left.max(Duration::from_millis(1))))
            .and_then(|()| stream.read(&mut chunk));
        match read {
            Ok(0) => break,
            Ok(n) => heard.extend(chunk.iter().take(n)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) if heard.is_empty() => {
                return Err(format!("no answer in {} s", timeout.as_secs()));
            }
            Err(_) => break,
        }
        let is_there = heard
            .windows(text.len())
            .any(|part| part == text.as_bytes());
        if is_there || text.is_empty() {
            return Ok(());
        }
    }
    Err(format!(
        "the answer has not the text {text:?}: {:?}",
        String::from_utf8_lossy(&heard)
    ))
}

fn say(stream: &mut TcpStream, lines: &str, timeout: Duration) -> io::Result<()> {
    stream.set_write_timeout(Some(timeout.max(Duration::from_millis(1))))?;
    let said: String = lines.lines().map(|line| format!("{line}\r\n")).collect();
    stream.write_all(said.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    const LIMIT: Duration = Duration::from_secs(20);

    /// A service that reads `wanted` and says `answer`.
    fn service(wanted: &'static str, answer: &'static str) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut heard = vec![0; wanted.len()];
            stream.read_exact(&mut heard).unwrap();
            assert_eq!(heard, wanted.as_bytes());
            stream.write_all(answer.as_bytes()).unwrap();
        });
        port
    }

    #[test]
    fn listen_for_what_is_said_after_lines_or_without_any_is_heard() {
        let port = service("version\r\nquit\r\n", "VERSION 1.6\r\n");
        listen_for(("127.0.0.1", port), Some("version\nquit"), "VERSION", LIMIT).unwrap();
        let port = service("", "SSH-2.0-x\r\n");
        listen_for(("127.0.0.1", port), None, "SSH-2.0", LIMIT).unwrap();
    }

    #[test]
    fn listen_for_another_answer_or_none_says_what_came_and_not_what_was_sent() {
        let port = service("secret\r\n", "ERROR\r\n");
        let why = listen_for(("127.0.0.1", port), Some("secret"), "OK", LIMIT).unwrap_err();
        assert!(why.contains("ERROR") && !why.contains("secret"), "{why}");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let silent = listener.local_addr().unwrap().port();
        let short = Duration::from_millis(100);
        let why = listen_for(("127.0.0.1", silent), None, "OK", short).unwrap_err();
        assert!(why.contains("no answer"), "{why}");
    }
}
