//! The supplies' table: which release is ordered to be on which node.

use super::{Row, StoreError, Tx};
use crate::params;
use slapos_model::Timestamp;

/// What a supply is reported as before its node has said anything.
pub const WAITING: &str = "waiting";

/// A supply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SupplyRow {
    /// Where.
    pub node_id: String,
    /// Name of the node.
    pub node_name: String,
    /// The release's identity.
    pub url: String,
    /// `available`, `destroyed`.
    pub requested_state: String,
    /// Raised when a person wants a failed build tried again.
    pub attempt: i64,
    /// As the node said.
    pub reported_state: String,
    /// Why it failed.
    pub message: Option<String>,
    /// JSON object.
    pub progress: Option<String>,
    /// Last change.
    pub changed_at: Timestamp,
    /// Ordered by a person, not only by an instance that was placed.
    pub is_by_person: bool,
}

fn read(row: &Row<'_>) -> Result<SupplyRow, StoreError> {
    Ok(SupplyRow {
        node_id: row.text(0)?,
        node_name: row.text(1)?,
        url: row.text(2)?,
        requested_state: row.text(3)?,
        attempt: row.int(4)?,
        reported_state: row.text(5)?,
        message: row.opt_text(6)?,
        progress: row.opt_text(7)?,
        changed_at: row.time(8)?,
        is_by_person: row.int(9)? != 0,
    })
}

/// The supply of a release on a node.
///
/// # Errors
/// The database's.
pub fn find(tx: &mut Tx<'_>, node_id: &str, url: &str) -> Result<Option<SupplyRow>, StoreError> {
    tx.query_first(
        "SELECT supply.node_id, node.name, supply.url, supply.requested_state, supply.attempt,
                supply.reported_state, supply.message, supply.progress, supply.changed_at,
                supply.is_by_person
         FROM supply JOIN node ON node.id = supply.node_id
         WHERE supply.node_id = $1 AND supply.url = $2",
        params![node_id, url],
        read,
    )
}

/// All supplies of a node, by release.
///
/// # Errors
/// The database's.
pub fn list_of_node(tx: &mut Tx<'_>, node_id: &str) -> Result<Vec<SupplyRow>, StoreError> {
    tx.query(
        "SELECT supply.node_id, node.name, supply.url, supply.requested_state, supply.attempt,
                supply.reported_state, supply.message, supply.progress, supply.changed_at,
                supply.is_by_person
         FROM supply JOIN node ON node.id = supply.node_id
         WHERE supply.node_id = $1 ORDER BY supply.url",
        params![node_id],
        read,
    )
}

/// Orders a release on a node; `attempt` is raised when `is_new_attempt`.
///
/// # Errors
/// The database's.
pub fn set_requested(
    tx: &mut Tx<'_>,
    node_id: &str,
    url: &str,
    state: &str,
    is_new_attempt: bool,
) -> Result<(), StoreError> {
    let now = tx.now();
    tx.execute(
        "INSERT INTO supply (node_id, url, requested_state, attempt, changed_at)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (node_id, url) DO UPDATE SET requested_state = excluded.requested_state,
             attempt = supply.attempt + excluded.attempt, changed_at = excluded.changed_at",
        params![node_id, url, state, is_new_attempt, now],
    )
    .map(drop)
}

/// Keeps what the node said of a release.
///
/// # Errors
/// The database's.
pub fn set_reported(tx: &mut Tx<'_>, supply: &SupplyRow) -> Result<(), StoreError> {
    let now = tx.now();
    tx.execute(
        "UPDATE supply SET reported_state = $1, message = $2, progress = $3, changed_at = $4
         WHERE node_id = $5 AND url = $6",
        params![
            &supply.reported_state,
            &supply.message,
            &supply.progress,
            now,
            &supply.node_id,
            &supply.url
        ],
    )
    .map(drop)
}

/// Notes that a person ordered a release on a node.
///
/// # Errors
/// The database's.
pub fn set_by_person(tx: &mut Tx<'_>, node_id: &str, url: &str) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE supply SET is_by_person = 1
         WHERE node_id = $1 AND url = $2 AND is_by_person = 0",
        params![node_id, url],
    )
    .map(drop)
}
