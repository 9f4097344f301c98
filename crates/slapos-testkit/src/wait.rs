//! Waiting for a value instead of for a time.

use std::time::{Duration, Instant};

/// Looks until `condition` gives a value.
///
/// # Panics
/// When there is none within `limit`: that is the failure of the test, with `what` was awaited.
pub fn wait_until<T>(what: &str, limit: Duration, mut condition: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(
            start.elapsed() < limit,
            "waited {limit:?} in vain for: {what}"
        );
        std::thread::park_timeout(Duration::from_millis(5));
    }
}
