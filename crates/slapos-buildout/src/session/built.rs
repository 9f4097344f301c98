//! A section that is expanded, or on the way to it: how far each of its options is.
//!
//! Most sections have a handful of options, of which a recipe changes none; so the options of the profile are a row, each at
//! its number, and only what a recipe adds is looked up by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::resolve::Known;
use crate::merge::{Section, folded};

#[derive(Debug)]
pub(super) struct Built {
    /// With its macros; every option begins with a `Set`.
    pub(super) section: Arc<Section>,
    /// One for each option of the section, in the same order.
    values: Box<[Text]>,
    /// What the recipe set besides.
    more: BTreeMap<Arc<str>, Arc<str>>,
}

/// An option of a profile.
#[derive(Debug, Clone, Default)]
enum Text {
    /// As written.
    #[default]
    Raw,
    /// After the first substitution.
    Cooked(Arc<str>),
    Final(Arc<str>),
    /// The recipe took it away.
    Removed,
}

impl Built {
    pub(super) fn new(section: Arc<Section>) -> Built {
        let values = vec![Text::Raw; section.options.len()].into_boxed_slice();
        let more = BTreeMap::new();
        Built {
            section,
            values,
            more,
        }
    }

    /// What is known of an option.
    pub(super) fn known(&self, option: &str) -> Known {
        let number = self.section.options.number(option);
        let own = number.and_then(|at| Some((self.values.get(at)?, self.section.options.nth(at)?)));
        let Some((text, operations)) = own else {
            let more = self.more.get(option);
            return more.map_or(Known::Missing, |text| Known::Final(Arc::clone(text)));
        };
        match text {
            Text::Raw => Known::Raw(folded(operations), Arc::clone(operations)),
            Text::Cooked(text) => Known::Raw(Arc::clone(text), Arc::clone(operations)),
            Text::Final(text) => Known::Final(Arc::clone(text)),
            Text::Removed => Known::Missing,
        }
    }

    /// Keeps a text that is substituted once, unless more is known by now.
    pub(super) fn cook(&mut self, option: &str, text: Arc<str>) {
        if let Some(own @ Text::Raw) = self.value(option) {
            *own = Text::Cooked(text);
        }
    }

    /// Keeps a final text.
    pub(super) fn keep(&mut self, option: &str, text: Arc<str>) {
        match self.value(option) {
            Some(own) => *own = Text::Final(text),
            None => drop(self.more.insert(Arc::from(option), text)),
        }
    }

    pub(super) fn remove(&mut self, option: &str) {
        match self.value(option) {
            Some(own) => *own = Text::Removed,
            None => drop(self.more.remove(option)),
        }
    }

    /// Sorted.
    pub(super) fn names(&self) -> Vec<Arc<str>> {
        let own = self.section.options.names().zip(&self.values);
        let own = own.filter(|(_, text)| !matches!(text, Text::Removed));
        let own = own.map(|(name, _)| name);
        let mut names: Vec<Arc<str>> = own.chain(self.more.keys()).map(Arc::clone).collect();
        if !self.more.is_empty() {
            names.sort();
        }
        names
    }

    fn value(&mut self, option: &str) -> Option<&mut Text> {
        let number = self.section.options.number(option)?;
        self.values.get_mut(number)
    }
}
