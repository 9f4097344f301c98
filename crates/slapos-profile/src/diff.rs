//! What changes in the resolved result from one profile to another.
//!
//! Both are compared as if they were in the same folder: a change of place is no change.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json, json};
use slapos_buildout::{Report, Value};

use crate::place::diagnostics_json;
use crate::resolve::{Options, Resolved, value_json};

/// Options that changed, each with what it was and what it is.
pub type Changes = BTreeMap<String, (Option<Value>, Option<Value>)>;

/// The changes.
#[derive(Debug, Default)]
pub struct Difference {
    pub added: BTreeMap<String, Options>,
    pub removed: BTreeMap<String, Options>,
    /// By section and option: before and after; none is an option that is not there.
    pub changed: BTreeMap<String, Changes>,
    /// Sections that cannot be resolved on one side or both, each with the problems before and after; none is a side where it
    /// can be, or is not. What is the same on both sides is left out. Of a section that is listed here nothing else is said.
    pub unresolved: BTreeMap<String, (Option<Report>, Option<Report>)>,
    /// Both orders of parts, if they differ.
    pub order: Option<(Vec<String>, Vec<String>)>,
}

/// What is compared: a result and the location it is from.
#[derive(Debug)]
pub struct Side<'a> {
    pub location: &'a str,
    pub resolved: &'a Resolved,
}

/// What leads from `before` to `after`.
pub fn difference(before: &Side<'_>, after: &Side<'_>) -> Difference {
    let moved = Moved::between(before.location, after.location);
    let (old, new) = (&before.resolved.sections, &after.resolved.sections);
    let mut found = Difference {
        unresolved: unresolved(before.resolved, after.resolved, &moved),
        ..Difference::default()
    };
    let is_broken = |name: &String| {
        let broken = |side: &Side<'_>| side.resolved.unresolved.contains_key(name);
        broken(before) || broken(after)
    };
    for (name, options) in old.iter().filter(|(name, _)| !is_broken(name)) {
        match new.get(name) {
            None => {
                found.removed.insert(name.clone(), options.clone());
            }
            Some(other) => {
                let changes = changes(options, other, &moved);
                if !changes.is_empty() {
                    found.changed.insert(name.clone(), changes);
                }
            }
        }
    }
    let is_new = |name: &String| !old.contains_key(name) && !is_broken(name);
    let added = new.iter().filter(|(name, _)| is_new(name));
    found.added = added.map(|(n, o)| (n.clone(), o.clone())).collect();
    if before.resolved.order != after.resolved.order {
        let orders = (before.resolved.order.clone(), after.resolved.order.clone());
        found.order = Some(orders);
    }
    found
}

/// Sections that are broken otherwise than before, or no longer, or only now.
fn unresolved(
    before: &Resolved,
    after: &Resolved,
    moved: &Moved,
) -> BTreeMap<String, (Option<Report>, Option<Report>)> {
    let (old, new) = (&before.unresolved, &after.unresolved);
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let pairs = names.into_iter().filter_map(|name| {
        let (before, after) = (old.get(name), new.get(name));
        let is_same = match (before, after) {
            (Some(before), Some(after)) => moved.is_same_problem(before, after),
            _ => false,
        };
        (!is_same).then(|| (name.clone(), (before.cloned(), after.cloned())))
    });
    pairs.collect()
}

fn changes(
    old: &Options,
    new: &Options,
    moved: &Moved,
) -> BTreeMap<String, (Option<Value>, Option<Value>)> {
    let mut found = BTreeMap::new();
    for (option, value) in old {
        let after = new.get(option);
        if after.is_none_or(|after| !moved.is_same(value, after)) {
            found.insert(option.clone(), (Some(value.clone()), after.cloned()));
        }
    }
    for (option, value) in new {
        if !old.contains_key(option) {
            found.insert(option.clone(), (None, Some(value.clone())));
        }
    }
    found
}

/// The folders in which the two trees of files differ.
struct Moved {
    from: String,
    to: String,
}

impl Moved {
    fn between(before: &str, after: &str) -> Moved {
        let parts = |location: &str| -> Vec<String> {
            let mut parts: Vec<String> = location.split('/').map(str::to_owned).collect();
            parts.pop();
            parts
        };
        let (mut from, mut to) = (parts(before), parts(after));
        while from.len() > 1 && to.len() > 1 && from.last() == to.last() {
            from.pop();
            to.pop();
        }
        Moved {
            from: from.join("/"),
            to: to.join("/"),
        }
    }

    fn is_same(&self, before: &Value, after: &Value) -> bool {
        if before == after {
            return true;
        }
        match (before, after) {
            (Value::Text(before), Value::Text(after)) => self.is_same_text(before, after),
            _ => false,
        }
    }

    fn is_same_text(&self, before: &str, after: &str) -> bool {
        let is_moved = !self.from.is_empty();
        before == after || (is_moved && replaced(before, &self.from, &self.to) == after)
    }

    /// What is said is the same; lines may have moved.
    fn is_same_problem(&self, before: &Report, after: &Report) -> bool {
        let (before, after) = (before.diagnostics(), after.diagnostics());
        before.len() == after.len()
            && before.iter().zip(after).all(|(before, after)| {
                before.kind == after.kind && self.is_same_text(&before.message, &after.message)
            })
    }
}

fn is_name_char(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | '_' | '-')
}

/// `text` with every `from` replaced that is a whole path or the beginning of one.
fn replaced(text: &str, from: &str, to: &str) -> String {
    let (mut out, mut end) = (String::new(), 0);
    for (at, _) in text.match_indices(from) {
        let behind = &text[at + from.len()..];
        let is_path = begins_path(&text[..at]) && !behind.starts_with(is_name_char);
        out.push_str(&text[end..at]);
        out.push_str(if is_path { to } else { from });
        end = at + from.len();
    }
    out.push_str(&text[end..]);
    out
}

/// Whether a path can begin behind this text: not within a longer path, but behind the `file://` of a URL and `-I`.
fn begins_path(before: &str) -> bool {
    let mut last = before.chars().rev();
    match last.next() {
        Some('/') => before.ends_with("file://"),
        Some(c) if c.is_ascii_alphabetic() => {
            last.next() == Some('-') && !last.next().is_some_and(|c| is_name_char(c) || c == '/')
        }
        Some(c) => !is_name_char(c),
        None => true,
    }
}

impl Difference {
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty()
            && self.removed.is_empty()
            && self.changed.is_empty()
            && self.unresolved.is_empty()
            && self.order.is_none()
    }

    /// `{"added": {section: {option: value}}, "removed": …, "changed": {section: {option: {"before", "after"}}},
    /// "unresolved": {section: {"before", "after"}}, each a list of diagnostics or null,
    /// "order": {"before", "after"} or null}`.
    pub fn to_json(&self) -> Json {
        let unresolved: Map<String, Json> = self
            .unresolved
            .iter()
            .map(|(name, (before, after))| {
                let both = json!({
                    "before": before.as_ref().map(diagnostics_json),
                    "after": after.as_ref().map(diagnostics_json),
                });
                (name.clone(), both)
            })
            .collect();
        let order = self
            .order
            .as_ref()
            .map(|(before, after)| json!({ "before": before, "after": after }));
        json!({
            "added": nested(&self.added, value_json),
            "removed": nested(&self.removed, value_json),
            "changed": nested(&self.changed, |(before, after)| {
                let shown = |value: &Option<Value>| value.as_ref().map_or(Json::Null, value_json);
                json!({ "before": shown(before), "after": shown(after) })
            }),
            "unresolved": unresolved,
            "order": order,
        })
    }

    /// The same for people: lines with `-` are before, lines with `+` after.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        let mut names: Vec<&String> = self.added.keys().collect();
        names.extend(self.removed.keys());
        names.extend(self.changed.keys());
        names.sort();
        for name in names {
            match (self.removed.get(name), self.added.get(name)) {
                (Some(options), _) => push_section(&mut out, '-', name, options),
                (_, Some(options)) => push_section(&mut out, '+', name, options),
                _ => {
                    out.push_str(&format!("  [{name}]\n"));
                    for (option, (before, after)) in &self.changed[name] {
                        push_lines(&mut out, '-', option, before.as_ref());
                        push_lines(&mut out, '+', option, after.as_ref());
                    }
                }
            }
        }
        for (name, (before, after)) in &self.unresolved {
            out.push_str(&format!("  # section `{name}` cannot be resolved\n"));
            push_problems(&mut out, '-', before.as_ref());
            push_problems(&mut out, '+', after.as_ref());
        }
        if let Some((before, after)) = &self.order {
            out.push_str("  # parts in the order of installation\n");
            push_order(&mut out, before, after);
        }
        out
    }
}

fn push_problems(out: &mut String, sign: char, report: Option<&Report>) {
    for diagnostic in report.into_iter().flat_map(Report::diagnostics) {
        out.push_str(&format!("{sign} {}\n", diagnostic.message));
    }
}

/// Parts that went and came; if none did, only their order changed.
fn push_order(out: &mut String, before: &[String], after: &[String]) {
    let here: std::collections::HashSet<&String> = before.iter().collect();
    let there: std::collections::HashSet<&String> = after.iter().collect();
    let gone = before.iter().filter(|part| !there.contains(part));
    gone.for_each(|part| out.push_str(&format!("- {part}\n")));
    let came = after.iter().filter(|part| !here.contains(part));
    came.for_each(|part| out.push_str(&format!("+ {part}\n")));
    if here == there {
        out.push_str(&format!("- {}\n+ {}\n", before.join(" "), after.join(" ")));
    }
}

fn push_section(out: &mut String, sign: char, name: &str, options: &Options) {
    out.push_str(&format!("{sign} [{name}]\n"));
    for (option, value) in options {
        push_lines(out, sign, option, Some(value));
    }
}

fn push_lines(out: &mut String, sign: char, option: &str, value: Option<&Value>) {
    let Some(value) = value else { return };
    let mut text = String::new();
    crate::resolve::push_option(&mut text, option, &value.as_text());
    for line in text.lines() {
        out.push_str(format!("{sign} {line}").trim_end());
        out.push('\n');
    }
}

/// `{section: {option: …}}`
fn nested<T>(
    sections: &BTreeMap<String, BTreeMap<String, T>>,
    each: impl Fn(&T) -> Json,
) -> Map<String, Json> {
    let pairs = sections.iter().map(|(name, options)| {
        let options = options
            .iter()
            .map(|(option, it)| (option.clone(), each(it)));
        (name.clone(), Json::Object(options.collect()))
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moved_trees_are_the_same_where_only_the_folder_changed() {
        let moved = Moved::between("/old/software/a/s.cfg", "/new/software/a/s.cfg");
        assert_eq!((moved.from.as_str(), moved.to.as_str()), ("/old", "/new"));
        assert!(moved.is_same(&"x /old/stack/y".into(), &"x /new/stack/y".into()));
        assert!(!moved.is_same(&"/older/y".into(), &"/newer/y".into()));
        assert!(!moved.is_same(&"a".into(), &"b".into()));
    }

    #[test]
    fn moved_needs_a_path_that_begins_there() {
        let moved = Moved::between("/a/s.cfg", "/b/s.cfg");
        assert!(!moved.is_same(&"/usr/a/x".into(), &"/usr/b/x".into()));
        assert!(!moved.is_same(&"http://h/a/x".into(), &"http://h/b/x".into()));
        assert!(moved.is_same(&"file:///a/x:/a".into(), &"file:///b/x:/b".into()));
        assert!(moved.is_same(&"-I/a".into(), &"-I/b".into()));
    }

    #[test]
    fn moved_of_profiles_in_one_folder_replaces_nothing() {
        let moved = Moved::between("/srv/a.cfg", "/srv/b.cfg");
        assert!(moved.is_same(&"/srv/x".into(), &"/srv/x".into()));
    }
}
