//! Waiting for something to become so, by looking again and again, with a limit.

use std::time::{Duration, Instant};

/// How far apart two looks are: short beside everything that is waited for here.
const PAUSE: Duration = Duration::from_millis(10);

/// Looks until there is a value. The error of a look ends it; the limit gives `what` was missing.
pub(crate) fn wait_for<T>(
    what: &str,
    limit: Duration,
    mut look: impl FnMut() -> Result<Option<T>, String>,
) -> Result<T, String> {
    let start = Instant::now();
    loop {
        if let Some(value) = look()? {
            return Ok(value);
        }
        if start.elapsed() > limit {
            return Err(format!("waited {} s for {what}", limit.as_secs()));
        }
        pause(PAUSE);
    }
}

/// Lets time pass where time itself is what is asked for: an idle minute, a random moment.
pub(crate) fn pause(length: Duration) {
    let end = Instant::now() + length;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        std::thread::park_timeout(left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wait_for_what_comes_gives_it() {
        let mut looks = 0;
        let found = wait_for("the third look", Duration::from_secs(60), || {
            looks += 1;
            Ok((looks == 3).then_some(looks))
        });
        assert_eq!(found, Ok(3));
    }

    #[test]
    fn wait_for_what_never_comes_says_what() {
        let never = wait_for::<()>("a miracle", Duration::ZERO, || Ok(None));
        assert_eq!(never, Err("waited 0 s for a miracle".to_owned()));
    }
}
