//! Nodes: joining, what they offer, what they are asked to run.

use super::{AppError, Caller, allocate, event, tree, view};
use crate::limits::{NODE_ONLINE_US, PARTITIONS_MAX};
use crate::store::event::EventRow;
use crate::store::instance;
use crate::store::node::{self, NodeRow, PartitionRow};
use crate::store::subject::{self, SubjectRow};
use crate::store::{Tx, supply, tree as trees};
use serde_json::json;
use slapos_api::wire::node::{
    Desired, DesiredInstance, DesiredSoftware, NodeFormat, NodeView, PartitionOffer, PartitionView,
    SharedInstance,
};
use slapos_model::{Name, NodeId, PartitionId, Role, SubjectId};
use std::collections::BTreeMap;
use std::collections::HashSet;

/// A node joins a project, or asks again: idempotent for the same name and key.
///
/// # Errors
/// When the name is taken by another key, or the caller may not.
pub fn register(
    tx: &mut Tx<'_>,
    caller: &Caller,
    project: Option<&str>,
    name: &str,
    key_hash: &str,
) -> Result<NodeRow, AppError> {
    let project = caller.choose_project(project)?.clone();
    caller.require(&project.project_id, Role::Operator, "such project")?;
    let name: Name = name
        .parse()
        .map_err(|error| AppError::invalid("name", error))?;
    if let Some(known) = node::find_by_key(tx, key_hash)? {
        if known.project_id == project.project_id && known.name == name.as_str() {
            return Ok(known);
        }
        return Err(
            AppError::conflict("this key is already that of another node")
                .hint("let the node make a key of its own"),
        );
    }
    let is_taken = node::list(tx, &project.project_id)?
        .iter()
        .any(|known| known.name == name.as_str());
    if is_taken {
        return Err(AppError::conflict(format!(
            "project {} already has a node named `{name}`, with another key",
            project.project_name
        ))
        .hint("choose another name, or give the node its old identity back"));
    }
    let person = SubjectRow {
        id: SubjectId::fresh(tx.clock(), tx.random()).to_string(),
        kind: "node".to_owned(),
        name: name.to_string(),
    };
    subject::insert(tx, &person)?;
    let row = NodeRow {
        id: NodeId::fresh(tx.clock(), tx.random()).to_string(),
        project_id: project.project_id.clone(),
        subject_id: person.id,
        name: name.to_string(),
        key_hash: key_hash.to_owned(),
        generation: 0,
        version: String::new(),
        facts: "{}".to_owned(),
        seen_at: None,
    };
    node::insert(tx, &row)?;
    record(tx, &row, event::NODE_REGISTERED, Some(caller.subject_id()));
    Ok(row)
}

/// The node of a proxy under a name, made when there is none: it is on the same machine and proves
/// no key.
///
/// # Errors
/// As [`register`].
pub fn ensure_keyless(
    tx: &mut Tx<'_>,
    caller: &Caller,
    (project_id, name): (&str, &str),
) -> Result<NodeRow, AppError> {
    match node::find_in_project(tx, project_id, name)? {
        Some(known) => Ok(known),
        None => {
            let key = format!("loopback:{name}");
            register(tx, caller, Some(project_id), name, &key)
        }
    }
}

/// An entry about a node.
pub(super) fn record(tx: &mut Tx<'_>, row: &NodeRow, kind: &str, subject_id: Option<&str>) {
    tx.record(EventRow {
        kind: kind.to_owned(),
        project_id: Some(row.project_id.clone()),
        node_id: Some(row.id.clone()),
        subject_id: subject_id.map(str::to_owned),
        data: json!({"name": row.name}).to_string(),
        ..EventRow::default()
    });
}

/// The nodes of the caller's projects.
///
/// # Errors
/// When the caller is no person.
pub fn list(tx: &mut Tx<'_>, caller: &Caller) -> Result<Vec<NodeView>, AppError> {
    caller.require_person()?;
    let mut views = Vec::new();
    for held in caller.roles() {
        for row in node::list(tx, &held.project_id)? {
            views.push(to_wire(tx, &row, &held.project_name)?);
        }
    }
    Ok(views)
}

fn to_wire(tx: &mut Tx<'_>, row: &NodeRow, project: &str) -> Result<NodeView, AppError> {
    let partitions = node::list_partitions(tx, &row.id)?;
    Ok(NodeView {
        id: row.id.clone(),
        name: row.name.clone(),
        project: project.to_owned(),
        online: is_online(tx, row),
        seen_at: row.seen_at.map(|at| at.to_string()),
        version: row.version.clone(),
        facts: view::object(&row.facts),
        partitions: partitions
            .into_iter()
            .filter(|partition| partition.is_enabled || partition.instance_id.is_some())
            .map(partition_view)
            .collect(),
    })
}

fn partition_view(row: PartitionRow) -> PartitionView {
    let state = match (&row.instance_id, row.instance_state.as_deref()) {
        (None, _) => "free",
        (Some(_), Some("destroyed")) => "cleaning",
        (Some(_), _) => "busy",
    };
    PartitionView {
        name: row.name,
        addresses: serde_json::from_str(&row.addresses).unwrap_or_default(),
        instance: row.instance_name,
        instance_id: row.instance_id,
        state: state.to_owned(),
    }
}

/// Was the node heard lately?
#[must_use]
pub fn is_online(tx: &Tx<'_>, row: &NodeRow) -> bool {
    row.seen_at
        .is_some_and(|at| tx.now().as_micros() - at.as_micros() < NODE_ONLINE_US)
}

/// Was nothing heard of it for so many minutes?
#[must_use]
pub fn is_quiet(tx: &Tx<'_>, row: &NodeRow, minutes: i64) -> bool {
    row.seen_at
        .is_none_or(|at| tx.now().as_micros() - at.as_micros() >= minutes * 60_000_000)
}

/// The node says what it offers. Partitions that it no longer names are disabled, never deleted;
/// instances that waited may find room.
///
/// # Errors
/// When the caller is no node or an offer is not as it should be.
pub fn format(tx: &mut Tx<'_>, caller: &Caller, offer: &NodeFormat) -> Result<NodeView, AppError> {
    format_with(tx, caller, offer, &[])
}

/// The same for a node that names interfaces and masks too: `networks` are the JSON texts of the
/// offered partitions, in order, or nothing at all.
///
/// # Errors
/// As [`format`].
pub fn format_with(
    tx: &mut Tx<'_>,
    caller: &Caller,
    offer: &NodeFormat,
    networks: &[String],
) -> Result<NodeView, AppError> {
    let id = caller.require_node()?;
    check_offer(offer)?;
    let row = find(tx, id)?;
    let facts = serde_json::Value::Object(offer.facts.clone()).to_string();
    let known = node::list_partitions(tx, id)?;
    let is_same = row.version == offer.version
        && row.facts == facts
        && is_same_offer(&known, &offer.partitions, networks);
    node::set_facts(tx, id, &offer.version, &facts)?;
    if !is_same {
        write_partitions(tx, id, &known, (&offer.partitions, networks))?;
        record(tx, &row, event::NODE_FORMATTED, Some(caller.subject_id()));
        allocate::allocate_waiting(tx, &row.project_id)?;
    }
    let row = find(tx, id)?;
    to_wire(tx, &row, "")
}

fn find(tx: &mut Tx<'_>, id: &str) -> Result<NodeRow, AppError> {
    node::find(tx, id)?.ok_or_else(|| AppError::not_found(format!("node {id}")))
}

fn check_offer(offer: &NodeFormat) -> Result<(), AppError> {
    if offer.partitions.len() > PARTITIONS_MAX {
        return Err(AppError::invalid(
            "partitions",
            format!("a node offers at most {PARTITIONS_MAX} partitions"),
        ));
    }
    let mut names = HashSet::new();
    for partition in &offer.partitions {
        partition
            .name
            .parse::<Name>()
            .map_err(|e| AppError::invalid("partitions.name", e))?;
        if !names.insert(&partition.name) {
            return Err(AppError::invalid(
                "partitions.name",
                format!("partition {} is offered twice", partition.name),
            ));
        }
    }
    Ok(())
}

/// Of a node that names no interfaces.
const NO_NETWORKS: &str = "[]";

fn networks_at(networks: &[String], index: usize) -> &str {
    networks.get(index).map_or(NO_NETWORKS, String::as_str)
}

fn is_same_offer(known: &[PartitionRow], offered: &[PartitionOffer], networks: &[String]) -> bool {
    let enabled: Vec<_> = known.iter().filter(|row| row.is_enabled).collect();
    enabled.len() == offered.len()
        && (0..)
            .zip(enabled.iter().zip(offered))
            .all(|(index, (row, offer))| {
                row.name == offer.name
                    && row.networks == networks_at(networks, index)
                    && serde_json::from_str(&row.addresses)
                        .is_ok_and(|known: Vec<String>| known == offer.addresses)
            })
}

fn write_partitions(
    tx: &mut Tx<'_>,
    node_id: &str,
    known: &[PartitionRow],
    (offered, networks): (&[PartitionOffer], &[String]),
) -> Result<(), AppError> {
    let names: HashSet<&str> = offered.iter().map(|offer| offer.name.as_str()).collect();
    for row in known
        .iter()
        .filter(|row| row.is_enabled && !names.contains(row.name.as_str()))
    {
        node::disable_partition(tx, &row.id)?;
    }
    for (index, offer) in offered.iter().enumerate() {
        let ordinal = i64::try_from(index).unwrap_or(i64::MAX);
        let row = PartitionRow {
            networks: networks_at(networks, index).to_owned(),
            id: PartitionId::fresh(tx.clock(), tx.random()).to_string(),
            name: offer.name.clone(),
            addresses: json!(offer.addresses).to_string(),
            is_enabled: true,
            instance_id: None,
            instance_name: None,
            instance_state: None,
        };
        node::upsert_partition(tx, node_id, &row, ordinal)?;
    }
    Ok(())
}

/// The shares of each host on a node, by the host's reference.
fn shares_on(
    tx: &mut Tx<'_>,
    node_id: &str,
) -> Result<BTreeMap<String, Vec<SharedInstance>>, AppError> {
    let mut of_host: BTreeMap<String, Vec<SharedInstance>> = BTreeMap::new();
    for share in trees::list_shares_on_node(tx, node_id)? {
        let Some(host_id) = share.host_id.filter(|_| share.requested_state == "started") else {
            continue;
        };
        of_host.entry(host_id).or_default().push(SharedInstance {
            parameters: tree::unwrapped(&share.parameters),
            id: share.id,
            name: share.name,
        });
    }
    Ok(of_host)
}

/// All that the node is asked to run.
///
/// # Errors
/// When the caller is no node.
pub fn desired(tx: &mut Tx<'_>, caller: &Caller) -> Result<Desired, AppError> {
    let id = caller.require_node()?;
    let row = find(tx, id)?;
    let master_epoch = subject::find_meta(tx, "epoch")?.unwrap_or_default();
    let software = supply::list_of_node(tx, id)?
        .into_iter()
        .map(|supply| DesiredSoftware {
            url: supply.url,
            state: supply.requested_state,
            attempt: supply.attempt,
        })
        .collect();
    let mut shares = shares_on(tx, id)?;
    let mut instances = Vec::new();
    for row in instance::list_of_node(tx, id)? {
        let root_name = tree::root_name(tx, &row)?;
        let Some(partition) = row.partition_name else {
            continue;
        };
        let shared = shares.remove(&row.id).unwrap_or_default();
        instances.push(DesiredInstance {
            id: row.id,
            generation: row.generation,
            partition,
            name: row.name,
            root_name,
            software: row.url,
            software_type: row.software_type,
            state: row.requested_state,
            parameters: tree::unwrapped(&row.parameters),
            shared,
        });
    }
    Ok(Desired {
        master_epoch,
        generation: row.generation,
        software,
        instances,
    })
}

/// Notes that a node's watch stream stands, so that it shows as online.
///
/// # Errors
/// The store's.
pub fn note_seen(tx: &mut Tx<'_>, id: &str) -> Result<(), AppError> {
    Ok(node::set_seen(tx, id)?)
}
