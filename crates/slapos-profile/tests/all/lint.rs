//! `lint`: each rule finds what it is for, and is silent where all is well.

use slapos_profile::lint::{Extent, Finding, Level, lint};

use crate::world::{Files, question};

/// Rules and lines of what is found in main.cfg.
fn found(files: &[(&str, &str)]) -> Vec<(&'static str, u32)> {
    let findings = lint(&question(), &Files::of(files), Extent::Profile);
    findings
        .shown
        .iter()
        .map(|finding| (finding.rule, finding.line))
        .collect()
}

fn found_in(text: &str) -> Vec<(&'static str, u32)> {
    found(&[("main.cfg", text)])
}

#[test]
fn lint_of_a_good_profile_has_nothing_to_say() {
    let text = "[buildout]
parts = hello
[hello]
recipe = slapos.recipe.cmmi
url = https://example.org/hello-${:version}.tar.gz
md5sum = 6cd0ffea3884a4e79330338dcc2987d6
version = ${pins:hello}
environment = env
[env]
PATH = ${buildout:bin-directory}
[pins]
hello = 2.12
";
    assert_eq!(found_in(text), []);
}

#[test]
fn lint_finds_sections_and_options_that_nobody_needs() {
    let text = "[buildout]
parts = a
[a]
recipe = r
x = ${b:x}
[b]
x = 1
y = 2
[c]
recipe = r
[m]
z = 1
";
    assert_eq!(
        found_in(text),
        [
            ("unused-option", 8),
            ("unused-section", 9),
            ("unused-section", 11)
        ]
    );
}

#[test]
fn lint_of_a_library_without_parts_calls_nothing_unused() {
    assert_eq!(found_in("[buildout]\n[a]\nrecipe = r\n"), []);
}

#[test]
fn lint_finds_what_is_not_pinned() {
    let text = "[buildout]
parts = a b c d e
[a]
recipe = slapos.recipe.build:download
url = https://example.org/a
[b]
recipe = slapos.recipe.build:gitclone
repository = https://example.org/b.git
[c]
recipe = zc.recipe.egg
eggs =
  Zope.Interface[test]
  other_one
  third==1
[d]
recipe = slapos.recipe.build:download
url = https://example.org/a#6cd0ffea3884a4e79330338dcc2987d6
[e]
recipe = slapos.recipe.template
url = ${buildout:directory}/template
[versions]
zope-interface = 1
";
    assert_eq!(
        found_in(text),
        [
            ("unpinned-source", 5),
            ("unpinned-source", 8),
            ("unpinned-egg", 11)
        ]
    );
}

#[test]
fn lint_finds_what_is_written_twice() {
    let text = "[buildout]
extends = base.cfg base.cfg
[a]
x = 1
x += 2
x += 3
x = 4
[a]
y = 1
[a:python2]
x = 5
";
    let base = "[base]\n";
    assert_eq!(
        found(&[("main.cfg", text), ("base.cfg", base)]),
        [
            ("duplicate-extends", 2),
            ("duplicate-option", 4),
            ("duplicate-option", 5),
            ("duplicate-section", 8),
        ]
    );
}

#[test]
fn lint_finds_values_that_a_diamond_undoes() {
    let left = "[buildout]\nextends = base.cfg\n[a]\nx = left\nlist += l\n";
    let right = "[buildout]\nextends = base.cfg\n[a]\nlist += r\n";
    let files = Files::of(&[
        ("main.cfg", "[buildout]\nextends = left.cfg right.cfg\n"),
        ("left.cfg", left),
        ("right.cfg", right),
        ("base.cfg", "[a]\nx = base\nlist = b\n"),
    ]);
    let all = lint(&question(), &files, Extent::All).shown;
    let short: Vec<(&str, &str, u32)> = all
        .iter()
        .map(|f| (f.rule, f.file.rsplit('/').next().unwrap(), f.line))
        .collect();
    assert_eq!(
        short,
        [
            ("shadowed-value", "left.cfg", 4),
            ("lost-increment", "left.cfg", 5)
        ]
    );
    // They are not in the profile itself.
    assert_eq!(lint(&question(), &files, Extent::Profile).shown, []);
}

#[test]
fn lint_finds_increments_that_the_original_loses() {
    let base = "[a]\nx += 1\n[m]\np = 1\n[u]\n<= m\np += 2\n";
    let main = "[buildout]\nextends = base.cfg\n[a]\nx += 2\n[u]\np += 3\n";
    assert_eq!(
        found(&[("main.cfg", main), ("base.cfg", base)]),
        [("lost-in-original", 4), ("lost-in-original", 6)]
    );
}

#[test]
fn lint_finds_text_that_means_something_else() {
    let base = "[a]\nlist = 1\n";
    let main = "[buildout]
extends = base.cfg
[a]
list -= 2
typed = !py!{'a':
  1}
note = 1 # one
";
    assert_eq!(
        found(&[("main.cfg", main), ("base.cfg", base)]),
        [
            ("removes-nothing", 4),
            ("lost-text", 5),
            ("bad-typed-value", 5),
            ("comment-in-value", 7)
        ]
    );
}

#[test]
fn lint_finds_a_base_that_a_higher_file_moved() {
    let low = "[a]\nx = ${:_profile_base_location_}/x\n";
    let main = "[buildout]\nextends = sub/low.cfg\n[a]\ny = ${:_profile_base_location_}/y\n";
    let files = Files::of(&[("main.cfg", main), ("sub/low.cfg", low)]);
    let all = lint(&question(), &files, Extent::All).shown;
    let moved: Vec<&Finding> = all.iter().filter(|f| f.rule == "moved-base").collect();
    assert_eq!(moved.len(), 1);
    assert_eq!(
        (moved[0].file.as_str(), moved[0].line),
        ("/srv/case/sub/low.cfg", 2)
    );
}

#[test]
fn lint_tells_every_error_once() {
    let text = "[buildout]
parts = a
[a]
recipe = r
x = ${b:nope}
[b]
y = 1
[c]
z = ${q:x}
";
    let findings = lint(
        &question(),
        &Files::of(&[("main.cfg", text)]),
        Extent::Profile,
    );
    let errors: Vec<(&str, u32)> = findings
        .shown
        .iter()
        .filter(|f| f.level == Level::Error)
        .map(|f| (f.rule, f.line))
        .collect();
    assert_eq!(errors, [("missing-option", 5), ("missing-section", 9)]);
    assert_eq!(findings.errors, 2);
    let broken = found_in("[a]\nno\n");
    assert_eq!(broken, [("parse-error", 2)]);
}

#[test]
fn lint_of_more_than_is_shown_counts_all_and_shows_errors_first() {
    let mut text = String::from("[buildout]\n[a]\n");
    for number in 0..2_500 {
        text.push_str(&format!("x{number} = 1\nx{number} = 2\n"));
    }
    // Every option is written twice, and nobody needs it.
    text.push_str("[z]\ny = ${a:nothing}\n");
    let findings = lint(
        &question(),
        &Files::of(&[("main.cfg", &text)]),
        Extent::Profile,
    );
    assert_eq!((findings.errors, findings.warnings), (1, 5_000));
    assert_eq!((findings.shown.len(), findings.more()), (2_000, 3_001));
    let last = findings.shown.last().map(|finding| finding.level);
    assert_eq!(last, Some(Level::Error));
    assert!(
        findings
            .to_text()
            .ends_with("3001 more\nerrors: 1, warnings: 5000\n")
    );
    assert_eq!(findings.to_json()["more"], 3_001);
}
