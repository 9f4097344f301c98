//! The examples of docs/profile-language.md: its files, its commands, and what it says they print.
//!
//! `UPDATE_DOCS=1` writes what is printed into the document, for somebody to read before it is kept.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use slapos_buildout::{Fetch, FetchFailure, Machine};
use slapos_profile::resolve::{raw, resolve};
use slapos_profile::{Question, absolute};

/// The folder of the examples.
const FOLDER: &str = "/srv/demo";

fn document() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/profile-language.md")
}

/// Files by location.
#[derive(Debug, Default)]
struct Files(BTreeMap<String, String>);

impl Fetch for Files {
    fn fetch(&self, location: &str) -> Result<String, FetchFailure> {
        let found = self.0.get(location).or_else(|| {
            // As a file system would: `a/../b` is `b`.
            self.0.get(&absolute(location, Path::new("/")))
        });
        found.cloned().ok_or(FetchFailure::NotFound)
    }
}

/// What a command prints, and its errors behind it.
fn run(files: &Files, command: &str) -> String {
    let mut words = command
        .strip_prefix("slapos profile resolve ")
        .unwrap_or_else(|| panic!("the document shows `{command}`"))
        .split(' ');
    let (mut file, mut section, mut defaults, mut assignments) = (None, None, None, Vec::new());
    let (mut is_json, mut is_raw) = (false, false);
    while let Some(word) = words.next() {
        match word {
            "--json" => is_json = true,
            "--raw" => is_raw = true,
            "--section" => section = words.next(),
            "--user-defaults" => defaults = words.next(),
            word if word.contains('=') => assignments.push(word.to_owned()),
            word => file = Some(word),
        }
    }
    let machine = Machine::linux("x86_64");
    let mut question = Question::new(file.unwrap(), Path::new(FOLDER), machine);
    question = question.with_assignments(&assignments).unwrap();
    if let Some(defaults) = defaults {
        question = question.with_user_defaults(defaults);
    }
    let answer = question.load(files).and_then(|profile| match is_raw {
        true => raw(&profile, section),
        false => resolve(&profile, section),
    });
    match answer {
        Ok(resolved) if is_json => format!("{}\n", resolved.to_json()),
        Ok(resolved) => resolved.to_text(),
        Err(report) => format!("{}\n", report.to_string().trim_end()),
    }
}

/// The block of commands with what they print.
fn shown(files: &Files, block: &str) -> String {
    let commands = block.lines().filter_map(|line| line.strip_prefix("$ "));
    let all = commands.map(|command| format!("$ {command}\n{}", run(files, command)));
    all.collect::<Vec<_>>().join("\n")
}

#[test]
fn examples_of_the_language_give_what_the_document_shows() {
    let path = document();
    let text = std::fs::read_to_string(&path).unwrap();
    let mut files = Files::default();
    let (mut out, mut examples) = (String::new(), 0);
    let mut rest = text.as_str();
    while let Some(at) = rest.find("\n```") {
        let before = &rest[..=at];
        if before.contains("\n## ") || before.contains("\n### ") {
            files.0.clear();
        }
        let (language, body) = rest[at + 4..].split_once('\n').unwrap();
        let (body, after) = body.split_once("```").unwrap();
        let body = match language {
            "ini" => {
                let (name, file) = body.strip_prefix("# ").unwrap().split_once('\n').unwrap();
                let location = absolute(name, Path::new(FOLDER));
                files.0.insert(location, file.to_owned());
                body.to_owned()
            }
            "console" => {
                examples += 1;
                shown(&files, body)
            }
            _ => body.to_owned(),
        };
        out.push_str(&format!("{before}```{language}\n{body}```"));
        rest = after;
    }
    out.push_str(rest);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &out).unwrap();
    }
    assert!(examples > 20, "{examples} examples");
    let differs = text.lines().zip(out.lines()).find(|(old, new)| old != new);
    assert_eq!(differs, None);
    assert_eq!(text.len(), out.len());
}
