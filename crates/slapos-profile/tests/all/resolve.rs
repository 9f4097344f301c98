//! `resolve`: values, order, what only recipes would know, and the size of real releases.

use std::time::Duration;

use serde_json::json;
use slapos_buildout::Kind;
use slapos_profile::resolve::{raw, resolve, resolve_written};

use crate::world::{Files, Work, load, question};

const PROFILE: &str = "[buildout]
parts = a
[a]
recipe = r
<= base
path = ${b:location}/bin:${b:location}/sbin
typed = !py!{'x': 1}
[b]
recipe = r
[base]
x = ${:path}
[broken]
x = ${nowhere:x}
";

#[test]
fn resolve_gives_values_order_and_what_recipes_compute() {
    let profile = load(&[("main.cfg", PROFILE)]).unwrap();
    let json = resolve(&profile, None).unwrap().to_json();
    let path = "@@b:location@@/bin:@@b:location@@/sbin";
    let expect = json!({"path": path, "recipe": "r", "typed": {"py": "{'x': 1}", "type": "dict"}, "x": path});
    assert_eq!(json["sections"]["a"], expect);
    assert_eq!(json["sections"]["b"], json!({"recipe": "r"}));
    assert_eq!(json["order"], json!(["b", "a"]));
    assert_eq!(json["computed"], json!(["b:location"]));
    assert_eq!(
        json["sections"]["buildout"]["bin-directory"],
        "/srv/case/bin"
    );
}

#[test]
fn resolve_written_section_by_section_is_the_same_text() {
    let profile = load(&[("main.cfg", PROFILE)]).unwrap();
    let resolved = resolve(&profile, None).unwrap();
    let answer = resolve_written(&profile, |live| serde_json::to_string(live).unwrap());
    let (written, unresolved) = answer.unwrap();
    assert_eq!(written, serde_json::to_string(&resolved).unwrap());
    assert_eq!(unresolved.keys().collect::<Vec<_>>(), ["base", "broken"]);
    let bad = load(&[("main.cfg", "[buildout]\nparts = nowhere\n")]).unwrap();
    let refused = resolve_written(&bad, |_| unreachable!("there is nothing to write"));
    assert_eq!(
        refused.unwrap_err().diagnostics()[0].kind,
        Kind::MissingSection
    );
}

#[test]
fn resolve_of_a_section_that_no_part_needs_may_fail_alone() {
    let profile = load(&[("main.cfg", PROFILE)]).unwrap();
    let json = resolve(&profile, None).unwrap().to_json();
    assert_eq!(json["sections"].get("broken"), None);
    assert_eq!(json["unresolved"]["broken"][0]["kind"], "missing-section");
    assert_eq!(json["unresolved"]["broken"][0]["line"], 13);
}

#[test]
fn resolve_of_one_section_evaluates_nothing_else() {
    let profile = load(&[("main.cfg", PROFILE)]).unwrap();
    let resolved = resolve(&profile, Some("b")).unwrap();
    assert_eq!(resolved.order, ["b"]);
    assert_eq!(resolved.sections.keys().collect::<Vec<_>>(), ["b"]);
    let report = resolve(&profile, Some("bb")).unwrap_err();
    assert_eq!(report.kind(), Kind::MissingSection);
}

#[test]
fn resolve_of_a_part_that_is_broken_is_an_error() {
    let text = "[buildout]\nparts = a\n[a]\nrecipe = r\nx = ${a:b:c}\n";
    let profile = load(&[("main.cfg", text)]).unwrap();
    let report = resolve(&profile, None).unwrap_err();
    assert_eq!(report.kind(), Kind::SubstitutionTooManyColons);
}

#[test]
fn resolve_with_assignments_has_them_above_all_files() {
    let question = question()
        .with_assignments(&["b:x=2".to_owned(), "buildout:parts+=b".to_owned()])
        .unwrap();
    let profile = question.load(&Files::of(&[("main.cfg", PROFILE)])).unwrap();
    let resolved = resolve(&profile, None).unwrap();
    assert_eq!(resolved.sections["b"]["x"].as_text(), "2");
    assert_eq!(resolved.sections["buildout"]["parts"].as_text(), "a\nb");
}

#[test]
fn raw_is_before_macros_and_references() {
    let profile = load(&[("main.cfg", PROFILE)]).unwrap();
    let json = raw(&profile, Some("a")).unwrap().to_json();
    assert_eq!(json["sections"]["a"]["<"], "base");
    assert_eq!(json["sections"]["a"].get("x"), None);
    assert_eq!(json["order"], json!(["b", "a"]));
    assert!(
        json["sections"]["a"]["path"]
            .as_str()
            .unwrap()
            .contains("${b:location}")
    );
    assert!(raw(&profile, Some("c")).is_err());
}

/// Files that extend those of the level below, as components and stacks of real releases do.
pub(crate) fn lattice(levels: usize, width: usize) -> Files {
    let mut files = Files::default();
    for level in 0..levels {
        for column in 0..width {
            let mut text = "[buildout]\n".to_owned();
            if level > 0 {
                text.push_str("extends =\n");
                for below in 0..width {
                    text.push_str(&format!("  l{}c{below}.cfg\n", level - 1));
                }
            }
            text.push_str(&format!("parts += s{level}-{column}-0\n"));
            for n in 0..3 {
                text.push_str(&format!("[s{level}-{column}-{n}]\nrecipe = r\nx = {n}\n"));
                text.push_str("url = ${:x}/${:_profile_base_location_}\n");
                if level > 0 {
                    text.push_str(&format!(
                        "below = ${{s{}-{column}-{n}:location}}\n",
                        level - 1
                    ));
                }
                text.push_str(&format!("[s0-0-0]\nlist += {level}.{column}\n"));
            }
            let name = format!("{}/l{level}c{column}.cfg", crate::world::FOLDER);
            files.texts.insert(name, text);
        }
    }
    let main = format!("[buildout]\nextends = l{}c0.cfg\n", levels - 1);
    let name = format!("{}/main.cfg", crate::world::FOLDER);
    files.texts.insert(name, main);
    files
}

#[test]
fn resolve_of_a_lattice_of_250_files_is_quick() {
    let files = lattice(50, 5);
    let work = Work::start();
    let profile = question().load(&files).unwrap();
    let resolved = resolve(&profile, None).unwrap();
    assert!(profile.files().count() > 240);
    assert_eq!(resolved.unresolved.len(), 0);
    assert!(resolved.order.len() > 200);
    // Without reading each file once it would not end within a year.
    assert!(work.time() < Duration::from_secs(20), "{:?}", work.time());
}

#[test]
fn resolve_of_a_long_chain_that_fails_is_quick() {
    let mut text = "[buildout]\nparts =\n".to_owned();
    for n in 0..3_000 {
        text.push_str(&format!(
            "[a{n}]\nx = ${{a{}:x}} ${{a{}:x}}\n",
            n + 1,
            n + 2
        ));
    }
    let work = Work::start();
    let resolved = resolve(&load(&[("main.cfg", &text)]).unwrap(), None).unwrap();
    assert_eq!(resolved.unresolved.len(), 3_000);
    let report = &resolved.unresolved["a7"];
    assert_eq!(report.kind(), Kind::MissingSection);
    // It took minutes when each section tried all that it refers to again.
    assert!(work.time() < Duration::from_secs(20), "{:?}", work.time());
}

#[test]
fn resolve_of_a_circle_judges_each_section_by_itself() {
    // Whoever begins with b finds its value; whoever begins with a goes round.
    let text = "[a]\nx = ${b:y}\n[b]\ny = 1\nz = ${a:x}\n[c]\nx = ${c:x}\n[d]\nx = ${c:x} ${e:x}\n";
    let resolved = resolve(&load(&[("main.cfg", text)]).unwrap(), None).unwrap();
    assert_eq!(resolved.sections["b"]["z"].as_text(), "1");
    assert_eq!(resolved.unresolved["c"].kind(), Kind::CircularReference);
    assert!(resolved.unresolved.contains_key("d"));
}
