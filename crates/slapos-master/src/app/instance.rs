//! Services that stand: how they are, stop, start, bang, destroy. Asking for them is in
//! `request.rs`.

pub use super::request::{check, find_unchanged, find_unchanged_row, request, request_row};

use super::{AppError, Caller, allocate, event, share, tree, view};
use crate::limits::{LIST_MAX, PROMISES_MAX};
use crate::store::instance::{self, InstanceRow};
use crate::store::{Tx, certificate, node, promise, supply, tree as trees};
use serde_json::json;
use slapos_api::wire::instance::{InstanceView, PromiseChange, PromiseView};
use slapos_model::{InstanceId, RequestedState, Role};

/// Raises the generation after a change of what is asked, writes it and tells; a share's host is
/// told as well.
pub(super) fn touch(
    tx: &mut Tx<'_>,
    caller: &Caller,
    row: &mut InstanceRow,
) -> Result<(), AppError> {
    row.generation += 1;
    row.changed_at = tx.now();
    row.stamp = tx.now();
    row.green_at = None;
    instance::set_requested(tx, row)?;
    if row.is_shared && row.requested_state == "stopped" {
        // Its host is no longer told of it: that is all that stopping a share is.
        row.reported_state = "stopped".to_owned();
        row.applied_generation = row.generation;
        instance::set_reported(tx, row)?;
    }
    if let Some(node_id) = row.node_id.as_deref() {
        node::raise_generation(tx, node_id)?;
    }
    let data = json!({"state": row.requested_state, "generation": row.generation});
    tx.record(event::about(
        row,
        event::INSTANCE_CHANGED,
        Some(caller.subject_id()),
        data,
    ));
    match row.host_id.as_deref() {
        Some(host_id) => tree::renew(tx, host_id),
        None => Ok(()),
    }
}

/// Asks an instance to go. What has no partition is gone at once; the rest when its node says so.
///
/// # Errors
/// The store's.
pub fn destroy(
    tx: &mut Tx<'_>,
    caller: &Caller,
    mut row: InstanceRow,
) -> Result<InstanceRow, AppError> {
    if row.requested_state != "destroyed" {
        row.requested_state = "destroyed".to_owned();
        touch(tx, caller, &mut row)?;
    }
    if row.partition_id.is_none() && row.reported_state != "destroyed" {
        tree::end_children(tx, caller, &row)?;
        finish_destroyed(tx, &mut row)?;
    }
    Ok(row)
}

/// The instance is gone: its name and its partition are free again.
///
/// # Errors
/// The store's.
pub fn finish_destroyed(tx: &mut Tx<'_>, row: &mut InstanceRow) -> Result<(), AppError> {
    node::free_partition(tx, &row.id)?;
    instance::set_destroyed(tx, &row.id)?;
    if let Some(node_id) = row.node_id.as_deref() {
        node::raise_generation(tx, node_id)?;
    }
    row.reported_state = "destroyed".to_owned();
    tx.record(event::about(
        row,
        event::INSTANCE_DESTROYED,
        None,
        json!({}),
    ));
    if let Some(subject_id) = row.subject_id.as_deref() {
        certificate::revoke_of_subject(tx, subject_id)?;
    }
    share::leave_host(tx, &row.id)?;
    tree::finish_root_of(tx, row)?;
    allocate::allocate_waiting(tx, &row.project_id)
}

/// Changes the requested state alone.
///
/// # Errors
/// When there is no such service, the role is too low, or the move is not legal.
pub fn set_state(
    tx: &mut Tx<'_>,
    caller: &Caller,
    which: &str,
    state: &str,
) -> Result<InstanceView, AppError> {
    let state: RequestedState = state
        .parse()
        .map_err(|error| AppError::invalid("state", error))?;
    let mut row = find_for(tx, caller, which, Role::Member)?;
    let before = read_state(&row)?;
    if state == RequestedState::Destroyed {
        return destroy(tx, caller, row).map(|row| view::instance(&row));
    }
    if !before.may_become(state) {
        return Err(AppError::conflict(format!(
            "service `{}` is being destroyed",
            row.name
        )));
    }
    if before != state {
        row.requested_state = state.to_string();
        touch(tx, caller, &mut row)?;
    }
    Ok(view::instance(&row))
}

/// Lets its node look at it again now.
///
/// # Errors
/// When there is no such service or the role is too low.
pub fn bang(
    tx: &mut Tx<'_>,
    caller: &Caller,
    which: &str,
    message: &str,
) -> Result<InstanceView, AppError> {
    let row = find_for(tx, caller, which, Role::Member)?;
    stamp_bang(tx, caller, &row, message)?;
    Ok(view::instance(&row))
}

/// One instance is to be looked at again now.
///
/// # Errors
/// The store's.
pub fn stamp_bang(
    tx: &mut Tx<'_>,
    caller: &Caller,
    row: &InstanceRow,
    message: &str,
) -> Result<(), AppError> {
    let message: String = message.chars().take(500).collect();
    let data = json!({"message": message});
    tx.record(event::about(
        row,
        event::INSTANCE_BANG,
        Some(caller.subject_id()),
        data,
    ));
    let now = tx.now();
    trees::set_stamp(tx, &row.id, now)?;
    if let Some(node_id) = row.node_id.as_deref() {
        let failed = supply::find(tx, node_id, &row.url)?
            .is_some_and(|supply| supply.reported_state == "failed");
        if failed {
            supply::set_requested(tx, node_id, &row.url, "available", true)?;
        }
        node::raise_generation(tx, node_id)?;
    }
    Ok(())
}

/// The living services that the caller may see.
///
/// # Errors
/// When the caller is no person.
pub fn list(tx: &mut Tx<'_>, caller: &Caller) -> Result<Vec<InstanceView>, AppError> {
    caller.require_person()?;
    let limit = i64::try_from(LIST_MAX).unwrap_or(i64::MAX);
    let mut views = Vec::new();
    for held in caller.roles() {
        let rows = instance::list_of_project(tx, &held.project_id, limit)?;
        views.extend(rows.iter().map(view::instance));
    }
    Ok(views)
}

/// One service.
///
/// # Errors
/// When there is none that the caller may see.
pub fn find(tx: &mut Tx<'_>, caller: &Caller, which: &str) -> Result<InstanceView, AppError> {
    find_for(tx, caller, which, Role::Viewer).map(|row| view::instance(&row))
}

/// The promises of a service.
///
/// # Errors
/// When there is none that the caller may see.
pub fn list_promises(
    tx: &mut Tx<'_>,
    caller: &Caller,
    which: &str,
) -> Result<Vec<PromiseView>, AppError> {
    let row = find_for(tx, caller, which, Role::Viewer)?;
    let promises = promise::list(tx, &row.id)?;
    let views = promises
        .into_iter()
        .take(PROMISES_MAX)
        .map(|promise| PromiseView {
            name: promise.name,
            state: promise.state,
            message: promise.message,
            checked_at: promise.checked_at.to_string(),
            since: promise.since.to_string(),
            history: serde_json::from_str::<Vec<PromiseChange>>(&promise.history)
                .unwrap_or_default(),
        });
    Ok(views.collect())
}

/// The row of a service by reference or name, when the caller has at least that role: the caller's
/// own under that name first, then that of the projects it is in.
///
/// # Errors
/// When there is none, or several of other people.
pub fn find_for(
    tx: &mut Tx<'_>,
    caller: &Caller,
    which: &str,
    role: Role,
) -> Result<InstanceRow, AppError> {
    let missing = || format!("service `{which}`");
    let person = caller.require_person()?;
    let row = if which.starts_with(InstanceId::PREFIX) {
        instance::find(tx, which)?
    } else if let Some(own) = instance::find_by_name(tx, person, which)? {
        Some(own)
    } else {
        find_of_others(tx, caller, which)?
    };
    let row = row.ok_or_else(|| missing_with_hint(tx, caller, which))?;
    caller.require(&row.project_id, role, &missing())?;
    Ok(row)
}

fn find_of_others(
    tx: &mut Tx<'_>,
    caller: &Caller,
    name: &str,
) -> Result<Option<InstanceRow>, AppError> {
    let mut rows = Vec::new();
    for held in caller.roles() {
        rows.extend(instance::list_by_name(tx, &held.project_id, name)?);
    }
    if rows.len() > 1 {
        let references: Vec<_> = rows.iter().map(|row| row.id.as_str()).collect();
        return Err(
            AppError::conflict(format!("several services are named `{name}`"))
                .hint(format!("use a reference: {}", references.join(", "))),
        );
    }
    Ok(rows.pop())
}

fn missing_with_hint(tx: &mut Tx<'_>, caller: &Caller, which: &str) -> AppError {
    let error = AppError::not_found(format!("service `{which}`"));
    let Ok(known) = list(tx, caller) else {
        return error;
    };
    let names: Vec<&str> = known.iter().map(|view| view.name.as_str()).collect();
    match slapos_model::closest(which, names.iter().copied()) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None if names.is_empty() => {
            error.hint("there is none yet; ask for one with `slapos request SOFTWARE NAME`")
        }
        None => error.hint("list them with `slapos service list`"),
    }
}

/// What is asked of it, as a state.
pub(super) fn read_state(row: &InstanceRow) -> Result<RequestedState, AppError> {
    row.requested_state.parse().map_err(|error| {
        AppError::new(
            slapos_api::ErrorCode::Internal,
            format!("{}: {error}", row.id),
        )
    })
}

/// The row as it stands now.
pub(super) fn reread(tx: &mut Tx<'_>, id: &str) -> Result<InstanceRow, AppError> {
    let row = instance::find(tx, id)?;
    row.ok_or_else(|| AppError::not_found("such service"))
}
