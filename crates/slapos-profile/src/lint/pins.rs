//! Sources without a hash and eggs without a version: a build of the same profile may give something else tomorrow.

use std::collections::{BTreeSet, HashSet};

use super::{Collector, Rule, View};
use slapos_python::text::words;

/// Recipes that download `url`.
const DOWNLOADS: [&str; 5] = [
    "slapos.recipe.cmmi",
    "slapos.recipe.build:download",
    "slapos.recipe.build:download-unpacked",
    "slapos.recipe.template",
    "slapos.recipe.template:jinja2",
];

/// Options that hold a hash of `url`.
const HASHES: [&str; 5] = ["md5sum", "sha256sum", "sha512sum", "sha256", "sha512"];

pub(super) fn check(view: &View<'_>, findings: &mut Collector<'_>) {
    let parts: BTreeSet<&str> = view.order.iter().map(String::as_str).collect();
    let pins = pinned(view);
    let sections = view.sections.keys().map(String::as_str);
    // Where no parts are listed, as in a library, every section that could be one is looked at.
    for section in sections.filter(|section| parts.is_empty() || parts.contains(section)) {
        let Some(recipe) = view.recipe(section) else {
            continue;
        };
        if DOWNLOADS.contains(&recipe.as_str()) {
            source(view, section, findings);
        }
        if recipe == "slapos.recipe.build:gitclone" {
            revision(view, section, findings);
        }
        if recipe == "zc.recipe.egg" || recipe.starts_with("zc.recipe.egg:") {
            eggs(view, section, &pins, findings);
        }
    }
}

fn source(view: &View<'_>, section: &str, findings: &mut Collector<'_>) {
    let url = view.text(section, "url").unwrap_or_default();
    let is_remote = url.contains("://") && !url.starts_with("file://");
    let is_hash = |text: &str| text.len() >= 32 && text.chars().all(|c| c.is_ascii_hexdigit());
    let in_url = url.split_once('#').is_some_and(|(_, fragment)| {
        is_hash(fragment.rsplit_once('=').map_or(fragment, |(_, hex)| hex))
    });
    let has_hash = HASHES
        .iter()
        .filter_map(|option| view.text(section, option))
        .any(|hash| !hash.is_empty());
    if is_remote && !has_hash && !in_url {
        let message = format!("section `{section}` downloads {url} without a hash");
        let help =
            "add md5sum or sha256sum, so that it can be checked, and found when the site is gone";
        warn(
            view,
            (section, "url"),
            (Rule::UnpinnedSource, message, help),
            findings,
        );
    }
}

fn revision(view: &View<'_>, section: &str, findings: &mut Collector<'_>) {
    let is_empty = |option: &str| {
        view.text(section, option)
            .is_none_or(|text| text.is_empty())
    };
    if is_empty("revision") && is_empty("develop") {
        let message = format!("section `{section}` clones whatever its branch holds at that time");
        let help = "add `revision` with the hash of a commit";
        let warning = (Rule::UnpinnedSource, message, help);
        warn(view, (section, "repository"), warning, findings);
    }
}

fn eggs(view: &View<'_>, section: &str, pins: &HashSet<String>, findings: &mut Collector<'_>) {
    let (option, text) = match (view.text(section, "eggs"), view.text(section, "egg")) {
        (Some(text), _) => ("eggs", text),
        (None, Some(text)) => ("egg", text),
        (None, None) => ("recipe", section.to_owned()),
    };
    // A part that develops an egg from a folder has no version to pin.
    if view.text(section, "recipe").as_deref() == Some("zc.recipe.egg:develop") {
        return;
    }
    for line in text.split('\n') {
        let Some(name) = requirement(line) else {
            continue;
        };
        if !pins.contains(&normalised(name)) && !line.contains("==") {
            let message =
                format!("the egg `{name}` of section `{section}` has no version in [versions]");
            let help = "add `name = version` to the section that `buildout:versions` names";
            warn(
                view,
                (section, option),
                (Rule::UnpinnedEgg, message, help),
                findings,
            );
        }
    }
}

/// The name in `name[extra] >= 1`; none of what a recipe or a reference gives.
fn requirement(line: &str) -> Option<&str> {
    let first = words(line).next()?;
    let end = first
        .find(['[', '=', '<', '>', '!', '~', ';'])
        .unwrap_or(first.len());
    let name = &first[..end];
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    (!name.is_empty() && name.chars().all(is_name)).then_some(name)
}

fn pinned(view: &View<'_>) -> HashSet<String> {
    let section = view.text("buildout", "versions").unwrap_or_default();
    let pins = view.sections.get(&section);
    pins.into_iter()
        .flat_map(|pins| pins.keys())
        .map(|name| normalised(name))
        .collect()
}

fn normalised(name: &str) -> String {
    name.to_lowercase().replace(['_', '.'], "-")
}

/// At the option if some file of the section writes it, else where an ancestor does, else at the header.
fn warn(
    view: &View<'_>,
    place: (&str, &str),
    warning: (Rule, String, &str),
    findings: &mut Collector<'_>,
) {
    let (section, option) = place;
    if let Some(step) = view.tree.steps(section, option).last() {
        findings.warn_at_step(view.tree, *step, warning);
    } else if let Some((file, header)) = view.tree.headers(section).pop() {
        findings.warn(file, file.syntax.headers[header].line, warning);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirement_is_the_name_alone() {
        assert_eq!(requirement("  a.b_c[x,y]>=1 "), Some("a.b_c"));
        assert_eq!(requirement("@@part:egg@@"), None);
        assert_eq!(requirement(""), None);
    }
}
