//! The handle by which a resident agent is told to end.
//!
//! It is set once and never taken back. Waiting for it costs nothing: no loop polls it.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Told to all threads of the agent; clones are the same handle.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    is_requested: bool,
    wakers: Vec<Box<dyn Fn() + Send>>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shared")
    }
}

impl Shutdown {
    /// A handle on which nothing is asked yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the agent to end. Repeating it changes nothing.
    pub fn request(&self) {
        let mut state = self.lock();
        if !state.is_requested {
            state.is_requested = true;
            for wake in &state.wakers {
                wake();
            }
        }
        self.shared.changed.notify_all();
    }

    /// Whether the end was asked for.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.lock().is_requested
    }

    /// Waits until the end is asked for, at most `limit`; says whether it was.
    #[must_use]
    pub fn wait(&self, limit: Duration) -> bool {
        let (state, _) = self
            .shared
            .changed
            .wait_timeout_while(self.lock(), limit, |state| !state.is_requested)
            .unwrap_or_else(PoisonError::into_inner);
        state.is_requested
    }

    /// Calls `wake` once when the end is asked for, at once when it was already.
    pub fn on_request(&self, wake: impl Fn() + Send + 'static) {
        let mut state = self.lock();
        if state.is_requested {
            wake();
        } else {
            state.wakers.push(Box::new(wake));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shutdown_requested_wakes_all_clones() {
        let shutdown = Shutdown::new();
        assert!(!shutdown.wait(Duration::ZERO));
        let other = shutdown.clone();
        let waiting = std::thread::spawn(move || other.wait(Duration::from_secs(30)));
        shutdown.request();
        assert!(waiting.join().unwrap());
        assert!(shutdown.is_requested());
    }
}
