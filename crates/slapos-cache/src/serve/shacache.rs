//! The cache as the Python SlapOS speaks to it: shacache for contents by SHA-512, shadir for signed entries.
//!
//! Protocol of slapos.libnetworkcache 0.30. Both are under `/shacache` and `/shadir`, and where a `slapos proxy`
//! has them, `/shacache/cache` and `/shacache/dir`. An entry shows the RSA signature, all that this wire knows.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};

use super::{CacheService, Refusal, Sent, blocking, content, upload};
use crate::entry::Entry;
use crate::hash::{Hash, HashKind};
use crate::limits;
use crate::signing::{Algorithm, Signature};

type Cache = State<Arc<CacheService>>;

pub(super) fn routes(service: Arc<CacheService>) -> Router {
    let mut router = Router::new();
    for (cache, dir) in [
        ("/shacache", "/shadir"),
        ("/shacache/cache", "/shacache/dir"),
    ] {
        router = router
            .route(cache, post(add))
            .route(&format!("{cache}/"), post(add))
            .route(&format!("{cache}/{{hex}}"), get(read).put(put))
            .route(&format!("{dir}/{{*key}}"), get(select).put(index));
    }
    router.with_state(service)
}

fn sha512(hex: &str) -> Result<Hash, Refusal> {
    Hash::new(HashKind::Sha512, hex).map_err(|_| Refusal::not_found())
}

async fn read(
    State(service): Cache,
    Path(hex): Path<String>,
    head: HeaderMap,
) -> Result<Response, Refusal> {
    let hash = sha512(&hex)?;
    content::send(service.store.place_of(&hash), &hash, &head).await
}

async fn add(State(service): Cache, sent: Sent) -> Result<(StatusCode, String), Refusal> {
    let taken = upload::take(service, sent, None).await?;
    let [_, _, _, sha512] = &taken.hashes;
    Ok((StatusCode::CREATED, sha512.hex().to_owned()))
}

async fn put(
    State(service): Cache,
    Path(hex): Path<String>,
    sent: Sent,
) -> Result<(StatusCode, String), Refusal> {
    let wanted =
        Hash::new(HashKind::Sha512, &hex).map_err(|_| Refusal::bad("Checksum mismatch"))?;
    upload::take(service, sent, Some(wanted)).await?;
    Ok((StatusCode::CREATED, hex))
}

async fn select(
    State(service): Cache,
    Path(key): Path<String>,
) -> Result<Json<Vec<(String, String)>>, Refusal> {
    let entries = blocking(move || service.entries(&key)).await?;
    if entries.is_empty() {
        return Err(Refusal::not_found());
    }
    Ok(Json(entries.into_iter().map(pair).collect()))
}

fn pair(entry: Entry) -> (String, String) {
    let mut signatures = entry.signatures.into_iter();
    let known = signatures.find(|signature| signature.algorithm == Algorithm::RsaSha1);
    (
        entry.text,
        known.map(|known| known.value).unwrap_or_default(),
    )
}

async fn index(
    State(service): Cache,
    Path(key): Path<String>,
    sent: Sent,
) -> Result<StatusCode, Refusal> {
    let body = upload::read_small(sent.body, limits::ENTRY_BYTES_MAX * 2).await?;
    let (text, signature): (String, String) = serde_json::from_slice(&body).map_err(|_| {
        Refusal::bad("an entry is a list of two texts: what is said, its signature")
    })?;
    let signatures = match signature.is_empty() {
        true => Vec::new(),
        false => vec![Signature {
            algorithm: Algorithm::RsaSha1,
            value: signature,
        }],
    };
    let entry = Entry { text, signatures };
    blocking(move || service.take_entry(&key, entry)).await?;
    Ok(StatusCode::CREATED)
}
