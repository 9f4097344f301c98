//! Shares of an instance's capacity: which instance hosts one, and what becomes of them.
//!
//! A share has no partition: its host is told of it and publishes its connection values. A share
//! without a host waits; one whose host is destroyed waits again.

use super::{AppError, allocate, event, tree, view};
use crate::limits::ALLOCATE_BATCH_MAX;
use crate::store::Tx;
use crate::store::instance::{self, InstanceRow};
use crate::store::tree as rows;
use serde_json::{Value, json};

/// Gives a share the oldest host that fits, or says why there is none; writes its place and tells.
///
/// # Errors
/// The store's.
pub fn place(tx: &mut Tx<'_>, row: &mut InstanceRow) -> Result<(), AppError> {
    let offers = rows::list_offers(tx, &row.project_id, &row.url)?;
    match offers.iter().find(|host| fits(host, row)) {
        Some(host) => {
            row.host_id = Some(host.id.clone());
            row.wait_reason = None;
            instance::set_place(tx, row)?;
            let data = json!({"host": host.name});
            tx.record(event::about(row, event::INSTANCE_ALLOCATED, None, data));
            tree::renew(tx, &host.id)
        }
        None => {
            let reason = format!(
                "no instance offers shares of {} with the type `{}` where it may be",
                row.url, row.software_type
            );
            if row.wait_reason.as_deref() != Some(&reason) {
                row.wait_reason = Some(reason.clone());
                instance::set_place(tx, row)?;
                let data = json!({"message": reason});
                tx.record(event::about(row, event::INSTANCE_WAITING, None, data));
            }
            Ok(())
        }
    }
}

fn fits(host: &InstanceRow, share: &InstanceRow) -> bool {
    let filter = view::object(&share.filter);
    let is_wanted = |key: &str, own: &[Option<&str>]| {
        filter
            .get(key)
            .and_then(Value::as_str)
            .is_none_or(|wanted| own.contains(&Some(wanted)))
    };
    host.software_type == share.software_type
        && is_wanted(
            "node",
            &[host.node_id.as_deref(), host.node_name.as_deref()],
        )
        && is_wanted(allocate::HOST_KEY, &[Some(&host.id)])
}

/// A new host: shares that wait for one may find it.
///
/// # Errors
/// The store's.
pub fn place_waiting(tx: &mut Tx<'_>, host: &InstanceRow) -> Result<(), AppError> {
    let limit = i64::try_from(ALLOCATE_BATCH_MAX).unwrap_or(i64::MAX);
    for mut row in rows::list_lonely(tx, &host.project_id, &host.url, limit)? {
        if fits(host, &row) {
            place(tx, &mut row)?;
        }
    }
    Ok(())
}

/// The host is gone: its shares look for another.
///
/// # Errors
/// The store's.
pub fn leave_host(tx: &mut Tx<'_>, host_id: &str) -> Result<(), AppError> {
    for mut row in rows::list_shares(tx, host_id)? {
        row.host_id = None;
        instance::set_place(tx, &row)?;
        place(tx, &mut row)?;
    }
    Ok(())
}
