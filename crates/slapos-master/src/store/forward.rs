//! The table of what is served by other masters.

use super::{Row, StoreError, Tx};
use crate::params;

/// What was asked of another master.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForwardRow {
    /// Of which.
    pub master_url: String,
    /// As it is called there.
    pub title: String,
    /// A share?
    pub is_shared: bool,
    /// JSON: what was asked last.
    pub ask: String,
    /// The other master has not taken it yet.
    pub is_pending: bool,
    /// Why not.
    pub message: Option<String>,
}

fn read(row: &Row<'_>) -> Result<ForwardRow, StoreError> {
    Ok(ForwardRow {
        master_url: row.text(0)?,
        title: row.text(1)?,
        is_shared: row.int(2)? != 0,
        ask: row.text(3)?,
        is_pending: row.int(4)? != 0,
        message: row.opt_text(5)?,
    })
}

/// What was asked of that other master under that title.
///
/// # Errors
/// The database's.
pub fn find(
    tx: &mut Tx<'_>,
    master_url: &str,
    (title, is_shared): (&str, bool),
) -> Result<Option<ForwardRow>, StoreError> {
    tx.query_first(
        "SELECT master_url, title, is_shared, ask, is_pending, message FROM forward
         WHERE master_url = $1 AND title = $2 AND is_shared = $3",
        params![master_url, title, is_shared],
        read,
    )
}

/// Which other master was asked last under that title.
///
/// # Errors
/// The database's.
pub fn find_master(
    tx: &mut Tx<'_>,
    (title, is_shared): (&str, bool),
) -> Result<Option<String>, StoreError> {
    tx.query_first(
        "SELECT master_url FROM forward WHERE title = $1 AND is_shared = $2
         ORDER BY changed_at DESC LIMIT 1",
        params![title, is_shared],
        |row| row.text(0),
    )
}

/// Keeps what is asked now.
///
/// # Errors
/// The database's.
pub fn upsert(tx: &mut Tx<'_>, row: &ForwardRow) -> Result<(), StoreError> {
    let now = tx.now();
    tx.execute(
        "INSERT INTO forward (master_url, title, is_shared, ask, is_pending, message, changed_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (master_url, title, is_shared) DO UPDATE SET ask = excluded.ask,
             is_pending = excluded.is_pending, message = excluded.message,
             changed_at = excluded.changed_at",
        params![
            &row.master_url,
            &row.title,
            row.is_shared,
            &row.ask,
            row.is_pending,
            &row.message,
            now
        ],
    )
    .map(drop)
}

/// Forgets it, when it is what is asked last.
///
/// # Errors
/// The database's.
pub fn remove(tx: &mut Tx<'_>, row: &ForwardRow) -> Result<(), StoreError> {
    tx.execute(
        "DELETE FROM forward WHERE master_url = $1 AND title = $2 AND is_shared = $3 AND ask = $4",
        params![&row.master_url, &row.title, row.is_shared, &row.ask],
    )
    .map(drop)
}

/// What waits for that other master, longest first.
///
/// # Errors
/// The database's.
pub fn list_pending(
    tx: &mut Tx<'_>,
    master_url: &str,
    limit: i64,
) -> Result<Vec<ForwardRow>, StoreError> {
    tx.query(
        "SELECT master_url, title, is_shared, ask, is_pending, message FROM forward
         WHERE is_pending = 1 AND master_url = $1 ORDER BY changed_at, title LIMIT $2",
        params![master_url, limit],
        read,
    )
}
