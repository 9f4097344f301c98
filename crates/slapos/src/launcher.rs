//! `slapos up`: master and node agent as children of one small process.
//!
//! It starts both, starts them again with a back-off when they end, and stops everything in order.
//! It never looks at a service. Start with [`Launcher::start`]; what is checked before anything
//! runs is in `check.rs`, the children in `child.rs`, the order of stopping in `stop.rs`, what is
//! left for `down` and the next `up` in `up_file.rs`. Linux only: signals come as a descriptor.

pub(crate) mod check;
mod child;
pub(crate) mod detach;
mod listen;
pub(crate) mod stop;
pub(crate) mod supervisor;
pub(crate) mod up_file;

use crate::client_file::ClientFile;
use crate::engine::{ChildLine, block_signals};
use crate::failure::{Exit, Failure, Outcome};
use crate::folder::Folder;
use crate::limits::{MASTER_READY, RESTART_MAX};
use crate::sys::give_back_memory;
use child::{Child, Role};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use nix::sys::signalfd::{SfdFlags, SignalFd};
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};
use up_file::{UpFile, UpLock};

/// What `up` was asked.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Where.
    pub(crate) folder: Folder,
    /// Where the master is to listen, when that was said.
    pub(crate) listen: Option<SocketAddr>,
    /// How many partitions, when that was said.
    pub(crate) partitions: Option<u32>,
}

/// The running launcher.
#[derive(Debug)]
pub(crate) struct Launcher {
    folder: Folder,
    signals: SignalFd,
    master: Child,
    node: Child,
    // Invariant: held until the process ends; whoever finds it locked knows that we live.
    _lock: UpLock,
}

impl Launcher {
    /// Starts the master, waits until it listens, writes the files that others need, and starts
    /// the agent. `lock` is the one of the folder.
    pub(crate) fn start(plan: &Plan, lock: UpLock) -> Result<Self, Failure> {
        let folder = &plan.folder;
        let set = block_signals(&[Signal::SIGCHLD])?;
        let signals = SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
            .map_err(|error| Failure::new(format!("cannot watch signals: {error}")))?;
        stop::end_leftovers(folder)?;
        let address = listen::choose(folder, plan.listen)?;
        check::write_node_file(folder, plan.partitions)?;
        let mut master = Child::new(folder, Role::Master { listen: address });
        master.start()?;
        let address = match master.wait_ready(MASTER_READY)? {
            ChildLine::Ready { listen } => listen.unwrap_or(address),
            ChildLine::Failed { message, hint } => {
                return Err(Failure {
                    hint,
                    ..Failure::new(message)
                });
            }
        };
        // From now on always the same port: it is written where clients look.
        master.set_role(Role::Master { listen: address });
        listen::client_file(folder, address).save(folder)?;
        let mut node = Child::new(folder, Role::Node);
        node.start()?;
        let launcher = Self {
            folder: folder.clone(),
            signals,
            master,
            node,
            _lock: lock,
        };
        launcher.write_up_file()?;
        give_back_memory();
        Ok(launcher)
    }

    /// Keeps both alive until somebody asks to end, then stops everything.
    pub(crate) fn run(mut self, say: &mut dyn FnMut(&str)) -> Outcome {
        loop {
            let now = Instant::now();
            if self.keep_alive(now, say) {
                self.write_up_file()?;
            }
            self.wait(self.pause(now))?;
            if self.read_signals() {
                say("stopping");
                return self.stop(say);
            }
        }
    }

    /// Notices what ended and starts what is due; says whether anything was started.
    fn keep_alive(&mut self, now: Instant, say: &mut dyn FnMut(&str)) -> bool {
        let mut is_changed = false;
        for child in [&mut self.master, &mut self.node] {
            if let Some(how) = child.notice_end(now) {
                say(&how);
            }
            is_changed |= child.start_when_due(now);
        }
        is_changed
    }

    fn pause(&self, now: Instant) -> Duration {
        let due = [&self.master, &self.node]
            .iter()
            .filter_map(|child| child.due())
            .min();
        due.map_or(RESTART_MAX, |due| due.saturating_duration_since(now))
    }

    /// Waits for a signal, for at most `limit`.
    fn wait(&self, limit: Duration) -> Result<(), Failure> {
        // Rounded up, so that a due start is really due when we wake.
        let milliseconds = i32::try_from(limit.as_millis() + 1).unwrap_or(i32::MAX);
        let timeout = PollTimeout::try_from(milliseconds).unwrap_or(PollTimeout::MAX);
        let mut ready = [PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
        match poll(&mut ready, timeout) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => Ok(()),
            Err(error) => Err(Failure::new(format!("cannot wait for signals: {error}"))),
        }
    }

    /// Takes all signals that came; says whether one of them asks to end.
    fn read_signals(&self) -> bool {
        let mut is_ending = false;
        while let Ok(Some(info)) = self.signals.read_signal() {
            is_ending |= info.ssi_signo != Signal::SIGCHLD as u32;
        }
        is_ending
    }

    /// Agent, services, master: what is asked of a service must not change while it stops.
    fn stop(mut self, say: &mut dyn FnMut(&str)) -> Outcome {
        let is_hurried = |signals: &SignalFd| {
            let mut hurried = false;
            while let Ok(Some(info)) = signals.read_signal() {
                hurried |= info.ssi_signo != Signal::SIGCHLD as u32;
            }
            hurried
        };
        let signals = &self.signals;
        let mut hurry = || is_hurried(signals);
        self.node.stop(crate::limits::NODE_STOP, &mut hurry);
        say("node agent stopped");
        let services = stop::stop_services(&self.folder, &mut hurry);
        say(&services.told());
        self.master.stop(crate::limits::MASTER_STOP, &mut hurry);
        say("master stopped");
        up_file::remove(&self.folder);
        Ok(if services.is_all() {
            Exit::Done
        } else {
            Exit::Failed
        })
    }

    fn write_up_file(&self) -> Result<(), Failure> {
        UpFile::of(self.master.pid(), self.node.pid()).save(&self.folder)
    }
}

/// Where the running one can be reached, when one runs in `folder`.
pub(crate) fn find_running(folder: &Folder) -> Result<Option<ClientFile>, Failure> {
    if up_file::is_running(folder) {
        ClientFile::load(folder)
    } else {
        Ok(None)
    }
}
