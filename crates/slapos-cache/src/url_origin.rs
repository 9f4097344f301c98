//! The origin that a profile names itself: its URLs, over http, https, or from a file.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::http::{Downgrade, Http, told, without_secrets};
use crate::{Fetched, Origin, OriginMiss, Sink, Source, limits};
use fs_err as fs;

/// Fetches a source from its own URLs, in order.
#[derive(Debug, Clone)]
pub struct UrlOrigin {
    total: Duration,
    /// For sources that are checked by their hash.
    for_pinned: Http,
    for_unpinned: Http,
}

impl Default for UrlOrigin {
    fn default() -> UrlOrigin {
        UrlOrigin::new(UrlTimeouts::default())
    }
}

/// How long a site may take.
#[derive(Debug, Clone, Copy)]
pub struct UrlTimeouts {
    pub connect: Duration,
    /// Between two chunks.
    pub read: Duration,
    pub total: Duration,
}

impl Default for UrlTimeouts {
    fn default() -> UrlTimeouts {
        UrlTimeouts {
            connect: limits::CONNECT_TIMEOUT,
            read: limits::READ_TIMEOUT,
            total: limits::TOTAL_TIMEOUT,
        }
    }
}

impl UrlOrigin {
    pub fn new(timeouts: UrlTimeouts) -> UrlOrigin {
        let http = |downgrade| Http::new(timeouts.connect, timeouts.read, downgrade);
        UrlOrigin {
            total: timeouts.total,
            for_pinned: http(Downgrade::Followed),
            for_unpinned: http(Downgrade::Refused),
        }
    }

    fn fetch_one(&self, url: &str, http: &Http, sink: &mut Sink<'_>) -> Result<(), String> {
        match local_path(url) {
            Some(path) => copy_file(&path, sink, Instant::now() + self.total),
            None => self.download(url, http, sink),
        }
    }

    fn download(&self, url: &str, http: &Http, sink: &mut Sink<'_>) -> Result<(), String> {
        let asked = http.client().and_then(|client| client.get(url).send());
        let answer = asked.map_err(told)?;
        let status = answer.status();
        if !status.is_success() {
            return Err(format!("the site answered {status}"));
        }
        let expected = answer.content_length();
        let deadline = Instant::now() + self.total;
        copy(answer, sink, deadline).map_err(|e| format!("the transfer broke: {e}"))?;
        match expected {
            Some(expected) if expected != sink.received() => Err(format!(
                "the transfer ended after {} of {expected} bytes",
                sink.received()
            )),
            _ => Ok(()),
        }
    }
}

impl Origin for UrlOrigin {
    fn name(&self) -> &str {
        "the profile's URL"
    }

    fn fetch(&self, source: &Source, sink: &mut Sink<'_>) -> Result<Fetched, OriginMiss> {
        let mut reasons = Vec::new();
        let http = match source.hashes.is_empty() {
            true => &self.for_unpinned,
            false => &self.for_pinned,
        };
        for url in &source.urls {
            sink.restart()
                .map_err(|e| OriginMiss::Failed(e.to_string()))?;
            match self.fetch_one(url, http, sink) {
                Ok(()) if sink.mismatch(source).is_none() || source.urls.len() == 1 => {
                    return Ok(Fetched {
                        location: without_secrets(url),
                    });
                }
                Ok(()) => reasons.push(format!("{}: wrong hash", without_secrets(url))),
                Err(_) if sink.is_stopped() => return Err(OriginMiss::Stopped),
                Err(reason) => reasons.push(format!("{}: {reason}", without_secrets(url))),
            }
        }
        if reasons.is_empty() {
            return Err(OriginMiss::NotHere("the profile gives no URL".to_owned()));
        }
        Err(OriginMiss::Failed(reasons.join("; ")))
    }
}

/// The path, when the location is one.
fn local_path(url: &str) -> Option<PathBuf> {
    if let Some(rest) = url.strip_prefix("file://") {
        return Some(PathBuf::from(
            rest.strip_prefix("localhost").unwrap_or(rest),
        ));
    }
    url.starts_with('/').then(|| PathBuf::from(url))
}

fn copy_file(path: &Path, sink: &mut Sink<'_>, deadline: Instant) -> Result<(), String> {
    let file = fs::File::open(path).map_err(|e| e.to_string())?;
    if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
        return Err("not a regular file".to_owned());
    }
    copy(file, sink, deadline).map_err(|e| e.to_string())
}

fn copy(mut from: impl Read, sink: &mut Sink<'_>, deadline: Instant) -> io::Result<()> {
    let mut chunk = vec![0; limits::CHUNK_BYTES];
    loop {
        if Instant::now() > deadline {
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "it took too long in all",
            ));
        }
        match from.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(n) => sink.write_all(&chunk[..n])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_path_is_of_file_urls_and_absolute_paths_only() {
        assert_eq!(local_path("file:///a/b"), Some(PathBuf::from("/a/b")));
        assert_eq!(local_path("file://localhost/a"), Some(PathBuf::from("/a")));
        assert_eq!(local_path("/a"), Some(PathBuf::from("/a")));
        assert_eq!(local_path("http://h/a"), None);
    }
}
