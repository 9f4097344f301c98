//! Tables of nodes and their partitions.

use super::{Row, StoreError, Tx};
use crate::params;
use slapos_model::Timestamp;

/// A node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeRow {
    /// Reference.
    pub id: String,
    /// Its tenant.
    pub project_id: String,
    /// Itself as a subject.
    pub subject_id: String,
    /// Its name.
    pub name: String,
    /// SHA-256 of its public key.
    pub key_hash: String,
    /// Raised at each change of what it is asked.
    pub generation: i64,
    /// Of its agent.
    pub version: String,
    /// JSON object.
    pub facts: String,
    /// When it was last heard.
    pub seen_at: Option<Timestamp>,
}

/// A partition, with what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionRow {
    /// Reference.
    pub id: String,
    /// Name on its node.
    pub name: String,
    /// JSON list.
    pub addresses: String,
    /// JSON list: the same with interfaces and masks, as an old node names them.
    pub networks: String,
    /// Still offered by its node?
    pub is_enabled: bool,
    /// Reference of what is in it.
    pub instance_id: Option<String>,
    /// Its name.
    pub instance_name: Option<String>,
    /// What is asked of it.
    pub instance_state: Option<String>,
}

fn read(row: &Row<'_>) -> Result<NodeRow, StoreError> {
    Ok(NodeRow {
        id: row.text(0)?,
        project_id: row.text(1)?,
        subject_id: row.text(2)?,
        name: row.text(3)?,
        key_hash: row.text(4)?,
        generation: row.int(5)?,
        version: row.text(6)?,
        facts: row.text(7)?,
        seen_at: row.opt_int(8)?.map(Timestamp::from_micros),
    })
}

/// Makes a node.
///
/// # Errors
/// The database's.
pub fn insert(tx: &mut Tx<'_>, node: &NodeRow) -> Result<(), StoreError> {
    let now = tx.now();
    tx.execute(
        "INSERT INTO node (id, project_id, subject_id, name, key_hash, created_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
        params![
            &node.id,
            &node.project_id,
            &node.subject_id,
            &node.name,
            &node.key_hash,
            now
        ],
    )
    .map(drop)
}

/// The node of that reference.
///
/// # Errors
/// The database's.
pub fn find(tx: &mut Tx<'_>, id: &str) -> Result<Option<NodeRow>, StoreError> {
    tx.query_first(
        "SELECT id, project_id, subject_id, name, key_hash, generation, version, facts, seen_at
         FROM node WHERE id = $1 AND is_disabled = 0",
        params![id],
        read,
    )
}

/// The node of that public key.
///
/// # Errors
/// The database's.
pub fn find_by_key(tx: &mut Tx<'_>, key_hash: &str) -> Result<Option<NodeRow>, StoreError> {
    tx.query_first(
        "SELECT id, project_id, subject_id, name, key_hash, generation, version, facts, seen_at
         FROM node WHERE key_hash = $1 AND is_disabled = 0",
        params![key_hash],
        read,
    )
}

/// The nodes of a project, by name.
///
/// # Errors
/// The database's.
pub fn list(tx: &mut Tx<'_>, project_id: &str) -> Result<Vec<NodeRow>, StoreError> {
    tx.query(
        "SELECT id, project_id, subject_id, name, key_hash, generation, version, facts, seen_at
         FROM node WHERE project_id = $1 AND is_disabled = 0 ORDER BY name",
        params![project_id],
        read,
    )
}

/// The node of a project under a name or reference.
///
/// # Errors
/// The database's.
pub fn find_in_project(
    tx: &mut Tx<'_>,
    project_id: &str,
    which: &str,
) -> Result<Option<NodeRow>, StoreError> {
    tx.query_first(
        "SELECT id, project_id, subject_id, name, key_hash, generation, version, facts, seen_at
         FROM node WHERE project_id = $1 AND (name = $2 OR id = $2) AND is_disabled = 0",
        params![project_id, which],
        read,
    )
}

/// The first node of a project, by name, that has a free partition.
///
/// # Errors
/// The database's.
pub fn find_with_room(tx: &mut Tx<'_>, project_id: &str) -> Result<Option<NodeRow>, StoreError> {
    tx.query_first(
        "SELECT id, project_id, subject_id, name, key_hash, generation, version, facts, seen_at
         FROM node WHERE project_id = $1 AND is_disabled = 0 AND EXISTS (
             SELECT 1 FROM partition WHERE partition.node_id = node.id
                 AND partition.instance_id IS NULL AND partition.is_enabled = 1)
         ORDER BY name LIMIT 1",
        params![project_id],
        read,
    )
}

/// Raises the generation of what the node is asked.
///
/// # Errors
/// The database's.
pub fn raise_generation(tx: &mut Tx<'_>, id: &str) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE node SET generation = generation + 1 WHERE id = $1",
        params![id],
    )
    .map(drop)
}

/// Notes that the node was heard now.
///
/// # Errors
/// The database's.
pub fn set_seen(tx: &mut Tx<'_>, id: &str) -> Result<(), StoreError> {
    let now = tx.now();
    tx.execute(
        "UPDATE node SET seen_at = $1 WHERE id = $2",
        params![now, id],
    )
    .map(drop)
}

/// Keeps what the node says of itself.
///
/// # Errors
/// The database's.
pub fn set_facts(tx: &mut Tx<'_>, id: &str, version: &str, facts: &str) -> Result<(), StoreError> {
    let now = tx.now();
    tx.execute(
        "UPDATE node SET version = $1, facts = $2, seen_at = $3 WHERE id = $4",
        params![version, facts, now, id],
    )
    .map(drop)
}

/// The partitions of a node, in the order of its offer, with what is in them.
///
/// # Errors
/// The database's.
pub fn list_partitions(tx: &mut Tx<'_>, node_id: &str) -> Result<Vec<PartitionRow>, StoreError> {
    tx.query(
        "SELECT partition.id, partition.name, partition.addresses, partition.is_enabled,
                partition.instance_id, instance.name, instance.requested_state, partition.networks
         FROM partition LEFT JOIN instance ON instance.id = partition.instance_id
         WHERE partition.node_id = $1 ORDER BY partition.ordinal",
        params![node_id],
        read_partition,
    )
}

/// Makes or changes a partition of a node.
///
/// # Errors
/// The database's.
pub fn upsert_partition(
    tx: &mut Tx<'_>,
    node_id: &str,
    partition: &PartitionRow,
    ordinal: i64,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO partition (id, node_id, name, ordinal, addresses, networks)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (node_id, name) DO UPDATE
         SET ordinal = excluded.ordinal, addresses = excluded.addresses,
             networks = excluded.networks, is_enabled = 1",
        params![
            &partition.id,
            node_id,
            &partition.name,
            ordinal,
            &partition.addresses,
            &partition.networks
        ],
    )
    .map(drop)
}

/// Never deletes: a partition that its node no longer offers is disabled.
///
/// # Errors
/// The database's.
pub fn disable_partition(tx: &mut Tx<'_>, id: &str) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE partition SET is_enabled = 0 WHERE id = $1",
        params![id],
    )
    .map(drop)
}

/// Takes the first free partition of a node for an instance. The predicate stands again outside of
/// the subquery: without it PostgreSQL below SERIALIZABLE gave one partition to two.
///
/// # Errors
/// The database's.
pub fn claim_partition(
    tx: &mut Tx<'_>,
    node_id: &str,
    instance_id: &str,
) -> Result<Option<(String, String)>, StoreError> {
    tx.query_first(
        "UPDATE partition SET instance_id = $1
         WHERE instance_id IS NULL AND id = (
             SELECT id FROM partition
             WHERE node_id = $2 AND instance_id IS NULL AND is_enabled = 1
             ORDER BY ordinal LIMIT 1)
         RETURNING id, name",
        params![instance_id, node_id],
        |row| Ok((row.text(0)?, row.text(1)?)),
    )
}

/// Puts an instance into a partition that is known to be free.
///
/// # Errors
/// The database's.
pub fn set_occupant(tx: &mut Tx<'_>, id: &str, instance_id: &str) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE partition SET instance_id = $1 WHERE id = $2 AND instance_id IS NULL",
        params![instance_id, id],
    )
    .map(drop)
}

/// Frees the partition that an instance was in.
///
/// # Errors
/// The database's.
pub fn free_partition(tx: &mut Tx<'_>, instance_id: &str) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE partition SET instance_id = NULL WHERE instance_id = $1",
        params![instance_id],
    )
    .map(drop)
}

/// How many enabled partitions a node has, and how many of them are free.
///
/// # Errors
/// The database's.
pub fn count_partitions(tx: &mut Tx<'_>, node_id: &str) -> Result<(i64, i64), StoreError> {
    let counts = tx.query_first(
        "SELECT count(*), count(*) - count(instance_id) FROM partition
         WHERE node_id = $1 AND is_enabled = 1",
        params![node_id],
        |row| Ok((row.int(0)?, row.int(1)?)),
    )?;
    Ok(counts.unwrap_or((0, 0)))
}

/// Gives a node another key.
///
/// # Errors
/// The database's, when the key is another node's.
pub fn set_key(tx: &mut Tx<'_>, id: &str, key_hash: &str) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE node SET key_hash = $1 WHERE id = $2",
        params![key_hash, id],
    )
    .map(drop)
}

/// The partition of a node under a name, with what is in it.
///
/// # Errors
/// The database's.
pub fn find_partition(
    tx: &mut Tx<'_>,
    node_id: &str,
    name: &str,
) -> Result<Option<PartitionRow>, StoreError> {
    tx.query_first(
        "SELECT partition.id, partition.name, partition.addresses, partition.is_enabled,
                partition.instance_id, instance.name, instance.requested_state, partition.networks
         FROM partition LEFT JOIN instance ON instance.id = partition.instance_id
         WHERE partition.node_id = $1 AND partition.name = $2",
        params![node_id, name],
        read_partition,
    )
}

fn read_partition(row: &Row<'_>) -> Result<PartitionRow, StoreError> {
    Ok(PartitionRow {
        id: row.text(0)?,
        name: row.text(1)?,
        addresses: row.text(2)?,
        is_enabled: row.int(3)? != 0,
        instance_id: row.opt_text(4)?,
        instance_name: row.opt_text(5)?,
        instance_state: row.opt_text(6)?,
        networks: row.text(7)?,
    })
}
