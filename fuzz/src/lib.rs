//! What the fuzz targets do with their bytes: each is a function from bytes to nothing that must not panic, take long, or
//! take much memory.
//!
//! `cargo xtask fuzz TARGET` builds and runs one. The function itself is plain, so that a crash is repeated in a test
//! by calling it. Start with [`parse`], [`resolve`], [`template`] and [`format`].

use std::collections::HashMap;
use std::path::Path;

use slapos_buildout::{Fetch, FetchFailure, LoadOptions, Machine, Profile, Report, load};
use slapos_jinja::{Budget, Extension, Given, Load, Settings, render_within};
use slapos_profile::annotate::annotate;
use slapos_profile::lint::{Extent, lint};
use slapos_profile::query::query;
use slapos_profile::resolve::{raw, resolve as resolve_all};
use slapos_profile::{Question, format as formatting};

/// Separates the files of one input: a line of a text that nobody writes.
const SEPARATOR: char = '\u{1}';
/// Longer inputs only make the fuzzer slow.
const INPUT_BYTES_MAX: usize = 1 << 14;
/// A rendering ends early, so that a loop of a thousand million turns costs a hundredth of a second.
const BUDGET: Budget = Budget {
    steps: 100_000,
    bytes: 16 << 20,
};

/// Files in memory, `/a.cfg` being the profile.
#[derive(Debug)]
struct Files(HashMap<String, String>);

impl Files {
    fn of(data: &[u8]) -> Option<Files> {
        let text = std::str::from_utf8(data).ok()?;
        if text.len() > INPUT_BYTES_MAX {
            return None;
        }
        let named = text.split(SEPARATOR).zip('a'..='z');
        let named = named.map(|(text, name)| (format!("/{name}.cfg"), text.to_owned()));
        Some(Files(named.collect()))
    }
}

impl Fetch for Files {
    fn fetch(&self, location: &str) -> Result<String, FetchFailure> {
        self.0.get(location).cloned().ok_or(FetchFailure::NotFound)
    }
}

impl Load for Files {
    fn load(&self, name: &str) -> Option<Result<String, String>> {
        self.0.get(&format!("/{name}.cfg")).cloned().map(Ok)
    }
}

fn question() -> Question {
    Question::new("/a.cfg", Path::new("/"), Machine::default())
}

/// Loads one file; an error must be printable, and its places must be in the text.
pub fn parse(data: &[u8]) {
    let Some(files) = Files::of(data) else { return };
    match load("/a.cfg", &files, &LoadOptions::default()) {
        Ok(profile) => touch(&profile),
        Err(report) => show(&report),
    }
}

fn touch(profile: &Profile) {
    for section in profile.sections() {
        for option in profile.options(section) {
            let text = profile.raw(section, option);
            assert!(
                text.is_some(),
                "[{section}] {option} is listed and has no text"
            );
            assert!(profile.origin(section, option).is_some());
        }
    }
}

fn show(report: &Report) {
    assert!(!report.to_string().is_empty());
}

/// Resolves everything; one option alone must have the value that it has among all.
pub fn resolve(data: &[u8]) {
    let Some(files) = Files::of(data) else { return };
    drop(lint(&question(), &files, Extent::All).to_text());
    let profile = match question().load(&files) {
        Ok(profile) => profile,
        Err(report) => return show(&report),
    };
    drop(raw(&profile, None).map(|raw| raw.to_text()));
    let resolved = match resolve_all(&profile, None) {
        Ok(resolved) => resolved,
        Err(report) => return show(&report),
    };
    drop(resolved.to_json().to_string());
    if let Ok(told) = annotate(&question(), &files, None) {
        drop(told.to_text());
    }
    let first = resolved.sections.iter().find_map(|(section, options)| {
        let (option, value) = options.iter().next()?;
        Some((section, option, value))
    });
    if let Some((section, option, value)) = first
        && let Ok(answer) = query(&question(), &files, section, option)
    {
        assert_eq!(answer.value, *value, "[{section}] {option}");
    }
}

/// Renders a template that may import the others.
pub fn template(data: &[u8]) {
    let Some(files) = Files::of(data) else { return };
    let extensions = [Extension::Do, Extension::LoopControls];
    let settings = Settings {
        name: "a",
        extensions: &extensions,
        templates: &files,
    };
    let Some(text) = files.0.get("/a.cfg") else {
        return;
    };
    match render_within(text, context(), &settings, BUDGET) {
        Ok(_) => {}
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

fn context() -> Vec<(String, Given)> {
    let parameters = r#"{"name": "n", "port": 80, "list": ["b", "a"], "none": null, "deep": {"x": [1.5, true]}}"#;
    let mut context = vec![("x".to_owned(), Given::text("é a"))];
    if let Ok(given) = Given::json(parameters) {
        context.push(("p".to_owned(), given));
    }
    for name in [
        "re",
        "json",
        "itertools",
        "os",
        "functools",
        "hashlib",
        "operator",
        "math",
    ] {
        if let Some(module) = Given::module(name) {
            context.push((name.to_owned(), module));
        }
    }
    if let Some(module) = Given::module("urllib.parse") {
        context.push(("urllib".to_owned(), module));
    }
    context
}

/// Writes a profile well: the same text again when done twice, and the same merged sections.
pub fn format(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if text.len() > INPUT_BYTES_MAX {
        return;
    }
    let Ok(formatted) = formatting::format(text) else {
        return;
    };
    assert_eq!(
        formatting::format(&formatted).as_ref(),
        Ok(&formatted),
        "{text:?}"
    );
    assert_eq!(read(text), read(&formatted), "{text:?}");
}

/// All options as they are read, if the text can be read.
fn read(text: &str) -> Option<Vec<(String, String, Option<String>)>> {
    let files = Files(HashMap::from([("/a.cfg".to_owned(), text.to_owned())]));
    let profile = load("/a.cfg", &files, &LoadOptions::default()).ok()?;
    let all = profile.sections().flat_map(|section| {
        let named = profile.options(section);
        named.map(|option| {
            (
                section.to_owned(),
                option.to_owned(),
                profile.raw(section, option),
            )
        })
    });
    Some(all.collect())
}
