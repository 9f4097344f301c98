//! A source wanted: the store first, then every origin in turn, with one download at a time for each source.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use thiserror::Error;

use crate::hash::Hash;
use crate::sink::{Sink, SourceNews, Watch};
use crate::store::{Store, Stored};
use crate::{Origin, OriginMiss, Pins, Source, limits};

/// The store and the origins, in the order they are asked.
pub struct Cache {
    store: Store,
    origins: Vec<Box<dyn Origin>>,
    pins: Option<Pins>,
    used: Mutex<Vec<(Source, Found)>>,
}

impl fmt::Debug for Cache {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.origins.iter().map(|origin| origin.name()).collect();
        out.debug_struct("Cache")
            .field("store", &self.store)
            .field("origins", &names)
            .finish()
    }
}

/// A source that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// A read-only file with exactly the bytes that were asked for.
    pub path: PathBuf,
    pub sha256: Hash,
    /// False when no hash was known: then it is whatever its URL gave the first time.
    pub pinned: bool,
    /// The name of the origin that gave it, none if it was in the store.
    pub origin: Option<String>,
}

/// Why a source could not be had.
#[derive(Debug, Error)]
pub enum EnsureError {
    #[error(
        "looking for the source {title}: the profile gives no hash for it; add sha256sum or md5sum, \
         so that it can be checked and found elsewhere when its site is gone"
    )]
    NoHash { title: String },
    #[error("looking for the source {title}{}: no origin has it\n{}", with_hash(.hash), said(.misses))]
    Nowhere {
        title: String,
        hash: Option<Hash>,
        /// What each origin said, in the order they were asked.
        misses: Vec<(String, String)>,
    },
    #[error("looking for the source {title} in the store {}: {source}", .dir.display())]
    Store {
        title: String,
        dir: PathBuf,
        source: io::Error,
    },
    #[error(
        "the source {title} is not in the lock file: {reason}; if the change is meant, write the lock file anew"
    )]
    NotLocked { title: String, reason: String },
    #[error("looking for the source {title}: stopped as asked")]
    Stopped { title: String },
}

impl Cache {
    /// The store in this folder and nothing else.
    pub fn new(store: Store) -> Cache {
        Cache {
            store,
            origins: Vec::new(),
            pins: None,
            used: Mutex::default(),
        }
    }

    /// The same, with one more origin to ask after those it has.
    #[must_use]
    pub fn with(mut self, origin: impl Origin + 'static) -> Cache {
        self.origins.push(Box::new(origin));
        self
    }

    /// The same, giving nothing but what is written down here.
    #[must_use]
    pub fn with_pins(mut self, pins: Pins) -> Cache {
        self.pins = Some(pins);
        self
    }

    /// Everything that was given until now, as it was asked for.
    pub fn used(&self) -> Vec<(Source, Found)> {
        // A list is whole at each moment.
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.clone()
    }

    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Gives the file of a source, fetching it if needed. Nothing is kept that does not match.
    pub fn ensure(&self, source: &Source) -> Result<Found, EnsureError> {
        self.ensure_watched(source, &mut |_| true)
    }

    /// The same, telling what happens; when `watch` answers false it stops.
    pub fn ensure_watched(
        &self,
        source: &Source,
        watch: &mut Watch<'_>,
    ) -> Result<Found, EnsureError> {
        let pinned = match &self.pins {
            None => None,
            Some(pins) => Some(pins.pin(source).map_err(|reason| EnsureError::NotLocked {
                title: source.title().to_owned(),
                reason,
            })?),
        };
        let found = self.give(pinned.as_ref().unwrap_or(source), watch)?;
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.len() < limits::USED_MAX {
            used.push((source.clone(), found.clone()));
        }
        Ok(found)
    }

    fn give(&self, source: &Source, watch: &mut Watch<'_>) -> Result<Found, EnsureError> {
        if source.hashes.is_empty() && !source.unpinned {
            return Err(EnsureError::NoHash {
                title: source.title().to_owned(),
            });
        }
        let broken = |error| self.store_error(source, error);
        if let Some(stored) = self.find(source).map_err(broken)? {
            return Ok(found(stored, source, None));
        }
        let _lock = self.store.lock(&source.key()).map_err(broken)?;
        // Somebody else may have fetched it while this one waited for the lock.
        if let Some(stored) = self.find(source).map_err(broken)? {
            return Ok(found(stored, source, None));
        }
        self.ask_origins(source, watch)
    }

    pub(crate) fn origins(&self) -> impl Iterator<Item = &dyn Origin> {
        self.origins.iter().map(AsRef::as_ref)
    }

    pub(crate) fn find(&self, source: &Source) -> io::Result<Option<Stored>> {
        match source.hashes.is_empty() {
            true => self.store.find_by_url(&source.url_key()),
            false => self.store.find(&source.hashes),
        }
    }

    fn ask_origins(&self, source: &Source, watch: &mut Watch<'_>) -> Result<Found, EnsureError> {
        let title = || source.title().to_owned();
        let mut misses = Vec::new();
        for origin in &self.origins {
            if let Some((name, reason)) = misses.last() {
                // At once, since the next origin may take its time.
                let text = format!("{name}: {reason}; asking {}", origin.name());
                if !watch(SourceNews::Said(&text)) {
                    return Err(EnsureError::Stopped { title: title() });
                }
            }
            match self.ask(origin.as_ref(), source, watch) {
                Ok(Ok(stored)) => return Ok(found(stored, source, Some(origin.name()))),
                Ok(Err(OriginMiss::Stopped)) => {
                    return Err(EnsureError::Stopped { title: title() });
                }
                Ok(Err(miss)) => misses.push((origin.name().to_owned(), bounded(miss.reason()))),
                Err(error) => return Err(self.store_error(source, error)),
            }
        }
        Err(EnsureError::Nowhere {
            title: title(),
            hash: source.strongest().cloned(),
            misses,
        })
    }

    /// One origin. The outer error is the store's own.
    fn ask(
        &self,
        origin: &dyn Origin,
        source: &Source,
        watch: &mut Watch<'_>,
    ) -> io::Result<Result<Stored, OriginMiss>> {
        let mut relay = |news: SourceNews<'_>| watch(news);
        let relay: &mut Watch<'_> = &mut relay;
        let mut sink = Sink::new(self.store.temporary()?, relay);
        let fetched = match origin.fetch(source, &mut sink) {
            Ok(fetched) => fetched,
            Err(_) if sink.is_stopped() => return Ok(Err(OriginMiss::Stopped)),
            Err(miss) => return Ok(Err(miss)),
        };
        if let Some(reason) = refusal(&sink, source) {
            return Ok(Err(OriginMiss::Failed(format!(
                "{} gave {reason}",
                fetched.location
            ))));
        }
        let url_key = source.hashes.is_empty().then(|| source.url_key());
        self.store.keep(sink.finish()?, url_key.as_deref()).map(Ok)
    }

    fn store_error(&self, source: &Source, error: io::Error) -> EnsureError {
        let (title, dir) = (source.title().to_owned(), self.store.dir().to_owned());
        EnsureError::Store {
            title,
            dir,
            source: error,
        }
    }
}

/// Why these bytes are not the source, if they are not.
fn refusal(sink: &Sink<'_>, source: &Source) -> Option<String> {
    let is_page_wanted = source.title().ends_with(".html") || source.title().ends_with(".htm");
    let is_page = sink.looks_like_html() && !is_page_wanted;
    match sink.mismatch(source) {
        Some((expected, _)) if is_page => Some(format!(
            "an HTML page instead of the file with the hash {expected}"
        )),
        Some((expected, found)) => Some(format!(
            "{} bytes with the wrong hash: expected {expected}, found {found}",
            sink.received()
        )),
        None if is_page && source.hashes.is_empty() => {
            Some("an HTML page instead of an archive".to_owned())
        }
        None => None,
    }
}

fn found(stored: Stored, source: &Source, origin: Option<&str>) -> Found {
    Found {
        path: stored.path,
        sha256: stored.sha256,
        pinned: !source.hashes.is_empty(),
        origin: origin.map(str::to_owned),
    }
}

fn bounded(reason: &str) -> String {
    reason.chars().take(limits::REASON_CHARS_MAX).collect()
}

fn with_hash(hash: &Option<Hash>) -> String {
    hash.as_ref()
        .map(|hash| format!(" ({hash})"))
        .unwrap_or_default()
}

fn said(misses: &[(String, String)]) -> String {
    if misses.is_empty() {
        return "  it is not in the local store, and no other origin is set up".to_owned();
    }
    let lines: Vec<String> = misses
        .iter()
        .map(|(name, reason)| format!("  {name}: {reason}"))
        .collect();
    lines.join("\n")
}
