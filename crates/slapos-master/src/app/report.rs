//! What nodes tell: builds, instances, promises. Level-triggered: a repeated report is harmless,
//! a lost one is made good by the next.

use super::caller::Act;
use super::{AppError, Caller, event, instance as rules, state, tree};
use crate::limits::{MESSAGE_BYTES_MAX, PROMISE_HISTORY_MAX, PROMISES_MAX};
use crate::store::event::EventRow;
use crate::store::instance::{self, InstanceRow};
use crate::store::promise::{self, PromiseRow};
use crate::store::{Tx, node, supply};
use serde_json::json;
use slapos_api::wire::instance::PromiseChange;
use slapos_api::wire::node::{InstanceReport, NodeReport, PromiseReport, SoftwareReport};
use slapos_model::{InstallationState, Parameters, PromiseState, ReportedState, Timestamp};
use std::collections::HashMap;

/// Keeps a report. What it says of things that are not (or no longer) this node's is passed over:
/// the node may not know yet.
///
/// # Errors
/// When the caller is no node or a word is none of ours.
pub fn keep(tx: &mut Tx<'_>, caller: &Caller, report: &NodeReport) -> Result<(), AppError> {
    let node_id = caller.require_node()?.to_owned();
    node::set_seen(tx, &node_id)?;
    for said in &report.software {
        keep_software(tx, &node_id, said)?;
    }
    for said in &report.instances {
        keep_instance(tx, caller, &node_id, said)?;
    }
    Ok(())
}

/// Keeps what is said of one instance, by its node or by itself. An instance that speaks is no
/// sign that its node lives.
///
/// # Errors
/// When the caller may not say it, or a word is none of ours.
pub fn keep_of_instance(
    tx: &mut Tx<'_>,
    caller: &Caller,
    row: &InstanceRow,
    said: &InstanceReport,
) -> Result<(), AppError> {
    caller.require_on(row, Act::Run)?;
    if let Caller::Node { id, .. } = caller {
        node::set_seen(tx, id)?;
    }
    let node_id = row.node_id.clone().unwrap_or_default();
    keep_instance(tx, caller, &node_id, said)
}

fn keep_software(tx: &mut Tx<'_>, node_id: &str, said: &SoftwareReport) -> Result<(), AppError> {
    let word: InstallationState = said
        .state
        .parse()
        .map_err(|error| AppError::invalid("software.state", error))?;
    let Some(mut row) = supply::find(tx, node_id, &said.url)? else {
        return Ok(());
    };
    let project_id = node::find(tx, node_id)?.map(|node| node.project_id);
    let message = said
        .message
        .as_deref()
        .map(|text| end_of(text, MESSAGE_BYTES_MAX));
    let is_same_state = row.reported_state == word.as_str() && row.message == message;
    row.reported_state = word.to_string();
    row.message = message;
    row.progress = said
        .progress
        .as_ref()
        .map(|progress| json!(progress).to_string());
    supply::set_reported(tx, &row)?;
    let data = json!({"software": row.url, "node": row.node_name, "state": row.reported_state,
        "message": row.message, "progress": said.progress});
    let kind = if is_same_state {
        event::SUPPLY_PROGRESS
    } else {
        event::SUPPLY_CHANGED
    };
    let entry = EventRow {
        kind: kind.to_owned(),
        project_id,
        node_id: Some(node_id.to_owned()),
        data: data.to_string(),
        ..EventRow::default()
    };
    if is_same_state {
        tx.notice(entry);
    } else {
        tx.record(entry);
    }
    Ok(())
}

fn keep_instance(
    tx: &mut Tx<'_>,
    caller: &Caller,
    node_id: &str,
    said: &InstanceReport,
) -> Result<(), AppError> {
    let found = instance::find(tx, &said.id)?;
    let Some(mut row) = found.filter(|row| row.node_id.as_deref() == Some(node_id)) else {
        return Ok(());
    };
    // Older news than what is known, from a report that waited.
    if row.reported_state == "destroyed" || said.generation < row.applied_generation {
        return Ok(());
    }
    let before = row.clone();
    apply(&mut row, said)?;
    if row.reported_state == "destroyed" {
        if row.requested_state != "destroyed" {
            return Ok(());
        }
        if tree::end_children(tx, caller, &row)?.is_empty() {
            return rules::finish_destroyed(tx, &mut row);
        }
        // It is off its node; it ends with the last of its children.
        return Ok(instance::set_reported(tx, &row)?);
    }
    if let Some(promises) = &said.promises {
        keep_promises(tx, &mut row, promises)?;
    }
    let is_green = state::is_green(&row);
    if is_green && row.green_at.is_none() {
        row.green_at = Some(tx.now());
    }
    if row == before {
        return Ok(());
    }
    instance::set_reported(tx, &row)?;
    record_changes(tx, &before, &row);
    if row.connection == before.connection {
        return Ok(());
    }
    tree::tell_parent(tx, &row)
}

fn apply(row: &mut InstanceRow, said: &InstanceReport) -> Result<(), AppError> {
    if let Some(word) = &said.state {
        let word: ReportedState = word
            .parse()
            .map_err(|error| AppError::invalid("instances.state", error))?;
        row.reported_state = word.to_string();
        row.message = said
            .message
            .as_deref()
            .map(|text| end_of(text, MESSAGE_BYTES_MAX));
        if !matches!(word, ReportedState::Building | ReportedState::Installing) {
            row.applied_generation = said.generation;
        }
    }
    if let Some(connection) = &said.connection {
        // A fault of one instance must not keep the rest of its node's report from being heard.
        match Parameters::from_stranger(connection.clone()) {
            Ok(connection) => row.connection = connection.to_text(),
            Err(error) => row.message = Some(format!("what it publishes is not kept: {error}")),
        }
    }
    if let Some(processes) = &said.processes {
        row.processes = json!(processes).to_string();
    }
    Ok(())
}

fn record_changes(tx: &mut Tx<'_>, before: &InstanceRow, row: &InstanceRow) {
    let is_news = before.reported_state != row.reported_state
        || before.message != row.message
        || before.connection != row.connection
        || before.processes != row.processes
        || before.applied_generation != row.applied_generation;
    if is_news {
        let data = json!({"state": row.reported_state, "message": row.message});
        tx.record(event::about(row, event::INSTANCE_REPORTED, None, data));
    }
    if before.green_at.is_none()
        && let Some(at) = row.green_at
    {
        let seconds = at.since(row.changed_at).as_secs_f64();
        let data = json!({"seconds": seconds, "kept": row.kept, "total": row.total});
        tx.record(event::about(row, event::INSTANCE_GREEN, None, data));
    }
}

fn keep_promises(
    tx: &mut Tx<'_>,
    row: &mut InstanceRow,
    said: &[PromiseReport],
) -> Result<(), AppError> {
    if said.len() > PROMISES_MAX {
        return Err(AppError::invalid(
            "instances.promises",
            format!("an instance has at most {PROMISES_MAX} promises"),
        ));
    }
    let mut known: HashMap<String, PromiseRow> = promise::list(tx, &row.id)?
        .into_iter()
        .map(|promise| (promise.name.clone(), promise))
        .collect();
    row.kept = 0;
    for report in said {
        let word: PromiseState = report
            .state
            .parse()
            .map_err(|error| AppError::invalid("promises.state", error))?;
        row.kept += i64::from(word == PromiseState::Kept);
        let before = known.remove(&report.name);
        let next = next_promise(before.as_ref(), report, word);
        if before.as_ref() != Some(&next) {
            promise::upsert(tx, &row.id, &next)?;
        }
        if before.is_none_or(|before| before.state != next.state) {
            let data = json!({"promise": next.name, "state": next.state, "message": next.message});
            tx.record(event::about(row, event::PROMISE_CHANGED, None, data));
        }
    }
    for name in known.keys() {
        promise::remove(tx, &row.id, name)?;
    }
    row.total = i64::try_from(said.len()).unwrap_or(i64::MAX);
    Ok(())
}

fn next_promise(
    before: Option<&PromiseRow>,
    report: &PromiseReport,
    word: PromiseState,
) -> PromiseRow {
    let checked_at = Timestamp::from_micros(report.checked_at_us);
    let message = end_of(&report.message, 2000);
    let mut history: Vec<PromiseChange> = before
        .map(|row| serde_json::from_str(&row.history).unwrap_or_default())
        .unwrap_or_default();
    let is_same = before.is_some_and(|row| row.state == word.as_str());
    if !is_same {
        let at = checked_at.to_string();
        let change = PromiseChange {
            at,
            state: word.to_string(),
            message: message.clone(),
        };
        history.insert(0, change);
        history.truncate(PROMISE_HISTORY_MAX);
    }
    PromiseRow {
        name: report.name.clone(),
        state: word.to_string(),
        message,
        checked_at,
        since: before
            .filter(|_| is_same)
            .map_or(checked_at, |row| row.since),
        history: json!(history).to_string(),
    }
}

/// The last `limit` bytes of a text, cut between characters.
fn end_of(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let mut start = text.len() - limit;
    while !text.is_char_boundary(start) {
        start += 1;
    }
    format!("…{}", &text[start..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn end_of_a_long_text_is_cut_between_characters() {
        assert_eq!(end_of("abc", 3), "abc");
        assert_eq!(end_of("aébc", 3), "…bc");
        assert_eq!(end_of(&"é".repeat(10), 5), format!("…{}", "é".repeat(2)));
    }

    #[test]
    fn next_promise_keeps_since_while_the_state_stays() {
        let report = |at, state: &str| PromiseReport {
            name: "port".to_owned(),
            state: state.to_owned(),
            message: String::new(),
            checked_at_us: at,
        };
        let first = next_promise(None, &report(1, "kept"), PromiseState::Kept);
        let second = next_promise(Some(&first), &report(2, "kept"), PromiseState::Kept);
        assert_eq!(second.since, first.since);
        let third = next_promise(Some(&second), &report(3, "broken"), PromiseState::Broken);
        assert_eq!(third.since, Timestamp::from_micros(3));
        assert_eq!(
            serde_json::from_str::<Vec<PromiseChange>>(&third.history)
                .unwrap()
                .len(),
            2
        );
    }
}
