//! The cache as we speak to it: contents by any hash, entries with all their signatures.
//!
//! `GET /v1/content/{md5|sha1|sha256|sha512}/{hex}`, `POST /v1/content`, `GET` and `POST /v1/entries/{key}`,
//! `GET /v1/status`.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::{CacheService, Refusal, Sent, blocking, content, upload};
use crate::entry::Entry;
use crate::hash::{Hash, HashKind};
use crate::limits;

type Cache = State<Arc<CacheService>>;

pub(super) fn routes(service: Arc<CacheService>) -> Router {
    Router::new()
        .route("/v1/content/{kind}/{hex}", get(read))
        .route("/v1/content", post(add))
        .route("/v1/entries/{*key}", get(select).post(index))
        .route("/v1/status", get(status))
        .with_state(service)
}

async fn read(
    State(service): Cache,
    Path((kind, hex)): Path<(String, String)>,
    head: HeaderMap,
) -> Result<Response, Refusal> {
    let kind = HashKind::ALL
        .into_iter()
        .find(|known| known.as_str() == kind);
    let kind = kind.ok_or_else(Refusal::not_found)?;
    let hash = Hash::new(kind, &hex).map_err(|_| Refusal::not_found())?;
    content::send(service.store.place_of(&hash), &hash, &head).await
}

async fn add(State(service): Cache, sent: Sent) -> Result<(StatusCode, Json<Value>), Refusal> {
    let taken = upload::take(service, sent, None).await?;
    let mut answer = json!({"bytes": taken.bytes});
    for hash in &taken.hashes {
        answer[hash.kind().as_str()] = hash.hex().into();
    }
    Ok((StatusCode::CREATED, Json(answer)))
}

async fn select(State(service): Cache, Path(key): Path<String>) -> Result<Json<Value>, Refusal> {
    let entries = blocking(move || service.entries(&key)).await?;
    Ok(Json(json!({"entries": entries})))
}

async fn index(
    State(service): Cache,
    Path(key): Path<String>,
    sent: Sent,
) -> Result<StatusCode, Refusal> {
    let body = upload::read_small(sent.body, limits::ENTRY_BYTES_MAX * 2).await?;
    let entry: Entry = serde_json::from_slice(&body).map_err(Refusal::bad)?;
    blocking(move || service.take_entry(&key, entry)).await?;
    Ok(StatusCode::CREATED)
}

async fn status(State(service): Cache) -> Json<Value> {
    let bytes_max = service.bytes_max;
    Json(json!({
        "bytes": bytes_max - service.room(),
        "bytes_max": bytes_max,
        "keys": service.trusted.ids().map(ToString::to_string).collect::<Vec<_>>(),
    }))
}
