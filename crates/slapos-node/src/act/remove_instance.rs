//! Removes all that an instance left in its partition.
//!
//! Called only when the supervisor has no process of it any more. As root, whatever else runs as
//! the partition's user is ended first, so that nothing writes while it is removed.

use crate::node::Node;
use crate::record::InstanceRecord;
use std::io;

/// Removes everything in the partition; the folder itself stays. The record returned says that it
/// is removed; it is kept until the master knows.
///
/// # Errors
/// When something is left.
pub fn remove_instance(
    node: &Node,
    partition: &str,
    record: &InstanceRecord,
) -> io::Result<InstanceRecord> {
    let account = node.account(partition).map_err(io::Error::other)?;
    if let Some(account) = account {
        node.system.end_processes_of(account)?;
    }
    let folder = node.layout.partition(partition);
    if node.system.look_at_folder(&folder)?.is_some() {
        let removed = node.system.remove_content(&folder)?;
        tracing::info!(partition, instance = %record.id, removed, "partition emptied");
    }
    let logs = node.layout.instance_log().join(partition);
    if node.system.look_at_folder(&logs)?.is_some() {
        node.system.remove_content(&logs)?;
    }
    let gone = InstanceRecord {
        is_removed: true,
        was_up: false,
        failure: None,
        installed: None,
        digest: String::new(),
        ..record.clone()
    };
    node.records.store_instance(partition, &gone)?;
    Ok(gone)
}
