//! One TLS connection of a simulated node: calls one after another, or a watch stream.
//!
//! Written for ten thousand at once: no client library, small buffers, every wait has a limit.
//! Loopback only. Start with [`Line::dial`].

use serde::Serialize;
use slapos_api::limits::CALL_TIMEOUT;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;

/// Most of what is read at once; answers are a few KiB.
const BUFFER_BYTES: usize = 2048;

/// An open connection.
#[derive(Debug)]
pub(super) struct Line {
    stream: BufReader<TlsStream<TcpStream>>,
    address: SocketAddr,
    /// A line of the stream whose end has not come yet.
    partial: Vec<u8>,
}

/// What a stream said.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// The master lives.
    Alive,
    /// An event of that kind.
    Event(String),
    /// All are to spread their coming back over so long.
    Spread(Duration),
}

impl Line {
    /// Connects from `source`: one address has ports for 28,000 connections only.
    pub(super) async fn dial(
        source: Ipv4Addr,
        address: SocketAddr,
        tls: &TlsConnector,
    ) -> Result<Self, String> {
        let dialling = async {
            let socket = TcpSocket::new_v4()?;
            socket.set_reuseaddr(true)?;
            socket.bind(SocketAddr::new(IpAddr::V4(source), 0))?;
            let stream = socket.connect(address).await?;
            stream.set_nodelay(true)?;
            let name = ServerName::from(address.ip());
            tls.connect(name, stream).await
        };
        let stream = within(CALL_TIMEOUT, "connect", dialling).await?;
        Ok(Self {
            stream: BufReader::with_capacity(BUFFER_BYTES, stream),
            address,
            partial: Vec::new(),
        })
    }

    /// A call with a JSON body; the body of its success.
    pub(super) async fn call<T: Serialize>(
        &mut self,
        (method, path): (&str, &str),
        body: Option<&T>,
    ) -> Result<Vec<u8>, String> {
        let text = match body {
            Some(body) => serde_json::to_string(body).map_err(|error| error.to_string())?,
            None => String::new(),
        };
        let calling = async {
            self.send(method, path, &text).await?;
            let head = self.read_head().await?;
            let length = head.length.unwrap_or_default();
            let mut body = vec![0; length];
            self.stream.read_exact(&mut body).await?;
            Ok((head.status, body))
        };
        let (status, body) = within(CALL_TIMEOUT, path, calling).await?;
        if (200..300).contains(&status) {
            return Ok(body);
        }
        let text: String = String::from_utf8_lossy(&body).chars().take(100).collect();
        Err(format!("{method} {path} is answered {status}: {text}"))
    }

    /// Asks for the watch stream; from then on [`Line::listen`] is all that can be called.
    pub(super) async fn watch(&mut self) -> Result<(), String> {
        let asking = async {
            self.send("GET", "/v1/watch", "").await?;
            self.read_head().await
        };
        let head = within(CALL_TIMEOUT, "watch", asking).await?;
        match head.status {
            200 => Ok(()),
            status => Err(format!("GET /v1/watch is answered {status}")),
        }
    }

    /// Waits for what the stream says next. Dropped half-way, it loses nothing.
    pub(super) async fn listen(&mut self) -> Result<Said, String> {
        loop {
            let read = self.stream.read_until(b'\n', &mut self.partial).await;
            let read = read.map_err(|error| format!("watch: {}", error.kind()))?;
            if read == 0 || self.partial.last() != Some(&b'\n') {
                return Err("watch: the stream ended".to_owned());
            }
            let line = String::from_utf8_lossy(&self.partial).trim_end().to_owned();
            self.partial.clear();
            // The sizes of chunks stand between; they are nothing of these.
            if let Some(kind) = line.strip_prefix("event:") {
                return Ok(Said::Event(kind.trim().to_owned()));
            }
            if let Some(millis) = line.strip_prefix("retry:") {
                let millis = millis.trim().parse().unwrap_or_default();
                return Ok(Said::Spread(Duration::from_millis(millis)));
            }
            if line.starts_with(':') {
                return Ok(Said::Alive);
            }
        }
    }

    async fn send(&mut self, method: &str, path: &str, body: &str) -> std::io::Result<()> {
        let text = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        self.stream.write_all(text.as_bytes()).await?;
        self.stream.flush().await
    }

    async fn read_head(&mut self) -> std::io::Result<Head> {
        let mut text = String::new();
        loop {
            let before = text.len();
            let count = self.stream.read_line(&mut text).await?;
            if count == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            if text[before..].trim_end().is_empty() {
                return Ok(Head::read(&text));
            }
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    length: Option<usize>,
}

impl Head {
    fn read(text: &str) -> Self {
        let status = text.split(' ').nth(1).and_then(|word| word.parse().ok());
        let length = text.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            let is_length = name.eq_ignore_ascii_case("content-length");
            is_length.then(|| value.trim().parse().ok()).flatten()
        });
        Self {
            status: status.unwrap_or_default(),
            length,
        }
    }
}

/// Errors of one kind have one text, so that they can be counted.
async fn within<T>(
    limit: Duration,
    what: &str,
    body: impl Future<Output = std::io::Result<T>>,
) -> Result<T, String> {
    match tokio::time::timeout(limit, body).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(format!("{what}: {}", error.kind())),
        Err(_) => Err(format!("{what}: nothing for {} s", limit.as_secs())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn head_has_status_and_length_in_any_case() {
        let head = Head::read("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n");
        assert_eq!((head.status, head.length), (200, Some(12)));
        let head = Head::read("HTTP/1.1 204 No Content\r\ndate: x\r\n\r\n");
        assert_eq!((head.status, head.length), (204, None));
    }
}
