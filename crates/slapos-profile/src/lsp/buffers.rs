//! The texts of open documents, above those of the disk.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::fmt;

use slapos_buildout::{Fetch, FetchFailure, Probe};

/// A fetcher that gives what the editor shows, and for the rest asks another one, once until files change.
pub(super) struct Buffers {
    open: BTreeMap<String, String>,
    below: Box<dyn Fetch>,
    kept: RefCell<HashMap<String, Result<String, FetchFailure>>>,
}

impl fmt::Debug for Buffers {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Buffers")
            .field("open", &self.open.keys())
            .finish_non_exhaustive()
    }
}

impl Buffers {
    pub(super) fn new(below: Box<dyn Fetch>) -> Buffers {
        Buffers {
            open: BTreeMap::new(),
            below,
            kept: RefCell::default(),
        }
    }

    pub(super) fn set(&mut self, location: &str, text: String) {
        self.open.insert(location.to_owned(), text);
    }

    pub(super) fn close(&mut self, location: &str) {
        self.open.remove(location);
        self.forget_disk();
    }

    pub(super) fn is_open(&self, location: &str) -> bool {
        self.open.contains_key(location)
    }

    pub(super) fn count(&self) -> usize {
        self.open.len()
    }

    /// Locations of open documents.
    pub(super) fn open(&self) -> impl Iterator<Item = &str> {
        self.open.keys().map(String::as_str)
    }

    /// Files may have changed.
    pub(super) fn forget_disk(&mut self) {
        self.kept.borrow_mut().clear();
    }
}

impl Fetch for Buffers {
    fn fetch(&self, location: &str) -> Result<String, FetchFailure> {
        if let Some(text) = self.open.get(location) {
            return Ok(text.clone());
        }
        if let Some(known) = self.kept.borrow().get(location) {
            return known.clone();
        }
        let answer = self.below.fetch(location);
        let mut kept = self.kept.borrow_mut();
        kept.insert(location.to_owned(), answer.clone());
        answer
    }

    fn probe(&self, path: &str) -> Probe {
        self.below.probe(path)
    }

    fn open(&self, path: &str) -> Option<String> {
        self.below.open(path)
    }
}
