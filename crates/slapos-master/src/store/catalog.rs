//! The catalogue's table: releases with a name, a schema and their files.

use super::{Row, StoreError, Tx};
use crate::params;

/// A release of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReleaseRow {
    /// Identity: `catalog:name/version/software.cfg`.
    pub url: String,
    /// What is typed.
    pub name: String,
    /// Of the software.
    pub version: String,
    /// One line.
    pub title: String,
    /// A sentence or two.
    pub summary: String,
    /// JSON Schema of the parameters.
    pub schema: String,
    /// JSON object: published name → description.
    pub connection: String,
    /// Markdown.
    pub readme: String,
    /// JSON object: path → text.
    pub files: String,
    /// Is it what the bare name means?
    pub is_default: bool,
}

fn read(row: &Row<'_>) -> Result<ReleaseRow, StoreError> {
    Ok(ReleaseRow {
        url: row.text(0)?,
        name: row.text(1)?,
        version: row.text(2)?,
        title: row.text(3)?,
        summary: row.text(4)?,
        schema: row.text(5)?,
        connection: row.text(6)?,
        readme: row.text(7)?,
        files: row.text(8)?,
        is_default: row.int(9)? != 0,
    })
}

/// Makes or replaces a release.
///
/// # Errors
/// The database's.
pub fn upsert(tx: &mut Tx<'_>, release: &ReleaseRow) -> Result<(), StoreError> {
    let now = tx.now();
    tx.execute(
        "INSERT INTO release (url, name, version, title, summary, schema, connection, readme,
                              files, is_default, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         ON CONFLICT (url) DO UPDATE SET title = excluded.title, summary = excluded.summary,
             schema = excluded.schema, connection = excluded.connection,
             readme = excluded.readme, files = excluded.files, is_default = excluded.is_default",
        params![
            &release.url,
            &release.name,
            &release.version,
            &release.title,
            &release.summary,
            &release.schema,
            &release.connection,
            &release.readme,
            &release.files,
            release.is_default,
            now
        ],
    )
    .map(drop)
}

/// What a request needs of a release: the long texts stay on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BriefRow {
    /// Identity.
    pub url: String,
    /// What is typed.
    pub name: String,
    /// Of the software.
    pub version: String,
    /// JSON Schema of the parameters.
    pub schema: String,
}

fn read_brief(row: &Row<'_>) -> Result<BriefRow, StoreError> {
    Ok(BriefRow {
        url: row.text(0)?,
        name: row.text(1)?,
        version: row.text(2)?,
        schema: row.text(3)?,
    })
}

/// The release that a bare name means.
///
/// # Errors
/// The database's.
pub fn find_default(tx: &mut Tx<'_>, name: &str) -> Result<Option<BriefRow>, StoreError> {
    tx.query_first(
        "SELECT url, name, version, schema FROM release WHERE name = $1 AND is_default = 1",
        params![name],
        read_brief,
    )
}

/// The release of that name and version.
///
/// # Errors
/// The database's.
pub fn find_version(
    tx: &mut Tx<'_>,
    name: &str,
    version: &str,
) -> Result<Option<BriefRow>, StoreError> {
    tx.query_first(
        "SELECT url, name, version, schema FROM release WHERE name = $1 AND version = $2",
        params![name, version],
        read_brief,
    )
}

/// What a request needs of the release of that identity.
///
/// # Errors
/// The database's.
pub fn find_brief(tx: &mut Tx<'_>, url: &str) -> Result<Option<BriefRow>, StoreError> {
    tx.query_first(
        "SELECT url, name, version, schema FROM release WHERE url = $1",
        params![url],
        read_brief,
    )
}

/// The release of that identity.
///
/// # Errors
/// The database's.
pub fn find_by_url(tx: &mut Tx<'_>, url: &str) -> Result<Option<ReleaseRow>, StoreError> {
    tx.query_first(
        "SELECT url, name, version, title, summary, schema, connection, readme, files, is_default
         FROM release WHERE url = $1",
        params![url],
        read,
    )
}

/// All releases, by name and version.
///
/// # Errors
/// The database's.
pub fn list(tx: &mut Tx<'_>) -> Result<Vec<ReleaseRow>, StoreError> {
    tx.query(
        "SELECT url, name, version, title, summary, schema, connection, readme, files, is_default
         FROM release ORDER BY name, version",
        &[],
        read,
    )
}
