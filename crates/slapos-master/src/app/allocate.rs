//! Which partition an instance gets: nodes that fit, the first free partition of the first of them.

use super::event;
use super::view::object;
use super::{AppError, share};
use crate::limits::ALLOCATE_BATCH_MAX;
use crate::store::instance::{self, InstanceRow};
use crate::store::node::{self, NodeRow, PartitionRow};
use crate::store::{Tx, supply};
use serde_json::{Value, json};

/// The key of a filter that names the instance to be a share of.
pub const HOST_KEY: &str = "instance_guid";

/// Keys that old clients send beside those that say where: kept for them, of no meaning here.
const NOT_ABOUT_PLACES: &[&str] = &[
    HOST_KEY,
    "project_guid",
    "retention_delay",
    "master_url",
    "source_instance_id",
];

/// Gives an instance that stands a partition, or says why there is none; writes its place and the
/// events.
///
/// # Errors
/// The store's.
pub fn allocate(tx: &mut Tx<'_>, row: &mut InstanceRow) -> Result<(), AppError> {
    let reason_before = row.wait_reason.clone();
    choose(tx, row)?;
    if row.partition_id.is_none() && row.wait_reason == reason_before {
        return Ok(());
    }
    instance::set_place(tx, row)?;
    follow(tx, row)
}

/// Claims a partition for the instance, or says in it why there is none. The row itself is the
/// caller's to write.
///
/// # Errors
/// The store's.
pub fn choose(tx: &mut Tx<'_>, row: &mut InstanceRow) -> Result<(), AppError> {
    let filter = object(&row.filter);
    for candidate in candidates(tx, &row.project_id, &filter)? {
        if misfit(&candidate, &filter).is_some() {
            continue;
        }
        if let Some((partition_id, partition_name)) =
            node::claim_partition(tx, &candidate.id, &row.id)?
        {
            row.node_id = Some(candidate.id);
            row.node_name = Some(candidate.name);
            row.partition_id = Some(partition_id);
            row.partition_name = Some(partition_name);
            row.wait_reason = None;
            return Ok(());
        }
    }
    let nodes = node::list(tx, &row.project_id)?;
    row.wait_reason = Some(refuse(tx, &nodes, &filter)?);
    Ok(())
}

/// Puts an instance into the partition that it is known to be in, whatever place it was given;
/// false when that one holds another.
///
/// # Errors
/// The store's.
pub fn put(
    tx: &mut Tx<'_>,
    row: &mut InstanceRow,
    (node, partition): (NodeRow, PartitionRow),
) -> Result<bool, AppError> {
    if partition.instance_id.is_some() {
        return Ok(false);
    }
    node::free_partition(tx, &row.id)?;
    node::set_occupant(tx, &partition.id, &row.id)?;
    row.node_id = Some(node.id);
    row.node_name = Some(node.name);
    row.partition_id = Some(partition.id);
    row.partition_name = Some(partition.name);
    row.wait_reason = None;
    instance::set_place(tx, row)?;
    follow(tx, row)?;
    Ok(true)
}

/// What follows from a place once it is written: the release is ordered with the first instance of
/// it on a node, the node has something new to do, and the log tells.
///
/// # Errors
/// The store's.
pub fn follow(tx: &mut Tx<'_>, row: &mut InstanceRow) -> Result<(), AppError> {
    let Some(node_id) = row.node_id.as_deref() else {
        let data = json!({"message": row.wait_reason});
        tx.record(event::about(row, event::INSTANCE_WAITING, None, data));
        return Ok(());
    };
    let known = supply::find(tx, node_id, &row.url)?;
    if known
        .as_ref()
        .is_none_or(|supply| supply.requested_state != "available")
    {
        supply::set_requested(tx, node_id, &row.url, "available", false)?;
    }
    node::raise_generation(tx, node_id)?;
    row.supply_state = Some(known.map_or_else(
        || supply::WAITING.to_owned(),
        |supply| supply.reported_state,
    ));
    let data = json!({"node": row.node_name, "partition": row.partition_name});
    tx.record(event::about(row, event::INSTANCE_ALLOCATED, None, data));
    share::place_waiting(tx, row)
}

/// The nodes to look at, no more than have to be read: the one that a filter names; those that
/// have room where any will do; all where facts have to be compared.
fn candidates(
    tx: &mut Tx<'_>,
    project_id: &str,
    filter: &serde_json::Map<String, Value>,
) -> Result<Vec<NodeRow>, AppError> {
    match filter.get("node").and_then(Value::as_str) {
        Some(which) => Ok(node::find_in_project(tx, project_id, which)?
            .into_iter()
            .collect()),
        None if filter.is_empty() => {
            Ok(node::find_with_room(tx, project_id)?.into_iter().collect())
        }
        None => Ok(node::list(tx, project_id)?),
    }
}

/// Looks again at the instances of a project that wait, oldest first.
///
/// # Errors
/// The store's.
pub fn allocate_waiting(tx: &mut Tx<'_>, project_id: &str) -> Result<(), AppError> {
    let limit = i64::try_from(ALLOCATE_BATCH_MAX).unwrap_or(i64::MAX);
    for mut row in instance::list_waiting(tx, project_id, limit)? {
        if row.requested_state != "destroyed" {
            allocate(tx, &mut row)?;
        }
    }
    Ok(())
}

fn refuse(
    tx: &mut Tx<'_>,
    nodes: &[NodeRow],
    filter: &serde_json::Map<String, Value>,
) -> Result<String, AppError> {
    if nodes.is_empty() {
        return Ok("no free partition that fits: the project has no node".to_owned());
    }
    let mut reasons = Vec::new();
    for candidate in nodes.iter().take(10) {
        let reason = match misfit(candidate, filter) {
            Some(reason) => reason,
            None => {
                let (total, _) = node::count_partitions(tx, &candidate.id)?;
                match total {
                    0 => "offers no partition yet".to_owned(),
                    1 => "its only partition is busy".to_owned(),
                    _ => format!("all its {total} partitions are busy"),
                }
            }
        };
        reasons.push(format!("node {}: {reason}", candidate.name));
    }
    if nodes.len() > reasons.len() {
        reasons.push(format!("and {} more nodes", nodes.len() - reasons.len()));
    }
    Ok(format!(
        "no free partition that fits: {}",
        reasons.join("; ")
    ))
}

/// Why a node does not fit a filter: `node` compares name and reference, any other key a fact of
/// the node.
fn misfit(candidate: &NodeRow, filter: &serde_json::Map<String, Value>) -> Option<String> {
    // Read only where a fact is asked for: most filters name a node or nothing.
    let facts = std::cell::LazyCell::new(|| object(&candidate.facts));
    let mut about_places = filter
        .iter()
        .filter(|(key, _)| !NOT_ABOUT_PLACES.contains(&key.as_str()) && !key.starts_with("fw_"));
    about_places.find_map(|(key, wanted)| {
        if key == "node" {
            let is_it = [&candidate.name, &candidate.id]
                .iter()
                .any(|own| wanted.as_str() == Some(own.as_str()));
            return (!is_it).then(|| format!("is not the wanted node {}", plain(wanted)));
        }
        match facts.get(key) {
            Some(fact) if plain(fact) == plain(wanted) => None,
            Some(fact) => Some(format!(
                "{key} is {}, wanted is {}",
                plain(fact),
                plain(wanted)
            )),
            None => Some(format!("does not tell its {key}")),
        }
    })
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// A filter compares with single values. It reaches only nodes of the project that the instance is
/// in, since no others are looked at.
///
/// # Errors
/// When a value of it is a list or an object.
pub fn check_filter(filter: &serde_json::Map<String, Value>) -> Result<(), AppError> {
    match filter
        .iter()
        .find(|(_, value)| value.is_array() || value.is_object())
    {
        Some((key, _)) => Err(AppError::invalid(
            &format!("filter.{key}"),
            "a filter compares with one text, number or boolean",
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(facts: &str) -> NodeRow {
        NodeRow {
            id: "COMP-1".to_owned(),
            project_id: "PROJ-1".to_owned(),
            subject_id: "SUBJ-1".to_owned(),
            name: "local".to_owned(),
            key_hash: String::new(),
            generation: 0,
            version: String::new(),
            facts: facts.to_owned(),
            seen_at: None,
        }
    }

    #[test]
    fn filter_compares_name_reference_and_facts() {
        let candidate = node(r#"{"machine": "x86_64", "cpu_count": 2}"#);
        let fits = |filter: Value| misfit(&candidate, filter.as_object().unwrap()).is_none();
        assert!(fits(json!({})));
        assert!(fits(json!({"node": "local"})));
        assert!(fits(
            json!({"node": "COMP-1", "machine": "x86_64", "cpu_count": 2})
        ));
        assert!(!fits(json!({"node": "other"})));
        assert!(!fits(json!({"machine": "aarch64"})));
        assert!(!fits(json!({"gpu": true})));
    }

    #[test]
    fn filter_that_does_not_fit_says_why() {
        let candidate = node(r#"{"machine": "x86_64"}"#);
        let filter = json!({"machine": "aarch64"});
        let reason = misfit(&candidate, filter.as_object().unwrap()).unwrap();
        assert_eq!(reason, "machine is x86_64, wanted is aarch64");
    }
}
