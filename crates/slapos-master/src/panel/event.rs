//! The event log as sentences, newest first.

use super::limits::{EVENT_TEXT_MAX, EVENTS_LOOKED_AT, EVENTS_SHOWN};
use super::show::first_line;
use crate::app::{AppError, Caller, event};
use crate::store::Tx;
// The one look below `app`: where the log ends now, as the watch stream asks it too.
use crate::store::event::last_seq;
use slapos_api::wire::event::Event;
use slapos_api::wire::instance::InstanceView;

/// An entry of the log, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// Position in the log.
    pub(super) seq: i64,
    /// When, ISO 8601 in UTC.
    pub(super) at: String,
    /// What happened.
    pub(super) text: String,
    /// The word of the state that it is about.
    pub(super) tone: &'static str,
    /// The service that it is about.
    pub(super) href: Option<String>,
}

/// The newest entries that the caller may see, of one instance and the build of its software, or of
/// all.
pub(super) fn newest(
    tx: &mut Tx<'_>,
    caller: &Caller,
    about: Option<&InstanceView>,
) -> Result<Vec<Line>, AppError> {
    let from = (last_seq(tx)? - EVENTS_LOOKED_AT).max(0);
    let (events, _) = event::list(tx, caller, from)?;
    let of_interest = events
        .iter()
        .rev()
        .filter(|event| about.is_none_or(|view| is_about(event, view)));
    Ok(of_interest.take(EVENTS_SHOWN).map(line).collect())
}

fn is_about(event: &Event, view: &InstanceView) -> bool {
    let field = |key: &str| event.data.get(key).and_then(|value| value.as_str());
    let is_its_build = event.instance.is_none()
        && field("software") == Some(&view.software.url)
        && field("node") == view.node.as_deref();
    event.instance.as_deref() == Some(&view.id) || is_its_build
}

fn line(event: &Event) -> Line {
    let (text, state) = sentence(event);
    Line {
        seq: event.seq,
        at: event.at.clone(),
        text: first_line(&text, EVENT_TEXT_MAX),
        tone: super::show::tone(state),
        href: event
            .instance
            .as_ref()
            .filter(|_| event.kind != event::INSTANCE_DESTROYED)
            .map(|id| format!("/services/{id}")),
    }
}

/// The sentence of an event, and the state that it tells of.
fn sentence(entry: &Event) -> (String, &str) {
    let field = |key: &str| entry.data.get(key).and_then(|value| value.as_str());
    let name = field("name").unwrap_or("?");
    let state = field("state").unwrap_or_default();
    let software = field("software").map_or("?", label);
    let node = field("node").unwrap_or("?");
    let said = field("message").unwrap_or_default();
    let with = |text: String| match said {
        "" => text,
        said => format!("{text}: {said}"),
    };
    match entry.kind.as_str() {
        event::INSTANCE_REQUESTED => (format!("{name} was requested ({software})"), "new"),
        event::INSTANCE_CHANGED => (format!("{name} was changed, to be {state}"), "new"),
        event::INSTANCE_ALLOCATED => {
            let partition = field("partition").unwrap_or("?");
            (format!("{name} was given {node}/{partition}"), "new")
        }
        event::INSTANCE_WAITING => (with(format!("{name} waits")), "waiting"),
        event::INSTANCE_REPORTED => (with(format!("{name} is {state}")), state),
        event::INSTANCE_GREEN => (green(entry, name), "started"),
        event::INSTANCE_BANG => (with(format!("{name} is to be looked at again")), "new"),
        event::INSTANCE_DESTROYED => (format!("{name} is gone"), "destroyed"),
        event::PROMISE_CHANGED => {
            let promise = field("promise").unwrap_or("?");
            let word = state.replace('-', " ");
            (with(format!("{name}: promise {promise} is {word}")), state)
        }
        event::SUPPLY_REQUESTED => (format!("{software} is to be {state} on {node}"), "new"),
        event::SUPPLY_CHANGED => (with(format!("{software} is {state} on {node}")), state),
        event::NODE_REGISTERED => (format!("node {name} joined"), "new"),
        event::NODE_FORMATTED => (format!("node {name} offers partitions"), "new"),
        event::PROJECT_CHANGED => ("the project's members changed".to_owned(), "new"),
        event::TOKEN_CHANGED => ("a token was made or ended".to_owned(), "new"),
        other => (other.to_owned(), "new"),
    }
}

fn green(entry: &Event, name: &str) -> String {
    let number = |key: &str| entry.data.get(key).and_then(serde_json::Value::as_f64);
    match (number("seconds"), number("total")) {
        (Some(seconds), Some(total)) => {
            format!("{name} is as asked after {seconds:.1} s, {total:.0} promises kept")
        }
        _ => format!("{name} is as asked"),
    }
}

/// `catalog:redis/7.0.15/software.cfg` → `redis 7.0.15` without the space: its telling middle.
fn label(url: &str) -> &str {
    let Some(rest) = url.strip_prefix("catalog:") else {
        return url;
    };
    rest.rsplit_once('/').map_or(rest, |(label, _)| label)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn event(kind: &str, data: serde_json::Value) -> Event {
        Event {
            seq: 1,
            at: String::new(),
            kind: kind.to_owned(),
            project: None,
            node: None,
            instance: Some("SOFTINST-1".to_owned()),
            subject: None,
            data: data.as_object().unwrap().clone(),
        }
    }

    #[test]
    fn line_of_a_broken_promise_says_which_and_why() {
        let data = json!({"name": "my_db", "promise": "port", "state": "check-broken",
                          "message": "timed out\nmore"});
        let line = line(&event(event::PROMISE_CHANGED, data));
        assert_eq!(line.text, "my_db: promise port is check broken: timed out");
        assert_eq!(line.tone, "warn");
        assert_eq!(line.href.as_deref(), Some("/services/SOFTINST-1"));
    }

    #[test]
    fn line_of_a_destroyed_instance_leads_nowhere() {
        let line = line(&event(event::INSTANCE_DESTROYED, json!({"name": "my_db"})));
        assert_eq!((line.text.as_str(), line.href), ("my_db is gone", None));
    }

    #[test]
    fn line_of_a_build_names_the_release_shortly() {
        let data = json!({"software": "catalog:redis/7.0.15/software.cfg", "state": "building",
                          "node": "local", "message": null});
        let line = line(&event(event::SUPPLY_CHANGED, data));
        assert_eq!(line.text, "redis/7.0.15 is building on local");
    }

    #[test]
    fn line_of_a_kind_from_the_future_is_its_name() {
        assert_eq!(line(&event("new.kind", json!({}))).text, "new.kind");
    }
}
