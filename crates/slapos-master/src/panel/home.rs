//! `/`: all services, what happens, and how much room there is.

use super::event::{Line, newest};
use super::page::{Frame, Page, render, see};
use super::show::{Badge, Shown, address, first_line};
use super::{Panel, session};
use crate::app::{AppError, Caller, Proof, instance, node};
use crate::store::Tx;
use askama::Template;
use axum::extract::{Query, State};
use serde::Deserialize;
use slapos_api::wire::instance::InstanceView;
use slapos_api::wire::node::NodeView;
use std::sync::Arc;

/// Longest message of a service in the list.
const MESSAGE_MAX: usize = 140;

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage {
    frame: Frame,
    services: Vec<ServiceCard>,
    room: Room,
    lines: Vec<Line>,
}

/// A service in the list.
struct ServiceCard {
    id: String,
    name: String,
    badge: Badge,
    software: String,
    place: Option<String>,
    kept: i64,
    total: i64,
    message: Option<String>,
    progress: Option<Progress>,
    address: Option<Shown>,
}

/// A build that goes on, as a bar.
pub(super) struct Progress {
    /// Parts that are done.
    pub(super) done: u32,
    /// Parts.
    pub(super) total: u32,
    /// What is being done.
    pub(super) text: String,
    /// Since the build began.
    pub(super) seconds: u32,
    /// The same for people.
    pub(super) elapsed: String,
}

/// How much there is of everything.
#[derive(Default)]
struct Room {
    services: usize,
    as_asked: usize,
    kept: i64,
    promises: i64,
    nodes: usize,
    online: usize,
    free: usize,
    partitions: usize,
}

/// The link that `slapos up` prints brings a token.
#[derive(Deserialize)]
pub(super) struct HomeQuery {
    token: Option<String>,
}

/// `GET /`.
pub(super) async fn show(
    State(panel): State<Panel>,
    proof: Proof,
    Query(query): Query<HomeQuery>,
) -> Page {
    let proof = Arc::new(proof);
    if let Some(token) = query.token {
        // An old link in a browser that is logged in already must not log it out.
        let entered = session::enter(&panel, &token).await?;
        let is_in = entered.status().is_success() || entered.status().is_redirection();
        if !is_in && panel.read(Arc::clone(&proof), |_, _| Ok(())).await.is_ok() {
            return Ok(see("/"));
        }
        return Ok(entered);
    }
    let page = panel.read(Arc::clone(&proof), build).await?;
    Ok(render(&page))
}

fn build(tx: &mut Tx<'_>, caller: &Caller) -> Result<HomePage, AppError> {
    let services = instance::list(tx, caller)?;
    let nodes = node::list(tx, caller)?;
    Ok(HomePage {
        frame: Frame::new(caller, "services", "Services").live(""),
        room: room(&services, &nodes),
        services: services.iter().map(card).collect(),
        lines: newest(tx, caller, None)?,
    })
}

fn room(services: &[InstanceView], nodes: &[NodeView]) -> Room {
    let partitions = || nodes.iter().flat_map(|node| &node.partitions);
    let is_settled = |view: &&InstanceView| view.state == view.requested_state;
    Room {
        services: services.len(),
        as_asked: services.iter().filter(is_settled).count(),
        kept: services.iter().map(|view| view.promises.kept).sum(),
        promises: services.iter().map(|view| view.promises.total).sum(),
        nodes: nodes.len(),
        online: nodes.iter().filter(|node| node.online).count(),
        free: partitions().filter(|part| part.state == "free").count(),
        partitions: partitions().count(),
    }
}

fn card(view: &InstanceView) -> ServiceCard {
    ServiceCard {
        id: view.id.clone(),
        name: view.name.clone(),
        badge: Badge::of(&view.state),
        software: software(view),
        place: place(view),
        kept: view.promises.kept,
        total: view.promises.total,
        message: view
            .message
            .as_deref()
            .map(|text| first_line(text, MESSAGE_MAX)),
        progress: view.progress.as_ref().map(progress),
        address: address(&view.connection).filter(|_| view.state != "stopped"),
    }
}

/// `redis 7.0.15`, or the address of a release that is not from the catalogue.
pub(super) fn software(view: &InstanceView) -> String {
    match (&view.software.name, &view.software.version) {
        (Some(name), Some(version)) => format!("{name} {version}"),
        _ => view.software.url.clone(),
    }
}

/// `local/slappart0`.
pub(super) fn place(view: &InstanceView) -> Option<String> {
    let partition = view.partition.as_deref()?;
    Some(format!("{}/{partition}", view.node.as_deref()?))
}

/// A bar of a build.
pub(super) fn progress(progress: &slapos_api::wire::instance::Progress) -> Progress {
    Progress {
        done: progress.index.saturating_sub(1),
        total: progress.total.max(1),
        text: format!(
            "part {} of {}: {}, {}",
            progress.index, progress.total, progress.part, progress.step
        ),
        seconds: progress.seconds,
        elapsed: super::show::elapsed(progress.seconds),
    }
}
