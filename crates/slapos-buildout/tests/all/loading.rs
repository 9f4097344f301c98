//! Loading: places, precedence, how often a file is read, the command line.

use slapos_buildout::{Kind, LoadOptions, Override, load};

use crate::world::{FOLDER, Files, load_files, load_options};

#[test]
fn load_reads_each_file_once_however_often_it_is_extended() {
    let files = Files::of(&[
        (
            "main.cfg",
            "[buildout]\nextends = l.cfg r.cfg base.cfg\nparts =\n",
        ),
        ("l.cfg", "[buildout]\nextends = base.cfg\n"),
        ("r.cfg", "[buildout]\nextends = base.cfg l.cfg\n"),
        ("base.cfg", "[a]\nx = 1\n"),
    ]);
    let profile = load(&format!("{FOLDER}/main.cfg"), &files, &load_options()).unwrap();
    assert_eq!(files.asked.borrow().len(), 4);
    let read: Vec<&str> = profile.files().collect();
    assert_eq!(
        read,
        ["main.cfg", "l.cfg", "base.cfg", "r.cfg"].map(|f| format!("{FOLDER}/{f}"))
    );
}

#[test]
fn load_keeps_the_place_and_the_history_of_an_option() {
    let files = [
        (
            "main.cfg",
            "[buildout]\nextends = b.cfg\n\n[a]\nx +=\n  2\n",
        ),
        ("b.cfg", "[a]\nx = 1\n"),
    ];
    let profile = load_files(&files).unwrap();
    let origin = profile.origin("a", "x").unwrap();
    assert_eq!(
        (origin.file.as_str(), origin.line, origin.column),
        ("/srv/case/main.cfg", 5, 1)
    );
    let history = profile.history("a", "x");
    let steps: Vec<_> = history
        .iter()
        .map(|s| (s.sign, s.value.as_str(), s.origin.line))
        .collect();
    assert_eq!(steps, [("=", "1", 2), ("+=", "2", 5)]);
    assert_eq!(
        profile.origin("buildout", "newest").unwrap().file,
        "<built-in default>"
    );
    assert_eq!(
        profile.origin("buildout", "directory").unwrap().file,
        "<computed>"
    );
    assert_eq!(profile.section_origin("a").unwrap().line, 4);
}

#[test]
fn load_of_urls_joins_relative_names_to_them() {
    let files = Files::of(&[
        (
            "http://h/sr/main.cfg",
            "[buildout]\nextends = ../lib/b.cfg ftp://o/c.cfg\n",
        ),
        (
            "http://h/lib/b.cfg",
            "[a]\nx = ${:_profile_base_location_}\n",
        ),
        ("ftp://o/c.cfg", "[b]\nx = 1\n"),
    ]);
    let profile = load("http://h/sr/main.cfg", &files, &load_options()).unwrap();
    let base = profile.raw("a", "_profile_base_location_");
    assert_eq!(base.as_deref(), Some("http://h/lib"));
    assert_eq!(profile.raw("buildout", "directory"), None);
}

#[test]
fn load_of_a_relative_folder_in_a_url_profile_is_refused() {
    let files = Files::of(&[("http://h/main.cfg", "[buildout]\neggs-directory = e\n")]);
    let report = load("http://h/main.cfg", &files, &load_options()).unwrap_err();
    assert_eq!((report.kind(), report.first().line), (Kind::UserError, 2));
}

#[test]
fn load_of_two_overrides_for_one_option_takes_the_later() {
    let files = Files::of(&[("main.cfg", "[buildout]\nparts =\n")]);
    let overrides = ["a:x=9", "a:x=1", "a:y=2"].map(|text| Override::parse(text).unwrap());
    let options = LoadOptions {
        overrides: overrides.into(),
        ..load_options()
    };
    let profile = load(&format!("{FOLDER}/main.cfg"), &files, &options).unwrap();
    assert_eq!(profile.raw("a", "x").as_deref(), Some("1"));
    assert_eq!(profile.origin("a", "y").unwrap().file, "<command line>");
}

#[test]
fn load_of_a_missing_entry_names_it() {
    let report = load("/nowhere.cfg", &Files::default(), &load_options()).unwrap_err();
    assert_eq!(
        report.to_string(),
        "error[missing-file]: there is no file /nowhere.cfg\n --> /nowhere.cfg"
    );
}

#[test]
fn load_with_an_inner_dot_dot_cycle_is_found() {
    let files = [
        ("main.cfg", "[buildout]\nextends = d/../b.cfg\n"),
        ("b.cfg", "[buildout]\nextends = ./d/../main.cfg\n"),
        ("d/x", ""),
    ];
    assert_eq!(
        load_files(&files).unwrap_err().kind(),
        Kind::RecursiveInclude
    );
}
