//! The texts of all files that a load read, kept for whoever looks at them again: explaining, linting, an editor.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use slapos_buildout::{Fetch, FetchFailure, Probe};

use crate::syntax::Syntax;

/// What a location held, or why it could not be read.
type Answer = Result<Arc<str>, FetchFailure>;

/// A fetcher that asks another one once for each location and remembers.
pub(crate) struct Texts<'f> {
    fetch: &'f dyn Fetch,
    known: RefCell<HashMap<String, Answer>>,
    syntaxes: RefCell<HashMap<String, Arc<Syntax>>>,
}

impl fmt::Debug for Texts<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Texts")
            .field("known", &self.known.borrow().len())
            .finish_non_exhaustive()
    }
}

impl<'f> Texts<'f> {
    pub(crate) fn new(fetch: &'f dyn Fetch) -> Texts<'f> {
        Texts {
            fetch,
            known: RefCell::default(),
            syntaxes: RefCell::default(),
        }
    }

    pub(crate) fn text(&self, location: &str) -> Answer {
        if let Some(known) = self.known.borrow().get(location) {
            return known.clone();
        }
        let answer = self.fetch.fetch(location).map(Arc::from);
        let mut known = self.known.borrow_mut();
        known.insert(location.to_owned(), answer.clone());
        answer
    }

    /// What the text of a location is, line by line; read once.
    pub(crate) fn syntax(&self, location: &str, text: &str) -> Arc<Syntax> {
        let mut known = self.syntaxes.borrow_mut();
        let syntax = known
            .entry(location.to_owned())
            .or_insert_with(|| Arc::new(Syntax::read(text)));
        Arc::clone(syntax)
    }
}

impl Fetch for Texts<'_> {
    fn fetch(&self, location: &str) -> Result<String, FetchFailure> {
        self.text(location).map(|text| text.to_string())
    }

    fn probe(&self, path: &str) -> Probe {
        self.fetch.probe(path)
    }

    fn open(&self, path: &str) -> Option<String> {
        self.fetch.open(path)
    }
}
