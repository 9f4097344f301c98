//! A service's state as lines for people, each said once.
//!
//! Pure: a [`Story`] is fed views of one instance and gives the [`Line`]s that are new. Where they
//! go (a line that moves on a terminal, plain lines in a pipe) is decided in `follow.rs`.

use slapos_api::wire::instance::{InstanceView, Progress};

/// Something to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line {
    /// Said once, and stays.
    Said(String),
    /// What goes on just now; on a terminal it is redrawn, in a pipe it is said when the key
    /// changes.
    Moving {
        /// The text.
        text: String,
        /// What is new about it when it is new.
        key: String,
    },
}

/// What was said of one instance so far.
#[derive(Debug, Default)]
pub(crate) struct Story {
    is_placed: bool,
    state: String,
    connection: Vec<String>,
}

impl Story {
    /// The lines of `view` that were not said yet.
    pub(crate) fn tell(&mut self, view: &InstanceView) -> Vec<Line> {
        let mut lines = Vec::new();
        if let (false, Some(node), Some(partition)) = (self.is_placed, &view.node, &view.partition)
        {
            self.is_placed = true;
            lines.push(Line::Said(format!(
                "{}: ordered, on node {node}/{partition}",
                view.name
            )));
        }
        match state_line(view) {
            Line::Said(text) if text == self.state => {}
            Line::Said(text) => {
                self.state.clone_from(&text);
                lines.push(Line::Said(text));
            }
            moving @ Line::Moving { .. } => {
                self.state.clear();
                lines.push(moving);
            }
        }
        if matches!(view.state.as_str(), "started" | "degraded") {
            self.tell_connection(view, &mut lines);
        }
        lines
    }

    fn tell_connection(&mut self, view: &InstanceView, lines: &mut Vec<Line>) {
        let all = connection_lines(view);
        let new = all.iter().filter(|line| !self.connection.contains(line));
        lines.extend(new.cloned().map(Line::Said));
        self.connection = all;
    }
}

/// `url: redis://…`, one line a value.
pub(crate) fn connection_lines(view: &InstanceView) -> Vec<String> {
    let line = |(key, value): (&String, &serde_json::Value)| match value {
        serde_json::Value::String(text) => format!("{key}: {text}"),
        other => format!("{key}: {other}"),
    };
    view.connection.iter().map(line).collect()
}

/// The software for people: `redis 7.0.15`, or its URL.
pub(crate) fn software(view: &InstanceView) -> String {
    match (&view.software.name, &view.software.version) {
        (Some(name), Some(version)) => format!("{name} {version}"),
        (Some(name), None) => name.clone(),
        _ => view.software.url.clone(),
    }
}

/// `[3/5] compile  00:41`.
pub(crate) fn progress(progress: &Progress) -> String {
    let (minutes, seconds) = (progress.seconds / 60, progress.seconds % 60);
    format!(
        "[{}/{}] {}  {minutes:02}:{seconds:02}",
        progress.index, progress.total, progress.step
    )
}

fn state_line(view: &InstanceView) -> Line {
    let name = &view.name;
    let promises = format!(
        "{} of {} promises kept",
        view.promises.kept, view.promises.total
    );
    let text = match view.state.as_str() {
        "building" => return moving(view, format!("{name}: building {}", software(view))),
        "installing" => return moving(view, format!("{name}: installing")),
        "started" => format!("{name}: started, {promises}"),
        "starting" | "degraded" if view.promises.total > 0 => {
            format!("{name}: {}, {promises}", view.state)
        }
        "waiting" if view.partition.is_none() => format!("{name}: ordered, waiting for a place"),
        "waiting" => format!("{name}: waiting for the node"),
        other => format!("{name}: {other}"),
    };
    Line::Said(match &view.message {
        // What is green needs no reason.
        Some(message) if view.state != "started" => format!("{text}: {}", message.trim_end()),
        _ => text,
    })
}

fn moving(view: &InstanceView, what: String) -> Line {
    match &view.progress {
        None => Line::Moving {
            key: what.clone(),
            text: what,
        },
        Some(now) => Line::Moving {
            text: format!("{what}  {}", progress(now)),
            key: format!("{what} {}/{} {}", now.index, now.total, now.step),
        },
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use serde_json::json;

    pub(crate) fn view(changes: serde_json::Value) -> InstanceView {
        let mut base = json!({
            "id": "inst-1", "name": "my_db", "project": "default",
            "software": {"url": "catalog:redis/7.0.15/software.cfg", "name": "redis",
                         "version": "7.0.15"},
            "type": "default", "shared": false, "requested_state": "started",
            "reported_state": "unknown", "state": "waiting", "parameters": {},
            "connection": {}, "promises": {"kept": 0, "total": 0}, "generation": 1,
            "applied_generation": 0, "created_at": "2026-01-01T00:00:00Z",
            "changed_at": "2026-01-01T00:00:00Z",
        });
        for (key, value) in changes.as_object().unwrap() {
            base[key] = value.clone();
        }
        serde_json::from_value(base).unwrap()
    }

    fn said(text: &str) -> Line {
        Line::Said(text.to_owned())
    }

    #[test]
    fn story_from_order_to_green_reads_as_promised() {
        let mut story = Story::default();
        let place = json!({"node": "local", "partition": "slappart0", "state": "building",
            "progress": {"part": "redis", "index": 3, "total": 5, "step": "compile", "seconds": 41}});
        assert_eq!(
            story.tell(&view(place)),
            [
                said("my_db: ordered, on node local/slappart0"),
                Line::Moving {
                    text: "my_db: building redis 7.0.15  [3/5] compile  00:41".to_owned(),
                    key: "my_db: building redis 7.0.15 3/5 compile".to_owned(),
                },
            ]
        );
        let green = json!({"node": "local", "partition": "slappart0", "state": "started",
            "promises": {"kept": 3, "total": 3}, "connection": {"url": "redis://h:1"}});
        assert_eq!(
            story.tell(&view(green.clone())),
            [
                said("my_db: started, 3 of 3 promises kept"),
                said("url: redis://h:1"),
            ]
        );
        assert_eq!(story.tell(&view(green)), []);
    }

    #[test]
    fn story_of_a_service_without_a_place_says_why() {
        let waiting = json!({"message": "no free partition that fits: all 5 are taken"});
        assert_eq!(
            Story::default().tell(&view(waiting)),
            [said(
                "my_db: ordered, waiting for a place: no free partition that fits: all 5 are taken"
            )]
        );
    }

    #[test]
    fn story_of_a_failure_shows_its_end_once() {
        let mut story = Story::default();
        let failed = json!({"state": "failed", "message": "part redis: make failed\n  cc: no\n"});
        assert_eq!(
            story.tell(&view(failed.clone())),
            [said("my_db: failed: part redis: make failed\n  cc: no")]
        );
        assert_eq!(story.tell(&view(failed)), []);
    }

    #[test]
    fn story_says_only_the_connection_values_that_changed() {
        let mut story = Story::default();
        let with = |url: &str| json!({"state": "started", "connection": {"host": "h", "url": url}});
        story.tell(&view(with("a")));
        assert_eq!(story.tell(&view(with("b"))), [said("url: b")]);
    }
}
