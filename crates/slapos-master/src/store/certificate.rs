//! The table of client certificates of persons and instances.

use super::{Row, StoreError, Tx};
use crate::params;

/// A client certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateRow {
    /// SHA-256 of its public key, in hex.
    pub key_hash: String,
    /// Whose it is.
    pub subject_id: String,
    /// The instance, when it is one's.
    pub instance_id: Option<String>,
    /// As PEM.
    pub pem: String,
    /// Its key as PEM, only where the old wire asks for it again.
    pub key_pem: Option<String>,
}

fn read(row: &Row<'_>) -> Result<CertificateRow, StoreError> {
    Ok(CertificateRow {
        key_hash: row.text(0)?,
        subject_id: row.text(1)?,
        instance_id: row.opt_text(2)?,
        pem: row.text(3)?,
        key_pem: row.opt_text(4)?,
    })
}

/// Keeps a certificate.
///
/// # Errors
/// The database's.
pub fn insert(tx: &mut Tx<'_>, certificate: &CertificateRow) -> Result<(), StoreError> {
    let now = tx.now();
    tx.execute(
        "INSERT INTO certificate (key_hash, subject_id, instance_id, pem, key_pem, created_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
        params![
            &certificate.key_hash,
            &certificate.subject_id,
            &certificate.instance_id,
            &certificate.pem,
            &certificate.key_pem,
            now
        ],
    )
    .map(drop)
}

/// The valid certificate of a key.
///
/// # Errors
/// The database's.
pub fn find_by_key(tx: &mut Tx<'_>, key_hash: &str) -> Result<Option<CertificateRow>, StoreError> {
    tx.query_first(
        "SELECT key_hash, subject_id, instance_id, pem, key_pem FROM certificate
         WHERE key_hash = $1 AND revoked_at IS NULL",
        params![key_hash],
        read,
    )
}

/// The valid certificate of a subject, the newest first.
///
/// # Errors
/// The database's.
pub fn find_of_subject(
    tx: &mut Tx<'_>,
    subject_id: &str,
) -> Result<Option<CertificateRow>, StoreError> {
    tx.query_first(
        "SELECT key_hash, subject_id, instance_id, pem, key_pem FROM certificate
         WHERE subject_id = $1 AND revoked_at IS NULL ORDER BY created_at DESC, key_hash",
        params![subject_id],
        read,
    )
}

/// Ends all certificates of a subject.
///
/// # Errors
/// The database's.
pub fn revoke_of_subject(tx: &mut Tx<'_>, subject_id: &str) -> Result<(), StoreError> {
    let now = tx.now();
    tx.execute(
        "UPDATE certificate SET revoked_at = $1, key_pem = NULL
         WHERE subject_id = $2 AND revoked_at IS NULL",
        params![now, subject_id],
    )
    .map(drop)
}
