//! Merging: what `=`, `+=` and `-=` of several files make of one option.
//!
//! An option is a list of changes, each with its place. Merging two sections joins their lists; a later `=` drops what was before.
//! The list is folded to a text only where the section is expanded, so an increment can wait for a base that comes from a macro.

use foldhash::{HashMap, HashMapExt, HashSet};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

mod options;

pub(crate) use options::{Options, Texts};

use crate::limits::{MERGED_OPTIONS_MAX, OPERATIONS_MAX};
use crate::parse::ParsedOption;
use crate::source::{Source, Span};

/// What one line does to an option; in the order in which those of one file are done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
pub(crate) type Operations = Arc<[Operation]>;

/// A section as merged so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Section {
    pub(crate) options: Options,
    /// The header that was read last.
    pub(crate) span: Option<Span>,
}

/// Sections by name.
pub(crate) type Sections = BTreeMap<Arc<str>, Arc<Section>>;

/// All sections of a file with what it extends, by the number of their name. Sections are shared until they are changed.
///
/// Large trees merge the same thousands of sections a thousand times; by number each costs one comparison of pointers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Layer {
    sections: Vec<Option<Arc<Section>>>,
}

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
    pub(crate) fn from_options(
        options: &[ParsedOption<'_>],
        span: Option<Span>,
        texts: &mut Texts,
    ) -> Section {
        let mut all: Vec<(&str, Change, &ParsedOption<'_>)> = options
            .iter()
            .map(|option| {
                let (name, change) = split_key(option.key);
                (name, change, option)
            })
            .collect();
        all.sort_by_key(|(name, change, _)| (*name, *change));
        let same_name = |one: &(&str, _, _), other: &(&str, _, _)| one.0 == other.0;
        let mut row = Vec::with_capacity(all.chunk_by(same_name).count());
        for changes in all.chunk_by(same_name) {
            let operations = changes.iter().map(|(_, change, option)| Operation {
                change: *change,
                value: texts.text(&option.value),
                span: option.span,
            });
            let operations = operations.collect();
            row.push((texts.text(changes[0].0), operations));
        }
        let options = Options::from_sorted(row);
        Section { options, span }
    }

    pub(crate) fn set(&mut self, option: &str, value: &str, span: Span) {
        let list = Arc::from([Operation::set(value, span)]);
        self.options.set(option, list);
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
                let removed: HashSet<&str> = operation.value.split('\n').collect();
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

/// The same, shared with the only change of an option that has but one.
pub(crate) fn folded(operations: &[Operation]) -> Arc<str> {
    match operations {
        [only] if only.change == Change::Set => Arc::clone(&only.value),
        several => Arc::from(fold(several)),
    }
}

/// Merges, and counts the work, which a hostile tree of files could make endless.
#[derive(Debug)]
pub(crate) struct Merger {
    options_left: usize,
    numbers: HashMap<Arc<str>, usize>,
    names: Vec<Arc<str>>,
}

impl Default for Merger {
    fn default() -> Merger {
        let (numbers, names) = (HashMap::new(), Vec::new());
        Merger {
            options_left: MERGED_OPTIONS_MAX,
            numbers,
            names,
        }
    }
}

impl Merger {
    /// Whether so much was merged that the result is not to be used.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.options_left == 0
    }

    /// These sections, for merging.
    pub(crate) fn layer(&mut self, sections: Sections) -> Layer {
        let mut layer = Layer::default();
        for (name, section) in sections {
            let number = *self.numbers.entry(Arc::clone(&name)).or_insert_with(|| {
                self.names.push(name);
                self.names.len() - 1
            });
            if layer.sections.len() <= number {
                layer.sections.resize(number + 1, None);
            }
            layer.sections[number] = Some(section);
        }
        layer
    }

    /// The sections of a layer by name.
    pub(crate) fn named(&self, layer: Layer) -> Sections {
        let named = self.names.iter().map(Arc::clone).zip(layer.sections);
        named
            .filter_map(|(name, section)| Some((name, section?)))
            .collect()
    }

    /// Puts the sections of `over` above those of `base`.
    pub(crate) fn merge(&mut self, base: &mut Layer, over: &Layer) {
        // Looking at a section that is shared costs little time, but the result costs memory.
        self.spend(1 + over.sections.len());
        if base.sections.len() < over.sections.len() {
            base.sections.resize(over.sections.len(), None);
        }
        for (below, section) in base.sections.iter_mut().zip(&over.sections) {
            let Some(section) = section else { continue };
            match below {
                None => *below = Some(Arc::clone(section)),
                // Merging a section onto itself changes nothing; in real trees this is nearly every merge.
                Some(below) if Arc::ptr_eq(below, section) => {}
                Some(below) if self.options_left > 0 => {
                    self.merge_section(Arc::make_mut(below), section);
                }
                Some(_) => return,
            }
        }
    }

    /// Puts the options of `over` above those of `base`.
    pub(crate) fn merge_section(&mut self, base: &mut Section, over: &Section) {
        self.spend(over.options.len());
        base.span = over.span.or(base.span);
        base.options.take_over(&over.options, |below, operations| {
            if Arc::ptr_eq(below, operations) {
                return;
            }
            if operations.first().is_some_and(|o| o.change == Change::Set) {
                *below = Arc::clone(operations);
                return;
            }
            self.spend(below.len());
            *below = appended(below, operations);
            if below.len() > OPERATIONS_MAX {
                self.options_left = 0;
            }
        });
    }

    fn spend(&mut self, options: usize) {
        self.options_left = self.options_left.saturating_sub(options);
    }
}

/// While there is no `=`, the same line of the same file counts once: else each diamond of `extends` would double it.
fn appended(below: &[Operation], above: &[Operation]) -> Operations {
    let has_base = below
        .first()
        .is_some_and(|first| first.change == Change::Set);
    if has_base {
        return below.iter().chain(above).cloned().collect();
    }
    let known: HashSet<(Span, Change)> = below.iter().map(|o| (o.span, o.change)).collect();
    // Only the command line has several changes at one place, and it is merged once.
    let is_new = |operation: &&Operation| !known.contains(&(operation.span, operation.change));
    below
        .iter()
        .chain(above.iter().filter(is_new))
        .cloned()
        .collect()
}

/// Sections that no file holds: defaults and the command line.
pub(crate) fn outside<'a>(
    options: impl IntoIterator<Item = (&'a str, &'a str)>,
    source: Source,
) -> Section {
    let span = Span::outside(source);
    let parsed: Vec<ParsedOption<'_>> = options
        .into_iter()
        .map(|(key, value)| ParsedOption {
            key,
            value: Cow::Borrowed(value),
            span,
        })
        .collect();
    Section::from_options(&parsed, None, &mut Texts::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(line: u32) -> Span {
        Span {
            source: Source::File(0),
            line,
            end_line: line,
            column: 1,
            length: 1,
            value: (line, 5),
        }
    }

    fn section(options: &[(&str, &str, u32)]) -> Section {
        let parsed: Vec<ParsedOption<'_>> = options
            .iter()
            .map(|(key, value, line)| ParsedOption {
                key,
                value: Cow::Borrowed(value),
                span: at(*line),
            })
            .collect();
        Section::from_options(&parsed, None, &mut Texts::default())
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
        let mut merger = Merger {
            options_left: 3,
            ..Merger::default()
        };
        let mut base = Section::default();
        merger.merge_section(
            &mut base,
            &section(&[("a", "", 1), ("b", "", 2), ("c", "", 3)]),
        );
        assert!(merger.is_exhausted());
    }
}
