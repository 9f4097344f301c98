//! `/v1/instances`.

use super::Context;
use super::answer::{Body, Reply, json, list};
use crate::app::{AppError, Caller, Proof, instance, why};
use axum::extract::{Path, State};
use slapos_api::ErrorBody;
use slapos_api::wire::List;
use slapos_api::wire::instance::{
    Bang, InstanceRequest, InstanceView, PromiseView, StateChange, Why,
};
use std::sync::Arc;

/// Ask for a service: create or get, keyed by (requester, name).
#[utoipa::path(post, path = "/v1/instances", tag = "services", operation_id = "request_instance",
    request_body = InstanceRequest,
    responses((status = 200, body = InstanceView), (status = "4XX", body = ErrorBody)))]
pub(super) async fn request_instance(
    State(context): State<Context>,
    proof: Proof,
    Body(ask): Body<InstanceRequest>,
) -> Reply {
    let (ask, proof) = (Arc::new(ask), Arc::new(proof));
    if context.asked.contains(&proof, &ask.name) {
        // Most requests ask for what stands already: those need no writer.
        let (ask, proof) = (Arc::clone(&ask), Arc::clone(&proof));
        let unchanged = context.store.read(move |tx| {
            let caller = Caller::identify(tx, &proof)?;
            instance::find_unchanged(tx, &caller, &ask)
        });
        if let Some(view) = unchanged.await? {
            return Ok(json(&view));
        }
    }
    let schemas = Arc::clone(&context.schemas);
    let (new_ask, new_proof) = (Arc::clone(&ask), Arc::clone(&proof));
    let view = context.store.write(move |tx| {
        let caller = Caller::identify(tx, &new_proof)?;
        instance::request(tx, &schemas, &caller, &new_ask)
    });
    let view: Result<InstanceView, AppError> = view.await;
    let view = view?;
    context.asked.insert(&proof, &ask.name);
    Ok(json(&view))
}

/// The services that the caller may see.
#[utoipa::path(get, path = "/v1/instances", tag = "services", operation_id = "list_instances",
    responses((status = 200, body = List<InstanceView>), (status = "4XX", body = ErrorBody)))]
pub(super) async fn list_instances(State(context): State<Context>, proof: Proof) -> Reply {
    let views = context.store.read(move |tx| {
        let caller = Caller::identify(tx, &proof)?;
        instance::list(tx, &caller)
    });
    views.await.map(list)
}

/// One service, by name or reference.
#[utoipa::path(get, path = "/v1/instances/{instance}", tag = "services",
    operation_id = "find_instance", params(("instance" = String, Path, description = "Name or reference")),
    responses((status = 200, body = InstanceView), (status = "4XX", body = ErrorBody)))]
pub(super) async fn find_instance(
    State(context): State<Context>,
    proof: Proof,
    Path(which): Path<String>,
) -> Reply {
    let view = context.store.read(move |tx| {
        let caller = Caller::identify(tx, &proof)?;
        instance::find(tx, &caller, &which)
    });
    view.await.map(|view| json(&view))
}

/// Start, stop or destroy.
#[utoipa::path(put, path = "/v1/instances/{instance}/state", tag = "services",
    operation_id = "set_instance_state", request_body = StateChange,
    params(("instance" = String, Path, description = "Name or reference")),
    responses((status = 200, body = InstanceView), (status = "4XX", body = ErrorBody)))]
pub(super) async fn set_instance_state(
    State(context): State<Context>,
    proof: Proof,
    Path(which): Path<String>,
    Body(change): Body<StateChange>,
) -> Reply {
    let view = context.store.write(move |tx| {
        let caller = Caller::identify(tx, &proof)?;
        instance::set_state(tx, &caller, &which, &change.state)
    });
    view.await.map(|view| json(&view))
}

/// Something changed: let its node look at it again now.
#[utoipa::path(post, path = "/v1/instances/{instance}/bang", tag = "services",
    operation_id = "bang_instance", request_body = Bang,
    params(("instance" = String, Path, description = "Name or reference")),
    responses((status = 200, body = InstanceView), (status = "4XX", body = ErrorBody)))]
pub(super) async fn bang_instance(
    State(context): State<Context>,
    proof: Proof,
    Path(which): Path<String>,
    Body(bang): Body<Bang>,
) -> Reply {
    let view = context.store.write(move |tx| {
        let caller = Caller::identify(tx, &proof)?;
        instance::bang(tx, &caller, &which, &bang.message)
    });
    view.await.map(|view| json(&view))
}

/// What each promise said last, with its last changes.
#[utoipa::path(get, path = "/v1/instances/{instance}/promises", tag = "services",
    operation_id = "list_promises", params(("instance" = String, Path, description = "Name or reference")),
    responses((status = 200, body = List<PromiseView>), (status = "4XX", body = ErrorBody)))]
pub(super) async fn list_promises(
    State(context): State<Context>,
    proof: Proof,
    Path(which): Path<String>,
) -> Reply {
    let views = context.store.read(move |tx| {
        let caller = Caller::identify(tx, &proof)?;
        instance::list_promises(tx, &caller, &which)
    });
    views.await.map(list)
}

/// Why it is as it is, the first cause first.
#[utoipa::path(get, path = "/v1/instances/{instance}/why", tag = "services",
    operation_id = "explain_instance", params(("instance" = String, Path, description = "Name or reference")),
    responses((status = 200, body = Why), (status = "4XX", body = ErrorBody)))]
pub(super) async fn explain_instance(
    State(context): State<Context>,
    proof: Proof,
    Path(which): Path<String>,
) -> Reply {
    let answer = context.store.read(move |tx| {
        let caller = Caller::identify(tx, &proof)?;
        why::explain(tx, &caller, &which)
    });
    let answer: Result<Why, AppError> = answer.await;
    answer.map(|why| json(&why))
}
