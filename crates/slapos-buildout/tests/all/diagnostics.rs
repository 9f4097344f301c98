//! How problems look to the person who reads them.

use slapos_buildout::{Profile, Report, Session};

use crate::world::{VectorRecipes, load_files, load_text};

fn evaluated(profile: &Profile) -> Result<Vec<String>, Report> {
    Session::new(profile, &VectorRecipes)?.parts()
}

#[track_caller]
fn check(text: &str, expect: &str) {
    let report = load_text(text).and_then(|profile| evaluated(&profile).map(|_| ()));
    assert_eq!(report.expect_err("a problem").to_string(), expect);
}

#[test]
fn a_missing_option_is_underlined_where_it_is_referred_to() {
    check(
        "[buildout]
parts = a
[a]
recipe = vector:noop
command =
  make
# a comment
  make install PREFIX=${b:loaction}
[b]
recipe = vector:location
",
        "error[missing-option]: section `b` has no option `loaction`
 --> /srv/case/main.cfg:8:23
  |
8 |   make install PREFIX=${b:loaction}
  |                       ^^^^^^^^^^^^^
  = help: did you mean `location`?
  = needed by option `command` of section `a` (/srv/case/main.cfg:5)
  = listed in `buildout:parts` (/srv/case/main.cfg:2)",
    );
}

#[test]
fn a_missing_part_is_underlined_in_the_list() {
    check(
        "[buildout]
parts =
  a
  openssll
[a]
recipe = vector:noop
[openssl]
recipe = vector:noop
",
        "error[missing-section]: there is no section `openssll`
 --> /srv/case/main.cfg:4:3
  |
4 |   openssll
  |   ^^^^^^^^
  = help: did you mean `openssl`?
  = listed in `buildout:parts` (/srv/case/main.cfg:2)",
    );
}

#[test]
fn a_circle_of_references_is_shown_as_a_chain() {
    check(
        "[buildout]
parts = a
[a]
x = ${b:x}
[b]
x = ${a:x}
",
        "error[circular-reference]: option `x` of section `b` needs its own value
 --> /srv/case/main.cfg:6:1
  |
6 | x = ${a:x}
  | ^
  = help: the options below refer to each other; give one of them a value of its own
  = needed by option `x` of section `a` (/srv/case/main.cfg:4)
  = needed by option `x` of section `b` (/srv/case/main.cfg:6)
  = needed by option `x` of section `a` (/srv/case/main.cfg:4)
  = listed in `buildout:parts` (/srv/case/main.cfg:2)",
    );
}

#[test]
fn a_missing_file_is_underlined_where_it_is_extended() {
    let files = [
        ("main.cfg", "[buildout]\nextends =\n  lib/b.cfg\n"),
        ("lib/b.cfg", "[buildout]\nextends = ../c.cfg ../lost.cfg\n"),
        ("c.cfg", ""),
    ];
    let expect = "error[missing-file]: there is no file /srv/case/lost.cfg
 --> /srv/case/lib/b.cfg:2:20
  |
2 | extends = ../c.cfg ../lost.cfg
  |                    ^^^^^^^^^^^
  = /srv/case/lib/b.cfg is extended here (/srv/case/main.cfg:2)";
    assert_eq!(load_files(&files).unwrap_err().to_string(), expect);
}

#[test]
fn a_bad_file_is_told_with_who_extends_it_and_what_it_extends_is_read_too() {
    let files = [
        ("main.cfg", "[buildout]\nextends =\n  lib/b.cfg\n"),
        ("lib/b.cfg", "[buildout]\nextends = ../c.cfg\nno\n"),
        ("c.cfg", "[x : pyton2]\n[buildout]\nextended-by = d.cfg\n"),
    ];
    let report = load_files(&files).unwrap_err();
    let told: Vec<String> = report
        .diagnostics()
        .iter()
        .map(|found| {
            let chain = found.chain.iter().map(|link| format!(" < {}", link.text));
            let file = found.file.as_deref().unwrap_or_default();
            format!("{file}:{}{}", found.line, chain.collect::<String>())
        })
        .collect();
    let b = "/srv/case/lib/b.cfg is extended here";
    let c = "/srv/case/c.cfg is extended here";
    let expect = [
        format!("/srv/case/lib/b.cfg:3 < {b}"),
        format!("/srv/case/c.cfg:1 < {c} < {b}"),
        format!("/srv/case/c.cfg:3 < {c} < {b}"),
    ];
    assert_eq!(told, expect);
    assert!(
        report.to_string().contains("did you mean `python2`?"),
        "{report}"
    );
}

#[test]
fn all_bad_lines_are_shown_at_once() {
    check(
        "[buildout]
parts : a
[b c]
x
[d: nonsense]
",
        "error[parse-error]: /srv/case/main.cfg: this is no option: `=` is missing
 --> /srv/case/main.cfg:2:1
  |
2 | parts : a
  | ^^^^^^^^^
  = help: write `name = value`; `:` does not separate them

error[parse-error]: /srv/case/main.cfg: this is no section header
 --> /srv/case/main.cfg:3:1
  |
3 | [b c]
  | ^^^^^
  = help: write `[name]` or `[name:condition]`; a name has no spaces and none of `# : ; { } [ ]`, and only a comment may follow

error[parse-error]: /srv/case/main.cfg: this line is neither a header, an option nor a continuation
 --> /srv/case/main.cfg:4:1
  |
4 | x
  | ^
  = help: write `name = value`, indent the line to continue the option above, or begin it with `#`

error[bad-expression]: /srv/case/main.cfg: the condition of section `d` has the name `nonsense`, which means nothing here (NameError)
 --> /srv/case/main.cfg:5:5
  |
5 | [d: nonsense]
  |     ^^^^^^^^
  = help: a condition is a Python expression such as `python3` or `platform.machine() == \"x86_64\"`, or a marker such as `python_version < \"3.11\"`",
    );
}

#[test]
fn a_missing_macro_suggests_the_nearest_section() {
    check(
        "[buildout]
parts = a
[a]
<= shared-par
x = 1
[shared-part]
recipe = vector:noop
",
        "error[macro-missing]: section `a` inherits from `shared-par`, which is no section
 --> /srv/case/main.cfg:4:4
  |
4 | <= shared-par
  |    ^^^^^^^^^^
  = help: did you mean `shared-part`?
  = listed in `buildout:parts` (/srv/case/main.cfg:2)",
    );
}

#[test]
fn a_reference_without_a_colon_says_how_to_write_it() {
    check(
        "[buildout]\nparts = a\n[a]\nx = ${HOME}\n",
        "error[substitution-no-colon]: the reference `${HOME}` has no colon
 --> /srv/case/main.cfg:4:5
  |
4 | x = ${HOME}
  |     ^^^^^^^
  = help: write `${section:option}`, or `${:option}` for the own section; for a literal `${` write `$${`
  = needed by option `x` of section `a` (/srv/case/main.cfg:4)
  = listed in `buildout:parts` (/srv/case/main.cfg:2)",
    );
}

#[test]
fn a_setting_that_is_no_switch_is_shown_with_its_place() {
    check(
        "[buildout]\nparts =\nprefer-final = yes\n",
        "error[bad-bool]: option `prefer-final` of `[buildout]` is `yes`
 --> /srv/case/main.cfg:3:16
  |
3 | prefer-final = yes
  |                ^^^
  = help: write `true` or `false`, nothing else",
    );
}

#[test]
fn all_missing_sections_and_options_are_shown_at_once() {
    let text = "[buildout]
parts = a gone b
[a]
x = ${b:nope} ${lost:x}
y = ${c:x}
[b]
x = ${c:x}
[c]
x = ${:z}
";
    let profile = load_text(text).unwrap();
    let report = evaluated(&profile).unwrap_err();
    let shown = report.diagnostics().iter();
    let shown: Vec<_> = shown
        .map(|found| (found.kind.name(), found.line, found.column))
        .collect();
    let expect = [
        ("missing-option", 9, 5),
        ("missing-section", 4, 15),
        ("missing-section", 2, 11),
    ];
    // `[b]` has a problem itself, so what it lacks is not known yet.
    assert_eq!(shown, expect, "{report}");
}

#[test]
fn problems_of_a_deep_tree_are_found_in_reasonable_time() {
    let mut text = String::from("[buildout]\nparts = s0\n[s200]\nx = ${:gone}\n");
    for n in 0..200 {
        text += &format!(
            "[s{n}]\nx = ${{s{0}:x}}${{s{0}:x}}\ny = ${{s{0}:x}}\n",
            n + 1
        );
    }
    let profile = load_text(&text).unwrap();
    let report = evaluated(&profile).unwrap_err();
    assert_eq!(report.diagnostics().len(), 1, "{report}");
}

#[test]
fn problems_are_told_up_to_a_bound() {
    let mut text = String::from("[buildout]\nparts = a\n[a]\n");
    for n in 0..5_000 {
        text += &format!("x{n} = ${{:gone{n}}}\n");
    }
    let profile = load_text(&text).unwrap();
    assert_eq!(evaluated(&profile).unwrap_err().diagnostics().len(), 50);
}

#[test]
fn a_reference_is_underlined_where_it_is_not_protected() {
    check(
        "[buildout]
parts = a
[a]
x = $${b:y} ${b:y}
",
        "error[missing-section]: there is no section `b`
 --> /srv/case/main.cfg:4:13
  |
4 | x = $${b:y} ${b:y}
  |             ^^^^^^
  = help: did you mean `a`?
  = needed by option `x` of section `a` (/srv/case/main.cfg:4)
  = listed in `buildout:parts` (/srv/case/main.cfg:2)",
    );
}

#[test]
fn a_part_is_underlined_as_a_word() {
    check(
        "[buildout]
parts = parts art
[parts]
recipe = vector:noop
",
        "error[missing-section]: there is no section `art`
 --> /srv/case/main.cfg:2:15
  |
2 | parts = parts art
  |               ^^^
  = listed in `buildout:parts` (/srv/case/main.cfg:2)",
    );
}

#[test]
fn places_tell_the_columns_of_headers_names_and_values() {
    let profile = load_text("[buildout]\n[ a ] # c\nx =   1\ny =\n\n    2\nz =\n").unwrap();
    let place = |origin: slapos_buildout::Origin| (origin.line, origin.column);
    assert_eq!(profile.section_origin("a").map(place), Some((2, 3)));
    assert_eq!(profile.origin("a", "x").map(place), Some((3, 1)));
    assert_eq!(profile.value_origin("a", "x").map(place), Some((3, 7)));
    assert_eq!(profile.value_origin("a", "y").map(place), Some((6, 5)));
    assert_eq!(profile.value_origin("a", "z").map(place), None);
}

#[test]
fn byte_order_mark_and_line_ends_of_other_systems_change_nothing() {
    for text in [
        "\u{feff}[buildout]\r\nparts = a\r\n[a]\r\nx =\r\n  ${:y}\r\ny = 1\r\n",
        "[buildout]\rparts = a\r[a]\rx =\r  ${:y}\ry = 1\r",
    ] {
        let profile = load_text(text).unwrap();
        let session = Session::new(&profile, &VectorRecipes).unwrap();
        assert_eq!(session.get("a", "x").unwrap().as_text(), "1");
        let place = profile.value_origin("a", "x").unwrap();
        assert_eq!((place.line, place.column), (5, 3));
    }
}
