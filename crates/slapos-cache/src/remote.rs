//! Another machine's cache: read as an origin of sources, and written to by who has the right.
//!
//! Speaks both wires that `serve` serves ([`Wire`]). A cache is only ever a help: one that is down, silent, slow or
//! wrong costs seconds, then it is left alone for a while ([`breaker`]) and the next origin is asked. An entry
//! counts when a trusted key signed it, content when its hash is right.

mod breaker;
mod origin;
mod transfer;

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use fs_err as fs;
use percent_encoding::{AsciiSet, CONTROLS, PercentEncode, utf8_percent_encode};
use reqwest::blocking::{Client, RequestBuilder, Response};
use thiserror::Error;

use crate::entry::Entry;
use crate::hash::{Hash, HashKind};
use crate::http::{Downgrade, Http, told, without_secrets};
use crate::signing::{Algorithm, Signature, Trusted};
use crate::{Sink, Source, limits};
use breaker::Breaker;

/// A cache at a URL.
#[derive(Clone)]
pub struct RemoteCache {
    name: String,
    wire: Wire,
    trusted: Trusted,
    token: Option<String>,
    http: Http,
    breaker: Arc<Mutex<Breaker>>,
}

/// How long a cache may take.
#[derive(Debug, Clone, Copy)]
pub struct CacheTimeouts {
    pub connect: Duration,
    /// Until an answer begins, and between two chunks.
    pub read: Duration,
}

impl Default for CacheTimeouts {
    fn default() -> CacheTimeouts {
        CacheTimeouts {
            connect: limits::CACHE_CONNECT_TIMEOUT,
            read: limits::CACHE_READ_TIMEOUT,
        }
    }
}

/// What a cache speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wire {
    /// Ours, below this URL.
    Native(String),
    /// That of slapos.libnetworkcache: contents by SHA-512 and entries, each below a URL of its own.
    Shacache { contents: String, entries: String },
}

impl From<&str> for Wire {
    /// From words: one URL is ours, two with a comma between them are shacache and shadir.
    fn from(words: &str) -> Wire {
        match words.split_once(',') {
            None => Wire::Native(words.trim().to_owned()),
            Some((contents, entries)) => Wire::Shacache {
                contents: contents.trim().to_owned(),
                entries: entries.trim().to_owned(),
            },
        }
    }
}

/// Why a cache did not do what was asked.
#[derive(Debug, Error)]
pub enum RemoteError {
    #[error("it does not have it")]
    NotThere,
    #[error("it answered {0}{1}")]
    Status(u16, String),
    #[error("{0}")]
    Network(String),
    #[error("what it answered is not what a cache answers: {0}")]
    Nonsense(String),
    #[error("it failed a moment ago and is left alone until it had time to recover")]
    Resting,
    #[error("stopped as asked")]
    Stopped,
    #[error("reading {0} failed: {1}")]
    File(String, std::io::Error),
}

impl fmt::Debug for RemoteCache {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("RemoteCache")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl RemoteCache {
    /// The cache at this place; entries count when one of these keys signed them.
    #[must_use]
    pub fn new(wire: Wire, trusted: Trusted) -> RemoteCache {
        let url = match &wire {
            Wire::Native(url) => url,
            Wire::Shacache { contents, .. } => contents,
        };
        RemoteCache {
            name: format!("the cache {}", without_secrets(url)),
            wire,
            trusted,
            token: None,
            http: http(CacheTimeouts::default()),
            breaker: Arc::default(),
        }
    }

    /// With other time-outs.
    #[must_use]
    pub fn with_timeouts(self, timeouts: CacheTimeouts) -> RemoteCache {
        RemoteCache {
            http: http(timeouts),
            ..self
        }
    }

    /// With the token that its owner gave for writing.
    #[must_use]
    pub fn with_token(mut self, token: impl Into<String>) -> RemoteCache {
        self.token = Some(token.into());
        self
    }

    /// The entries of a key that somebody trusted has signed, in the cache's order.
    pub fn entries(&self, key: &str) -> Result<Vec<Entry>, RemoteError> {
        if self.trusted.is_empty() {
            return Ok(Vec::new());
        }
        let found = self.guarded(|client| self.ask_entries(client, key));
        let all = match found {
            Err(RemoteError::NotThere) => return Ok(Vec::new()),
            found => found?,
        };
        let is_trusted = |entry: &Entry| entry.signer(&self.trusted).is_some();
        Ok(all.into_iter().filter(is_trusted).collect())
    }

    /// Writes content with this hash into the sink; fails when other bytes come.
    pub fn fetch(&self, hash: &Hash, sink: &mut Sink<'_>) -> Result<(), RemoteError> {
        let url = self.content_url(hash)?;
        let wanted = Source::new("", [hash.clone()]);
        self.guarded(|client| {
            transfer::fetch(client, &url, sink)?;
            match sink.mismatch(&wanted) {
                None => Ok(()),
                Some((expected, found)) => Err(RemoteError::Nonsense(format!(
                    "content with the hash {found} in place of {expected}"
                ))),
            }
        })
    }

    /// Puts a file there unless it is there already, and gives its SHA-512.
    pub fn upload(&self, path: &Path) -> Result<Hash, RemoteError> {
        let broken = |error| RemoteError::File(path.display().to_string(), error);
        let mut hashes = crate::store::hashes_of(path, [HashKind::Sha512]).map_err(broken)?;
        // One kind was asked for, and one came.
        let sha512 = hashes.remove(0);
        let client = self.client()?;
        let url = self.content_url(&sha512)?;
        // The old wire has no HEAD: its clients ask for the content and do not read it.
        let ask = match &self.wire {
            Wire::Native(_) => client.head(url),
            Wire::Shacache { .. } => client.get(url),
        };
        if ask.send().map_err(network)?.status().is_success() {
            return Ok(sha512);
        }
        let url = match &self.wire {
            Wire::Native(url) => format!("{}/v1/content", base(url)),
            Wire::Shacache { contents, .. } => base(contents).to_owned(),
        };
        let file = fs::File::open(path).map_err(broken)?;
        let ask = client
            .post(url)
            .header("content-type", "application/octet-stream")
            .timeout(limits::UPLOAD_TIMEOUT)
            .body(file.into_file());
        self.write(ask)?;
        Ok(sha512)
    }

    /// Adds an entry under a key.
    pub fn publish(&self, key: &str, entry: &Entry) -> Result<(), RemoteError> {
        let client = self.client()?;
        let url = self.entries_url(key);
        let ask = match &self.wire {
            Wire::Native(_) => client.post(url).json(entry),
            Wire::Shacache { .. } => {
                let mut signatures = entry.signatures.iter();
                let known = signatures.find(|known| known.algorithm == Algorithm::RsaSha1);
                let value = known.map_or("", |known| known.value.as_str());
                client.put(url).json(&(&entry.text, value))
            }
        };
        self.write(ask).map(|_| ())
    }

    fn write(&self, ask: RequestBuilder) -> Result<Response, RemoteError> {
        let ask = match &self.token {
            Some(token) => ask.bearer_auth(token),
            None => ask,
        };
        let answer = ask.send().map_err(network)?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        // A short text of a cache says why; a page of something else would say too much.
        let text = transfer::small_text(answer).unwrap_or_default();
        let text = text.trim().replace(['\n', '\r'], " ");
        let said = match text.is_empty() || text.len() > limits::REASON_CHARS_MAX {
            true => String::new(),
            false => format!(": {text}"),
        };
        Err(RemoteError::Status(status.as_u16(), said))
    }

    fn ask_entries(&self, client: &Client, key: &str) -> Result<Vec<Entry>, RemoteError> {
        #[derive(serde::Deserialize)]
        struct Native {
            entries: Vec<Entry>,
        }
        let answer = client.get(self.entries_url(key)).send().map_err(network)?;
        let text = transfer::small_text(transfer::success(answer)?)?;
        let nonsense = |error: serde_json::Error| RemoteError::Nonsense(error.to_string());
        let mut entries = match &self.wire {
            Wire::Native(_) => {
                serde_json::from_str::<Native>(&text)
                    .map_err(nonsense)?
                    .entries
            }
            Wire::Shacache { .. } => {
                let pairs: Vec<(String, String)> = serde_json::from_str(&text).map_err(nonsense)?;
                pairs.into_iter().map(entry_of_pair).collect()
            }
        };
        entries.truncate(limits::ENTRIES_MAX);
        Ok(entries)
    }

    fn content_url(&self, hash: &Hash) -> Result<String, RemoteError> {
        match &self.wire {
            Wire::Native(url) => Ok(format!(
                "{}/v1/content/{}/{}",
                base(url),
                hash.kind().as_str(),
                hash.hex()
            )),
            Wire::Shacache { contents, .. } if hash.kind() == HashKind::Sha512 => {
                Ok(format!("{}/{}", base(contents), hash.hex()))
            }
            Wire::Shacache { .. } => Err(RemoteError::NotThere),
        }
    }

    fn entries_url(&self, key: &str) -> String {
        match &self.wire {
            Wire::Native(url) => format!("{}/v1/entries/{}", base(url), in_path(key)),
            Wire::Shacache { entries, .. } => format!("{}/{}", base(entries), in_path(key)),
        }
    }

    fn client(&self) -> Result<&Client, RemoteError> {
        self.http.client().map_err(network)
    }

    /// Asks unless the cache has to rest, and remembers whether it worked.
    fn guarded<T>(
        &self,
        ask: impl FnOnce(&Client) -> Result<T, RemoteError>,
    ) -> Result<T, RemoteError> {
        // What is in there is a count and a time, true at each moment.
        let breaker = || self.breaker.lock().unwrap_or_else(PoisonError::into_inner);
        if !breaker().may_ask(Instant::now()) {
            return Err(RemoteError::Resting);
        }
        let result = self.client().and_then(ask);
        match &result {
            Ok(_) | Err(RemoteError::NotThere | RemoteError::Stopped | RemoteError::Resting) => {
                breaker().worked();
            }
            Err(_) => breaker().failed(Instant::now()),
        }
        result
    }
}

fn http(timeouts: CacheTimeouts) -> Http {
    let CacheTimeouts { connect, read } = timeouts;
    Http::new(connect, read, Downgrade::Refused)
}

fn network(error: reqwest::Error) -> RemoteError {
    RemoteError::Network(told(error))
}

fn entry_of_pair((text, value): (String, String)) -> Entry {
    let algorithm = Algorithm::RsaSha1;
    let signatures = vec![Signature { algorithm, value }];
    Entry { text, signatures }
}

fn base(url: &str) -> &str {
    url.trim_end_matches('/')
}

/// What would end a path, or is in none. The original puts a key there as it is, so nothing else is escaped.
const NOT_IN_PATH: &AsciiSet = &CONTROLS
    .add(b'?')
    .add(b'#')
    .add(b'%')
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'`')
    .add(b'{')
    .add(b'}');

fn in_path(key: &str) -> PercentEncode<'_> {
    utf8_percent_encode(key, NOT_IN_PATH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_path_keeps_what_the_original_keeps() {
        assert_eq!(in_path("pypi:hello=1.0").to_string(), "pypi:hello=1.0");
        let escaped = in_path("a b?c#d%é").to_string();
        assert_eq!(escaped, "a%20b%3Fc%23d%25%C3%A9");
    }

    #[test]
    fn content_url_of_the_old_wire_is_by_sha512_only() {
        let wire = Wire::Shacache {
            contents: "http://h/shacache/".to_owned(),
            entries: "http://h/shadir".to_owned(),
        };
        let cache = RemoteCache::new(wire, Trusted::default());
        let sha512 = Hash::of(HashKind::Sha512, b"");
        let url = cache.content_url(&sha512).unwrap();
        assert_eq!(url, format!("http://h/shacache/{}", sha512.hex()));
        let md5 = Hash::of(HashKind::Md5, b"");
        assert!(matches!(
            cache.content_url(&md5),
            Err(RemoteError::NotThere)
        ));
    }
}
