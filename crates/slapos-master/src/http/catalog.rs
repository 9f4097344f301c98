//! `/v1/catalog` and `/v1/releases`.

use super::Context;
use super::answer::{Reply, json, list};
use crate::app::{Caller, Proof, catalog};
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use slapos_api::ErrorBody;
use slapos_api::wire::List;
use slapos_api::wire::catalog::{CatalogEntry, ReleaseFiles};
use utoipa::IntoParams;

/// What can be asked for by name.
#[utoipa::path(get, path = "/v1/catalog", tag = "catalog", operation_id = "list_catalog",
    responses((status = 200, body = List<CatalogEntry>), (status = "4XX", body = ErrorBody)))]
pub(super) async fn list_catalog(State(context): State<Context>, proof: Proof) -> Reply {
    let entries = context.store.read(move |tx| {
        Caller::identify(tx, &proof)?;
        catalog::list(tx)
    });
    entries.await.map(list)
}

/// One entry: `redis`, or `redis@7.0.15`.
#[utoipa::path(get, path = "/v1/catalog/{name}", tag = "catalog",
    operation_id = "find_catalog_entry", params(("name" = String, Path, description = "Name, or name@version")),
    responses((status = 200, body = CatalogEntry), (status = "4XX", body = ErrorBody)))]
pub(super) async fn find_catalog_entry(
    State(context): State<Context>,
    proof: Proof,
    Path(name): Path<String>,
) -> Reply {
    let entry = context.store.read(move |tx| {
        Caller::identify(tx, &proof)?;
        catalog::find(tx, &name)
    });
    entry.await.map(|entry| json(&entry))
}

/// Which release.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ReleaseQuery {
    /// Its identity, such as `catalog:redis/7.0.15/software.cfg`.
    url: String,
}

/// The files of a release, to build it from.
#[utoipa::path(get, path = "/v1/releases", tag = "catalog", operation_id = "read_release",
    params(ReleaseQuery),
    responses((status = 200, body = ReleaseFiles), (status = "4XX", body = ErrorBody)))]
pub(super) async fn read_release(
    State(context): State<Context>,
    proof: Proof,
    Query(query): Query<ReleaseQuery>,
) -> Reply {
    let files = context.store.read(move |tx| {
        Caller::identify(tx, &proof)?;
        catalog::read_files(tx, &query.url)
    });
    files.await.map(|files| json(&files))
}
