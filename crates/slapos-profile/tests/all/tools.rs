//! `annotate`, `query`, `graph` and `diff`, from outside.

use std::time::Duration;

use serde_json::json;
use slapos_profile::annotate::annotate;
use slapos_profile::diff::{Side, difference};
use slapos_profile::graph::{Scope, graph};
use slapos_profile::query::query;
use slapos_profile::resolve::resolve;

use crate::resolve::lattice;
use crate::world::{Files, Work, load, question};

const MAIN: &str = "[buildout]
extends = base.cfg
parts = a
bin-directory = tools
[a]
<= m
recipe = r
x = ${b:x}
list += 3
[m]
list +=
  2
y = from macro
";
const BASE: &str = "[buildout]
parts = z
[a]
x = old
list = 1
[b]
x = 1
[z]
recipe = r
";

fn files() -> Files {
    Files::of(&[("main.cfg", MAIN), ("base.cfg", BASE)])
}

#[test]
fn annotate_tells_what_each_value_overrode() {
    let told = annotate(&question(), &files(), Some("a"))
        .unwrap()
        .to_json();
    let x = &told["sections"]["a"]["x"];
    assert_eq!((&x["value"], &x["line"]), (&json!("${b:x}"), &json!(8)));
    assert_eq!(x["overrode"][0]["file"], "/srv/case/base.cfg");
    assert_eq!(x["overrode"][0]["line"], 4);
    assert_eq!(x["overrode"][0]["value"], "old");
}

#[test]
fn annotate_tells_increments_and_what_is_inherited() {
    let told = annotate(&question(), &files(), Some("a")).unwrap();
    let list = &told.sections["a"]["list"];
    assert_eq!(list.value(), "1\n3");
    let signs: Vec<(&str, u32)> = list
        .history
        .iter()
        .map(|c| (c.sign, c.origin.line))
        .collect();
    assert_eq!(signs, [("=", 5), ("+=", 9)]);
    // The macro's increment is overridden by the section's own `=`.
    assert_eq!(list.overrode[0].section, "m");
    let y = &told.sections["a"]["y"];
    assert_eq!(
        (y.value().as_str(), y.history[0].section.as_str()),
        ("from macro", "m")
    );
    let text = told.to_text();
    assert!(text.contains("/srv/case/main.cfg:13  (from [m])"), "{text}");
    assert!(text.contains("over /srv/case/base.cfg:4: = old"), "{text}");
}

#[test]
fn annotate_tells_of_a_default_that_was_overridden() {
    let told = annotate(&question(), &files(), Some("buildout")).unwrap();
    let bin = &told.sections["buildout"]["bin-directory"];
    assert_eq!(bin.overrode[0].origin.file, "<built-in default>");
    assert_eq!(told.sections["buildout"]["parts"].overrode[0].value, "z");
}

#[test]
fn annotate_says_the_same_values_as_raw() {
    let profile = load(&[("main.cfg", MAIN), ("base.cfg", BASE)]).unwrap();
    let told = annotate(&question(), &files(), None).unwrap();
    for section in profile.sections() {
        for option in profile.options(section) {
            let inherits = profile.raw(section, "<").is_some();
            let value = told.sections[section][option].value();
            if !inherits {
                assert_eq!(
                    Some(value),
                    profile.raw(section, option),
                    "{section}:{option}"
                );
            }
        }
    }
}

#[test]
fn query_gives_the_value_and_its_story() {
    let answer = query(&question(), &files(), "a", "x").unwrap();
    assert_eq!(answer.to_text(), "1\n");
    let json = answer.to_json();
    assert_eq!(
        (&json["value"], &json["raw"]),
        (&json!("1"), &json!("${b:x}"))
    );
    assert_eq!(json["computed"], json!(false));
    let computed = query(&question(), &files(), "a", "location").unwrap();
    assert_eq!(computed.to_text(), "@@a:location@@\n");
    assert!(computed.is_computed);
    assert!(query(&question(), &files(), "b", "location").is_err());
}

#[test]
fn graph_has_what_parts_need_and_inherit() {
    let profile = load(&[("main.cfg", MAIN), ("base.cfg", BASE)]).unwrap();
    let found = graph(&profile, Scope::Parts).unwrap();
    let expect = json!({
        "nodes": [
            {"name": "a", "recipe": "r"}, {"name": "b", "recipe": null}, {"name": "m", "recipe": null},
        ],
        "edges": [
            {"from": "a", "to": "b", "kind": "reads"}, {"from": "a", "to": "m", "kind": "inherits"},
        ],
    });
    assert_eq!(found.to_json(), expect);
    assert!(found.to_dot().contains("\"a\" -> \"m\" [style=dashed];"));
    let svg = found.to_svg();
    assert_eq!(
        svg.matches("<path d=").count(),
        3,
        "two arrows and the head: {svg}"
    );
    assert!(graph(&profile, Scope::Section("q")).is_err());
    assert_eq!(graph(&profile, Scope::Section("b")).unwrap().nodes.len(), 1);
}

#[test]
fn diff_tells_what_changes_in_the_result() {
    let before = resolve(
        &load(&[("main.cfg", MAIN), ("base.cfg", BASE)]).unwrap(),
        None,
    )
    .unwrap();
    let changed = BASE.replace("x = 1", "x = 2\nnew = ${buildout:directory}");
    let other = format!("{MAIN}[c]\nk = v\n");
    let files = [("main.cfg", other.as_str()), ("base.cfg", changed.as_str())];
    let after = resolve(&load(&files).unwrap(), None).unwrap();
    let side = |resolved| Side {
        location: "/srv/case/main.cfg",
        resolved,
    };
    let found = difference(&side(&before), &side(&after));
    let json = found.to_json();
    assert_eq!(
        json["changed"]["a"]["x"],
        json!({"before": "1", "after": "2"})
    );
    assert_eq!(json["changed"]["b"]["new"]["before"], json!(null));
    assert_eq!(json["added"], json!({"c": {"k": "v"}}));
    assert_eq!(json["order"], json!(null));
    assert!(found.to_text().contains("- x = 1\n+ x = 2\n"));
    assert!(difference(&side(&before), &side(&before)).is_empty());
}

#[test]
fn diff_of_sections_that_cannot_be_resolved_says_so() {
    let of = |text: &str| {
        let text = format!("[buildout]\n{text}[good]\nx = 1\n");
        resolve(&load(&[("main.cfg", &text)]).unwrap(), None).unwrap()
    };
    let location = "/srv/case/main.cfg";
    let between = |before: &str, after: &str| {
        let (before, after) = (of(before), of(after));
        let side = |resolved| Side { location, resolved };
        difference(&side(&before), &side(&after))
    };
    let (works, broken) = ("[a]\nx = 1\n", "[a]\nx = ${no:x}\n");
    // One side broken is neither removed nor added.
    let found = between(works, broken);
    assert!(found.removed.is_empty() && found.added.is_empty());
    let json = found.to_json();
    assert_eq!(json["unresolved"]["a"]["before"], json!(null));
    assert_eq!(
        json["unresolved"]["a"]["after"][0]["kind"],
        "missing-section"
    );
    assert!(between(broken, works).added.is_empty());
    // Both broken: otherwise is a change, the same a line further down is none.
    let otherwise = between(broken, "[a]\nx = ${other:x}\n");
    assert!(!otherwise.is_empty());
    let text = otherwise.to_text();
    assert!(text.contains("`a` cannot be resolved\n- "), "{text}");
    assert!(between(broken, "\n\n[a]\nx = ${no:x}\n").is_empty());
}

#[test]
fn tools_are_quick_on_a_lattice_of_250_files() {
    let files = lattice(50, 5);
    let work = Work::start();
    let told = annotate(&question(), &files, None).unwrap();
    assert!(told.sections.len() > 700);
    let findings =
        slapos_profile::lint::lint(&question(), &files, slapos_profile::lint::Extent::All);
    assert!(!findings.shown.is_empty());
    let profile = question().load(&files).unwrap();
    let svg = graph(&profile, Scope::All).unwrap().to_svg();
    assert!(svg.len() > 10_000);
    // Each is far below a second when nothing is quadratic.
    assert!(work.time() < Duration::from_secs(30), "{:?}", work.time());
}

#[test]
fn annotate_of_sections_that_inherit_the_same_by_many_ways_is_told_once() {
    let mut text = String::from("[buildout]\n[s0]\nx = 0\n");
    for number in 1..40 {
        let below = number - 1;
        text.push_str(&format!(
            "[a{number}]\n<= s{below}\nx = a\n[b{number}]\n<= s{below}\nx = b\n[s{number}]\n<= a{number}\n  b{number}\n  b{number}\n"
        ));
    }
    let told = annotate(&question(), &Files::of(&[("main.cfg", &text)]), None).unwrap();
    let story = &told.sections["s39"]["x"];
    assert_eq!(story.value(), "b");
    assert_eq!(story.history.len(), 1);
    // One of each pair holds or was overridden, at each level, and the first.
    assert_eq!(story.overrode.len(), 2 * 39);
    let last = story.overrode.last().map(|change| change.section.as_str());
    assert_eq!(last, Some("b38"));
}

#[test]
fn annotate_tells_no_more_than_a_bounded_number_of_overridden_changes() {
    let mut text = String::from("[buildout]\n");
    let mut parents = String::new();
    for number in 0..1_500 {
        text.push_str(&format!("[p{number}]\nx = {number}\n"));
        parents.push_str(&format!("  p{number}\n"));
    }
    text.push_str(&format!("[s]\n<=\n{parents}x = own\n"));
    let files = Files::of(&[("main.cfg", &text)]);
    let told = annotate(&question(), &files, Some("s")).unwrap();
    let story = &told.sections["s"]["x"];
    assert_eq!(story.overrode.len(), 1_000);
    let nearest = story.overrode.last().map(|change| change.value.as_str());
    assert_eq!(nearest, Some("1499"));
}
