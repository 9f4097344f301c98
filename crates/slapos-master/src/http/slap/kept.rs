//! Answers to requests that were made before and that nothing has changed since.
//!
//! Recipes ask for the same again and again, each time that their instance is looked at. While the
//! store's version is the one of an answer, nothing that was acknowledged has changed, so the same
//! bytes of the same caller have the same answer, and neither the rules nor the database need to
//! be asked. What the version does not know is time: a token may end by itself, so an answer is
//! kept for a second at most. Where others write too (PostgreSQL) nothing is kept.

use crate::app::Proof;
use crate::limits::{KEPT_ANSWER_BYTES_MAX, KEPT_ANSWERS_MAX, KEPT_FOR_US};
use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, header};
use slapos_model::Timestamp;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// All that an answer depends on besides what is stored.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    proof: Proof,
    seat: Option<HeaderValue>,
    host: Option<HeaderValue>,
    query: String,
    body: Bytes,
}

impl Key {
    pub(super) fn new(proof: &Proof, headers: &HeaderMap, (query, body): (&str, &Bytes)) -> Self {
        Self {
            proof: proof.clone(),
            seat: headers.get(header::AUTHORIZATION).cloned(),
            host: headers.get(header::HOST).cloned(),
            query: query.to_owned(),
            body: body.clone(),
        }
    }
}

/// The answers of one version.
#[derive(Debug, Default)]
pub(crate) struct Kept(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    version: u64,
    answers: HashMap<Key, (Timestamp, Bytes)>,
}

impl Kept {
    /// The answer to that, if it was given at this version of the store and lately.
    pub(super) fn find(&self, version: Option<u64>, key: &Key, now: Timestamp) -> Option<Bytes> {
        let inner = self.lock();
        if Some(inner.version) != version {
            return None;
        }
        let (at, answer) = inner.answers.get(key)?;
        let age = now.as_micros() - at.as_micros();
        (0..KEPT_FOR_US).contains(&age).then(|| answer.clone())
    }

    /// Keeps an answer that was made at that version; those of other versions are of no use.
    pub(super) fn insert(&self, version: u64, key: Key, (now, answer): (Timestamp, &Bytes)) {
        if key.body.len() + answer.len() > KEPT_ANSWER_BYTES_MAX {
            return;
        }
        let mut inner = self.lock();
        if inner.version != version || inner.answers.len() >= KEPT_ANSWERS_MAX {
            inner.answers.clear();
            inner.version = version;
        }
        inner.answers.insert(key, (now, answer.clone()));
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(proof: &Proof, body: &'static str) -> Key {
        Key::new(
            proof,
            &HeaderMap::new(),
            ("", &Bytes::from_static(body.as_bytes())),
        )
    }

    #[test]
    fn kept_answer_is_of_its_caller_its_version_and_its_second() {
        let kept = Kept::default();
        let (mine, yours) = (Proof::of_token("a"), Proof::of_token("b"));
        let (now, answer) = (Timestamp::from_micros(10), Bytes::from_static(b"x"));
        kept.insert(7, key(&mine, "q"), (now, &answer));
        assert_eq!(kept.find(Some(7), &key(&mine, "q"), now), Some(answer));
        assert_eq!(kept.find(Some(7), &key(&yours, "q"), now), None);
        assert_eq!(kept.find(Some(7), &key(&mine, "r"), now), None);
        assert_eq!(kept.find(Some(8), &key(&mine, "q"), now), None);
        assert_eq!(kept.find(None, &key(&mine, "q"), now), None);
        let later = Timestamp::from_micros(10 + KEPT_FOR_US);
        assert_eq!(kept.find(Some(7), &key(&mine, "q"), later), None);
        let before = Timestamp::from_micros(9);
        assert_eq!(kept.find(Some(7), &key(&mine, "q"), before), None);
    }

    #[test]
    fn kept_answers_are_bounded() {
        let kept = Kept::default();
        let now = Timestamp::from_micros(0);
        for index in 0..=KEPT_ANSWERS_MAX {
            let proof = Proof::of_token(&index.to_string());
            kept.insert(1, key(&proof, "q"), (now, &Bytes::from_static(b"x")));
        }
        assert!(kept.lock().answers.len() <= KEPT_ANSWERS_MAX);
        let long = Bytes::from(vec![b'x'; KEPT_ANSWER_BYTES_MAX]);
        kept.insert(1, key(&Proof::None, "q"), (now, &long));
        assert_eq!(kept.find(Some(1), &key(&Proof::None, "q"), now), None);
    }
}
