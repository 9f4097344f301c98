//! `/v1/nodes` for people, `/v1/node/…` for agents.

use super::Context;
use super::answer::{Body, Reply, json, list, nothing};
use crate::app::{AppError, Caller, Proof, node, report as reports};
use crate::pki::{PkiError, key_hash_of_request};
use axum::extract::State;
use slapos_api::ErrorBody;
use slapos_api::wire::List;
use slapos_api::wire::node::{
    Desired, NodeFormat, NodeRegister, NodeRegistered, NodeReport, NodeView,
};

/// The nodes of the caller's projects.
#[utoipa::path(get, path = "/v1/nodes", tag = "nodes", operation_id = "list_nodes",
    responses((status = 200, body = List<NodeView>), (status = "4XX", body = ErrorBody)))]
pub(super) async fn list_nodes(State(context): State<Context>, proof: Proof) -> Reply {
    let views = context.store.read(move |tx| {
        let caller = Caller::identify(tx, &proof)?;
        node::list(tx, &caller)
    });
    views.await.map(list)
}

/// A node joins: its key, made by itself, gets a certificate. Asking again changes nothing.
#[utoipa::path(post, path = "/v1/nodes", tag = "nodes", operation_id = "register_node",
    request_body = NodeRegister,
    responses((status = 200, body = NodeRegistered), (status = "4XX", body = ErrorBody)))]
pub(super) async fn register_node(
    State(context): State<Context>,
    proof: Proof,
    Body(ask): Body<NodeRegister>,
) -> Reply {
    let bad_request = |error: PkiError| AppError::invalid("csr_pem", error);
    let csr_pem = ask.csr_pem.clone();
    let row = context
        .store
        .write(move |tx| {
            let caller = Caller::identify(tx, &proof)?;
            caller.require_person()?;
            let key_hash = key_hash_of_request(&ask.csr_pem).map_err(bad_request)?;
            node::register(tx, &caller, ask.project.as_deref(), &ask.name, &key_hash)
        })
        .await?;
    let today = (context.today)(context.clock.as_ref());
    let certificate_pem = context
        .pki
        .sign_node(&csr_pem, &row.id, today)
        .map_err(bad_request)?;
    let ca_pem = context.pki.ca_pem.clone();
    Ok(json(&NodeRegistered {
        id: row.id,
        certificate_pem,
        ca_pem,
    }))
}

/// The node says what it offers.
#[utoipa::path(put, path = "/v1/node/format", tag = "agent", operation_id = "format_node",
    request_body = NodeFormat,
    responses((status = 200, body = NodeView), (status = "4XX", body = ErrorBody)))]
pub(super) async fn format_node(
    State(context): State<Context>,
    proof: Proof,
    Body(offer): Body<NodeFormat>,
) -> Reply {
    let view = context.store.write(move |tx| {
        let caller = Caller::identify(tx, &proof)?;
        node::format(tx, &caller, &offer)
    });
    view.await.map(|view| json(&view))
}

/// All that the node is asked to run.
#[utoipa::path(get, path = "/v1/node/desired", tag = "agent", operation_id = "read_desired",
    responses((status = 200, body = Desired), (status = "4XX", body = ErrorBody)))]
pub(super) async fn read_desired(State(context): State<Context>, proof: Proof) -> Reply {
    let desired = context.store.read(move |tx| {
        let caller = Caller::identify(tx, &proof)?;
        node::desired(tx, &caller)
    });
    desired.await.map(|desired| json(&desired))
}

/// The node tells what it saw.
#[utoipa::path(post, path = "/v1/node/report", tag = "agent", operation_id = "report",
    request_body = NodeReport, responses((status = 204), (status = "4XX", body = ErrorBody)))]
pub(super) async fn report(
    State(context): State<Context>,
    proof: Proof,
    Body(said): Body<NodeReport>,
) -> Reply {
    let kept = context.store.write(move |tx| {
        let caller = Caller::identify(tx, &proof)?;
        reports::keep(tx, &caller, &said)
    });
    kept.await.map(|()| nothing())
}
