//! `/v1/instances/{instance}/logs`: wanted here, read on the node, carried by its watch stream.

use super::Context;
use super::answer::{Body, Reply, json, nothing};
use crate::app::event::LOG_WANTED;
use crate::app::{AppError, Caller, Proof, instance};
use crate::limits::{LOG_REQUESTS_MAX, LOG_TIMEOUT};
use crate::store::event::EventRow;
use crate::store::instance::InstanceRow;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use slapos_api::limits::LOG_CHUNK_BYTES_MAX;
use slapos_api::wire::log::{LogAnswer, LogChunk, LogWanted};
use slapos_api::{ErrorBody, ErrorCode};
use slapos_model::{Role, fresh_id};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use tokio::sync::oneshot;
use utoipa::IntoParams;

/// Log requests under way: who may answer each, and who waits for it.
#[derive(Debug, Default)]
pub struct LogRequests(Mutex<HashMap<String, (String, oneshot::Sender<LogAnswer>)>>);

impl LogRequests {
    fn open(&self, request: &str, node_id: &str) -> Option<oneshot::Receiver<LogAnswer>> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|_, (_, reply)| !reply.is_closed());
        if waiting.len() >= LOG_REQUESTS_MAX {
            return None;
        }
        let (reply, answer) = oneshot::channel();
        waiting.insert(request.to_owned(), (node_id.to_owned(), reply));
        Some(answer)
    }

    /// False when nobody waits for it, or not from that node.
    fn answer(&self, request: &str, node_id: &str, answer: LogAnswer) -> bool {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting
            .get(request)
            .is_none_or(|(asked, _)| asked != node_id)
        {
            return false;
        }
        waiting
            .remove(request)
            .is_some_and(|(_, reply)| reply.send(answer).is_ok())
    }
}

/// Which part of a log.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct LogQuery {
    /// How many of the last lines, when there is no `after`; 100 when left out.
    lines: Option<u32>,
    /// The cursor of the answer before.
    after: Option<String>,
    /// One of its services only.
    service: Option<String>,
    /// The log of its software's build instead.
    #[serde(default)]
    build: bool,
    /// Wait for new text up to so long, in milliseconds.
    wait_ms: Option<u32>,
}

/// What a service wrote.
#[utoipa::path(get, path = "/v1/instances/{instance}/logs", tag = "services",
    operation_id = "read_logs", params(("instance" = String, Path, description = "Name or reference"), LogQuery),
    responses((status = 200, body = LogChunk), (status = "4XX", body = ErrorBody)))]
pub(super) async fn read_logs(
    State(context): State<Context>,
    proof: Proof,
    Path(which): Path<String>,
    Query(query): Query<LogQuery>,
) -> Reply {
    let row = context
        .store
        .read(move |tx| {
            let caller = Caller::identify(tx, &proof)?;
            instance::find_for(tx, &caller, &which, Role::Viewer)
        })
        .await?;
    read_log_of(&context, &row, query)
        .await
        .map(|chunk| json(&chunk))
}

async fn read_log_of(
    context: &Context,
    row: &InstanceRow,
    query: LogQuery,
) -> Result<LogChunk, AppError> {
    let Some(node_id) = row.node_id.clone() else {
        return Err(AppError::conflict(format!(
            "service `{}` has no node yet, so no log",
            row.name
        ))
        .hint(format!("see `slapos why {}`", row.name)));
    };
    let request = fresh_id("LOG-", context.clock.as_ref(), context.random.as_ref());
    let answer = context.logs.open(&request, &node_id).ok_or_else(|| {
        AppError::new(
            ErrorCode::Unavailable,
            "too many logs are being read; try again",
        )
    })?;
    let wanted = LogWanted {
        request,
        partition: row.partition_name.clone().filter(|_| !query.build),
        software: query.build.then(|| row.url.clone()),
        service: query.service,
        lines: query.lines.unwrap_or(100).min(10_000),
        after: query.after,
        wait_ms: query.wait_ms.unwrap_or(0).min(10_000),
    };
    context.store.notify(EventRow {
        kind: LOG_WANTED.to_owned(),
        node_id: Some(node_id),
        data: serde_json::to_string(&wanted).unwrap_or_default(),
        ..EventRow::default()
    });
    let unavailable = |text: String| AppError::new(ErrorCode::Unavailable, text);
    let name = row.node_name.as_deref().unwrap_or("?");
    let answer = tokio::time::timeout(LOG_TIMEOUT, answer)
        .await
        .ok()
        .and_then(Result::ok);
    match answer {
        Some(LogAnswer {
            chunk: Some(chunk), ..
        }) => Ok(chunk),
        Some(LogAnswer { error, .. }) => Err(unavailable(format!(
            "node {name} could not read the log: {}",
            error.unwrap_or_default()
        ))),
        None => Err(unavailable(format!("node {name} did not answer"))
            .hint("look whether it runs: `slapos node list`")),
    }
}

/// The log that was wanted.
#[utoipa::path(post, path = "/v1/node/logs/{request}", tag = "agent",
    operation_id = "answer_log", request_body = LogAnswer,
    params(("request" = String, Path, description = "From the event `log.wanted`")),
    responses((status = 204), (status = "4XX", body = ErrorBody)))]
pub(super) async fn answer_log(
    State(context): State<Context>,
    proof: Proof,
    Path(request): Path<String>,
    Body(mut answer): Body<LogAnswer>,
) -> Reply {
    let node_id = context
        .store
        .read(move |tx| -> Result<_, AppError> {
            let caller = Caller::identify(tx, &proof)?;
            caller.require_node().map(str::to_owned)
        })
        .await?;
    if let Some(chunk) = &mut answer.chunk
        && chunk.text.len() > LOG_CHUNK_BYTES_MAX * 2
    {
        return Err(AppError::new(
            ErrorCode::TooLarge,
            "the log is longer than was asked for",
        ));
    }
    if context.logs.answer(&request, &node_id, answer) {
        Ok(nothing())
    } else {
        Err(AppError::not_found("such log request"))
    }
}
