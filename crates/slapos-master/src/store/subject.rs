//! Tables of who is who: subjects, tokens, projects and members.

use super::{Row, StoreError, Tx};
use crate::params;
use slapos_model::Timestamp;

/// A subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubjectRow {
    /// Reference.
    pub id: String,
    /// `person`, `node`, `instance`.
    pub kind: String,
    /// Its name.
    pub name: String,
}

/// A project as one of its members sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MembershipRow {
    /// Reference of the project.
    pub project_id: String,
    /// Its name.
    pub project_name: String,
    /// The member's role.
    pub role: String,
}

/// A member as the project sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRow {
    /// Who.
    pub subject: SubjectRow,
    /// As what.
    pub role: String,
}

/// A token without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRow {
    /// Reference.
    pub id: String,
    /// What it is for.
    pub label: String,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when.
    pub expires_at: Option<Timestamp>,
}

fn read_subject(row: &Row<'_>) -> Result<SubjectRow, StoreError> {
    Ok(SubjectRow {
        id: row.text(0)?,
        kind: row.text(1)?,
        name: row.text(2)?,
    })
}

/// Makes a subject.
///
/// # Errors
/// The database's.
pub fn insert(tx: &mut Tx<'_>, subject: &SubjectRow) -> Result<(), StoreError> {
    let now = tx.now();
    tx.execute(
        "INSERT INTO subject (id, kind, name, created_at) VALUES ($1, $2, $3, $4)",
        params![&subject.id, &subject.kind, &subject.name, now],
    )
    .map(drop)
}

/// The subject of that reference.
///
/// # Errors
/// The database's.
pub fn find(tx: &mut Tx<'_>, id: &str) -> Result<Option<SubjectRow>, StoreError> {
    tx.query_first(
        "SELECT id, kind, name FROM subject WHERE id = $1 AND is_disabled = 0",
        params![id],
        read_subject,
    )
}

/// The first person of the master: its owner.
///
/// # Errors
/// The database's.
pub fn find_first_person(tx: &mut Tx<'_>) -> Result<Option<SubjectRow>, StoreError> {
    tx.query_first(
        "SELECT id, kind, name FROM subject WHERE kind = 'person' ORDER BY created_at, id LIMIT 1",
        &[],
        read_subject,
    )
}

/// Whose token that is, when it is valid now.
///
/// # Errors
/// The database's.
pub fn find_by_token(tx: &mut Tx<'_>, hash: &str) -> Result<Option<SubjectRow>, StoreError> {
    let now = tx.now();
    tx.query_first(
        "SELECT subject.id, subject.kind, subject.name
         FROM token JOIN subject ON subject.id = token.subject_id
         WHERE token.hash = $1 AND token.revoked_at IS NULL
           AND (token.expires_at IS NULL OR token.expires_at > $2) AND subject.is_disabled = 0",
        params![hash, now],
        read_subject,
    )
}

/// Makes a token; `hash` is the SHA-256 of its secret.
///
/// # Errors
/// The database's.
pub fn insert_token(
    tx: &mut Tx<'_>,
    subject_id: &str,
    token: &TokenRow,
    hash: &str,
) -> Result<(), StoreError> {
    let expires_at = token.expires_at.map(Timestamp::as_micros);
    tx.execute(
        "INSERT INTO token (id, subject_id, hash, label, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
        params![
            &token.id,
            subject_id,
            hash,
            &token.label,
            token.created_at,
            expires_at
        ],
    )
    .map(drop)
}

/// The valid tokens of a subject.
///
/// # Errors
/// The database's.
pub fn list_tokens(tx: &mut Tx<'_>, subject_id: &str) -> Result<Vec<TokenRow>, StoreError> {
    tx.query(
        "SELECT id, label, created_at, expires_at FROM token
         WHERE subject_id = $1 AND revoked_at IS NULL ORDER BY id",
        params![subject_id],
        |row| {
            Ok(TokenRow {
                id: row.text(0)?,
                label: row.text(1)?,
                created_at: row.time(2)?,
                expires_at: row.opt_int(3)?.map(Timestamp::from_micros),
            })
        },
    )
}

/// Ends a token of a subject; false when there is no such.
///
/// # Errors
/// The database's.
pub fn revoke_token(tx: &mut Tx<'_>, subject_id: &str, id: &str) -> Result<bool, StoreError> {
    let now = tx.now();
    let count = tx.execute(
        "UPDATE token SET revoked_at = $1 WHERE id = $2 AND subject_id = $3 AND revoked_at IS NULL",
        params![now, id, subject_id],
    )?;
    Ok(count > 0)
}

/// Makes a project.
///
/// # Errors
/// The database's.
pub fn insert_project(tx: &mut Tx<'_>, id: &str, name: &str) -> Result<(), StoreError> {
    let now = tx.now();
    tx.execute(
        "INSERT INTO project (id, name, created_at) VALUES ($1, $2, $3)",
        params![id, name, now],
    )
    .map(drop)
}

/// The reference of the project of that name.
///
/// # Errors
/// The database's.
pub fn find_project(tx: &mut Tx<'_>, name: &str) -> Result<Option<String>, StoreError> {
    tx.query_first(
        "SELECT id FROM project WHERE name = $1",
        params![name],
        |row| row.text(0),
    )
}

/// The projects of a subject and its roles, by name.
///
/// # Errors
/// The database's.
pub fn list_memberships(
    tx: &mut Tx<'_>,
    subject_id: &str,
) -> Result<Vec<MembershipRow>, StoreError> {
    tx.query(
        "SELECT project.id, project.name, member.role
         FROM member JOIN project ON project.id = member.project_id
         WHERE member.subject_id = $1 ORDER BY project.name",
        params![subject_id],
        |row| {
            Ok(MembershipRow {
                project_id: row.text(0)?,
                project_name: row.text(1)?,
                role: row.text(2)?,
            })
        },
    )
}

/// The members of a project, by name.
///
/// # Errors
/// The database's.
pub fn list_members(tx: &mut Tx<'_>, project_id: &str) -> Result<Vec<MemberRow>, StoreError> {
    tx.query(
        "SELECT subject.id, subject.kind, subject.name, member.role
         FROM member JOIN subject ON subject.id = member.subject_id
         WHERE member.project_id = $1 ORDER BY subject.name, subject.id",
        params![project_id],
        |row| {
            Ok(MemberRow {
                subject: read_subject(row)?,
                role: row.text(3)?,
            })
        },
    )
}

/// Gives a role, in place of the one of before.
///
/// # Errors
/// The database's.
pub fn set_member(
    tx: &mut Tx<'_>,
    project_id: &str,
    subject_id: &str,
    role: &str,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO member (project_id, subject_id, role) VALUES ($1, $2, $3)
         ON CONFLICT (project_id, subject_id) DO UPDATE SET role = excluded.role",
        params![project_id, subject_id, role],
    )
    .map(drop)
}

/// Takes somebody out of a project; false when not in it.
///
/// # Errors
/// The database's.
pub fn remove_member(
    tx: &mut Tx<'_>,
    project_id: &str,
    subject_id: &str,
) -> Result<bool, StoreError> {
    let count = tx.execute(
        "DELETE FROM member WHERE project_id = $1 AND subject_id = $2",
        params![project_id, subject_id],
    )?;
    Ok(count > 0)
}

/// A setting of the whole master.
///
/// # Errors
/// The database's.
pub fn find_meta(tx: &mut Tx<'_>, name: &str) -> Result<Option<String>, StoreError> {
    tx.query_first(
        "SELECT value FROM meta WHERE name = $1",
        params![name],
        |row| row.text(0),
    )
}

/// Writes a setting of the whole master.
///
/// # Errors
/// The database's.
pub fn set_meta(tx: &mut Tx<'_>, name: &str, value: &str) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO meta (name, value) VALUES ($1, $2)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        params![name, value],
    )
    .map(drop)
}
