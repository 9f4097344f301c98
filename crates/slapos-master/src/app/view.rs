//! Rows as the wire shows them.

use super::state::summary;
use crate::store::instance::InstanceRow;
use crate::store::supply::SupplyRow;
use slapos_api::wire::JsonMap;
use slapos_api::wire::instance::{InstanceView, Progress, PromiseCount, SoftwareView};
use slapos_api::wire::supply::SupplyView;

/// An instance.
#[must_use]
pub fn instance(row: &InstanceRow) -> InstanceView {
    let state = summary(row);
    let green_seconds = row
        .green_at
        .map(|at| at.since(row.changed_at).as_secs_f64());
    InstanceView {
        id: row.id.clone(),
        name: row.name.clone(),
        project: row.project_name.clone(),
        software: SoftwareView {
            url: row.url.clone(),
            name: row.release_name.clone(),
            version: row.release_version.clone(),
        },
        software_type: row.software_type.clone(),
        shared: row.is_shared,
        parent: row.parent_id.clone(),
        requested_state: row.requested_state.clone(),
        reported_state: row.reported_state.clone(),
        state: state.to_owned(),
        message: message(row, state),
        node: row.node_name.clone(),
        partition: row.partition_name.clone(),
        parameters: object(&row.parameters),
        connection: object(&row.connection),
        promises: PromiseCount {
            kept: row.kept,
            total: row.total,
        },
        progress: row
            .supply_progress
            .as_deref()
            .filter(|_| state == "building")
            .and_then(progress),
        generation: row.generation,
        applied_generation: row.applied_generation,
        created_at: row.created_at.to_string(),
        changed_at: row.changed_at.to_string(),
        seconds_to_green: green_seconds,
    }
}

/// Why it is not as asked, if there is something to say.
fn message(row: &InstanceRow, state: &str) -> Option<String> {
    let is_build_failure = row.supply_state.as_deref() == Some("failed");
    match state {
        "waiting" if row.partition_id.is_none() => row.wait_reason.clone(),
        // What failed before no longer matters to somebody who wants it gone.
        "destroying" | "destroyed" => None,
        "failed" if is_build_failure && row.message.is_none() => row.supply_message.clone(),
        _ => row.message.clone(),
    }
}

/// A supply.
#[must_use]
pub fn supply(row: &SupplyRow) -> SupplyView {
    SupplyView {
        node: row.node_name.clone(),
        url: row.url.clone(),
        requested_state: row.requested_state.clone(),
        reported_state: row.reported_state.clone(),
        message: row.message.clone(),
        progress: row.progress.as_deref().and_then(progress),
        changed_at: row.changed_at.to_string(),
    }
}

/// A stored JSON object; only this program writes them, so a damaged one reads as empty.
#[must_use]
pub fn object(text: &str) -> JsonMap {
    serde_json::from_str(text).unwrap_or_default()
}

fn progress(text: &str) -> Option<Progress> {
    serde_json::from_str(text).ok()
}
