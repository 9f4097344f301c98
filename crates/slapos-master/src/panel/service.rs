//! `/services/{service}`: all that is known of one service, and what can be done with it.

use super::Panel;
use super::event::{Line, newest};
use super::home::{Progress, place, progress, software};
use super::page::{Frame, Page, render, see};
use super::readme::{Span, spans};
use super::show::{Badge, Shown, shown};
use crate::app::{AppError, Caller, Proof, catalog, instance, why};
use crate::store::Tx;
use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use serde::Deserialize;
use slapos_api::wire::catalog::CatalogEntry;
use slapos_api::wire::instance::{Cause, InstanceView, PromiseChange, PromiseView};
use slapos_api::wire::node::ProcessReport;
use slapos_model::Role;

#[derive(Template)]
#[template(path = "service.html")]
struct ServicePage {
    frame: Frame,
    view: InstanceView,
    badge: Badge,
    software: String,
    place: Option<String>,
    summary: String,
    causes: Vec<CauseLine>,
    connection: Vec<Shown>,
    parameters: Vec<Shown>,
    promises: Vec<PromiseLine>,
    processes: Vec<ProcessLine>,
    progress: Option<Progress>,
    lines: Vec<Line>,
    catalog_name: Option<String>,
    may_change: bool,
}

/// A cause; what is to be typed about it stands out.
struct CauseLine {
    message: Vec<Span>,
    hint: Option<Vec<Span>>,
    log: Option<String>,
}

/// A promise and how it went.
struct PromiseLine {
    promise: PromiseView,
    badge: Badge,
    history: Vec<(Badge, PromiseChange)>,
}

/// A process.
struct ProcessLine {
    process: ProcessReport,
    badge: Badge,
}

/// `GET /services/{service}`.
pub(super) async fn show(
    State(panel): State<Panel>,
    proof: Proof,
    Path(which): Path<String>,
) -> Page {
    let page = panel.read(proof, move |tx, caller| build(tx, caller, &which));
    Ok(render(&page.await?))
}

fn build(tx: &mut Tx<'_>, caller: &Caller, which: &str) -> Result<ServicePage, AppError> {
    let row = instance::find_for(tx, caller, which, Role::Viewer)?;
    let view = instance::find(tx, caller, &row.id)?;
    let why = why::explain(tx, caller, &row.id)?;
    let processes: Vec<ProcessReport> = serde_json::from_str(&row.processes).unwrap_or_default();
    let entry = catalog_entry(tx, &view)?;
    let promises = instance::list_promises(tx, caller, &row.id)?;
    Ok(ServicePage {
        frame: Frame::new(caller, "services", &view.name).live(&view.id),
        badge: Badge::of(&view.state),
        software: software(&view),
        place: place(&view),
        summary: why.summary,
        causes: why.causes.into_iter().map(cause_line).collect(),
        connection: connection(&view, entry.as_ref()),
        parameters: parameters(&view),
        promises: promises.into_iter().map(promise_line).collect(),
        processes: processes.into_iter().map(process_line).collect(),
        progress: view.progress.as_ref().map(progress),
        lines: newest(tx, caller, Some(&view))?,
        catalog_name: entry.map(|entry| entry.name),
        may_change: row.requester_id == caller.subject_id()
            && caller.require(&row.project_id, Role::Member, "").is_ok(),
        view,
    })
}

/// The catalogue's entry of a service, when it is from there and still there.
pub(super) fn catalog_entry(
    tx: &mut Tx<'_>,
    view: &InstanceView,
) -> Result<Option<CatalogEntry>, AppError> {
    let (Some(name), Some(version)) = (&view.software.name, &view.software.version) else {
        return Ok(None);
    };
    Ok(catalog::find(tx, &format!("{name}@{version}")).ok())
}

fn connection(view: &InstanceView, entry: Option<&CatalogEntry>) -> Vec<Shown> {
    let describe = |key: &String| {
        entry
            .and_then(|entry| entry.connection.get(key))
            .map_or("", String::as_str)
    };
    let values = view.connection.iter();
    values
        .map(|(key, value)| shown(key, value, describe(key)))
        .collect()
}

fn parameters(view: &InstanceView) -> Vec<Shown> {
    let values = view.parameters.iter();
    values.map(|(key, value)| shown(key, value, "")).collect()
}

fn cause_line(cause: Cause) -> CauseLine {
    CauseLine {
        message: spans(&cause.message),
        hint: cause.hint.as_deref().map(spans),
        log: cause.log,
    }
}

fn promise_line(mut promise: PromiseView) -> PromiseLine {
    let history = std::mem::take(&mut promise.history);
    PromiseLine {
        badge: Badge::of(&promise.state),
        history: history
            .into_iter()
            .map(|change| (Badge::of(&change.state), change))
            .collect(),
        promise,
    }
}

fn process_line(process: ProcessReport) -> ProcessLine {
    ProcessLine {
        badge: Badge::of(&process.state),
        process,
    }
}

/// What a button asks for.
#[derive(Deserialize)]
pub(super) struct StateForm {
    state: String,
}

/// `POST /services/{service}/state`: start, stop, destroy.
pub(super) async fn set_state(
    State(panel): State<Panel>,
    proof: Proof,
    Path(which): Path<String>,
    Form(form): Form<StateForm>,
) -> Page {
    let change = panel.write(proof, move |tx, caller| {
        instance::set_state(tx, caller, &which, &form.state)
    });
    let view = change.await?;
    // One that never had a partition is gone at once: its page would say nothing more.
    if view.requested_state == "destroyed" {
        return Ok(see("/"));
    }
    Ok(see(&format!("/services/{}", view.id)))
}

/// `POST /services/{service}/bang`: let the node look at it, or try it, again now.
pub(super) async fn bang(
    State(panel): State<Panel>,
    proof: Proof,
    Path(which): Path<String>,
) -> Page {
    let bang = panel.write(proof, move |tx, caller| {
        instance::bang(tx, caller, &which, "asked for in the panel")
    });
    let view = bang.await?;
    Ok(see(&format!("/services/{}", view.id)))
}

#[derive(Template)]
#[template(path = "destroy.html")]
struct DestroyPage {
    frame: Frame,
    view: InstanceView,
    software: String,
}

/// `GET /services/{service}/destroy`: is that meant?
pub(super) async fn confirm_destroy(
    State(panel): State<Panel>,
    proof: Proof,
    Path(which): Path<String>,
) -> Page {
    let page = panel.read(proof, move |tx, caller| {
        let view = instance::find(tx, caller, &which)?;
        let title = format!("Destroy {}?", view.name);
        Ok(DestroyPage {
            frame: Frame::new(caller, "services", &title),
            software: software(&view),
            view,
        })
    });
    Ok(render(&page.await?))
}
