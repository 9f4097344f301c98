//! The story of one option: the changes that make its value, and what they replaced.
//!
//! Kept apart from where stories are found (annotate.rs), so that how they are put together and told is in one place.

use std::collections::{BTreeSet, HashSet};

use serde_json::{Map, Value as Json, json};
use slapos_buildout::Origin;

use crate::limits::STORY_STEPS_MAX;
use crate::place::{origin_json, origin_text};

/// How an option came to its value.
#[derive(Debug, Clone, Default)]
pub struct Story {
    /// The changes that make the value, oldest first.
    pub history: Vec<Change>,
    /// What they replaced, oldest first.
    pub overrode: Vec<Change>,
}

/// One change of an option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Where it is written; another one than was asked about if it is inherited by `<`.
    pub section: String,
    /// `=`, `+=` or `-=`.
    pub sign: &'static str,
    pub value: String,
    pub origin: Origin,
}

impl Story {
    pub(super) fn replace(&mut self, over: &Story) {
        let before = std::mem::replace(&mut self.history, over.history.clone());
        self.override_also(before.into_iter().chain(over.overrode.iter().cloned()));
    }

    /// Adds what is overridden, which may have come by many ways already: each line is told of once, where it is nearest,
    /// and not if it holds. Without this a section that inherits another twice would double its story.
    pub(super) fn override_also(&mut self, changes: impl IntoIterator<Item = Change>) {
        self.overrode.extend(changes);
        let mut told: HashSet<_> = self.history.iter().map(Change::place).collect();
        let nearest = self.overrode.iter().rev();
        let once = nearest.filter(|change| told.insert(change.place()));
        let mut kept: Vec<Change> = once.take(STORY_STEPS_MAX).cloned().collect();
        kept.reverse();
        self.overrode = kept;
    }

    /// The text before references are substituted.
    pub fn value(&self) -> String {
        let mut text = String::new();
        for change in &self.history {
            match change.sign {
                "=" => text.clone_from(&change.value),
                "+=" => {
                    text.push('\n');
                    text.push_str(&change.value);
                }
                _ => {
                    let removed: BTreeSet<&str> = change.value.split('\n').collect();
                    let kept = text.split('\n').filter(|line| !removed.contains(line));
                    text = kept.collect::<Vec<_>>().join("\n");
                }
            }
        }
        text
    }

    /// The place that decided last.
    pub fn origin(&self) -> Option<&Origin> {
        self.history.last().map(|change| &change.origin)
    }

    /// `{"value", "file", "line", "column", "history", "overrode"}`.
    pub fn to_json(&self) -> Json {
        let changes = |all: &[Change]| all.iter().map(Change::to_json).collect::<Json>();
        let mut object = Map::new();
        object.insert("value".to_owned(), self.value().into());
        if let Some(Json::Object(origin)) = self.origin().map(origin_json) {
            object.extend(origin);
        }
        object.insert("history".to_owned(), changes(&self.history));
        object.insert("overrode".to_owned(), changes(&self.overrode));
        Json::Object(object)
    }

    pub(super) fn push_text(&self, out: &mut String, section: &str) {
        for change in &self.history {
            let from = match change.section == section {
                true => String::new(),
                false => format!("  (from [{}])", change.section),
            };
            let place = origin_text(&change.origin);
            out.push_str(&format!("    {:2} {place}{from}\n", change.sign));
        }
        for change in self.overrode.iter().rev() {
            let place = origin_text(&change.origin);
            let first = change.value.split('\n').next().unwrap_or_default();
            let more = if change.value.contains('\n') {
                " …"
            } else {
                ""
            };
            let shown: String = first.chars().take(60).collect();
            out.push_str(&format!(
                "       over {place}: {} {shown}{more}\n",
                change.sign
            ));
        }
    }
}

impl Change {
    /// What tells it from others. Lines that no file holds have the number 0, so their sign is needed too.
    fn place(&self) -> (&str, &str, u32, &str) {
        let origin = &self.origin;
        (&self.section, &origin.file, origin.line, self.sign)
    }

    fn to_json(&self) -> Json {
        let mut object = json!({ "section": self.section, "sign": self.sign, "value": self.value });
        if let (Json::Object(object), Json::Object(origin)) =
            (&mut object, origin_json(&self.origin))
        {
            object.extend(origin);
        }
        object
    }
}
