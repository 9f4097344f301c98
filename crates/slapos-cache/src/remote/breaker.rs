//! Whether a cache that fails is asked again.

use std::time::Instant;

use crate::limits;

/// Counts failures in a row.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    failures: u32,
    rests_until: Option<Instant>,
}

impl Breaker {
    pub(super) fn may_ask(&self, now: Instant) -> bool {
        self.rests_until.is_none_or(|until| now >= until)
    }

    pub(super) fn worked(&mut self) {
        *self = Breaker::default();
    }

    /// After the rest one failure is enough for the next: whoever asks first tries for all.
    pub(super) fn failed(&mut self, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= limits::CACHE_FAILURES_MAX {
            self.rests_until = Some(now + limits::CACHE_REST);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn breaker_rests_after_failures_in_a_row_and_recovers_with_one_success() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        breaker.failed(now);
        breaker.worked();
        breaker.failed(now);
        assert!(breaker.may_ask(now));
        breaker.failed(now);
        assert!(!breaker.may_ask(now));
        let later = now + limits::CACHE_REST;
        assert!(breaker.may_ask(later));
        breaker.failed(later);
        assert!(!breaker.may_ask(later + Duration::from_secs(1)));
        breaker.worked();
        assert!(breaker.may_ask(later));
    }
}
