//! When a long-running process is to end: SIGTERM, SIGINT, or the end of `up`.
//!
//! `up` holds the other end of a child's standard input. When `up` is gone, however it went, the
//! child reads the end of file and ends cleanly; the supervisor and its services stay.

use super::ChildArgs;
use crate::failure::Failure;
use nix::sys::signal::{SigSet, Signal};
use std::io::Read;

/// The signals that ask to end.
const ENDING: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];

/// Blocks the signals that ask to end, in this thread and all that it starts; somebody waits for
/// them. To be called before there is another thread. Programs that are started are not concerned:
/// the standard library gives them an empty mask.
pub(crate) fn block_signals(more: &[Signal]) -> Result<SigSet, Failure> {
    let mut set = SigSet::empty();
    for signal in ENDING.iter().chain(more) {
        set.add(*signal);
    }
    set.thread_block()
        .map_err(|error| Failure::new(format!("cannot block signals: {error}")))?;
    Ok(set)
}

/// Calls `stop` at each signal that asks to end, for a command that stops what it does and then says so.
pub(crate) fn on_interrupt(stop: impl Fn() + Send + 'static) -> Result<(), Failure> {
    let signals = block_signals(&[])?;
    std::thread::spawn(move || {
        while signals.wait().is_ok() {
            stop();
        }
    });
    Ok(())
}

/// Calls `end` once when the process is to end; again at each further signal.
pub(super) fn on_ending(
    signals: SigSet,
    child: &ChildArgs,
    end: impl Fn() + Send + Clone + 'static,
) {
    if child.child {
        let end = end.clone();
        std::thread::spawn(move || {
            // Nothing is ever sent; an error means the same as the end.
            let _ = std::io::stdin().lock().read(&mut [0; 1]);
            end();
        });
    }
    std::thread::spawn(move || {
        while signals.wait().is_ok() {
            end();
        }
    });
}
