//! A cache for others: contents by hash and entries by key, over HTTP.
//!
//! Two faces of one store: [`shacache`] is what the Python SlapOS speaks (shacache and shadir), [`native`] is ours.
//! Everybody who reaches it may read. Writing needs a right ([`Writers`]), and an entry also the signature of a
//! key that this cache trusts; readers check both hash and signature again. Start with [`routes`] and [`listen`].

mod content;
mod listener;
mod native;
mod shacache;
mod upload;

pub use listener::{Ending, listen, run};

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;

use crate::entry::{Entry, check_key};
use crate::hash::{Hash, HashKind};
use crate::{Index, Store, Trusted, limits};

/// What is served, and who may write.
#[derive(Debug)]
pub struct CacheService {
    store: Store,
    index: Index,
    trusted: Trusted,
    writers: Writers,
    bytes_max: u64,
    bytes: AtomicU64,
    uploads: Semaphore,
}

/// Who may put something into a cache. By default nobody.
#[derive(Debug, Clone, Default)]
pub struct Writers {
    /// SHA-256 of their tokens, which come as `Authorization: Bearer …`, or as the password of `Basic`.
    pub tokens: Vec<Hash>,
    /// Addresses that need no token.
    pub addresses: Vec<IpAddr>,
}

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

impl CacheService {
    /// Serves this store, which may grow to `bytes_max` bytes of content.
    /// It is counted once here: a large store takes a moment.
    pub fn new(
        store: Store,
        trusted: Trusted,
        writers: Writers,
        bytes_max: u64,
    ) -> io::Result<CacheService> {
        let bytes = AtomicU64::new(store.bytes()?);
        Ok(CacheService {
            index: Index::new(store.clone()),
            store,
            trusted,
            writers,
            bytes_max,
            bytes,
            uploads: Semaphore::new(limits::UPLOADS_MAX),
        })
    }

    /// Takes an entry that a trusted key signed.
    fn take_entry(&self, key: &str, entry: Entry) -> Result<(), Refusal> {
        check_key(key).map_err(Refusal::bad)?;
        entry.check().map_err(Refusal::bad)?;
        if entry.signer(&self.trusted).is_none() {
            return Err(Refusal(
                StatusCode::FORBIDDEN,
                "no key that this cache trusts has signed this entry".to_owned(),
            ));
        }
        self.index.add(key, entry).map_err(Refusal::broken)
    }

    fn entries(&self, key: &str) -> Result<Vec<Entry>, Refusal> {
        check_key(key).map_err(Refusal::bad)?;
        self.index.find(key).map_err(Refusal::broken)
    }

    fn room(&self) -> u64 {
        let bytes = self.bytes.load(Ordering::Relaxed);
        self.bytes_max.saturating_sub(bytes)
    }
}

/// Both faces.
pub fn routes(service: Arc<CacheService>) -> Router {
    native::routes(Arc::clone(&service)).merge(shacache::routes(service))
}

/// An answer that is no success: its text is for people.
#[derive(Debug)]
struct Refusal(StatusCode, String);

impl Refusal {
    fn bad(error: impl std::fmt::Display) -> Refusal {
        Refusal(StatusCode::BAD_REQUEST, error.to_string())
    }

    /// The reason is for the log; who asks cannot do anything about it.
    fn broken(error: impl std::fmt::Display) -> Refusal {
        tracing::error!(%error, "the cache's store failed");
        let text = "the cache's store failed; its log says how".to_owned();
        Refusal(StatusCode::INTERNAL_SERVER_ERROR, text)
    }

    fn not_found() -> Refusal {
        Refusal(StatusCode::NOT_FOUND, "not in this cache".to_owned())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let head = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
        (self.0, head, format!("{}\n", self.1)).into_response()
    }
}

/// What somebody sends who may write.
struct Sent {
    head: HeaderMap,
    body: Body,
}

impl FromRequest<Arc<CacheService>> for Sent {
    type Rejection = Refusal;

    async fn from_request(request: Request, service: &Arc<CacheService>) -> Result<Sent, Refusal> {
        let (parts, body) = request.into_parts();
        if may_write(&parts, &service.writers) {
            let head = parts.headers;
            return Ok(Sent { head, body });
        }
        upload::drain(body).await;
        Err(Refusal(
            StatusCode::FORBIDDEN,
            "writing into this cache needs a token that it knows".to_owned(),
        ))
    }
}

fn may_write(parts: &Parts, writers: &Writers) -> bool {
    let head = parts.headers.get(header::AUTHORIZATION);
    let token = head.and_then(|head| token_of(head.to_str().ok()?));
    let is_known = token.is_some_and(|token| {
        let hash = Hash::of(HashKind::Sha256, token.as_bytes());
        writers.tokens.contains(&hash)
    });
    let peer = parts.extensions.get::<Peer>();
    let is_near = peer.is_some_and(|peer| writers.addresses.contains(&peer.0.to_canonical()));
    is_known || is_near
}

fn token_of(head: &str) -> Option<String> {
    use base64::Engine;
    let (scheme, value) = head.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(value.trim().to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = base64::engine::general_purpose::STANDARD.decode(value.trim());
    let pair = String::from_utf8(pair.ok()?).ok()?;
    pair.split_once(':')
        .map(|(_, password)| password.to_owned())
}

/// Work on the disk, away from the threads that serve connections.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Refusal::broken(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_of_reads_bearer_and_the_password_of_basic() {
        assert_eq!(token_of("Bearer abc").as_deref(), Some("abc"));
        assert_eq!(token_of("basic dTphOmI=").as_deref(), Some("a:b"));
        assert_eq!(token_of("Digest x"), None);
        assert_eq!(token_of("Basic ???"), None);
        assert_eq!(token_of("Bearer"), None);
    }
}
