//! Merging: what `=`, `+=` and `-=` of several files make of one option.
//!
//! An option is a list of changes, each with its place. Merging two sections joins their lists; a later `=` drops what was before.
//! The list is folded to a text only where the section is expanded, so an increment can wait for a base that comes from a macro.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::limits::{MERGED_OPTIONS_MAX, OPERATIONS_MAX};
use crate::parse::ParsedOption;
use crate::source::{Source, Span};

/// What one line does to an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Set,
    Add,
    Remove,
}

/// One change and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Operation {
    pub(crate) change: Change,
    pub(crate) value: Arc<str>,
    pub(crate) span: Span,
}

/// The changes of one option, oldest first.
///
/// Invariant: a `Set` is only ever the first.
pub(crate) type Operations = Arc<Vec<Operation>>;

/// A section as merged so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Section {
    pub(crate) options: BTreeMap<Arc<str>, Operations>,
    /// The header that was read last.
    pub(crate) span: Option<Span>,
}

/// All sections of a file with what it extends. Sections are shared until they are changed.
pub(crate) type Sections = BTreeMap<Arc<str>, Arc<Section>>;

impl Operation {
    pub(crate) fn set(value: &str, span: Span) -> Operation {
        Operation {
            change: Change::Set,
            value: Arc::from(value),
            span,
        }
    }
}

impl Section {
    /// A section from the options of one file.
    ///
    /// Whatever their order in the file: first `=`, then `+=`, then `-=`. An option written twice the same way counts once, the last time.
    pub(crate) fn from_options(options: &[ParsedOption], span: Option<Span>) -> Section {
        let mut lists: BTreeMap<Arc<str>, Vec<Operation>> = BTreeMap::new();
        for change in [Change::Set, Change::Add, Change::Remove] {
            for option in options {
                let (name, own) = split_key(&option.key);
                if own == change {
                    let value = Arc::from(option.value.as_str());
                    let operation = Operation {
                        change,
                        value,
                        span: option.span,
                    };
                    lists.entry(Arc::from(name)).or_default().push(operation);
                }
            }
        }
        let options = lists
            .into_iter()
            .map(|(name, list)| (name, Arc::new(list)))
            .collect();
        Section { options, span }
    }

    pub(crate) fn set(&mut self, option: &str, value: &str, span: Span) {
        let list = Arc::new(vec![Operation::set(value, span)]);
        self.options.insert(Arc::from(option), list);
    }

    /// The text of an option before macros and references.
    pub(crate) fn folded(&self, option: &str) -> Option<String> {
        self.options.get(option).map(|operations| fold(operations))
    }
}

/// The name of an option, and what a line with this key does to it: `x +` adds to `x`.
pub(crate) fn split_key(key: &str) -> (&str, Change) {
    let name = key.trim_end_matches([' ', '+', '-']);
    match key.chars().last() {
        Some('+') if !name.is_empty() => (name, Change::Add),
        Some('-') if !name.is_empty() => (name, Change::Remove),
        _ => (key, Change::Set),
    }
}

/// The text that changes give, from nothing if there is no `=`. Lines are compared whole.
pub(crate) fn fold(operations: &[Operation]) -> String {
    let mut text = String::new();
    for operation in operations {
        match operation.change {
            Change::Set => text = operation.value.to_string(),
            Change::Add => {
                text.push('\n');
                text.push_str(&operation.value);
            }
            Change::Remove => {
                let removed: std::collections::HashSet<&str> =
                    operation.value.split('\n').collect();
                let kept: Vec<&str> = text
                    .split('\n')
                    .filter(|line| !removed.contains(line))
                    .collect();
                text = kept.join("\n");
            }
        }
    }
    text
}

/// Merges, and counts the work, which a hostile tree of files could make endless.
#[derive(Debug)]
pub(crate) struct Merger {
    options_left: usize,
}

impl Default for Merger {
    fn default() -> Merger {
        Merger {
            options_left: MERGED_OPTIONS_MAX,
        }
    }
}

impl Merger {
    /// Whether so much was merged that the result is not to be used.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.options_left == 0
    }

    /// Puts the sections of `over` above those of `base`.
    pub(crate) fn merge(&mut self, base: &mut Sections, over: &Sections) {
        self.spend(1);
        for (name, section) in over {
            if self.is_exhausted() {
                return;
            }
            self.spend(1);
            match base.get_mut(name) {
                None => {
                    base.insert(Arc::clone(name), Arc::clone(section));
                }
                // Merging a section onto itself changes nothing; in real trees this is nearly every merge.
                Some(below) if Arc::ptr_eq(below, section) => {}
                Some(below) => self.merge_section(Arc::make_mut(below), section),
            }
        }
    }

    /// Puts the options of `over` above those of `base`.
    pub(crate) fn merge_section(&mut self, base: &mut Section, over: &Section) {
        self.spend(over.options.len());
        base.span = over.span.or(base.span);
        for (name, operations) in &over.options {
            match base.options.get_mut(name) {
                None => {
                    base.options
                        .insert(Arc::clone(name), Arc::clone(operations));
                }
                Some(below) if Arc::ptr_eq(below, operations) => {}
                Some(below) if operations.first().is_some_and(|o| o.change == Change::Set) => {
                    *below = Arc::clone(operations);
                }
                Some(below) => {
                    self.spend(below.len());
                    append(Arc::make_mut(below), operations);
                    if below.len() > OPERATIONS_MAX {
                        self.options_left = 0;
                    }
                }
            }
        }
    }

    fn spend(&mut self, options: usize) {
        self.options_left = self.options_left.saturating_sub(options);
    }
}

/// While there is no `=`, the same line of the same file counts once: else each diamond of `extends` would double it.
fn append(below: &mut Vec<Operation>, above: &[Operation]) {
    let has_base = below
        .first()
        .is_some_and(|first| first.change == Change::Set);
    for operation in above {
        if has_base || !below.contains(operation) {
            below.push(operation.clone());
        }
    }
}

/// Sections that no file holds: defaults and the command line.
pub(crate) fn outside<'a>(
    options: impl IntoIterator<Item = (&'a str, &'a str)>,
    source: Source,
) -> Section {
    let span = Span::outside(source);
    let parsed: Vec<ParsedOption> = options
        .into_iter()
        .map(|(key, value)| ParsedOption {
            key: key.to_owned(),
            value: value.to_owned(),
            span,
        })
        .collect();
    Section::from_options(&parsed, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(line: u32) -> Span {
        Span {
            source: Source::File(0),
            line,
            end_line: line,
            length: 1,
        }
    }

    fn section(options: &[(&str, &str, u32)]) -> Section {
        let parsed: Vec<ParsedOption> = options
            .iter()
            .map(|(key, value, line)| ParsedOption {
                key: (*key).to_owned(),
                value: (*value).to_owned(),
                span: at(*line),
            })
            .collect();
        Section::from_options(&parsed, None)
    }

    fn merged(all: &[&Section]) -> String {
        let mut base = Section::default();
        for over in all {
            Merger::default().merge_section(&mut base, over);
        }
        base.folded("x").unwrap()
    }

    #[test]
    fn split_key_reads_both_spellings() {
        assert_eq!(split_key("x +"), ("x", Change::Add));
        assert_eq!(split_key("x+"), ("x", Change::Add));
        assert_eq!(split_key("x -"), ("x", Change::Remove));
        assert_eq!(split_key("x-y"), ("x-y", Change::Set));
        assert_eq!(split_key("+"), ("+", Change::Set));
    }

    #[test]
    fn merge_of_increments_onto_a_base_appends_lines() {
        let base = section(&[("x", "1\n2", 1)]);
        let over = section(&[("x -", "1", 2), ("x +", "3", 3)]);
        assert_eq!(merged(&[&base, &over]), "2\n3");
        assert_eq!(merged(&[&base, &over, &over]), "2\n3\n3");
    }

    #[test]
    fn merge_of_increments_without_a_base_counts_each_line_once() {
        let over = section(&[("x +", "3", 3)]);
        let same_text = section(&[("x +", "3", 4)]);
        assert_eq!(merged(&[&over, &over]), "\n3");
        assert_eq!(merged(&[&over, &same_text, &over]), "\n3\n3");
    }

    #[test]
    fn merge_of_a_later_set_drops_what_was_before() {
        let over = section(&[("x +", "3", 3)]);
        assert_eq!(merged(&[&over, &section(&[("x", "9", 9)])]), "9");
    }

    #[test]
    fn merge_beyond_the_bound_stops() {
        let mut merger = Merger { options_left: 3 };
        let mut base = Section::default();
        merger.merge_section(
            &mut base,
            &section(&[("a", "", 1), ("b", "", 2), ("c", "", 3)]),
        );
        assert!(merger.is_exhausted());
    }
}
