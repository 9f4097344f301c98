//! Small clients of real protocols, enough to see that a service answers as it should.
//!
//! Each call has a time limit, and an answer is read up to a bound.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(5);
const ANSWER_BYTES_MAX: u64 = 1 << 20;

/// The body of a page of `http://HOST:PORT/…`.
pub(super) fn read_page(url: &str) -> Result<String, String> {
    let rest = url
        .strip_prefix("http://")
        .ok_or_else(|| format!("{url} is no http URL"))?;
    let (address, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut stream = connect(address)?;
    let failed = |error: std::io::Error| format!("{url}: {error}");
    let request = format!("GET /{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).map_err(failed)?;
    let mut answer = String::new();
    stream
        .take(ANSWER_BYTES_MAX)
        .read_to_string(&mut answer)
        .map_err(failed)?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .ok_or_else(|| format!("{url} answered {answer:?}"))?;
    match head.starts_with("HTTP/1.1 200") || head.starts_with("HTTP/1.0 200") {
        true => Ok(body.to_owned()),
        false => Err(format!("{url} answered {head:?}")),
    }
}

/// A connection to Redis.
pub(super) struct Redis {
    stream: BufReader<TcpStream>,
}

impl Redis {
    /// To `redis://:PASSWORD@HOST:PORT/…`.
    pub(super) fn connect(url: &str) -> Result<Self, String> {
        let rest = url
            .strip_prefix("redis://")
            .ok_or_else(|| format!("{url} is no redis URL"))?;
        let (login, place) = rest.split_once('@').unwrap_or(("", rest));
        let address = place.split('/').next().unwrap_or(place);
        let mut redis = Self {
            stream: BufReader::new(connect(address)?),
        };
        let password = login.split_once(':').map_or("", |(_, password)| password);
        if !password.is_empty() {
            redis.call(&["AUTH", password])?;
        }
        Ok(redis)
    }

    /// One command: its answer as text, the items of a list one a line.
    pub(super) fn call(&mut self, words: &[&str]) -> Result<String, String> {
        let mut command = format!("*{}\r\n", words.len());
        for word in words {
            command.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        let stream = self.stream.get_mut();
        stream
            .write_all(command.as_bytes())
            .map_err(|error| format!("redis: {error}"))?;
        self.read_answer()
    }

    fn read_answer(&mut self) -> Result<String, String> {
        let line = self.read_line()?;
        let number = || {
            line[1..]
                .parse::<i64>()
                .map_err(|_| format!("redis said {line:?}"))
        };
        match line.chars().next() {
            Some('+' | ':') => Ok(line[1..].to_owned()),
            Some('$') => match number()? {
                length @ 0.. => self.read_text(length.unsigned_abs()),
                _ => Ok(String::new()),
            },
            Some('*') => {
                let items = (0..number()?).map(|_| self.read_answer());
                Ok(items.collect::<Result<Vec<_>, _>>()?.join("\n"))
            }
            _ => Err(format!("redis said {line:?}")),
        }
    }

    fn read_line(&mut self) -> Result<String, String> {
        let mut line = String::new();
        let mut bounded = (&mut self.stream).take(ANSWER_BYTES_MAX);
        match bounded.read_line(&mut line) {
            Ok(0) => Err("redis closed the connection".to_owned()),
            Ok(_) => Ok(line.trim_end().to_owned()),
            Err(error) => Err(format!("redis: {error}")),
        }
    }

    fn read_text(&mut self, length: u64) -> Result<String, String> {
        let mut text = vec![0; usize::try_from(length.min(ANSWER_BYTES_MAX)).unwrap_or(0) + 2];
        self.stream
            .read_exact(&mut text)
            .map_err(|error| format!("redis: {error}"))?;
        text.truncate(text.len() - 2);
        String::from_utf8(text).map_err(|error| error.to_string())
    }
}

fn connect(address: &str) -> Result<TcpStream, String> {
    let failed = |error: std::io::Error| format!("{address}: {error}");
    let stream = TcpStream::connect(address).map_err(failed)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
    stream.set_write_timeout(Some(PATIENCE)).map_err(failed)?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// Answers one connection with `bytes` after something was read.
    fn answer_once(bytes: &'static [u8]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            assert_ne!(stream.read(&mut [0; 512]).unwrap(), 0);
            stream.write_all(bytes).unwrap();
        });
        address
    }

    #[test]
    fn page_is_read_and_another_status_refused() {
        let address = answer_once(b"HTTP/1.1 200 OK\r\nServer: x\r\n\r\nhello");
        assert_eq!(read_page(&format!("http://{address}/")).unwrap(), "hello");
        let address = answer_once(b"HTTP/1.1 500 No\r\n\r\noops");
        assert!(read_page(&format!("http://{address}/")).is_err());
    }

    #[test]
    fn redis_answers_of_each_kind_are_read() {
        let kinds: [(&[u8], &str); 4] = [
            (b"+PONG\r\n", "PONG"),
            (b"$4\r\nkept\r\n", "kept"),
            (b"$-1\r\n", ""),
            (b"*2\r\n$1\r\na\r\n:7\r\n", "a\n7"),
        ];
        for (bytes, wanted) in kinds {
            let url = format!("redis://{}/0", answer_once(bytes));
            let said = Redis::connect(&url).unwrap().call(&["PING"]).unwrap();
            assert_eq!(said, wanted);
        }
        let url = format!("redis://{}/0", answer_once(b"-ERR no\r\n"));
        assert!(Redis::connect(&url).unwrap().call(&["PING"]).is_err());
    }
}
