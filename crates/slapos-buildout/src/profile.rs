//! A loaded profile: sections and options as merged from all files, nothing expanded.

use std::sync::Arc;

use crate::merge::{Change, Section, Sections};
use crate::source::{Files, Span};

/// What `load` gives: raw options, each with its place. It never changes.
#[derive(Debug, Clone)]
pub struct Profile {
    entry: String,
    pub(crate) files: Files,
    pub(crate) sections: Sections,
}

/// Where an option was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Path or URL; `<built-in default>`, `<computed>` or `<command line>` for what no file holds.
    pub file: String,
    /// From 1; 0 where there is no file.
    pub line: u32,
    /// From 1, in characters; 0 where there is no file.
    pub column: u32,
}

/// One change of an option, for explaining how it came to its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// `=`, `+=` or `-=`.
    pub sign: &'static str,
    pub value: String,
    pub origin: Origin,
}

impl Profile {
    pub(crate) fn new(entry: String, files: Files, sections: Sections) -> Profile {
        Profile {
            entry,
            files,
            sections,
        }
    }

    /// Names of all sections, sorted.
    pub fn sections(&self) -> impl Iterator<Item = &str> {
        self.sections.keys().map(|name| &**name)
    }

    pub fn has_section(&self, section: &str) -> bool {
        self.sections.contains_key(section)
    }

    /// Names of the options that the section itself has, sorted; those of its macros are not among them.
    pub fn options(&self, section: &str) -> impl Iterator<Item = &str> {
        let section = self.sections.get(section);
        section
            .into_iter()
            .flat_map(|section| section.options.names().map(|name| &**name))
    }

    /// The merged text of an option before macros and references. An increment without a base begins with an empty line.
    pub fn raw(&self, section: &str, option: &str) -> Option<String> {
        self.sections.get(section)?.folded(option)
    }

    /// The place of the last change of the option.
    pub fn origin(&self, section: &str, option: &str) -> Option<Origin> {
        let last = self.sections.get(section)?.options.get(option)?.last()?;
        Some(self.origin_of(last.span))
    }

    /// The place of the section's header that was read last; none if only the command line made it.
    pub fn section_origin(&self, section: &str) -> Option<Origin> {
        self.sections
            .get(section)?
            .span
            .map(|span| self.origin_of(span))
    }

    /// How the option came to its value, from its last `=` on, oldest first.
    pub fn history(&self, section: &str, option: &str) -> Vec<Step> {
        let operations = self
            .sections
            .get(section)
            .and_then(|s| s.options.get(option));
        let operations = operations.into_iter().flat_map(|list| list.iter());
        operations
            .map(|operation| Step {
                sign: match operation.change {
                    Change::Set => "=",
                    Change::Add => "+=",
                    Change::Remove => "-=",
                },
                value: operation.value.to_string(),
                origin: self.origin_of(operation.span),
            })
            .collect()
    }

    /// The place of the first character of what the last change of the option gives; none for an empty value and for
    /// what no file holds.
    pub fn value_origin(&self, section: &str, option: &str) -> Option<Origin> {
        let last = self.sections.get(section)?.options.get(option)?.last()?;
        let (line, column) = last.span.value;
        let origin = self.origin_of(last.span);
        (line > 0).then_some(Origin {
            line,
            column,
            ..origin
        })
    }

    /// Locations of all files, in the order they were first read.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.files.locations()
    }

    /// The path or URL that was loaded.
    pub fn entry(&self) -> &str {
        &self.entry
    }

    pub(crate) fn section(&self, name: &str) -> Option<&Arc<Section>> {
        self.sections.get(name)
    }

    /// The section with its name as it is shared.
    pub(crate) fn section_entry(&self, name: &str) -> Option<(&Arc<str>, &Arc<Section>)> {
        self.sections.get_key_value(name)
    }

    fn origin_of(&self, span: Span) -> Origin {
        let file = self.files.name(span.source).to_owned();
        Origin {
            file,
            line: span.line,
            column: span.column,
        }
    }
}
