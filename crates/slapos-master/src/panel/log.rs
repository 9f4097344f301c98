//! `/services/{service}/logs`: the end of a log as a page, for those who run no script.
//!
//! The log is on its node. The native call that fetches it is made here in the reader's name, with
//! the reader's own cookie, so that there is one way to a log and one check of who may read it.

use super::Panel;
use super::limits::{LOG_ANSWER_BYTES_MAX, LOG_LINES};
use super::page::{Frame, Page, render};
use crate::app::{AppError, Proof, instance};
use askama::Template;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, Request, header};
use serde::Deserialize;
use slapos_api::wire::log::LogChunk;
use slapos_api::{ErrorBody, ErrorCode};
use tower_service::Service;

#[derive(Template)]
#[template(path = "logs.html")]
struct LogPage {
    frame: Frame,
    id: String,
    name: String,
    is_build: bool,
    text: String,
    fault: Option<ErrorBody>,
}

/// Which log.
#[derive(Deserialize)]
pub(super) struct LogQuery {
    #[serde(default)]
    build: bool,
}

/// `GET /services/{service}/logs`.
pub(super) async fn show(
    State(mut panel): State<Panel>,
    proof: Proof,
    Path(which): Path<String>,
    Query(query): Query<LogQuery>,
    headers: HeaderMap,
) -> Page {
    let found = panel.read(proof, move |tx, caller| {
        let view = instance::find(tx, caller, &which)?;
        let title = format!("Log of {}", view.name);
        Ok((Frame::new(caller, "services", &title), view.id, view.name))
    });
    let (frame, id, name) = found.await?;
    let (text, fault) = match fetch(&mut panel, &id, query.build, &headers).await? {
        Ok(chunk) => (chunk.text, None),
        Err(fault) => (String::new(), Some(fault)),
    };
    Ok(render(&LogPage {
        frame,
        id,
        name,
        is_build: query.build,
        text,
        fault,
    }))
}

async fn fetch(
    panel: &mut Panel,
    id: &str,
    is_build: bool,
    headers: &HeaderMap,
) -> Result<Result<LogChunk, ErrorBody>, AppError> {
    let broken = |cause: String| {
        AppError::new(
            ErrorCode::Internal,
            format!("cannot fetch the log: {cause}"),
        )
    };
    let uri = format!("/v1/instances/{id}/logs?lines={LOG_LINES}&build={is_build}");
    let mut request = Request::get(uri);
    for name in [header::COOKIE, header::AUTHORIZATION] {
        if let Some(value) = headers.get(&name) {
            request = request.header(name, value);
        }
    }
    let request = request
        .body(Body::empty())
        .map_err(|error| broken(error.to_string()))?;
    let Ok(response) = panel.api.call(request).await;
    let is_well = response.status().is_success();
    let bytes = to_bytes(response.into_body(), LOG_ANSWER_BYTES_MAX)
        .await
        .map_err(|error| broken(error.to_string()))?;
    let unreadable = |error: serde_json::Error| broken(error.to_string());
    if is_well {
        let chunk = serde_json::from_slice(&bytes).map_err(unreadable)?;
        return Ok(Ok(chunk));
    }
    let fault = serde_json::from_slice(&bytes).map_err(unreadable)?;
    Ok(Err(fault))
}
