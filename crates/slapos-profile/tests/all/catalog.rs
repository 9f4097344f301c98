//! Every profile of the catalogue: it resolves, the linter has nothing to say, and its sources are pinned.

use std::fs;
use std::path::{Path, PathBuf};

use slapos_profile::lint::{Extent, lint};
use slapos_profile::resolve::resolve;

use crate::world::{Files, question};

/// Sections that the node puts in front of an instance's profile.
const OF_THE_NODE: &str = "
[slap-connection]
computer-id = COMP-1
partition-id = slappart0
server-url = http://127.0.0.1/
key-file = /key
cert-file = /cert
";

/// `catalog/<name>/<version>` of all.
fn releases() -> Vec<PathBuf> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../catalog");
    let list = |folder: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    };
    let mut all: Vec<PathBuf> = list(&top).iter().flat_map(|name| list(name)).collect();
    all.sort();
    assert!(all.len() > 10, "{all:?}");
    all
}

fn software(release: &Path) -> String {
    fs::read_to_string(release.join("software.cfg")).unwrap()
}

/// What the template of the release makes of the instance's profile: its own references are filled in, those of the
/// instance are left.
fn instance(release: &Path) -> String {
    let text = fs::read_to_string(release.join("instance.cfg")).unwrap();
    let mut filled = String::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find('$') {
        filled.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(behind) = rest.strip_prefix("$$") {
            filled.push('$');
            rest = behind;
        } else if rest.starts_with("${") {
            filled.push_str("/of/the/release");
            rest = &rest[rest.find('}').unwrap() + 1..];
        } else {
            filled.push('$');
            rest = &rest[1..];
        }
    }
    filled + rest
}

/// What the linter says, one finding a line.
fn findings(text: &str) -> Vec<String> {
    let files = Files::of(&[("main.cfg", text)]);
    let all = lint(&question(), &files, Extent::Profile);
    let shown = all.shown.iter();
    shown
        .map(|one| format!("{}: {} {}", one.line, one.rule, one.message))
        .collect()
}

#[test]
fn catalog_software_resolves_and_has_no_findings() {
    for release in releases() {
        let text = software(&release);
        assert_eq!(
            findings(&text),
            Vec::<String>::new(),
            "{}",
            release.display()
        );
        let files = Files::of(&[("main.cfg", &text)]);
        let profile = question().load(&files).unwrap();
        resolve(&profile, None).unwrap();
    }
}

#[test]
fn catalog_instance_resolves_and_has_no_findings() {
    for release in releases() {
        let text = instance(&release) + OF_THE_NODE;
        // The node reads these by their names.
        let said = findings(&text)
            .into_iter()
            .filter(|one| !one.contains("slap-connection"));
        assert_eq!(
            said.collect::<Vec<_>>(),
            Vec::<String>::new(),
            "{}",
            release.display()
        );
    }
}

#[test]
fn catalog_sources_of_the_web_have_hashes() {
    for release in releases() {
        for section in software(&release).split("\n[").skip(1) {
            let has = |option: &str| {
                section.lines().any(|line| {
                    line.split_once('=')
                        .is_some_and(|(name, _)| name.trim() == option)
                })
            };
            let is_fetched = section
                .lines()
                .any(|line| line.starts_with("url = https://"))
                || section.contains("recipe = slapos.recipe.cargo");
            assert!(
                !is_fetched || has("sha256sum"),
                "{}: [{section}",
                release.display()
            );
        }
    }
}

#[test]
fn catalog_instance_refers_to_parts_of_its_software_only() {
    for release in releases() {
        let software = software(&release);
        let text = fs::read_to_string(release.join("instance.cfg")).unwrap();
        let plain = text.replace("$${", "");
        for reference in plain.split("${").skip(1) {
            let section = reference.split(':').next().unwrap();
            assert!(
                section == "buildout" || software.contains(&format!("\n[{section}]\n")),
                "{}: ${{{section}:…}}",
                release.display()
            );
        }
    }
}

/// A line of a template that is all tag leaves an empty line, and a command that goes on over it ends there: what
/// followed, an option for passwords once, would be lost.
#[test]
fn catalog_commands_over_several_lines_have_no_gap() {
    for release in releases() {
        for entry in fs::read_dir(&release).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|kind| kind != "jinja") {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let lines: Vec<&str> = text.lines().collect();
            for pair in lines.windows(2) {
                let is_gap = pair[0].ends_with('\\')
                    && (pair[1].trim().is_empty() || pair[1].trim_start().starts_with("{% "));
                assert!(!is_gap, "{}: after {}", path.display(), pair[0]);
            }
        }
    }
}
