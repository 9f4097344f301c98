//! What nodes say was used: kept as said, priced later.

use super::caller::hash_hex;
use super::{AppError, Caller};
use crate::limits::USAGE_BYTES_MAX;
use crate::store::{Tx, usage};
use slapos_model::fresh_id;

/// Keeps a usage report; the same again is one.
///
/// # Errors
/// When the caller is no node, or the report is too large.
pub fn keep(tx: &mut Tx<'_>, caller: &Caller, document: &str) -> Result<(), AppError> {
    let node_id = caller.require_node()?;
    if document.len() > USAGE_BYTES_MAX {
        return Err(AppError::new(
            slapos_api::ErrorCode::TooLarge,
            format!("a usage report has at most {USAGE_BYTES_MAX} bytes"),
        ));
    }
    let id = fresh_id("USAGE-", tx.clock(), tx.random());
    let hash = hash_hex(document.as_bytes());
    usage::insert(tx, &id, node_id, &hash, document)?;
    Ok(())
}
