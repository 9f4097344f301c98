//! "Why is it as it is?": the chain of causes of a service, the first cause first.
//!
//! A pure decision over what the master knows. The chain follows the life of a service: its node,
//! its partition, its release, its installation, its processes, its promises; the first link that
//! is broken is the first cause, and what follows from it is not repeated as a cause of its own.

use super::{AppError, Caller, instance as rules, node as nodes, state};
use crate::store::instance::InstanceRow;
use crate::store::promise::{self, PromiseRow};
use crate::store::{Tx, node};
use slapos_api::wire::instance::{Cause, Why};
use slapos_api::wire::node::ProcessReport;
use slapos_model::Role;

/// Explains a service.
///
/// # Errors
/// When there is none that the caller may see.
pub fn explain(tx: &mut Tx<'_>, caller: &Caller, which: &str) -> Result<Why, AppError> {
    let row = rules::find_for(tx, caller, which, Role::Viewer)?;
    let promises = promise::list(tx, &row.id)?;
    let offline = match row.node_id.as_deref() {
        Some(id) => node::find(tx, id)?
            .filter(|known| !nodes::is_online(tx, known))
            .map(|known| {
                known
                    .seen_at
                    .map_or_else(|| "never".to_owned(), |at| format!("since {at}"))
            }),
        None => None,
    };
    Ok(decide(&row, &promises, offline.as_deref()))
}

fn decide(row: &InstanceRow, promises: &[PromiseRow], offline: Option<&str>) -> Why {
    let mut causes = Vec::new();
    if let Some(since) = offline {
        causes.push(offline_cause(row, since));
    }
    match state::summary(row) {
        "destroyed" => causes.clear(),
        "waiting" if row.partition_id.is_none() => causes.push(no_partition(row)),
        "stopped" => causes.push(stopped(row)),
        "failed" => causes.push(failed(row)),
        "building" | "waiting" => causes.push(building(row)),
        "installing" | "stopping" | "destroying" => causes.push(underway(row)),
        "starting" | "degraded" => causes.extend(unkept(row, promises)),
        _ => {}
    }
    Why {
        name: row.name.clone(),
        summary: summarise(row, &causes),
        causes,
    }
}

fn summarise(row: &InstanceRow, causes: &[Cause]) -> String {
    let state = state::summary(row);
    match causes.first() {
        None if state == "started" => format!(
            "{} is started and {} of {} promises are kept: nothing is wrong.",
            row.name, row.kept, row.total
        ),
        None => format!("{} is {state}.", row.name),
        Some(cause) => format!("{} is {state}: {}.", row.name, cause.message),
    }
}

fn cause(kind: &str, message: String, hint: Option<String>) -> Cause {
    Cause {
        kind: kind.to_owned(),
        message,
        hint,
        log: None,
    }
}

fn offline_cause(row: &InstanceRow, since: &str) -> Cause {
    let name = row.node_name.as_deref().unwrap_or("?");
    cause(
        "node-offline",
        format!("its node {name} was not heard ({since}), so what is known may be old"),
        Some(format!(
            "look whether node {name} runs and reaches this master"
        )),
    )
}

fn no_partition(row: &InstanceRow) -> Cause {
    let reason = row
        .wait_reason
        .clone()
        .unwrap_or_else(|| "no free partition that fits".to_owned());
    let hint = "destroy a service that is not needed, or add partitions or a node; it starts by itself when room appears";
    cause("no-partition", reason, Some(hint.to_owned()))
}

fn stopped(row: &InstanceRow) -> Cause {
    let hint = format!("start it with `slapos service start {}`", row.name);
    cause(
        "stopped",
        "it was asked to be stopped".to_owned(),
        Some(hint),
    )
}

fn failed(row: &InstanceRow) -> Cause {
    let is_build = row.supply_state.as_deref() == Some("failed");
    let text = if is_build {
        row.supply_message.as_deref()
    } else {
        None
    }
    .or(row.message.as_deref())
    .unwrap_or("no message came with the failure");
    let (first, rest) = headline(text);
    let (kind, hint) = if is_build {
        (
            "build-failed",
            format!(
                "mend it, then `slapos supply {} {}` builds it again now; it is tried again by itself too",
                row.url,
                row.node_name.as_deref().unwrap_or("NODE")
            ),
        )
    } else {
        (
            "install-failed",
            format!(
                "see `slapos service logs {}`; it is tried again by itself",
                row.name
            ),
        )
    };
    let log = Some(rest.trim_end().to_owned()).filter(|log| !log.is_empty());
    Cause {
        log,
        ..cause(kind, first, Some(hint))
    }
}

/// The line that says what is wrong, and the rest. A line that only leads to the next one, such as
/// "reading the profile:", goes together with it.
fn headline(text: &str) -> (String, &str) {
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    match rest.split_once('\n').unwrap_or((rest, "")) {
        (second, rest) if first.ends_with(':') && !second.is_empty() => {
            (format!("{first} {}", second.trim()), rest)
        }
        _ => (first.to_owned(), rest),
    }
}

fn building(row: &InstanceRow) -> Cause {
    let node = row.node_name.as_deref().unwrap_or("?");
    if row.supply_state.as_deref() == Some("building") {
        return cause(
            "building",
            format!("its software is being built on node {node}"),
            None,
        );
    }
    cause(
        "waiting-for-node",
        format!("node {node} has not begun with it yet"),
        None,
    )
}

fn underway(row: &InstanceRow) -> Cause {
    let node = row.node_name.as_deref().unwrap_or("?");
    let what = match row.requested_state.as_str() {
        "destroyed" => "removing it",
        "stopped" => "stopping it",
        _ => "configuring it",
    };
    cause(
        "underway",
        format!("node {node} is {what}"),
        row.message.clone(),
    )
}

/// Processes that do not run come before the promises that fail because of them.
fn unkept(row: &InstanceRow, promises: &[PromiseRow]) -> Vec<Cause> {
    let processes: Vec<ProcessReport> = serde_json::from_str(&row.processes).unwrap_or_default();
    let down = processes
        .iter()
        .filter(|process| process.kind == "service" && process.state != "running");
    let mut causes: Vec<Cause> = down.map(|process| process_cause(row, process)).collect();
    let broken = promises.iter().filter(|promise| promise.state != "kept");
    causes.extend(broken.map(|promise| promise_cause(row, promise)));
    causes
}

fn process_cause(row: &InstanceRow, process: &ProcessReport) -> Cause {
    let ended = process.last_exit.as_deref().unwrap_or("not known");
    cause(
        "process-down",
        format!(
            "process {} is {} (last end: {ended}, started again {} times)",
            process.name, process.state, process.restarts
        ),
        Some(format!(
            "see `slapos service logs {} --service {}`",
            row.name, process.name
        )),
    )
}

fn promise_cause(row: &InstanceRow, promise: &PromiseRow) -> Cause {
    let said = if promise.message.is_empty() {
        "it said nothing"
    } else {
        promise.message.trim()
    };
    let (kind, what) = match promise.state.as_str() {
        "check-broken" => ("check-broken", "could not be checked"),
        "pending" => ("promise-pending", "is not kept yet"),
        _ => ("promise-broken", "is broken"),
    };
    cause(
        kind,
        format!(
            "promise {} {what} since {}: {said}",
            promise.name, promise.since
        ),
        Some(format!("see `slapos service logs {}`", row.name)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> InstanceRow {
        InstanceRow {
            name: "my_db".to_owned(),
            requested_state: "started".to_owned(),
            reported_state: "started".to_owned(),
            partition_id: Some("PART-1".to_owned()),
            node_name: Some("local".to_owned()),
            supply_state: Some("available".to_owned()),
            generation: 1,
            applied_generation: 1,
            kept: 1,
            total: 2,
            processes: "[]".to_owned(),
            green_at: Some(Default::default()),
            ..InstanceRow::default()
        }
    }

    fn broken(name: &str, state: &str) -> PromiseRow {
        PromiseRow {
            name: name.to_owned(),
            state: state.to_owned(),
            message: "refused".to_owned(),
            checked_at: Default::default(),
            since: Default::default(),
            history: "[]".to_owned(),
        }
    }

    fn kinds(why: &Why) -> Vec<&str> {
        why.causes.iter().map(|cause| cause.kind.as_str()).collect()
    }

    #[test]
    fn why_process_down_comes_before_its_promises() {
        let processes = r#"[{"name": "redis", "kind": "service", "state": "backoff",
            "restarts": 4, "last_exit": "exit code 1"}]"#;
        let row = InstanceRow {
            processes: processes.to_owned(),
            ..row()
        };
        let why = decide(&row, &[broken("port", "broken")], None);
        assert_eq!(kinds(&why), ["process-down", "promise-broken"]);
        assert!(why.summary.contains("exit code 1"), "{}", why.summary);
    }

    #[test]
    fn why_check_broken_is_told_apart() {
        let why = decide(&row(), &[broken("port", "check-broken")], None);
        assert_eq!(kinds(&why), ["check-broken"]);
    }

    #[test]
    fn why_node_offline_is_the_first_cause() {
        let why = decide(&row(), &[broken("port", "broken")], Some("since yesterday"));
        assert_eq!(kinds(&why)[0], "node-offline");
    }

    #[test]
    fn why_build_failed_shows_the_end_of_the_log() {
        let row = InstanceRow {
            reported_state: "unknown".to_owned(),
            applied_generation: 0,
            supply_state: Some("failed".to_owned()),
            supply_message: Some("part redis failed at compile\ncc: error: x.c".to_owned()),
            ..row()
        };
        let why = decide(&row, &[], None);
        assert_eq!(kinds(&why), ["build-failed"]);
        assert_eq!(why.causes[0].log.as_deref(), Some("cc: error: x.c"));
    }

    #[test]
    fn headline_that_only_leads_on_takes_the_next_line() {
        let text = "reading the profile:\nerror: no section\n --> a:1";
        assert_eq!(
            headline(text),
            (
                "reading the profile: error: no section".to_owned(),
                " --> a:1"
            )
        );
        assert_eq!(headline("broken\nlog"), ("broken".to_owned(), "log"));
        assert_eq!(headline("alone:"), ("alone:".to_owned(), ""));
    }

    #[test]
    fn why_of_a_green_service_has_no_cause() {
        let row = InstanceRow { kept: 2, ..row() };
        let why = decide(&row, &[], None);
        assert!(why.causes.is_empty());
        assert!(why.summary.contains("nothing is wrong"));
    }
}
