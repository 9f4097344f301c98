//! Client certificates of persons and instances: who gets one, which are valid.
//!
//! A certificate only names a key; what its holder may do is asked of the tables each time. Start
//! with [`keep_person`].

use super::caller::Act;
use super::node::record;
use super::requester::ensure_subject;
use super::{AppError, Caller, event};
use crate::store::Tx;
use crate::store::certificate::{self, CertificateRow};
use crate::store::instance::InstanceRow;
use crate::store::node::{self, NodeRow};
use slapos_model::Role;

/// A certificate with its key, as the old wire hands them out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// SHA-256 of the public key, in hex.
    pub key_hash: String,
    /// The certificate as PEM.
    pub pem: String,
    /// The key as PEM.
    pub key_pem: String,
}

/// A person's new certificate takes the place of those of before: one is valid at a time.
///
/// # Errors
/// When the caller is no person.
pub fn keep_person(tx: &mut Tx<'_>, caller: &Caller, issued: &Issued) -> Result<(), AppError> {
    let subject_id = caller.require_person()?.to_owned();
    certificate::revoke_of_subject(tx, &subject_id)?;
    let kept = CertificateRow {
        key_hash: issued.key_hash.clone(),
        subject_id,
        instance_id: None,
        pem: issued.pem.clone(),
        key_pem: None,
    };
    Ok(certificate::insert(tx, &kept)?)
}

/// The certificate of an instance for its node: the one of before, or the one that is offered
/// when it has none.
///
/// # Errors
/// When the caller is neither the instance nor its node.
pub fn ensure_instance(
    tx: &mut Tx<'_>,
    caller: &Caller,
    row: &InstanceRow,
    offered: &Issued,
) -> Result<Issued, AppError> {
    if let Some(known) = find_instance(tx, caller, row)? {
        return Ok(known);
    }
    let subject_id = ensure_subject(tx, &mut row.clone())?;
    let kept = CertificateRow {
        key_hash: offered.key_hash.clone(),
        subject_id,
        instance_id: Some(row.id.clone()),
        pem: offered.pem.clone(),
        key_pem: Some(offered.key_pem.clone()),
    };
    certificate::insert(tx, &kept)?;
    Ok(offered.clone())
}

/// The certificate that an instance has.
///
/// # Errors
/// When the caller is neither the instance nor its node.
pub fn find_instance(
    tx: &mut Tx<'_>,
    caller: &Caller,
    row: &InstanceRow,
) -> Result<Option<Issued>, AppError> {
    caller.require_on(row, Act::Run)?;
    let Some(subject_id) = row.subject_id.as_deref() else {
        return Ok(None);
    };
    let known = certificate::find_of_subject(tx, subject_id)?;
    Ok(known.and_then(|known| {
        Some(Issued {
            key_hash: known.key_hash,
            pem: known.pem,
            key_pem: known.key_pem?,
        })
    }))
}

/// A new key of a node takes the place of the one of before.
///
/// # Errors
/// When the caller is neither that node nor an operator of its project.
pub fn replace_node_key(
    tx: &mut Tx<'_>,
    caller: &Caller,
    row: &NodeRow,
    key_hash: &str,
) -> Result<(), AppError> {
    match caller {
        Caller::Node { id, .. } if *id == row.id => {}
        Caller::Node { .. } | Caller::Instance { .. } => {
            return Err(AppError::not_found("such node"));
        }
        Caller::Person { .. } => caller.require(&row.project_id, Role::Operator, "such node")?,
    }
    node::set_key(tx, &row.id, key_hash)?;
    record(tx, row, event::NODE_REGISTERED, Some(caller.subject_id()));
    Ok(())
}
