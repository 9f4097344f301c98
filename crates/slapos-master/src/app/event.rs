//! The kinds of entries of the event log, who may see them, and reading them.

use super::{AppError, Caller};
use crate::store::Tx;
use crate::store::event::{EventRow, list_after, list_of_project};
use crate::store::instance::InstanceRow;
use serde_json::{Map, Value};
use slapos_api::limits::EVENT_PAGE_MAX;
use slapos_api::wire::JsonMap;
use slapos_api::wire::event::Event;

/// A service was asked for the first time.
pub const INSTANCE_REQUESTED: &str = "instance.requested";
/// Something else is asked of it: parameters, state, release.
pub const INSTANCE_CHANGED: &str = "instance.changed";
/// It has a partition.
pub const INSTANCE_ALLOCATED: &str = "instance.allocated";
/// There is no partition for it.
pub const INSTANCE_WAITING: &str = "instance.waiting";
/// Its node saw something new of it.
pub const INSTANCE_REPORTED: &str = "instance.reported";
/// It is as asked and every promise is kept.
pub const INSTANCE_GREEN: &str = "instance.green";
/// Somebody wants it looked at now.
pub const INSTANCE_BANG: &str = "instance.bang";
/// It is gone.
pub const INSTANCE_DESTROYED: &str = "instance.destroyed";
/// A promise changed its state.
pub const PROMISE_CHANGED: &str = "promise.changed";
/// A release was ordered on a node, or is to be removed.
pub const SUPPLY_REQUESTED: &str = "supply.requested";
/// A release's build changed its state.
pub const SUPPLY_CHANGED: &str = "supply.changed";
/// A build went on; transient.
pub const SUPPLY_PROGRESS: &str = "supply.progress";
/// A node joined.
pub const NODE_REGISTERED: &str = "node.registered";
/// A node offers something else.
pub const NODE_FORMATTED: &str = "node.formatted";
/// A log is wanted of a node; transient.
pub const LOG_WANTED: &str = "log.wanted";
/// A project was made, or its members changed.
pub const PROJECT_CHANGED: &str = "project.changed";
/// A token was made or ended.
pub const TOKEN_CHANGED: &str = "token.changed";

/// What a node has to act upon; the rest would only wake it for what it said itself.
const FOR_NODES: &[&str] = &[
    INSTANCE_ALLOCATED,
    INSTANCE_CHANGED,
    INSTANCE_BANG,
    SUPPLY_REQUESTED,
    LOG_WANTED,
];

/// Is it something that a node has to act upon?
#[must_use]
pub fn is_for_nodes(event: &EventRow) -> bool {
    FOR_NODES.contains(&event.kind.as_str())
}

/// An entry about an instance.
#[must_use]
pub fn about(row: &InstanceRow, kind: &str, subject_id: Option<&str>, data: Value) -> EventRow {
    let mut fields = Map::new();
    fields.insert("name".to_owned(), Value::String(row.name.clone()));
    if let Value::Object(more) = data {
        fields.extend(more);
    }
    EventRow {
        kind: kind.to_owned(),
        project_id: Some(row.project_id.clone()),
        node_id: row.node_id.clone(),
        instance_id: Some(row.id.clone()),
        subject_id: subject_id.map(str::to_owned),
        data: Value::Object(fields).to_string(),
        ..EventRow::default()
    }
}

/// May the caller see it? A node sees what it has to act upon, a person what is of its projects.
#[must_use]
pub fn is_visible(caller: &Caller, event: &EventRow) -> bool {
    match caller {
        Caller::Node { id, .. } => event.node_id.as_deref() == Some(id) && is_for_nodes(event),
        Caller::Instance { id, .. } => {
            event.instance_id.as_deref() == Some(id) && event.kind != LOG_WANTED
        }
        Caller::Person { roles, .. } => {
            event.kind != LOG_WANTED
                && event
                    .project_id
                    .as_ref()
                    .is_some_and(|id| roles.iter().any(|held| held.project_id == *id))
        }
    }
}

/// A page of the log after `after`, as far as the caller may see it, and the position to go on
/// from: entries of others are passed over.
///
/// # Errors
/// The store's.
pub fn list(tx: &mut Tx<'_>, caller: &Caller, after: i64) -> Result<(Vec<Event>, i64), AppError> {
    let limit = i64::try_from(EVENT_PAGE_MAX).unwrap_or(i64::MAX);
    let page = match caller.roles() {
        [only] => list_of_project(tx, &only.project_id, after, limit)?,
        _ => list_after(tx, after, limit)?,
    };
    let next = page.last().map_or(after, |event| event.seq);
    let visible = page
        .iter()
        .filter(|event| is_visible(caller, event))
        .map(to_wire)
        .collect();
    Ok((visible, next))
}

/// As it travels.
#[must_use]
pub fn to_wire(row: &EventRow) -> Event {
    Event {
        seq: row.seq,
        at: row.at.to_string(),
        kind: row.kind.clone(),
        project: row.project_id.clone(),
        node: row.node_id.clone(),
        instance: row.instance_id.clone(),
        subject: row.subject_id.clone(),
        data: serde_json::from_str::<JsonMap>(&row.data).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::caller::Membership;
    use slapos_model::Role;

    fn event(kind: &str) -> EventRow {
        EventRow {
            kind: kind.to_owned(),
            project_id: Some("PROJ-1".to_owned()),
            node_id: Some("COMP-1".to_owned()),
            ..EventRow::default()
        }
    }

    #[test]
    fn event_of_a_node_is_seen_by_it_only_when_it_has_to_act() {
        let node = |id: &str| Caller::Node {
            id: id.to_owned(),
            subject_id: "SUBJ-1".to_owned(),
            project_id: "PROJ-1".to_owned(),
        };
        assert!(is_visible(&node("COMP-1"), &event(INSTANCE_ALLOCATED)));
        assert!(!is_visible(&node("COMP-1"), &event(INSTANCE_REPORTED)));
        assert!(!is_visible(&node("COMP-2"), &event(INSTANCE_ALLOCATED)));
    }

    #[test]
    fn event_of_another_project_is_not_seen() {
        let person = |project: &str| Caller::Person {
            id: "SUBJ-2".to_owned(),
            name: "a".to_owned(),
            roles: vec![Membership {
                project_id: project.to_owned(),
                project_name: project.to_owned(),
                role: Role::Viewer,
            }],
        };
        assert!(is_visible(&person("PROJ-1"), &event(INSTANCE_REPORTED)));
        assert!(!is_visible(&person("PROJ-2"), &event(INSTANCE_REPORTED)));
        assert!(!is_visible(&person("PROJ-1"), &event(LOG_WANTED)));
    }
}
