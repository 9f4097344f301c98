//! The promises' table: the last word of each, and its last changes.

use super::{StoreError, Tx};
use crate::params;
use slapos_model::Timestamp;

/// A promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromiseRow {
    /// Its file's name.
    pub name: String,
    /// `pending`, `kept`, `broken`, `check-broken`.
    pub state: String,
    /// What it said.
    pub message: String,
    /// When it ran.
    pub checked_at: Timestamp,
    /// Since when it is in this state.
    pub since: Timestamp,
    /// JSON list of changes, newest first.
    pub history: String,
}

/// All promises of an instance, by name.
///
/// # Errors
/// The database's.
pub fn list(tx: &mut Tx<'_>, instance_id: &str) -> Result<Vec<PromiseRow>, StoreError> {
    tx.query(
        "SELECT name, state, message, checked_at, since, history FROM promise
         WHERE instance_id = $1 ORDER BY name",
        params![instance_id],
        |row| {
            Ok(PromiseRow {
                name: row.text(0)?,
                state: row.text(1)?,
                message: row.text(2)?,
                checked_at: row.time(3)?,
                since: row.time(4)?,
                history: row.text(5)?,
            })
        },
    )
}

/// Makes or replaces a promise.
///
/// # Errors
/// The database's.
pub fn upsert(tx: &mut Tx<'_>, instance_id: &str, promise: &PromiseRow) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO promise (instance_id, name, state, message, checked_at, since, history)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (instance_id, name) DO UPDATE SET state = excluded.state,
             message = excluded.message, checked_at = excluded.checked_at,
             since = excluded.since, history = excluded.history",
        params![
            instance_id,
            &promise.name,
            &promise.state,
            &promise.message,
            promise.checked_at,
            promise.since,
            &promise.history
        ],
    )
    .map(drop)
}

/// Forgets a promise that the instance no longer makes.
///
/// # Errors
/// The database's.
pub fn remove(tx: &mut Tx<'_>, instance_id: &str, name: &str) -> Result<(), StoreError> {
    tx.execute(
        "DELETE FROM promise WHERE instance_id = $1 AND name = $2",
        params![instance_id, name],
    )
    .map(drop)
}
