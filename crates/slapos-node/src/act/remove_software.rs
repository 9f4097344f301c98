//! Removes a release from this node.

use crate::atomic_file;
use crate::layout::COMPLETED;
use crate::node::Node;
use crate::record::SoftwareRecord;
use std::io;

/// Removes the release's folder. Its completion mark goes first, so that what is left after a kill
/// is never taken for a release.
///
/// # Errors
/// When something is left.
pub fn remove_software(node: &Node, url: &str, attempt: i64) -> io::Result<SoftwareRecord> {
    let folder = node.layout.software(url);
    if node.system.look_at_folder(&folder)?.is_some() {
        atomic_file::remove(&folder.join(COMPLETED))?;
        let removed = node.system.remove_content(&folder)?;
        fs_err::remove_dir(&folder)?;
        tracing::info!(url, removed, "release removed");
    }
    let record = SoftwareRecord {
        url: url.to_owned(),
        attempt,
        failure: None,
        is_removed: true,
    };
    node.records.store_software(&record)?;
    Ok(record)
}
