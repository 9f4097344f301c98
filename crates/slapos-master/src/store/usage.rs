//! The table of usage reports, as nodes sent them.

use super::{StoreError, Tx};
use crate::params;

/// Keeps a report; the same of the same node again is passed over. True when it is new.
///
/// # Errors
/// The database's.
pub fn insert(
    tx: &mut Tx<'_>,
    id: &str,
    node_id: &str,
    hash: &str,
    document: &str,
) -> Result<bool, StoreError> {
    let now = tx.now();
    let count = tx.execute(
        "INSERT INTO usage_report (id, node_id, at, hash, document) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (node_id, hash) DO NOTHING",
        params![id, node_id, now, hash, document],
    )?;
    Ok(count > 0)
}

/// The reports of a node, oldest first.
///
/// # Errors
/// The database's.
pub fn list_of_node(tx: &mut Tx<'_>, node_id: &str, limit: i64) -> Result<Vec<String>, StoreError> {
    tx.query(
        "SELECT document FROM usage_report WHERE node_id = $1 ORDER BY at, id LIMIT $2",
        params![node_id, limit],
        |row| row.text(0),
    )
}
