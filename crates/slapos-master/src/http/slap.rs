//! The old SLAP wire: forms in, marshalled XML out, as Python clients and nodes speak it.
//!
//! A face over the rules of `app`, with none of its own. It speaks one of two dialects (see
//! [`Dialect`]): as the ERP5 master with certificates, or as `slapos proxy` on loopback with none.
//! "Computer" and "slave" are words of this wire and stay here. Start with [`router`].

mod answer;
pub(super) mod certificate;
pub(super) mod computer;
mod dialect;
mod document;
pub(super) mod form;
pub(super) mod format;
pub(super) mod forward;
pub(super) mod frontend;
pub(super) mod instance;
pub(super) mod partition;
pub(super) mod person;
pub(super) mod request;
pub(super) mod who;

pub use computer::ensure_node;
pub use dialect::{Dialect, ProxyDialect};
pub(crate) use format::offer;
pub(crate) use instance::Network;

use super::Context;
use crate::forward::Forwarder;
pub(super) use answer::Refusal;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use slapos_api::limits::SLAP_BODY_BYTES_MAX;
use std::sync::Arc;

/// What every call of this wire may use.
#[derive(Clone)]
pub(crate) struct Face {
    pub(super) context: Context,
    pub(super) dialect: Arc<Dialect>,
    /// The way to other masters; a proxy has one.
    pub(super) forwarder: Option<Arc<Forwarder>>,
}

/// What a call gives back.
pub(super) type Reply = Result<axum::response::Response, Refusal>;

/// The routes of the old wire, of SLAP JSON-RPC and of the HATEOAS pages. Add a new one here.
pub fn router(context: Context, dialect: Dialect) -> Router {
    let proxy = dialect.proxy().cloned();
    let face = Face {
        forwarder: proxy.map(|proxy| {
            Forwarder::start(context.store.clone(), proxy, Arc::clone(&context.random))
        }),
        context,
        dialect: Arc::new(dialect),
    };
    let routes = computer_routes()
        .merge(partition_routes())
        .merge(other_routes())
        .merge(super::jsonrpc::routes())
        .merge(super::hateoas::routes());
    routes
        .layer(from_fn_with_state(face.clone(), who::refuse_other_sites))
        .layer(DefaultBodyLimit::max(SLAP_BODY_BYTES_MAX))
        .with_state(face)
}

fn computer_routes() -> Router<Face> {
    Router::new()
        .route("/getFullComputerInformation", get(computer::read))
        .route("/getComputerInformation", get(computer::read))
        .route("/getComputerStatus", get(computer::read_status))
        .route("/loadComputerConfigurationFromXML", post(computer::load))
        .route("/useComputer", post(computer::keep_usage))
        .route("/computerBang", post(computer::bang))
        .route("/supplySupply", post(computer::supply))
        .route("/buildingSoftwareRelease", post(computer::building))
        .route("/availableSoftwareRelease", post(computer::available))
        .route("/softwareReleaseError", post(computer::release_error))
        .route("/destroyedSoftwareRelease", post(computer::destroyed))
        .route(
            "/getSoftwareInstallationStatus",
            get(computer::read_installation),
        )
        .route(
            "/generateComputerCertificate",
            post(certificate::generate_computer),
        )
        .route(
            "/revokeComputerCertificate",
            post(certificate::revoke_computer),
        )
}

fn partition_routes() -> Router<Face> {
    Router::new()
        .route("/requestComputerPartition", post(request::request))
        .route("/registerComputerPartition", get(partition::read))
        .route("/getComputerPartitionStatus", get(partition::read_status))
        .route(
            "/getComputerPartitionCertificate",
            get(certificate::read_partition),
        )
        .route(
            "/setComputerPartitionConnectionXml",
            post(partition::publish),
        )
        .route("/startedComputerPartition", post(partition::started))
        .route("/stoppedComputerPartition", post(partition::stopped))
        .route("/destroyedComputerPartition", post(partition::destroyed))
        .route("/softwareInstanceError", post(partition::error))
        .route("/softwareInstanceBang", post(partition::bang))
        .route("/softwareInstanceRename", post(partition::rename))
        .route(
            "/getHostingSubscriptionIpList",
            get(partition::list_addresses),
        )
        .route(
            "/updateComputerPartitionRelatedInstanceList",
            post(partition::keep_related),
        )
}

fn other_routes() -> Router<Face> {
    Router::new()
        .route("/getRunId", get(person::run_id))
        .route("/getHateoasUrl", get(person::hateoas_url))
        .route(
            "/getSoftwareReleaseListFromSoftwareProduct",
            get(person::list_releases),
        )
        .route("/requestComputer", post(certificate::request_computer))
        .route("/Person_requestComputer", post(certificate::register))
        .route("/Person_getCertificate", post(certificate::read_person))
}
