//! The users that a private SlapOS makes on the machine: gone with it.
//!
//! Only names that begin as this world's do are touched.

use std::process::Command;

/// The users that the node made for this world only.
pub(super) fn remove(base: Option<&str>, partitions: u32) {
    let Some(base) = base else { return };
    let slots = (0..partitions).map(|index| format!("{base}{index}"));
    for name in slots.chain([format!("{base}s")]) {
        // One that was never made is no loss.
        drop(Command::new("userdel").arg(&name).output());
    }
}
