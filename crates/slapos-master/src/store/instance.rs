//! The instances' table.

use super::{Row, StoreError, Tx};
use crate::params;
use slapos_model::Timestamp;

/// An instance, with the names of what it is tied to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InstanceRow {
    /// Reference.
    pub id: String,
    /// Its tenant.
    pub project_id: String,
    /// Who asked for it.
    pub requester_id: String,
    /// The root of its tree.
    pub root_id: String,
    /// Who asked for it, when that is an instance.
    pub parent_id: Option<String>,
    /// The instance whose capacity a shared one uses.
    pub host_id: Option<String>,
    /// A share of another's capacity?
    pub is_shared: bool,
    /// The requester's name for it.
    pub name: String,
    /// The release's identity.
    pub url: String,
    /// Software type.
    pub software_type: String,
    /// JSON object.
    pub parameters: String,
    /// JSON object.
    pub filter: String,
    /// `started`, `stopped`, `destroyed`.
    pub requested_state: String,
    /// Raised at each change of what is asked.
    pub generation: i64,
    /// Where.
    pub node_id: Option<String>,
    /// Where.
    pub partition_id: Option<String>,
    /// Why nowhere.
    pub wait_reason: Option<String>,
    /// As the node said.
    pub reported_state: String,
    /// The newest generation that the node has applied.
    pub applied_generation: i64,
    /// Why it failed.
    pub message: Option<String>,
    /// JSON object.
    pub connection: String,
    /// JSON list.
    pub processes: String,
    /// Promises kept.
    pub kept: i64,
    /// Promises in all.
    pub total: i64,
    /// When it was first asked for.
    pub created_at: Timestamp,
    /// Last change of what is asked.
    pub changed_at: Timestamp,
    /// Since when it is as asked and every promise kept.
    pub green_at: Option<Timestamp>,
    /// When it was last to be looked at again: by a change, a bang, news of what it asked for.
    pub stamp: Timestamp,
    /// Itself as a subject, once it asks for others or has a certificate.
    pub subject_id: Option<String>,
    /// Name of its node.
    pub node_name: Option<String>,
    /// Name of its partition.
    pub partition_name: Option<String>,
    /// When its node was last heard.
    pub node_seen_at: Option<Timestamp>,
    /// Catalogue name of its release.
    pub release_name: Option<String>,
    /// Version of its release.
    pub release_version: Option<String>,
    /// Name of its project.
    pub project_name: String,
    /// How the build of its release on its node stands.
    pub supply_state: Option<String>,
    /// Why that failed.
    pub supply_message: Option<String>,
    /// How far that is.
    pub supply_progress: Option<String>,
}

/// The columns and joins that [`read`] expects; `concat!`ed with a condition by each query.
macro_rules! select_instance {
    ($condition:literal) => {
        concat!(
            "SELECT instance.id, instance.project_id, instance.requester_id, instance.root_id,
                    instance.parent_id, instance.host_id, instance.is_shared, instance.name,
                    instance.url, instance.software_type, instance.parameters, instance.filter,
                    instance.requested_state, instance.generation, instance.node_id,
                    instance.partition_id, instance.wait_reason, instance.reported_state,
                    instance.applied_generation, instance.message, instance.connection,
                    instance.processes, instance.kept, instance.total, instance.created_at,
                    instance.changed_at, instance.green_at, node.name, partition.name,
                    node.seen_at, release.name, release.version, project.name,
                    supply.reported_state, supply.message, supply.progress, instance.stamp,
                    instance.subject_id
             FROM instance
             JOIN project ON project.id = instance.project_id
             LEFT JOIN node ON node.id = instance.node_id
             LEFT JOIN partition ON partition.id = instance.partition_id
             LEFT JOIN release ON release.url = instance.url
             LEFT JOIN supply ON supply.node_id = instance.node_id AND supply.url = instance.url
             WHERE ",
            $condition
        )
    };
}

pub(super) use select_instance;

pub(super) fn read(row: &Row<'_>) -> Result<InstanceRow, StoreError> {
    Ok(InstanceRow {
        id: row.text(0)?,
        project_id: row.text(1)?,
        requester_id: row.text(2)?,
        root_id: row.text(3)?,
        parent_id: row.opt_text(4)?,
        host_id: row.opt_text(5)?,
        is_shared: row.int(6)? != 0,
        name: row.text(7)?,
        url: row.text(8)?,
        software_type: row.text(9)?,
        parameters: row.text(10)?,
        filter: row.text(11)?,
        requested_state: row.text(12)?,
        generation: row.int(13)?,
        node_id: row.opt_text(14)?,
        partition_id: row.opt_text(15)?,
        wait_reason: row.opt_text(16)?,
        reported_state: row.text(17)?,
        applied_generation: row.int(18)?,
        message: row.opt_text(19)?,
        connection: row.text(20)?,
        processes: row.text(21)?,
        kept: row.int(22)?,
        total: row.int(23)?,
        created_at: row.time(24)?,
        changed_at: row.time(25)?,
        green_at: row.opt_int(26)?.map(Timestamp::from_micros),
        node_name: row.opt_text(27)?,
        partition_name: row.opt_text(28)?,
        node_seen_at: row.opt_int(29)?.map(Timestamp::from_micros),
        release_name: row.opt_text(30)?,
        release_version: row.opt_text(31)?,
        project_name: row.text(32)?,
        supply_state: row.opt_text(33)?,
        supply_message: row.opt_text(34)?,
        supply_progress: row.opt_text(35)?,
        stamp: row.time(36)?,
        subject_id: row.opt_text(37)?,
    })
}

/// Makes an instance; what only a node can know is left as it is by default.
///
/// # Errors
/// The database's.
pub fn insert(tx: &mut Tx<'_>, row: &InstanceRow) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO instance (id, project_id, requester_id, root_id, parent_id, host_id,
             is_shared, name, url, software_type, parameters, filter, requested_state, node_id,
             partition_id, wait_reason, created_at, changed_at, stamp)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
             $19)",
        params![
            &row.id,
            &row.project_id,
            &row.requester_id,
            &row.root_id,
            &row.parent_id,
            &row.host_id,
            row.is_shared,
            &row.name,
            &row.url,
            &row.software_type,
            &row.parameters,
            &row.filter,
            &row.requested_state,
            &row.node_id,
            &row.partition_id,
            &row.wait_reason,
            row.created_at,
            row.changed_at,
            row.stamp
        ],
    )
    .map(drop)
}

/// The living instance of a requester under a name, one of its own before a share.
///
/// # Errors
/// The database's.
pub fn find_by_name(
    tx: &mut Tx<'_>,
    requester_id: &str,
    name: &str,
) -> Result<Option<InstanceRow>, StoreError> {
    tx.query_first(
        select_instance!(
            "instance.requester_id = $1 AND instance.name = $2 AND instance.destroyed_at IS NULL
             ORDER BY instance.is_shared"
        ),
        params![requester_id, name],
        read,
    )
}

/// The living instance, or share, of a requester under a name.
///
/// # Errors
/// The database's.
pub fn find_asked(
    tx: &mut Tx<'_>,
    requester_id: &str,
    name: &str,
    is_shared: bool,
) -> Result<Option<InstanceRow>, StoreError> {
    tx.query_first(
        select_instance!(
            "instance.requester_id = $1 AND instance.name = $2 AND instance.is_shared = $3
             AND instance.destroyed_at IS NULL"
        ),
        params![requester_id, name, is_shared],
        read,
    )
}

/// The living instances of a project under a name: several requesters may use the same.
///
/// # Errors
/// The database's.
pub fn list_by_name(
    tx: &mut Tx<'_>,
    project_id: &str,
    name: &str,
) -> Result<Vec<InstanceRow>, StoreError> {
    tx.query(
        select_instance!(
            "instance.project_id = $1 AND instance.name = $2 AND instance.destroyed_at IS NULL"
        ),
        params![project_id, name],
        read,
    )
}

/// The instance of that reference, destroyed or not.
///
/// # Errors
/// The database's.
pub fn find(tx: &mut Tx<'_>, id: &str) -> Result<Option<InstanceRow>, StoreError> {
    tx.query_first(select_instance!("instance.id = $1"), params![id], read)
}

/// The living instances of a project, by name.
///
/// # Errors
/// The database's.
pub fn list_of_project(
    tx: &mut Tx<'_>,
    project_id: &str,
    limit: i64,
) -> Result<Vec<InstanceRow>, StoreError> {
    tx.query(
        select_instance!(
            "instance.project_id = $1 AND instance.destroyed_at IS NULL
             ORDER BY instance.name, instance.id LIMIT $2"
        ),
        params![project_id, limit],
        read,
    )
}

/// The living instances on a node.
///
/// # Errors
/// The database's.
pub fn list_of_node(tx: &mut Tx<'_>, node_id: &str) -> Result<Vec<InstanceRow>, StoreError> {
    tx.query(
        select_instance!(
            "instance.node_id = $1 AND instance.destroyed_at IS NULL ORDER BY partition.ordinal"
        ),
        params![node_id],
        read,
    )
}

/// The living instances that have no partition yet, oldest first.
///
/// # Errors
/// The database's.
pub fn list_waiting(
    tx: &mut Tx<'_>,
    project_id: &str,
    limit: i64,
) -> Result<Vec<InstanceRow>, StoreError> {
    tx.query(
        select_instance!(
            "instance.project_id = $1 AND instance.partition_id IS NULL
             AND instance.is_shared = 0 AND instance.destroyed_at IS NULL
             ORDER BY instance.created_at, instance.id LIMIT $2"
        ),
        params![project_id, limit],
        read,
    )
}

/// Keeps what is asked of an instance.
///
/// # Errors
/// The database's.
pub fn set_requested(tx: &mut Tx<'_>, row: &InstanceRow) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE instance SET url = $1, software_type = $2, parameters = $3, filter = $4,
             requested_state = $5, generation = $6, changed_at = $7, stamp = $8, parent_id = $9,
             green_at = NULL
         WHERE id = $10",
        params![
            &row.url,
            &row.software_type,
            &row.parameters,
            &row.filter,
            &row.requested_state,
            row.generation,
            row.changed_at,
            row.stamp,
            &row.parent_id,
            &row.id
        ],
    )
    .map(drop)
}

/// Keeps where an instance runs, or why nowhere.
///
/// # Errors
/// The database's.
pub fn set_place(tx: &mut Tx<'_>, row: &InstanceRow) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE instance SET node_id = $1, partition_id = $2, wait_reason = $3, host_id = $4
         WHERE id = $5",
        params![
            &row.node_id,
            &row.partition_id,
            &row.wait_reason,
            &row.host_id,
            &row.id
        ],
    )
    .map(drop)
}

/// Keeps what the node said of an instance.
///
/// # Errors
/// The database's.
pub fn set_reported(tx: &mut Tx<'_>, row: &InstanceRow) -> Result<(), StoreError> {
    let green_at = row.green_at.map(Timestamp::as_micros);
    tx.execute(
        "UPDATE instance SET reported_state = $1, applied_generation = $2, message = $3,
             connection = $4, processes = $5, kept = $6, total = $7, green_at = $8
         WHERE id = $9",
        params![
            &row.reported_state,
            row.applied_generation,
            &row.message,
            &row.connection,
            &row.processes,
            row.kept,
            row.total,
            green_at,
            &row.id
        ],
    )
    .map(drop)
}

/// Ends an instance: the row stays, its name is free again.
///
/// # Errors
/// The database's.
pub fn set_destroyed(tx: &mut Tx<'_>, id: &str) -> Result<(), StoreError> {
    let now = tx.now();
    tx.execute(
        "UPDATE instance SET destroyed_at = $1, requested_state = 'destroyed',
             reported_state = 'destroyed', partition_id = NULL, host_id = NULL,
             green_at = NULL WHERE id = $2",
        params![now, id],
    )
    .map(drop)
}
