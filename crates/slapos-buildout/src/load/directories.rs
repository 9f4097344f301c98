//! What `[buildout]` has without anybody writing it, and how its folders become absolute.

use std::sync::Arc;

use crate::location::{base_of, is_url};
use crate::merge::{Section, Sections, outside};
use crate::source::{Files, Source, Span};
use crate::{Diagnostic, Kind, Machine};

/// Settings that every profile has.
const DEFAULTS: [(&str, &str); 22] = [
    ("allow-hosts", "*"),
    ("allow-picked-versions", "true"),
    ("allow-unknown-extras", "false"),
    ("bin-directory", "bin"),
    ("check-signature", "true"),
    ("develop-eggs-directory", "develop-eggs"),
    ("dry-run", "false"),
    ("eggs-directory", "eggs"),
    ("find-links", ""),
    ("install-from-cache", "false"),
    ("installed", ".installed.cfg"),
    ("log-format", ""),
    ("log-level", "INFO"),
    ("newest", "true"),
    ("offline", "false"),
    ("parts-directory", "parts"),
    ("prefer-final", "true"),
    ("python", "buildout"),
    ("show-picked-versions", "false"),
    ("socket-timeout", ""),
    ("update-versions-file", ""),
    ("use-dependency-links", "true"),
];

/// Relative to the file that sets them; empty counts as not set.
const RELATIVE_TO_FILE: [&str; 3] = ["download-cache", "eggs-directory", "extends-cache"];

/// Relative to `buildout:directory`.
pub(crate) const RELATIVE_TO_DIRECTORY: [&str; 4] = [
    "bin-directory",
    "parts-directory",
    "eggs-directory",
    "develop-eggs-directory",
];

/// The lowest layer of `[buildout]`.
pub(super) fn defaults(entry: &str, machine: &Machine) -> Section {
    let mut section = outside(DEFAULTS, Source::Default);
    section.set(
        "executable",
        &machine.executable,
        Span::outside(Source::Default),
    );
    if !is_url(entry) {
        section.set("directory", base_of(entry), Span::outside(Source::Computed));
    }
    section
}

/// Makes the folders of `[buildout]` absolute where they hold no reference.
pub(super) fn make_absolute(sections: &mut Sections, files: &Files, found: &mut Vec<Diagnostic>) {
    let Some(section) = sections.get_mut("buildout").map(Arc::make_mut) else {
        return;
    };
    let directory = section.folded("directory");
    for name in RELATIVE_TO_FILE {
        found.extend(relative_to_file(section, name, directory.as_deref(), files));
    }
    let Some(directory) = directory else { return };
    for name in RELATIVE_TO_DIRECTORY {
        if let Some(folder) = section.folded(name).filter(|folder| !folder.contains("${")) {
            replace(section, name, &in_directory(&directory, &folder));
        }
    }
}

/// `folder` if it is absolute, else inside of `directory`.
pub(crate) fn in_directory(directory: &str, folder: &str) -> String {
    if folder.starts_with('/') || directory.is_empty() {
        return folder.to_owned();
    }
    format!(
        "{}/{folder}",
        directory.strip_suffix('/').unwrap_or(directory)
    )
}

/// A diagnostic if that cannot be.
fn relative_to_file(
    section: &mut Section,
    name: &str,
    directory: Option<&str>,
    files: &Files,
) -> Option<Diagnostic> {
    let folder = section.folded(name)?;
    if folder.is_empty() {
        section.options.remove(name);
        if let Some((_, default)) = DEFAULTS.iter().find(|(option, _)| *option == name) {
            section.set(name, default, Span::outside(Source::Default));
        }
        return None;
    }
    let last = section
        .options
        .get(name)
        .and_then(|list| list.last())
        .map(|last| last.span);
    let span = last?;
    // `~` is for the caller to expand: this crate does not know of homes.
    if folder.contains("${") || folder.starts_with(['/', '~']) {
        return None;
    }
    let base = match span.source {
        Source::File(_) => Some(base_of(files.name(span.source))),
        _ => directory,
    };
    if base.is_some_and(is_url) {
        let message = format!(
            "`{name}` is the relative folder `{folder}` in a profile that is no local file"
        );
        let diagnostic = Diagnostic::new(Kind::UserError, message)
            .with_help("give an absolute path, or set it in a local file");
        return Some(files.at_value(span, diagnostic));
    }
    if let Some(base) = base {
        replace(
            section,
            name,
            &crate::location::normalised(&in_directory(base, &folder)),
        );
    }
    None
}

/// Replaces the text of an option and keeps the place that decided it.
fn replace(section: &mut Section, name: &str, value: &str) {
    let span = section
        .options
        .get(name)
        .and_then(|list| list.last())
        .map(|last| last.span);
    section.set(name, value, span.unwrap_or(Span::outside(Source::Computed)));
}

/// `versions` names the section of pins, `[versions]` unless set, which then exists even if no file has it.
pub(super) fn add_versions(sections: &mut Sections) {
    let Some(section) = sections.get_mut("buildout") else {
        return;
    };
    if section.options.contains("versions") {
        return;
    }
    let span = Span::outside(Source::Default);
    Arc::make_mut(section).set("versions", "versions", span);
    sections.entry("versions".into()).or_default();
}
