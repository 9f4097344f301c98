//! Trees of instances: what a change of one means for those above and below it.
//!
//! An instance that published something new is news for the one that asked for it, and for no
//! other. A root ends after its children. Start with [`publish`].

use super::caller::Act;
use super::{AppError, Caller, event, instance as rules, view};
use crate::store::instance::{self, InstanceRow};
use crate::store::{Tx, node, tree};
use serde_json::json;
use slapos_api::wire::JsonMap;
use slapos_model::{Name, Parameters};

/// Lets an instance be worked on again with what it is given now.
///
/// # Errors
/// The store's.
pub fn renew(tx: &mut Tx<'_>, id: &str) -> Result<(), AppError> {
    let Some(row) = instance::find(tx, id)? else {
        return Ok(());
    };
    let now = tx.now();
    tree::renew(tx, id, now)?;
    let Some(node_id) = row.node_id.as_deref() else {
        return Ok(());
    };
    node::raise_generation(tx, node_id)?;
    let data = json!({"state": row.requested_state, "generation": row.generation + 1});
    tx.record(event::about(&row, event::INSTANCE_CHANGED, None, data));
    Ok(())
}

/// Keeps what an instance published, or what a host published for a share of it. The same again
/// changes nothing.
///
/// # Errors
/// When the caller is not the instance, its node, or the host of the share; or a limit is passed.
pub fn publish(
    tx: &mut Tx<'_>,
    caller: &Caller,
    row: &InstanceRow,
    connection: &JsonMap,
) -> Result<bool, AppError> {
    require_publisher(tx, caller, row)?;
    let connection = Parameters::from_stranger(connection.clone())
        .map_err(|error| AppError::invalid("connection", error))?
        .to_text();
    let mut kept = row.clone();
    kept.connection = connection;
    // That its host publishes for it is all that is ever heard of a share.
    if row.is_shared && row.requested_state == "started" {
        kept.reported_state = "started".to_owned();
        kept.applied_generation = row.generation;
        kept.message = None;
        kept.green_at = row.green_at.or(Some(tx.now()));
    }
    if kept == *row {
        return Ok(false);
    }
    instance::set_reported(tx, &kept)?;
    let data = json!({"state": kept.reported_state});
    tx.record(event::about(&kept, event::INSTANCE_REPORTED, None, data));
    let is_news = kept.connection != row.connection;
    if is_news {
        tell_parent(tx, &kept)?;
    }
    Ok(is_news)
}

fn require_publisher(tx: &mut Tx<'_>, caller: &Caller, row: &InstanceRow) -> Result<(), AppError> {
    match &row.host_id {
        Some(host_id) if row.is_shared => {
            let host = instance::find(tx, host_id)?;
            let host = host.ok_or_else(|| AppError::not_found("host of that share"))?;
            caller.require_on(&host, Act::Run)
        }
        _ => caller.require_on(row, Act::Run),
    }
}

/// What it published is news for whoever asked for it last.
///
/// # Errors
/// The store's.
pub fn tell_parent(tx: &mut Tx<'_>, row: &InstanceRow) -> Result<(), AppError> {
    match row.parent_id.as_deref() {
        Some(parent_id) => renew(tx, parent_id),
        None => Ok(()),
    }
}

/// Lets the whole tree of an instance be looked at again now.
///
/// # Errors
/// When the caller may not.
pub fn bang(
    tx: &mut Tx<'_>,
    caller: &Caller,
    row: &InstanceRow,
    message: &str,
) -> Result<(), AppError> {
    caller.require_on(row, Act::Bang)?;
    let root = instance::find(tx, &row.root_id)?.unwrap_or_else(|| row.clone());
    let mut members = tree::list_children(tx, &root.id)?;
    members.push(root);
    for member in members {
        rules::stamp_bang(tx, caller, &member, message)?;
    }
    Ok(())
}

/// Lets all that runs on the calling node be looked at again now.
///
/// # Errors
/// When the caller is no node.
pub fn bang_node(tx: &mut Tx<'_>, caller: &Caller, message: &str) -> Result<(), AppError> {
    let node_id = caller.require_node()?;
    for row in instance::list_of_node(tx, node_id)? {
        rules::stamp_bang(tx, caller, &row, message)?;
    }
    Ok(())
}

/// Gives an instance another name.
///
/// # Errors
/// When the caller may not, the name is none, or the requester uses it already.
pub fn rename(
    tx: &mut Tx<'_>,
    caller: &Caller,
    row: &InstanceRow,
    name: &str,
) -> Result<(), AppError> {
    caller.require_on(row, Act::Change)?;
    let name: Name = name
        .parse()
        .map_err(|error| AppError::invalid("name", error))?;
    if name.as_str() == row.name {
        return Ok(());
    }
    let taken = instance::find_asked(tx, &row.requester_id, name.as_str(), row.is_shared)?;
    if taken.is_some() {
        return Err(AppError::conflict(format!(
            "there is already a service named `{name}`"
        )));
    }
    tree::set_name(tx, &row.id, name.as_str())?;
    let data = json!({"name": name.as_str(), "was": row.name});
    tx.record(event::about(
        row,
        event::INSTANCE_CHANGED,
        Some(caller.subject_id()),
        data,
    ));
    // The name is part of what the instance and its children are given.
    renew(tx, &row.id)?;
    for child in tree::list_children(tx, &row.id)? {
        renew(tx, &child.id)?;
    }
    Ok(())
}

/// What a node's word that an instance is removed led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removal {
    /// Its partition is free.
    Done,
    /// These have to go first, by name; they are told to.
    Children(Vec<String>),
    /// Nobody asked for it: it stays.
    NotAsked,
}

/// The node removed an instance. A root waits for its children, which are asked to go.
///
/// # Errors
/// When it does not run on the calling node.
pub fn finish_removed(
    tx: &mut Tx<'_>,
    caller: &Caller,
    row: &InstanceRow,
) -> Result<Removal, AppError> {
    caller.require_on(row, Act::Run)?;
    if row.requested_state != "destroyed" {
        return Ok(Removal::NotAsked);
    }
    let children = end_children(tx, caller, row)?;
    if !children.is_empty() {
        return Ok(Removal::Children(children));
    }
    rules::finish_destroyed(tx, &mut row.clone())?;
    Ok(Removal::Done)
}

/// Asks the children of a root to go; the names of those that are still there.
///
/// # Errors
/// The store's.
pub fn end_children(
    tx: &mut Tx<'_>,
    caller: &Caller,
    row: &InstanceRow,
) -> Result<Vec<String>, AppError> {
    if row.root_id != row.id {
        return Ok(Vec::new());
    }
    let mut left = Vec::new();
    for child in tree::list_children(tx, &row.id)? {
        let name = child.name.clone();
        if rules::destroy(tx, caller, child)?.reported_state != "destroyed" {
            left.push(name);
        }
    }
    Ok(left)
}

/// The last child of a root that its node has removed already: the root is gone too.
///
/// # Errors
/// The store's.
pub fn finish_root_of(tx: &mut Tx<'_>, row: &InstanceRow) -> Result<(), AppError> {
    if row.root_id == row.id {
        return Ok(());
    }
    let Some(mut root) = instance::find(tx, &row.root_id)? else {
        return Ok(());
    };
    let is_removed = root.requested_state == "destroyed" && root.reported_state == "destroyed";
    if is_removed && root.partition_id.is_some() && tree::list_children(tx, &root.id)?.is_empty() {
        rules::finish_destroyed(tx, &mut root)?;
    }
    Ok(())
}

/// The root of that title which the caller means: its own first, then the oldest of its projects.
/// Several people may use one title.
///
/// # Errors
/// The store's.
pub fn find_root(
    tx: &mut Tx<'_>,
    caller: &Caller,
    title: &str,
) -> Result<Option<InstanceRow>, AppError> {
    if let Caller::Person { id, .. } = caller {
        let own = instance::find_by_name(tx, id, title)?;
        if own.is_some() {
            return Ok(own);
        }
    }
    for project_id in caller.projects() {
        let found = tree::find_root(tx, project_id, title)?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// The name of an instance's root, and its own when it is one.
///
/// # Errors
/// The store's.
pub fn root_name(tx: &mut Tx<'_>, row: &InstanceRow) -> Result<String, AppError> {
    if row.root_id == row.id {
        return Ok(row.name.clone());
    }
    let root = instance::find(tx, &row.root_id)?;
    Ok(root.map_or_else(|| row.name.clone(), |root| root.name))
}

/// Parameters as an instance of ours is given them: where an old client wrapped them in one JSON
/// text under `_`, what that text holds.
#[must_use]
pub fn unwrapped(parameters: &str) -> JsonMap {
    slapos_api::slap::unwrapped(view::object(parameters))
}
