//! The event log's table.

use super::{Param, Row, StoreError, Tx};
use slapos_model::Timestamp;

/// One entry. `seq` and `at` are given by the transaction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventRow {
    /// Position; 0 for a transient notice.
    pub seq: i64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: String,
    /// Whose.
    pub project_id: Option<String>,
    /// Which node.
    pub node_id: Option<String>,
    /// Which instance.
    pub instance_id: Option<String>,
    /// Who did it.
    pub subject_id: Option<String>,
    /// The rest, a JSON object.
    pub data: String,
}

pub(super) const INSERT: &str =
    "INSERT INTO event (seq, at, kind, project_id, node_id, instance_id, subject_id, data)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

impl EventRow {
    pub(super) fn params(&self) -> [Param<'_>; 8] {
        [
            self.seq.into(),
            self.at.into(),
            (&self.kind).into(),
            (&self.project_id).into(),
            (&self.node_id).into(),
            (&self.instance_id).into(),
            (&self.subject_id).into(),
            (&self.data).into(),
        ]
    }
}

fn read(row: &Row<'_>) -> Result<EventRow, StoreError> {
    Ok(EventRow {
        seq: row.int(0)?,
        at: row.time(1)?,
        kind: row.text(2)?,
        project_id: row.opt_text(3)?,
        node_id: row.opt_text(4)?,
        instance_id: row.opt_text(5)?,
        subject_id: row.opt_text(6)?,
        data: row.text(7)?,
    })
}

/// The entries after `after`, oldest first, at most `limit`.
///
/// # Errors
/// The database's.
pub fn list_after(tx: &mut Tx<'_>, after: i64, limit: i64) -> Result<Vec<EventRow>, StoreError> {
    tx.query(
        "SELECT seq, at, kind, project_id, node_id, instance_id, subject_id, data
         FROM event WHERE seq > $1 ORDER BY seq LIMIT $2",
        crate::params![after, limit],
        read,
    )
}

/// The entries of a project after `after`, oldest first, at most `limit`.
///
/// # Errors
/// The database's.
pub fn list_of_project(
    tx: &mut Tx<'_>,
    project_id: &str,
    after: i64,
    limit: i64,
) -> Result<Vec<EventRow>, StoreError> {
    tx.query(
        "SELECT seq, at, kind, project_id, node_id, instance_id, subject_id, data
         FROM event WHERE project_id = $1 AND seq > $2 ORDER BY seq LIMIT $3",
        crate::params![project_id, after, limit],
        read,
    )
}

/// The last position of the log; 0 when it is empty.
///
/// # Errors
/// The database's.
pub fn last_seq(tx: &mut Tx<'_>) -> Result<i64, StoreError> {
    let last = tx.query_first("SELECT max(seq) FROM event", &[], |row| row.opt_int(0))?;
    Ok(last.flatten().unwrap_or(0))
}
