//! The native REST face: extract, call a rule of `app`, answer. No rule of its own.
//!
//! One file a resource. The OpenAPI file is made from the same router, so no call can be missing
//! in it; `tests/all/rights.rs` holds a row for each.

pub mod answer;
mod asked;
pub mod auth;
mod catalog;
mod hateoas;
mod instance;
mod jsonrpc;
mod log;
mod node;
mod project;
pub mod slap;
mod supply;
mod watch;

pub use asked::Asked;
pub use watch::Watchers;

use crate::app::schema::Schemas;
use crate::http::log::LogRequests;
use crate::pki::Pki;
use crate::store::Store;
use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::Response;
use slapos_api::limits::BODY_BYTES_MAX;
use slapos_api::wire::Health;
use std::sync::Arc;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What every call may use.
#[derive(Clone)]
pub struct Context(pub Arc<Inner>);

/// The parts of [`Context`].
pub struct Inner {
    /// Everything that is kept.
    pub store: Store,
    /// Compiled schemas.
    pub schemas: Arc<Schemas>,
    /// Names that were asked for before.
    pub asked: Asked,
    /// The authority.
    pub pki: Pki,
    /// Which life of which master.
    pub epoch: String,
    /// Whoever watches.
    pub watchers: Watchers,
    /// Logs that are being waited for.
    pub logs: LogRequests,
    /// Today, for certificates.
    pub today: fn(&dyn slapos_model::Clock) -> (i32, u8, u8),
    /// The time.
    pub clock: Arc<dyn slapos_model::Clock>,
    /// Randomness for ids outside of transactions.
    pub random: Arc<dyn slapos_model::RandomSource>,
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Context")
    }
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Inner")
    }
}

impl Context {
    /// The parts that a [`Context`] shares with all calls.
    #[must_use]
    pub fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }
}

impl Inner {
    /// No log request is under way at first.
    #[must_use]
    pub fn no_logs() -> LogRequests {
        LogRequests::default()
    }
}

impl std::ops::Deref for Context {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "SlapOS master",
        description = "Everything is a service, asked for in one way: POST /v1/instances.",
        license(name = "Apache-2.0 OR MIT")
    ),
    tags(
        (name = "services", description = "Ask for services and see how they are"),
        (name = "catalog", description = "What can be asked for by name"),
        (name = "nodes", description = "Machines, partitions, supplies"),
        (name = "agent", description = "What node agents call, by certificate"),
        (name = "projects", description = "Tenants, members, tokens"),
        (name = "events", description = "What happened, and what happens")
    )
)]
struct Api;

/// The routes of `/v1` and their description. Add a new one here.
#[must_use]
pub fn api() -> OpenApiRouter<Context> {
    OpenApiRouter::with_openapi(Api::openapi())
        .routes(routes!(health))
        .routes(routes!(project::me))
        .routes(routes!(project::list_projects, project::create_project))
        .routes(routes!(project::list_members, project::create_member))
        .routes(routes!(project::set_member, project::remove_member))
        .routes(routes!(project::list_tokens, project::create_token))
        .routes(routes!(project::revoke_token))
        .routes(routes!(catalog::list_catalog))
        .routes(routes!(catalog::find_catalog_entry))
        .routes(routes!(catalog::read_release))
        .routes(routes!(
            instance::list_instances,
            instance::request_instance
        ))
        .routes(routes!(instance::find_instance))
        .routes(routes!(instance::set_instance_state))
        .routes(routes!(instance::bang_instance))
        .routes(routes!(instance::list_promises))
        .routes(routes!(instance::explain_instance))
        .routes(routes!(log::read_logs))
        .routes(routes!(supply::list_supplies, supply::set_supply))
        .routes(routes!(node::list_nodes, node::register_node))
        .routes(routes!(node::format_node))
        .routes(routes!(node::read_desired))
        .routes(routes!(node::report))
        .routes(routes!(log::answer_log))
        .routes(routes!(watch::list_events))
        .routes(routes!(watch::watch))
}

/// The OpenAPI text, as it is checked in under `openapi/`.
///
/// # Errors
/// Never in practice: the description is made of constants.
pub fn openapi_json() -> Result<String, serde_json::Error> {
    let (_, description) = api().split_for_parts();
    description.to_pretty_json().map(|text| text + "\n")
}

/// The whole face.
pub fn router(context: Context) -> Router {
    let (router, _) = api().split_for_parts();
    router
        .fallback(answer::no_such_call)
        .method_not_allowed_fallback(answer::no_such_method)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(context)
}

/// Is the master there?
#[utoipa::path(get, path = "/v1/health", tag = "events", operation_id = "health",
    responses((status = 200, body = Health)), security(()))]
async fn health(State(context): State<Context>) -> Response {
    answer::json(&Health {
        status: "ok".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        master_epoch: context.epoch.clone(),
    })
}
