//! The texts of open documents, above those of the disk.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::fmt;

use slapos_buildout::{FILE_BYTES_MAX, Fetch, FetchFailure, Probe, is_url};

use crate::limits::EDITOR_BYTES_MAX;

/// Where the server reads what is not open, and what there is to say about how it was had.
pub trait Source: Fetch {
    /// What a person should know; each is told once.
    fn take_warnings(&self) -> Vec<String> {
        Vec::new()
    }
}

impl Source for slapos_cache::Disk {
    fn take_warnings(&self) -> Vec<String> {
        slapos_cache::Disk::take_warnings(self)
    }
}

/// A fetcher that gives what the editor shows, and for the rest asks another one, once until files change.
pub(super) struct Buffers {
    /// None of a document that is too long; what is on the disk does not stand in for it.
    open: BTreeMap<String, Option<String>>,
    pub(super) below: Box<dyn Source>,
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
    pub(super) fn new(below: Box<dyn Source>) -> Buffers {
        Buffers {
            open: BTreeMap::new(),
            below,
            kept: RefCell::default(),
        }
    }

    pub(super) fn set(&mut self, location: &str, text: String) {
        self.open.remove(location);
        let others = self.open.values().flatten().map(String::len);
        let is_good =
            text.len() <= FILE_BYTES_MAX && others.sum::<usize>() + text.len() <= EDITOR_BYTES_MAX;
        self.open
            .insert(location.to_owned(), is_good.then_some(text));
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

    /// Files may have changed. What was had from the web is not asked for at every save; what was not is tried again.
    pub(super) fn forget_disk(&mut self) {
        let is_from_web = |location: &str| is_url(location) && !location.starts_with("file:");
        let mut kept = self.kept.borrow_mut();
        kept.retain(|location, answer| is_from_web(location) && answer.is_ok());
    }
}

impl Fetch for Buffers {
    fn fetch(&self, location: &str) -> Result<String, FetchFailure> {
        if let Some(text) = self.open.get(location) {
            return text.clone().ok_or_else(|| {
                FetchFailure::Failed(format!(
                    "the open document has more than {FILE_BYTES_MAX} bytes, or all of them more than {EDITOR_BYTES_MAX}"
                ))
            });
        }
        if let Some(known) = self.kept.borrow().get(location) {
            return known.clone();
        }
        let answer = self.below.fetch(location);
        let mut kept = self.kept.borrow_mut();
        let bytes = |answer: &Result<String, FetchFailure>| answer.as_ref().map_or(0, String::len);
        if kept.values().map(bytes).sum::<usize>() + bytes(&answer) > EDITOR_BYTES_MAX {
            kept.clear();
        }
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
