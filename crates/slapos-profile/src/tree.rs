//! A profile with everything it extends, as written: each file's syntax, in the order in which they take effect.
//!
//! A loaded profile knows what holds in the end; this knows what was written and did not survive. Broken files are
//! kept as far as they can be read, so that an editor works while somebody types.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use slapos_buildout::{Machine, base_of, condition_holds, join};

use crate::Question;
use crate::limits::{TREE_DEPTH_MAX, TREE_FILES_MAX};
use crate::syntax::{Sign, Syntax, Written};
use crate::texts::Texts;

/// All files of a profile.
#[derive(Debug)]
pub(crate) struct Tree {
    /// In the order of effect: what a later one says wins.
    pub(crate) files: Vec<TreeFile>,
    /// Locations of files that are extended and could not be read, or are beyond a bound.
    pub(crate) unread: Vec<String>,
    by_location: HashMap<String, usize>,
    /// By section and option, everything that is written about it, in the order of effect.
    steps: HashMap<String, HashMap<String, Vec<WrittenStep>>>,
    /// By section, its headers whose conditions hold, as file and header, in the order of effect.
    headers: HashMap<String, Vec<(usize, usize)>>,
    /// For a file, all those that it extends, directly or not; worked out when asked.
    below: RefCell<HashMap<usize, Rc<HashSet<usize>>>>,
}

/// One file.
#[derive(Debug)]
pub(crate) struct TreeFile {
    pub(crate) location: String,
    pub(crate) syntax: Arc<Syntax>,
    /// For each header, whether its condition holds.
    pub(crate) holds: Vec<bool>,
    /// Locations of the files it extends.
    pub(crate) extends: Vec<String>,
}

/// Where a change of an option is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WrittenStep {
    pub(crate) file: usize,
    /// Index into the options of the file's syntax.
    pub(crate) option: usize,
    pub(crate) sign: Sign,
}

impl Tree {
    pub(crate) fn read(question: &Question, texts: &Texts<'_>) -> Tree {
        let mut reader = Reader {
            texts,
            machine: question.machine(),
            conditions: HashMap::new(),
            seen: HashSet::new(),
            files: Vec::new(),
            unread: Vec::new(),
        };
        for top in question.tops() {
            reader.visit(&top, 0);
        }
        reader.visit(question.entry(), 0);
        if let Some(below) = question.user_defaults() {
            reader.visit(below, 0);
        }
        let unread = reader.unread;
        // Visited from what wins to what loses.
        let files: Vec<TreeFile> = reader.files.into_iter().rev().collect();
        let by_location = files
            .iter()
            .enumerate()
            .map(|(index, file)| (file.location.clone(), index))
            .collect();
        Tree {
            steps: index(&files),
            headers: index_headers(&files),
            below: RefCell::default(),
            by_location,
            files,
            unread,
        }
    }

    pub(crate) fn file(&self, location: &str) -> Option<&TreeFile> {
        self.files.get(*self.by_location.get(location)?)
    }

    /// Everything that is written about an option, in the order of effect.
    pub(crate) fn steps(&self, section: &str, option: &str) -> &[WrittenStep] {
        let steps = self
            .steps
            .get(section)
            .and_then(|section| section.get(option));
        steps.map_or(&[], Vec::as_slice)
    }

    /// Names of the options that files write in a section, in no order.
    pub(crate) fn options(&self, section: &str) -> impl Iterator<Item = &str> {
        let options = self.steps.get(section).into_iter();
        options.flat_map(|options| options.keys().map(String::as_str))
    }

    /// Sections and options that files write, in no order.
    pub(crate) fn written(&self) -> impl Iterator<Item = (&str, &str, &[WrittenStep])> {
        self.steps.iter().flat_map(|(section, options)| {
            options
                .iter()
                .map(move |(option, steps)| (section.as_str(), option.as_str(), steps.as_slice()))
        })
    }

    pub(crate) fn at(&self, step: WrittenStep) -> (&TreeFile, &Written) {
        let file = &self.files[step.file];
        (file, &file.syntax.options[step.option])
    }

    /// Headers of a section whose conditions hold, as file and header, in the order of effect.
    pub(crate) fn headers(&self, section: &str) -> Vec<(&TreeFile, usize)> {
        let found = self.headers.get(section).map_or(&[][..], Vec::as_slice);
        found
            .iter()
            .map(|(file, header)| (&self.files[*file], *header))
            .collect()
    }

    /// Whether the file at `from` extends the other, directly or not.
    pub(crate) fn extends(&self, from: usize, other: usize) -> bool {
        if let Some(below) = self.below.borrow().get(&from) {
            return below.contains(&other);
        }
        let mut seen = HashSet::new();
        let mut ahead = vec![from];
        while let Some(next) = ahead.pop() {
            for location in &self.files[next].extends {
                if let Some(index) = self.by_location.get(location)
                    && seen.insert(*index)
                {
                    ahead.push(*index);
                }
            }
        }
        let extends = seen.contains(&other);
        self.below.borrow_mut().insert(from, Rc::new(seen));
        extends
    }
}

struct Reader<'a> {
    texts: &'a Texts<'a>,
    machine: &'a Machine,
    conditions: HashMap<String, bool>,
    seen: HashSet<String>,
    files: Vec<TreeFile>,
    unread: Vec<String>,
}

impl Reader<'_> {
    /// The file, then what it extends, the last named first: a file that is named again counts where it has the last word.
    fn visit(&mut self, location: &str, depth: usize) {
        if self.seen.contains(location) {
            return;
        }
        if depth > TREE_DEPTH_MAX || self.files.len() >= TREE_FILES_MAX {
            // One is enough to know that not all was read.
            if self.unread.len() < TREE_FILES_MAX {
                self.unread.push(location.to_owned());
            }
            return;
        }
        self.seen.insert(location.to_owned());
        let Ok(text) = self.texts.text(location) else {
            self.unread.push(location.to_owned());
            return;
        };
        let syntax = self.texts.syntax(location, &text);
        let holds = (0..syntax.headers.len())
            .map(|header| self.holds(syntax.condition(header)))
            .collect();
        let extends = extended(location, &syntax);
        self.files.push(TreeFile {
            location: location.to_owned(),
            syntax,
            holds,
            extends: extends.clone(),
        });
        for below in extends.iter().rev() {
            self.visit(below, depth + 1);
        }
    }

    fn holds(&mut self, condition: &str) -> bool {
        if condition.is_empty() {
            return true;
        }
        if let Some(known) = self.conditions.get(condition) {
            return *known;
        }
        let holds = condition_holds(condition, self.machine, self.texts).unwrap_or(false);
        self.conditions.insert(condition.to_owned(), holds);
        holds
    }
}

/// Locations of what a file extends.
fn extended(location: &str, syntax: &Syntax) -> Vec<String> {
    let names = syntax.extends();
    names
        .into_iter()
        .map(|(line, word)| join(base_of(location), &syntax.lines[line][word]))
        .collect()
}

fn index_headers(files: &[TreeFile]) -> HashMap<String, Vec<(usize, usize)>> {
    let mut all: HashMap<String, Vec<(usize, usize)>> = HashMap::new();
    for (number, file) in files.iter().enumerate() {
        for header in (0..file.holds.len()).filter(|header| file.holds[*header]) {
            let name = file.syntax.section_name(header).to_owned();
            all.entry(name).or_default().push((number, header));
        }
    }
    all
}

fn index(files: &[TreeFile]) -> HashMap<String, HashMap<String, Vec<WrittenStep>>> {
    let mut all: HashMap<String, HashMap<String, Vec<WrittenStep>>> = HashMap::new();
    for (number, file) in files.iter().enumerate() {
        for (option, step) in own_steps(file, number) {
            let syntax = &file.syntax;
            let written = &syntax.options[option];
            let section = all.entry(syntax.section_of(written).to_owned());
            let name = syntax.name(written).to_owned();
            section.or_default().entry(name).or_default().push(step);
        }
    }
    all
}

/// What a file does, `=` before `+=` before `-=`; of lines that begin the same way in a section only the last, in the place of the first.
fn own_steps(file: &TreeFile, number: usize) -> Vec<(usize, WrittenStep)> {
    let syntax = &file.syntax;
    let mut places: HashMap<(&str, &str), (usize, usize)> = HashMap::new();
    for (index, written) in syntax.options.iter().enumerate() {
        if file.holds[written.header] {
            let key = &syntax.lines[written.line][written.key.clone()];
            let place = places.entry((syntax.section_of(written), key));
            place.or_insert((index, index)).1 = index;
        }
    }
    let mut kept: Vec<(usize, usize)> = places.into_values().collect();
    kept.sort_unstable_by_key(|(first, last)| (syntax.options[*last].sign as u8, *first));
    let step = |option: usize| WrittenStep {
        file: number,
        option,
        sign: syntax.options[option].sign,
    };
    kept.into_iter()
        .map(|(_, option)| (option, step(option)))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::annotate::{Change, Story};
    use crate::random::{One, profile, question};

    /// What the steps come to, with the rules of annotate.rs.
    fn folded(tree: &Tree, section: &str, option: &str) -> String {
        let changes = tree.steps(section, option).iter().map(|step| {
            let (file, written) = tree.at(*step);
            Change {
                section: section.to_owned(),
                sign: step.sign.text(),
                value: file.syntax.value(written),
                origin: slapos_buildout::Origin {
                    file: String::new(),
                    line: 0,
                    column: 0,
                },
            }
        });
        Story {
            history: changes.collect(),
            overrode: Vec::new(),
        }
        .value()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn steps_of_a_file_come_to_what_the_language_reads(text in profile()) {
            let fetch = One(text.clone());
            let Ok((profile, tree)) = question().explain(&fetch) else {
                return Ok(());
            };
            for section in profile.sections().filter(|section| *section != "buildout") {
                for option in profile.options(section) {
                    let expect = profile.raw(section, option).unwrap_or_default();
                    prop_assert_eq!(folded(&tree, section, option), expect, "{}:{} in {:?}", section, option, text);
                }
            }
            for (section, option, _) in tree.written() {
                prop_assert!(profile.raw(section, option).is_some(), "{section}:{option} in {text:?}");
            }
        }
    }
}
