//! Sections that nothing needs, and options of plain data that nobody reads.
//!
//! Recipes read sections by name (`environment = my-env`, a template's context), so a name in any value counts as a use.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::{Collector, Rule, View};
use crate::syntax::{names, references};
use slapos_python::text::is_space;

/// Sections that are used without being named.
const ALWAYS_USED: [&str; 3] = ["buildout", "versions", "networkcache"];

pub(super) fn check(view: &View<'_>, findings: &mut Collector<'_>) {
    let mentions = Mentions::of(view);
    unused_sections(view, &mentions, findings);
    unused_options(view, &mentions, findings);
}

/// Everything that values say about sections and options, in one pass.
struct Mentions {
    /// Sections whose names stand in a value, by the section of the value.
    sections: HashMap<String, BTreeSet<String>>,
    /// `section` and `option` of every reference; the own section is resolved.
    options: HashSet<(String, String)>,
    /// Names in any value.
    words: HashSet<String>,
}

impl Mentions {
    fn of(view: &View<'_>) -> Mentions {
        let mut mentions = Mentions {
            sections: HashMap::new(),
            options: HashSet::new(),
            words: HashSet::new(),
        };
        for section in view.profile.sections() {
            for option in view.profile.options(section) {
                let raw = view.profile.raw(section, option).unwrap_or_default();
                mentions.read(view, section, &raw);
            }
        }
        mentions
    }

    fn read(&mut self, view: &View<'_>, section: &str, raw: &str) {
        for line in raw.split('\n') {
            for reference in references(line) {
                let inside = &line[reference.start + 2..reference.end - 1];
                if let Some((target, option)) = inside.split_once(':') {
                    let target = if target.is_empty() { section } else { target };
                    let pair = (target.to_owned(), option.to_owned());
                    self.options.insert(pair);
                }
            }
        }
        let is_end = |c: char| is_space(c) || ",:;=\"'(){}[]<>$|&".contains(c);
        for word in raw
            .split(is_end)
            .filter(|word| view.profile.has_section(word))
        {
            self.words.insert(word.to_owned());
            let named = self.sections.entry(section.to_owned()).or_default();
            named.insert(word.to_owned());
        }
    }
}

fn unused_sections(view: &View<'_>, mentions: &Mentions, findings: &mut Collector<'_>) {
    // A library has no parts of its own to tell what is needed.
    if view.order.is_empty() {
        return;
    }
    let used = reached(view, mentions);
    for section in view.profile.sections() {
        if used.contains(section) {
            continue;
        }
        let Some((file, header)) = view.tree.headers(section).pop() else {
            continue;
        };
        let message = format!("section `{section}` is not needed by any part");
        let help = "remove it, or list it in `buildout:parts`";
        let line = file.syntax.headers[header].line;
        findings.warn(file, line, (Rule::UnusedSection, message, help));
    }
}

/// From the parts along references, macros and names in values.
fn reached(view: &View<'_>, mentions: &Mentions) -> HashSet<String> {
    let mut used: HashSet<String> = HashSet::new();
    let mut ahead: Vec<String> = view.order.clone();
    ahead.extend(ALWAYS_USED.map(str::to_owned));
    ahead.extend(
        ["versions", "python", "networkcache-section"]
            .iter()
            .filter_map(|o| view.text("buildout", o)),
    );
    while let Some(section) = ahead.pop() {
        if !used.insert(section.clone()) {
            continue;
        }
        ahead.extend(view.reads.get(&section).into_iter().flatten().cloned());
        ahead.extend(view.parents(&section));
        ahead.extend(
            mentions
                .sections
                .get(&section)
                .into_iter()
                .flatten()
                .cloned(),
        );
    }
    used
}

/// Only of sections without a recipe and without users that may read them whole.
fn unused_options(view: &View<'_>, mentions: &Mentions, findings: &mut Collector<'_>) {
    let parents: HashSet<String> = view
        .profile
        .sections()
        .flat_map(|section| view.parents(section))
        .collect();
    // References name a section; every other mention may be a recipe that reads it whole.
    let read_whole = whole_sections(view);
    for section in view.profile.sections() {
        let is_data = view.sections.contains_key(section) && view.recipe(section).is_none();
        let is_special = ALWAYS_USED.contains(&section)
            || view.text("buildout", "versions").as_deref() == Some(section)
            || parents.contains(section)
            || read_whole.contains(section)
            || !mentions.words.contains(section);
        if !is_data || is_special {
            continue;
        }
        for option in view.profile.options(section) {
            let key = (section.to_owned(), option.to_owned());
            let is_plain = !matches!(
                option,
                "<" | "recipe" | "_profile_base_location_" | "<part-dependencies>"
            );
            if is_plain && !mentions.options.contains(&key) {
                let Some(step) = view.tree.steps(section, option).last() else {
                    continue;
                };
                let message = format!("option `{option}` of section `{section}` is read by nobody");
                let help = "remove it; a section without a recipe is read through references only";
                findings.warn_at_step(view.tree, *step, (Rule::UnusedOption, message, help));
            }
        }
    }
}

/// Sections that are named outside of a reference.
fn whole_sections(view: &View<'_>) -> HashSet<String> {
    let mut found = HashSet::new();
    for section in view.profile.sections() {
        for option in view.profile.options(section) {
            let raw = view.profile.raw(section, option).unwrap_or_default();
            for line in raw.split('\n') {
                let names = names(line, 0).into_iter().map(|name| &line[name]);
                let named = names.filter(|word| view.profile.has_section(word));
                found.extend(named.map(str::to_owned));
            }
        }
    }
    found
}
