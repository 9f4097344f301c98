//! Ordering releases on nodes by hand, beside what allocation orders by itself.

use super::{AppError, Caller, catalog, event, view};
use crate::store::event::EventRow;
use crate::store::node::NodeRow;
use crate::store::{Tx, instance, node, supply};
use serde_json::json;
use slapos_api::wire::supply::{SupplySet, SupplyView};
use slapos_model::Role;

/// The supplies of the caller's projects.
///
/// # Errors
/// When the caller is no person.
pub fn list(tx: &mut Tx<'_>, caller: &Caller) -> Result<Vec<SupplyView>, AppError> {
    caller.require_person()?;
    let mut views = Vec::new();
    for held in caller.roles() {
        for known in node::list(tx, &held.project_id)? {
            let rows = supply::list_of_node(tx, &known.id)?;
            views.extend(rows.iter().map(view::supply));
        }
    }
    Ok(views)
}

/// Orders a release on a node, or its removal. Ordering again one whose build failed tries it
/// again now.
///
/// # Errors
/// When there is no such node or software, a service still uses it, or the role is too low.
pub fn set(tx: &mut Tx<'_>, caller: &Caller, ask: &SupplySet) -> Result<SupplyView, AppError> {
    caller.require_person()?;
    set_resolved(tx, caller, ask, |tx| {
        Ok(catalog::resolve(tx, &ask.software)?.url)
    })
}

/// The same where the caller's wire says what a software's name means.
///
/// # Errors
/// As [`set`].
pub fn set_resolved(
    tx: &mut Tx<'_>,
    caller: &Caller,
    ask: &SupplySet,
    resolve: impl FnOnce(&mut Tx<'_>) -> Result<String, AppError>,
) -> Result<SupplyView, AppError> {
    caller.require_person()?;
    if !matches!(ask.state.as_str(), "available" | "destroyed") {
        return Err(AppError::invalid(
            "state",
            "a supply is `available` or `destroyed`",
        ));
    }
    let mut found = None;
    for held in caller.roles() {
        let nodes = node::list(tx, &held.project_id)?;
        found = found.or(nodes
            .into_iter()
            .find(|row| row.name == ask.node || row.id == ask.node));
    }
    let missing = format!("node `{}`", ask.node);
    let row = found.ok_or_else(|| AppError::not_found(&missing))?;
    caller.require(&row.project_id, Role::Operator, &missing)?;
    let url = resolve(tx)?;
    if ask.state == "destroyed" {
        refuse_when_used(tx, &row.id, &url)?;
    }
    let known = supply::find(tx, &row.id, &url)?;
    let is_retry = known
        .as_ref()
        .is_some_and(|supply| supply.reported_state == "failed");
    let is_same = known
        .as_ref()
        .is_some_and(|supply| supply.requested_state == ask.state);
    if !is_same || is_retry {
        supply::set_requested(tx, &row.id, &url, &ask.state, is_retry)?;
        tell_ordered(tx, &row, caller.subject_id(), (&url, &ask.state))?;
    }
    supply::set_by_person(tx, &row.id, &url)?;
    let kept = supply::find(tx, &row.id, &url)?;
    kept.as_ref()
        .map(view::supply)
        .ok_or_else(|| AppError::not_found("such supply"))
}

fn refuse_when_used(tx: &mut Tx<'_>, node_id: &str, url: &str) -> Result<(), AppError> {
    let users: Vec<_> = instance::list_of_node(tx, node_id)?
        .into_iter()
        .filter(|row| row.url == url)
        .map(|row| row.name)
        .collect();
    if users.is_empty() {
        return Ok(());
    }
    Err(
        AppError::conflict(format!("{url} is still used by: {}", users.join(", ")))
            .hint("destroy those services first"),
    )
}

/// A node removed a release that nobody asked it to remove, and is believed that it was to go,
/// unless a service needs it.
///
/// # Errors
/// The store's.
pub fn believe_removed(tx: &mut Tx<'_>, row: &NodeRow, url: &str) -> Result<(), AppError> {
    let known = supply::find(tx, &row.id, url)?;
    let is_ordered = known.is_some_and(|supply| supply.requested_state != "destroyed");
    if !is_ordered || refuse_when_used(tx, &row.id, url).is_err() {
        return Ok(());
    }
    supply::set_requested(tx, &row.id, url, "destroyed", false)?;
    tell_ordered(tx, row, &row.subject_id, (url, "destroyed"))
}

fn tell_ordered(
    tx: &mut Tx<'_>,
    row: &NodeRow,
    subject_id: &str,
    (url, state): (&str, &str),
) -> Result<(), AppError> {
    node::raise_generation(tx, &row.id)?;
    tx.record(EventRow {
        kind: event::SUPPLY_REQUESTED.to_owned(),
        project_id: Some(row.project_id.clone()),
        node_id: Some(row.id.clone()),
        subject_id: Some(subject_id.to_owned()),
        data: json!({"software": url, "state": state, "node": row.name}).to_string(),
        ..EventRow::default()
    });
    Ok(())
}
