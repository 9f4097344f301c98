//! Which names were asked for before: a hint that saves new requests the way through a reader.
//!
//! A hint only: it may have forgotten or be wrong, the rules decide. Bounded, in memory.

use crate::app::Proof;
use crate::limits::ASKED_MAX;
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};

/// What was asked for since the master was started.
#[derive(Debug, Default)]
pub struct Asked {
    /// Its keys are random, so that nobody can make names that collide.
    hasher: RandomState,
    seen: Mutex<HashSet<u64>>,
}

impl Asked {
    /// Was that name asked for with that proof?
    pub(super) fn contains(&self, proof: &Proof, name: &str) -> bool {
        let key = self.key(proof, name);
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(&key)
    }

    /// It was, and there was an answer.
    pub(super) fn insert(&self, proof: &Proof, name: &str) {
        let key = self.key(proof, name);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever is forgotten pays one turn of the writer, and is known again.
        if seen.len() >= ASKED_MAX {
            seen.clear();
        }
        seen.insert(key);
    }

    fn key(&self, proof: &Proof, name: &str) -> u64 {
        self.hasher.hash_one((proof, name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asked_names_are_told_apart_by_who_asks() {
        let asked = Asked::default();
        let (mine, yours) = (Proof::of_token("a"), Proof::of_token("b"));
        asked.insert(&mine, "db");
        assert!(asked.contains(&mine, "db"));
        assert!(!asked.contains(&mine, "web"));
        assert!(!asked.contains(&yours, "db"));
    }

    #[test]
    fn asked_is_bounded_and_goes_on() {
        let asked = Asked::default();
        for index in 0..=ASKED_MAX {
            asked.insert(&Proof::None, &index.to_string());
        }
        assert!(asked.seen.lock().unwrap().len() <= ASKED_MAX);
        assert!(asked.contains(&Proof::None, &ASKED_MAX.to_string()));
    }
}
