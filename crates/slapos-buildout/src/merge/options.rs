//! The options of one section, and the texts that many of them share.
//!
//! A profile has thousands of small sections, so [`Options`] is one sorted row without room to spare, in which an option also
//! has a number. Never in here: what changes come to.

use foldhash::HashSet;
use std::sync::Arc;

use super::Operations;

/// Options by name, sorted. Changing many at once costs one pass over the row.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    // Invariant: sorted by name, no name twice.
    row: Vec<(Arc<str>, Operations)>,
}

impl Options {
    /// Takes a row that is sorted, no name twice.
    pub(super) fn from_sorted(row: Vec<(Arc<str>, Operations)>) -> Options {
        debug_assert!(row.is_sorted_by(|(one, _), (next, _)| one < next));
        Options { row }
    }

    pub(crate) fn len(&self) -> usize {
        self.row.len()
    }

    /// The number of an option.
    pub(crate) fn number(&self, name: &str) -> Option<usize> {
        self.place(name).ok()
    }

    /// The option of a number that [`Options::number`] gave.
    pub(crate) fn nth(&self, number: usize) -> Option<&Operations> {
        self.row.get(number).map(|(_, list)| list)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Operations> {
        self.nth(self.number(name)?)
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.number(name).is_some()
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.row.iter().map(|(name, _)| name)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Operations)> {
        self.row.iter().map(|(name, list)| (name, list))
    }

    pub(crate) fn lists_mut(&mut self) -> impl Iterator<Item = &mut Operations> {
        self.row.iter_mut().map(|(_, list)| list)
    }

    pub(crate) fn set(&mut self, name: &str, list: Operations) {
        match self.place(name) {
            Ok(at) => self.row[at].1 = list,
            Err(at) => self.row.insert(at, (Arc::from(name), list)),
        }
    }

    pub(crate) fn remove(&mut self, name: &str) -> Option<Operations> {
        let at = self.place(name).ok()?;
        Some(self.row.remove(at).1)
    }

    /// Takes over the options of `over`; `both` says what becomes of one that is here already.
    pub(super) fn take_over(
        &mut self,
        over: &Options,
        mut both: impl FnMut(&mut Operations, &Operations),
    ) {
        let mut new = Vec::new();
        for (name, list) in &over.row {
            match self.place(name) {
                Ok(at) => both(&mut self.row[at].1, list),
                Err(at) => new.push((at, (Arc::clone(name), Arc::clone(list)))),
            }
        }
        if new.is_empty() {
            return;
        }
        let all = Vec::with_capacity(self.row.len() + new.len());
        let mut old = std::mem::replace(&mut self.row, all).into_iter();
        let mut taken = 0;
        for (at, option) in new {
            self.row.extend(old.by_ref().take(at - taken));
            self.row.push(option);
            taken = at;
        }
        self.row.extend(old);
    }

    fn place(&self, name: &str) -> Result<usize, usize> {
        self.row.binary_search_by(|(own, _)| (**own).cmp(name))
    }
}

/// Names, and short texts that come again and again, each kept once while files are read.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    known: HashSet<Arc<str>>,
}

impl Texts {
    /// Longer ones seldom come again.
    const SHARED_BYTES_MAX: usize = 64;

    pub(crate) fn text(&mut self, text: &str) -> Arc<str> {
        if text.len() > Texts::SHARED_BYTES_MAX {
            return Arc::from(text);
        }
        if let Some(known) = self.known.get(text) {
            return Arc::clone(known);
        }
        let new = Arc::from(text);
        self.known.insert(Arc::clone(&new));
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merge::Operation;
    use crate::source::{Source, Span};

    fn list(value: &str) -> Operations {
        Arc::from([Operation::set(value, Span::outside(Source::Default))])
    }

    fn options(all: &[(&str, &str)]) -> Options {
        let mut options = Options::default();
        for (name, value) in all {
            options.set(name, list(value));
        }
        options
    }

    fn shown(options: &Options) -> String {
        let all = options
            .iter()
            .map(|(name, list)| format!("{name}={} ", list[0].value));
        all.collect()
    }

    #[test]
    fn options_are_sorted_and_found_by_name() {
        let mut all = options(&[("m", "1"), ("b", "2"), ("z", "3"), ("b", "4")]);
        assert_eq!(shown(&all), "b=4 m=1 z=3 ");
        assert_eq!(all.number("m"), Some(1));
        assert!(all.get("x").is_none() && !all.contains("x"));
        assert!(all.remove("x").is_none() && all.remove("m").is_some());
        assert_eq!(shown(&all), "b=4 z=3 ");
    }

    #[test]
    fn take_over_puts_new_options_where_they_belong() {
        let over = options(&[("a", "9"), ("c", "9"), ("d", "9"), ("m", "9"), ("zz", "9")]);
        let mut all = options(&[("b", "1"), ("m", "2"), ("z", "3")]);
        all.take_over(&over, |below, above| *below = Arc::clone(above));
        assert_eq!(shown(&all), "a=9 b=1 c=9 d=9 m=9 z=3 zz=9 ");
        let mut none = Options::default();
        none.take_over(&over, |_, _| unreachable!("there is nothing below"));
        assert_eq!(shown(&none), shown(&over));
    }

    #[test]
    fn texts_keep_a_short_text_once() {
        let mut texts = Texts::default();
        let (one, other) = (texts.text("name"), texts.text("name"));
        assert!(Arc::ptr_eq(&one, &other));
        let long = "x".repeat(Texts::SHARED_BYTES_MAX + 1);
        assert_eq!(&*texts.text(&long), long);
        assert_eq!(texts.known.len(), 1);
    }
}
