//! What the simulated nodes lived through: how long each call took, what failed, when they dialled.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum What {
    /// Connect, prove the certificate, offer partitions.
    Join,
    /// Until the watch stream stands.
    Watch,
    /// Connect and read what is wanted.
    Poll,
    /// Say how instances are, until it is acknowledged.
    Report,
    /// From a person's bang until the stream of the node tells it.
    Bang,
}

/// Everything since the start.
#[derive(Debug)]
pub(super) struct Record {
    start: Instant,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    samples: Vec<(What, Duration, f64)>,
    failures: Vec<(Duration, String)>,
    dialled: Vec<Duration>,
}

/// From a moment until another.
pub(super) type Span = std::ops::Range<Duration>;

impl Record {
    pub(super) fn new() -> Self {
        Self {
            start: Instant::now(),
            inner: Mutex::default(),
        }
    }

    /// Now, as all moments here: since the start.
    pub(super) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// It was begun then and succeeded now.
    pub(super) fn done(&self, what: What, begun: Duration) {
        let (now, mut inner) = (self.now(), self.lock());
        let ms = now.saturating_sub(begun).as_secs_f64() * 1000.0;
        inner.samples.push((what, now, ms));
    }

    /// It failed now.
    pub(super) fn failed(&self, text: String) {
        let (now, mut inner) = (self.now(), self.lock());
        inner.failures.push((now, text));
    }

    /// A node begins to join now.
    pub(super) fn dials(&self) {
        let (now, mut inner) = (self.now(), self.lock());
        inner.dialled.push(now);
    }

    /// Milliseconds of what ended in a span.
    pub(super) fn times(&self, what: What, span: &Span) -> Vec<f64> {
        let inner = self.lock();
        let chosen = inner.samples.iter();
        let chosen = chosen.filter(|(which, at, _)| *which == what && span.contains(at));
        chosen.map(|(_, _, ms)| *ms).collect()
    }

    /// What failed in a span, and how often.
    pub(super) fn failures(&self, span: &Span) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for (_, text) in self
            .lock()
            .failures
            .iter()
            .filter(|(at, _)| span.contains(at))
        {
            *counts.entry(text.clone()).or_default() += 1;
        }
        counts
    }

    /// Most that dialled in one second of a span.
    pub(super) fn dialled_at_once(&self, span: &Span) -> usize {
        let mut seconds: BTreeMap<u64, usize> = BTreeMap::new();
        let inner = self.lock();
        for at in inner.dialled.iter().filter(|at| span.contains(*at)) {
            *seconds.entry((*at - span.start).as_secs()).or_default() += 1;
        }
        seconds.into_values().max().unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_tells_spans_apart() {
        let record = Record::new();
        record.done(What::Poll, record.now());
        record.failed("x".to_owned());
        record.dials();
        let all = Duration::ZERO..Duration::from_secs(60);
        let none = Duration::from_secs(60)..Duration::from_secs(61);
        assert_eq!(record.times(What::Poll, &all).len(), 1);
        assert_eq!(record.times(What::Bang, &all).len(), 0);
        assert_eq!(record.times(What::Poll, &none).len(), 0);
        assert_eq!(record.failures(&all)["x"], 1);
        assert!(record.failures(&none).is_empty());
        assert_eq!(record.dialled_at_once(&all), 1);
    }
}
