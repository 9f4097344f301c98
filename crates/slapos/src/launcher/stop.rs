//! Stopping what was left and what runs: services through the supervisor, processes by pid.

use super::supervisor;
use super::up_file::{self, ProcessMark};
use crate::failure::Failure;
use crate::folder::Folder;
use crate::limits::{MASTER_STOP, NODE_STOP, SERVICES_STOP};
use nix::sys::signal::Signal;
use std::time::{Duration, Instant};

/// How stopping the services went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ServicesEnd {
    /// There was no supervisor.
    NothingRan,
    /// So many programs were stopped.
    Stopped(usize),
    /// The supervisor did not end in time.
    Late,
}

impl ServicesEnd {
    /// For people.
    pub(crate) fn told(self) -> String {
        match self {
            Self::NothingRan => "no services ran".to_owned(),
            Self::Stopped(count) => format!("services stopped ({count} processes)"),
            Self::Late => "services are still stopping; the supervisor goes on with it".to_owned(),
        }
    }

    /// Whether nothing runs any more.
    pub(crate) fn is_all(self) -> bool {
        self != Self::Late
    }
}

/// Stops all services and the supervisor, within a bound.
pub(crate) fn stop_services(folder: &Folder, is_hurried: &mut dyn FnMut() -> bool) -> ServicesEnd {
    let Some(count) = supervisor::running(folder) else {
        return ServicesEnd::NothingRan;
    };
    let Some(mark) = supervisor::pid(folder).and_then(ProcessMark::of) else {
        return ServicesEnd::NothingRan;
    };
    if !supervisor::ask_to_end(folder) {
        mark.signal(Signal::SIGTERM);
    }
    if wait_end(mark, SERVICES_STOP, is_hurried) {
        ServicesEnd::Stopped(count)
    } else {
        ServicesEnd::Late
    }
}

/// Waits until the master and the agent of an `up` that was killed have ended: they notice by
/// themselves. What does not is told, and then made to.
pub(crate) fn end_leftovers(folder: &Folder) -> Result<(), Failure> {
    let Some(before) = up_file::load(folder) else {
        return Ok(());
    };
    for (mark, limit) in [(before.node, NODE_STOP), (before.master, MASTER_STOP)] {
        let Some(mark) = mark else { continue };
        mark.signal(Signal::SIGTERM);
        if wait_end(mark, limit, &mut || false) {
            continue;
        }
        mark.signal(Signal::SIGKILL);
        if !wait_end(mark, limit, &mut || false) {
            return Err(Failure::new(format!(
                "process {} of the SlapOS of before does not end",
                mark.pid
            ))
            .with_hint("it hangs in the kernel: look at the disk, or restart the machine"));
        }
    }
    Ok(())
}

/// Waits for the end of a process that may be nobody's child here.
pub(crate) fn wait_end(
    mark: ProcessMark,
    limit: Duration,
    is_hurried: &mut dyn FnMut() -> bool,
) -> bool {
    let deadline = Instant::now() + limit;
    while mark.is_alive() {
        if Instant::now() > deadline || is_hurried() {
            return false;
        }
        std::thread::park_timeout(Duration::from_millis(10));
    }
    true
}
