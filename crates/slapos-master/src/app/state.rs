//! The one word that people see of a service, and whether it is as asked: pure decisions.

use crate::store::instance::InstanceRow;

/// Is it as asked, by the node's word, with every promise kept?
#[must_use]
pub fn is_green(row: &InstanceRow) -> bool {
    row.applied_generation == row.generation
        && row.reported_state == row.requested_state
        && (row.requested_state != "started" || row.kept == row.total)
}

/// The one word: `waiting`, `building`, `installing`, `starting`, `started`, `degraded`,
/// `stopping`, `stopped`, `failed`, `destroying`, `destroyed`.
///
/// "Starting" is a started service that never kept all its promises since it was last changed;
/// "degraded" is one that did and does not now.
#[must_use]
pub fn summary(row: &InstanceRow) -> &'static str {
    if row.reported_state == "destroyed" {
        return "destroyed";
    }
    if row.requested_state == "destroyed" {
        return "destroying";
    }
    if row.partition_id.is_none() && !row.is_shared {
        return "waiting";
    }
    let is_applied = row.applied_generation == row.generation;
    if row.reported_state == "failed" && is_applied {
        return "failed";
    }
    match (row.requested_state.as_str(), row.reported_state.as_str()) {
        ("stopped", "stopped") if is_applied => "stopped",
        ("started", "started") if is_applied && row.kept == row.total => "started",
        ("started", "started") if is_applied && row.green_at.is_some() => "degraded",
        ("started", "started") if is_applied => "starting",
        ("stopped", _) => "stopping",
        _ => match row.supply_state.as_deref() {
            Some("failed") => "failed",
            Some("available") => "installing",
            Some("building") => "building",
            _ => "waiting",
        },
    }
}

/// As asked, as it stands, or `default`.
#[must_use]
pub fn software_type_of(
    ask: &slapos_api::wire::instance::InstanceRequest,
    standing: Option<&InstanceRow>,
) -> String {
    let stands = standing.map(|row| row.software_type.clone());
    ask.software_type
        .clone()
        .or(stands)
        .unwrap_or_else(|| "default".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(requested: &str, reported: &str) -> InstanceRow {
        InstanceRow {
            requested_state: requested.to_owned(),
            reported_state: reported.to_owned(),
            partition_id: Some("PART-1".to_owned()),
            supply_state: Some("available".to_owned()),
            generation: 2,
            applied_generation: 2,
            kept: 3,
            total: 3,
            ..InstanceRow::default()
        }
    }

    #[test]
    fn summary_of_a_life() {
        let waiting = InstanceRow {
            partition_id: None,
            ..row("started", "unknown")
        };
        assert_eq!(summary(&waiting), "waiting");
        let building = InstanceRow {
            supply_state: Some("building".to_owned()),
            ..row("started", "unknown")
        };
        assert_eq!(summary(&building), "building");
        assert_eq!(summary(&row("started", "installing")), "installing");
        assert_eq!(summary(&row("started", "started")), "started");
        assert_eq!(summary(&row("stopped", "started")), "stopping");
        assert_eq!(summary(&row("stopped", "stopped")), "stopped");
        assert_eq!(summary(&row("destroyed", "started")), "destroying");
        assert_eq!(summary(&row("destroyed", "destroyed")), "destroyed");
        assert_eq!(summary(&row("started", "failed")), "failed");
    }

    #[test]
    fn summary_broken_promise_is_starting_first_and_degraded_later() {
        let starting = InstanceRow {
            kept: 1,
            ..row("started", "started")
        };
        assert_eq!(summary(&starting), "starting");
        assert!(!is_green(&starting));
        let degraded = InstanceRow {
            green_at: Some(Default::default()),
            ..starting
        };
        assert_eq!(summary(&degraded), "degraded");
    }

    #[test]
    fn green_needs_the_newest_generation() {
        assert!(is_green(&row("started", "started")));
        let changed = InstanceRow {
            generation: 3,
            ..row("started", "started")
        };
        assert!(!is_green(&changed));
        assert_eq!(summary(&changed), "installing");
    }
}
