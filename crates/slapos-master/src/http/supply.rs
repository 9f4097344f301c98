//! `/v1/supplies`.

use super::Context;
use super::answer::{Body, Reply, json, list};
use crate::app::{Caller, Proof, supply};
use axum::extract::State;
use slapos_api::ErrorBody;
use slapos_api::wire::List;
use slapos_api::wire::supply::{SupplySet, SupplyView};

/// Which releases are ordered to be where, and how that stands.
#[utoipa::path(get, path = "/v1/supplies", tag = "nodes", operation_id = "list_supplies",
    responses((status = 200, body = List<SupplyView>), (status = "4XX", body = ErrorBody)))]
pub(super) async fn list_supplies(State(context): State<Context>, proof: Proof) -> Reply {
    let views = context.store.read(move |tx| {
        let caller = Caller::identify(tx, &proof)?;
        supply::list(tx, &caller)
    });
    views.await.map(list)
}

/// Order a release on a node, or its removal; again, to try a failed build now.
#[utoipa::path(put, path = "/v1/supplies", tag = "nodes", operation_id = "set_supply",
    request_body = SupplySet,
    responses((status = 200, body = SupplyView), (status = "4XX", body = ErrorBody)))]
pub(super) async fn set_supply(
    State(context): State<Context>,
    proof: Proof,
    Body(ask): Body<SupplySet>,
) -> Reply {
    let view = context.store.write(move |tx| {
        let caller = Caller::identify(tx, &proof)?;
        supply::set(tx, &caller, &ask)
    });
    view.await.map(|view| json(&view))
}
