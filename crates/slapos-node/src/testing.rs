//! What the tests of this crate share.

use std::time::{Duration, Instant};

/// So long that reaching it is a bug.
const LIMIT: Duration = Duration::from_secs(30);

/// Waits until `condition` holds.
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    let (_keep, never) = std::sync::mpsc::channel::<()>();
    while !condition() {
        assert!(started.elapsed() < LIMIT, "it never came: {what}");
        let _ = never.recv_timeout(Duration::from_millis(5));
    }
}

/// Whether a process is there and no zombie.
pub(crate) fn is_alive(pid: i32) -> bool {
    fs_err::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}
