//! Comparing two answers, and the named rules by which ours may differ from zc.buildout 3.0.1.
//!
//! SlapOS runs Nexedi's fork, so some differences are wanted. Each has a name, a text that must occur in the
//! profile for it to matter, and, in engine.py, the few lines that put it over the genuine engine. A difference is
//! accepted only if the engine with some of these rules gives our answer exactly. Start with [`difference`].

use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A way in which ours differs from 3.0.1 on purpose; docs/profile-language.md gives the reasons.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) name: &'static str,
    /// The rule cannot matter where none of these occurs.
    signs: &'static [&'static str],
}

/// All rules.
pub(super) const RULES: [Rule; 8] = [
    Rule {
        name: "byte-order-mark",
        signs: &["\u{feff}"],
    },
    Rule {
        name: "command-line-order",
        signs: &["<command line>"],
    },
    Rule {
        name: "escape",
        signs: &["$$"],
    },
    Rule {
        name: "leading-dot-dot",
        signs: &["../"],
    },
    Rule {
        name: "multiarch",
        signs: &["multiarch"],
    },
    Rule {
        name: "pending-increment",
        signs: &["+=", "-="],
    },
    Rule {
        name: "profile-location",
        signs: &["_profile_base_location_"],
    },
    Rule {
        name: "typed-values",
        signs: &["!py"],
    },
];

/// Differences of errors: ours is the better error. These need no engine to be recognised.
pub(super) const KINDER_ERRORS: [&str; 1] = ["engine-crash"];

/// Names of the rules that may matter for a text.
pub(super) fn applicable(text: &str) -> BTreeSet<&'static str> {
    let rules = RULES.iter();
    let matter = rules.filter(|rule| rule.signs.iter().any(|sign| text.contains(sign)));
    matter.map(|rule| rule.name).collect()
}

/// The first thing in which answers differ, or none. `theirs` is the engine's.
pub(super) fn difference(
    theirs: &Value,
    ours: &Value,
    used: &mut BTreeSet<&'static str>,
) -> Option<String> {
    match (theirs.get("error"), ours.get("error")) {
        (Some(theirs), Some(ours)) => return error_differs("loading", theirs, ours, used),
        (None, None) => {}
        (theirs, ours) => {
            let (theirs, ours) = (told(theirs), told(ours));
            return Some(format!("loading\n  engine: {theirs}\n  ours:   {ours}"));
        }
    }
    if theirs["raw"] != ours["raw"] {
        return Some(objects_differ("merged", &theirs["raw"], &ours["raw"]));
    }
    match (theirs.get("order_error"), ours.get("order_error")) {
        (Some(theirs), Some(ours)) => {
            let differs = error_differs("order", theirs, ours, used);
            if differs.is_some() {
                return differs;
            }
        }
        (None, None) if theirs["order"] == ours["order"] => {}
        _ => {
            let pick = |side: &Value| side.get("order").or(side.get("order_error")).cloned();
            let (theirs, ours) = (pick(theirs), pick(ours));
            return Some(format!(
                "order\n  engine: {}\n  ours:   {}",
                told(theirs.as_ref()),
                told(ours.as_ref())
            ));
        }
    }
    resolved_differs(theirs, ours, used)
}

fn resolved_differs(
    theirs: &Value,
    ours: &Value,
    used: &mut BTreeSet<&'static str>,
) -> Option<String> {
    let names = |side: &Value, key: &str| -> BTreeSet<String> {
        let object = side[key].as_object();
        object
            .into_iter()
            .flat_map(|object| object.keys().cloned())
            .collect()
    };
    let mut all = names(theirs, "sections");
    all.extend(names(theirs, "unresolved"));
    all.extend(names(ours, "sections"));
    all.extend(names(ours, "unresolved"));
    all.into_iter()
        .find_map(|name| section_differs(&name, theirs, ours, used))
}

fn section_differs(
    name: &str,
    theirs: &Value,
    ours: &Value,
    used: &mut BTreeSet<&'static str>,
) -> Option<String> {
    let (failed, refused) = (theirs["unresolved"].get(name), ours["unresolved"].get(name));
    match (failed, refused) {
        (Some(theirs), Some(ours)) => error_differs(&format!("[{name}]"), theirs, ours, used),
        (None, None) => {
            let (theirs, ours) = (&theirs["sections"][name], &ours["sections"][name]);
            let is_same = normal(theirs) == normal(ours);
            (!is_same).then(|| {
                objects_differ(
                    &format!("[{name}]"),
                    &json!({name: theirs}),
                    &json!({name: ours}),
                )
            })
        }
        (failed, refused) => {
            let value = |side: &Value| side["sections"].get(name).cloned();
            let theirs = failed.cloned().or_else(|| value(theirs));
            let ours = refused.cloned().or_else(|| value(ours));
            Some(format!(
                "[{name}]\n  engine: {}\n  ours:   {}",
                told(theirs.as_ref()),
                told(ours.as_ref())
            ))
        }
    }
}

/// Typed values written one way, because the engine prints sets in no order.
fn normal(value: &Value) -> Value {
    match value {
        Value::Object(map) if map.contains_key("py") => {
            let text = map["py"].as_str().unwrap_or_default();
            match slapos_buildout::Typed::from_marker(&format!("!py!{text}")) {
                Ok(typed) => json!({"py": typed.repr(), "type": map["type"]}),
                Err(_) => value.clone(),
            }
        }
        Value::Object(map) => {
            let normal = map.iter().map(|(key, value)| (key.clone(), normal(value)));
            Value::Object(normal.collect())
        }
        other => other.clone(),
    }
}

/// Ours may tell more problems than the engine, which stops at the first; its one must be among them.
fn error_differs(
    place: &str,
    theirs: &Value,
    ours: &Value,
    used: &mut BTreeSet<&'static str>,
) -> Option<String> {
    let kind = theirs["kind"].as_str().unwrap_or_default();
    if kind == "internal" {
        // An exception that is no message for people. Ours is an error as well, and says more.
        used.insert(KINDER_ERRORS[0]);
        return None;
    }
    let same: Vec<&Value> = ours
        .as_array()
        .into_iter()
        .flatten()
        .filter(|found| found["kind"] == kind)
        .collect();
    let lines: Vec<&Value> = same.iter().map(|found| &found["line"]).collect();
    let wanted: Vec<&Value> = theirs["lines"].as_array().into_iter().flatten().collect();
    let text: String = same
        .iter()
        .filter_map(|found| found["text"].as_str())
        .collect();
    let names = theirs["names"].as_array().into_iter().flatten();
    let mut names = names
        .filter_map(Value::as_str)
        .map(|name| name.trim_matches('\''));
    let is_same = !same.is_empty()
        && wanted.iter().all(|line| lines.contains(line))
        && names.all(|name| text.contains(name));
    (!is_same).then(|| {
        format!(
            "{place}\n  engine: {theirs}\n  ours:   {}",
            told(Some(ours))
        )
    })
}

fn told(value: Option<&Value>) -> String {
    match value {
        Some(Value::Array(problems)) if problems.iter().all(Value::is_object) => {
            let texts = problems
                .iter()
                .filter_map(|problem| problem["text"].as_str());
            texts.collect::<Vec<_>>().join("\n")
        }
        Some(value) => value.to_string(),
        None => "no error".to_owned(),
    }
}

/// The first option that differs.
fn objects_differ(what: &str, theirs: &Value, ours: &Value) -> String {
    let empty = serde_json::Map::new();
    let object = |value: &Value| value.as_object().cloned().unwrap_or_else(|| empty.clone());
    let (theirs, ours) = (object(theirs), object(ours));
    let sections: BTreeSet<&String> = theirs.keys().chain(ours.keys()).collect();
    for section in sections {
        let (Some(one), Some(other)) = (theirs.get(section), ours.get(section)) else {
            return format!("{what}: section {section} is only on one side");
        };
        let (one, other) = (object(one), object(other));
        let options: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
        for option in options {
            let (one, other) = (one.get(option), other.get(option));
            if one.map(normal) != other.map(normal) {
                return format!(
                    "{what}: {section}:{option}\n  engine: {}\n  ours:   {}",
                    told(one),
                    told(other)
                );
            }
        }
    }
    format!("{what} differ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(theirs: Value, ours: Value) -> Option<String> {
        difference(&theirs, &ours, &mut BTreeSet::new())
    }

    fn loaded(value: &str, order: &[&str]) -> Value {
        json!({"raw": {"a": {"x": value}}, "order": order, "sections": {"a": {"x": value}}, "unresolved": {}})
    }

    #[test]
    fn difference_of_equal_answers_is_none() {
        assert_eq!(check(loaded("1", &["a"]), loaded("1", &["a"])), None);
    }

    #[test]
    fn difference_tells_the_option_or_the_order() {
        let differs = check(loaded("1", &[]), loaded("2", &[])).unwrap();
        assert!(
            differs.contains("a:x") && differs.contains('2'),
            "{differs}"
        );
        assert!(
            check(loaded("1", &["a"]), loaded("1", &[]))
                .unwrap()
                .starts_with("order")
        );
    }

    #[test]
    fn difference_of_errors_is_by_kind_line_and_names() {
        let theirs = json!({"error": {"kind": "parse-error", "lines": [3], "names": ["m.cfg"]}});
        let ours = |kind: &str, line: u32| json!({"error": [{"kind": kind, "line": line, "text": "in m.cfg"}]});
        assert_eq!(check(theirs.clone(), ours("parse-error", 3)), None);
        assert!(check(theirs.clone(), ours("parse-error", 4)).is_some());
        assert!(check(theirs.clone(), ours("missing-file", 3)).is_some());
        assert!(check(theirs, loaded("1", &[])).is_some());
    }

    #[test]
    fn applicable_rules_follow_from_the_text() {
        assert!(applicable("a = 1").is_empty());
        let names: Vec<_> = applicable("a += $${x}").into_iter().collect();
        assert_eq!(names, ["escape", "pending-increment"]);
    }
}
