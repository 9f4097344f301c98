//! The clock and the randomness of this machine.
//!
//! The only place in the project where either is read: everything below the binary gets them as
//! parameters, so that it can be played faster, slower and again.

use slapos_model::{Clock, RandomSource, Timestamp};
use std::time::{SystemTime, UNIX_EPOCH};

/// The clock of this machine; it may be wrong and may jump.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let now = SystemTime::now();
        let micros = match now.duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_micros()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_micros()).map_or(i64::MIN, |n| -n),
        };
        Timestamp::from_micros(micros)
    }
}

/// The kernel's random numbers, fit for secrets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SystemRandom;

impl RandomSource for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        // The kernel refuses only before it has any entropy at boot, and then the call waits; a
        // kernel without the call at all could make no key that is worth anything.
        getrandom::fill(bytes).expect("the kernel gives random numbers");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_clock_is_after_this_was_written() {
        assert!(SystemClock.now() > Timestamp::from_micros(1_767_225_600_000_000));
    }

    #[test]
    fn system_random_fills_differently_each_time() {
        let (mut one, mut two) = ([0; 32], [0; 32]);
        SystemRandom.fill(&mut one);
        SystemRandom.fill(&mut two);
        assert_ne!(one, two);
        assert_ne!(one, [0; 32]);
    }
}
