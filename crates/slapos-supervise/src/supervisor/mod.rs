//! The loop: one thread that waits for signals, clients, output and deaths, and reacts.
//!
//! [`Supervisor`] holds everything. Facts about programs go through `act.rs` (the only caller of
//! `step`); `launch.rs` makes processes, `adopt.rs` finds those of a predecessor, `answer.rs` serves
//! clients, `output.rs` moves output into logs, `report.rs` says how things are. Nothing may block
//! here but a short write to the own disk.

mod act;
mod adopt;
mod answer;
mod clients;
mod entry;
mod launch;
mod output;
mod report;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use fs_err as fs;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;

use crate::cgroup::Cgroups;
use crate::child_table::ChildTable;
use crate::limits;
use crate::log_files::LogFiles;
use crate::poll::{Poller, Token};
use crate::run::{CgroupUse, SuperviseConfig};
use crate::status::Outcome;
use crate::step::{Fact, Phase};
use crate::tree::Look;
use crate::wanted_files::WantedFiles;

use clients::Clients;
use entry::{Entry, Group, ProgramId};

/// Everything that a supervisor holds.
#[derive(Debug)]
pub(crate) struct Supervisor {
    dir: PathBuf,
    /// The same for every supervisor of this folder; part of the mark of its programs.
    name: String,
    boot: String,
    /// Soft and hard limit of open files that programs get.
    open_files: (u64, u64),
    null: fs::File,
    poller: Poller,
    signals: SignalFd,
    clients: Clients,
    wanted: WantedFiles,
    table: ChildTable,
    logs: LogFiles,
    cgroups: Option<Cgroups>,
    /// See `launch.rs`.
    can_be_born_in_cgroups: bool,
    groups: BTreeMap<String, Group>,
    /// The index of a program here is its slot in the children table.
    programs: Vec<Option<Box<Entry>>>,
    /// Live main processes.
    by_pid: HashMap<i32, ProgramId>,
    /// When to look at which program.
    timers: BTreeSet<(u64, ProgramId)>,
    look: Look,
    version_last: u64,
    luck: u64,
    output: Vec<u8>,
    ending: Option<Ending>,
}

/// How far the end of the supervisor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// Every program is being stopped; at the time given all that is left is killed.
    Stopping { kill_at_ms: u64 },
    /// All was killed; the loop ends at the latest at the time given.
    Killing { end_at_ms: u64 },
    /// The programs stay; the loop ends now.
    Leaving,
}

impl Supervisor {
    /// Opens files, socket and descriptors; starts nothing.
    pub(crate) fn open(config: &SuperviseConfig, open_files: (u64, u64)) -> io::Result<Self> {
        let identity = fs::metadata(&config.dir)?;
        let poller = Poller::new()?;
        let signals = open_signals()?;
        poller.add(&signals, Token::Signals)?;
        let cgroups = match config.cgroups {
            CgroupUse::WhenPossible => Cgroups::find(&config.dir),
            CgroupUse::Never => None,
        };
        let clients = Clients::listen(&config.dir)?;
        poller.add(clients.listener(), Token::Listener)?;
        Ok(Self {
            dir: config.dir.clone(),
            name: format!("{:x}-{:x}", identity.dev(), identity.ino()),
            boot: crate::proc::boot_name()?,
            open_files,
            null: fs::OpenOptions::new()
                .read(true)
                .write(true)
                .open("/dev/null")?,
            poller,
            signals,
            clients,
            wanted: WantedFiles::open(&config.dir)?,
            table: ChildTable::open(&config.dir)?,
            logs: LogFiles::new(&config.log_dir),
            cgroups,
            can_be_born_in_cgroups: true,
            groups: BTreeMap::new(),
            programs: vec![],
            by_pid: HashMap::new(),
            timers: BTreeSet::new(),
            look: Look::default(),
            version_last: 0,
            // The generator needs a number other than zero.
            luck: config.jitter_seed | 1,
            output: vec![0; limits::OUTPUT_BYTES_PER_TURN],
            ending: None,
        })
    }

    /// Turns until it is told to end and that is done.
    pub(crate) fn turn_until_end(&mut self) -> io::Result<()> {
        while !self.is_at_end() {
            let tokens = self.poller.wait(self.patience_ms())?;
            self.look.forget();
            for token in tokens {
                self.serve(token);
            }
            self.fire_timers();
            self.serve_waiting_clients();
        }
        self.finish();
        Ok(())
    }

    fn serve(&mut self, token: Token) {
        match token {
            Token::Signals => self.take_signals(),
            Token::Listener => self.accept_client(),
            Token::Client(id) => self.serve_client(id),
            Token::Output(id) => self.move_output(id),
            Token::Gate(id) => self.read_gate(id),
            Token::Process(id) => self.adopted_ended(id),
        }
    }

    /// Milliseconds until something is due, `None` when nothing is.
    fn patience_ms(&self) -> Option<u64> {
        if self.clients.has_waiting_lines() {
            return Some(0);
        }
        let ending = match self.ending {
            Some(Ending::Stopping { kill_at_ms: at_ms } | Ending::Killing { end_at_ms: at_ms }) => {
                Some(at_ms)
            }
            _ => None,
        };
        let timer = self.timers.first().map(|(at_ms, _)| *at_ms);
        let at_ms = [ending, timer].into_iter().flatten().min()?;
        Some(at_ms.saturating_sub(now_ms()))
    }

    fn take_signals(&mut self) {
        while let Ok(Some(info)) = self.signals.read_signal() {
            match Signal::try_from(i32::try_from(info.ssi_signo).unwrap_or(0)) {
                Ok(Signal::SIGCHLD) => self.reap(),
                Ok(Signal::SIGTERM | Signal::SIGINT) => self.stop_all(),
                _ => {}
            }
        }
    }

    /// Takes note of every child that ended. A main process is buried after the rest of its tree was
    /// dealt with: as long as it is not, its pid and process group belong to nobody else.
    pub(super) fn reap(&mut self) {
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        let mut has_orphan = false;
        while let Ok(status) = waitid(Id::All, flags) {
            let (pid, outcome) = match status {
                WaitStatus::Exited(pid, code) => (pid, Outcome::Code(code)),
                WaitStatus::Signaled(pid, signal, _) => (pid, Outcome::Signal(signal as i32)),
                _ => break,
            };
            match self.by_pid.get(&pid.as_raw()) {
                Some(id) => self.main_ended(*id, outcome),
                None => has_orphan = true,
            }
            let _ = waitpid(pid, Some(WaitPidFlag::WNOHANG));
        }
        if has_orphan {
            self.look_at_clearing_trees();
        }
    }

    /// Stops every program without forgetting that it is wanted, then ends.
    fn stop_all(&mut self) {
        if self.ending.is_some() {
            return;
        }
        self.note("told to end: stopping all programs");
        self.ending = Some(Ending::Stopping {
            kill_at_ms: now_ms() + limits::SHUTDOWN_MS_MAX,
        });
        self.feed_all(Fact::Want(None));
    }

    /// Ends now; the programs go on.
    fn leave_all(&mut self) {
        self.note("told to end: leaving all programs to the next supervisor");
        self.ending = Some(Ending::Leaving);
    }

    fn is_at_end(&mut self) -> bool {
        let now_ms = now_ms();
        match self.ending {
            None => false,
            Some(Ending::Leaving) => true,
            Some(_)
                if self
                    .entries()
                    .all(|entry| entry.life.phase == Phase::Stopped) =>
            {
                true
            }
            Some(Ending::Stopping { kill_at_ms }) if now_ms >= kill_at_ms => {
                self.note("some programs did not end in time: killing what is left");
                let end_at_ms = now_ms + limits::KILL_MS_MAX;
                self.ending = Some(Ending::Killing { end_at_ms });
                self.feed_all(Fact::KillNow);
                false
            }
            Some(Ending::Stopping { .. }) => false,
            Some(Ending::Killing { end_at_ms }) => now_ms >= end_at_ms,
        }
    }

    fn finish(&mut self) {
        for id in self.ids() {
            self.move_output(id);
            let names = self
                .entry(id)
                .map(|entry| (entry.group.clone(), entry.spec.name.clone()));
            if let (Some((group, program)), Some(cgroups), false) =
                (names, &self.cgroups, self.ending == Some(Ending::Leaving))
            {
                cgroups.of(&group, &program).remove();
                cgroups.remove_group(&group);
            }
        }
        if let Some(cgroups) = &self.cgroups {
            cgroups.remove_top();
        }
        self.note("ended");
        self.clients.close(&self.dir);
    }

    fn feed_all(&mut self, fact: Fact) {
        for id in self.ids() {
            self.feed(id, fact);
        }
    }

    fn ids(&self) -> Vec<ProgramId> {
        (0..)
            .zip(&self.programs)
            .filter(|(_, entry)| entry.is_some())
            .map(|(id, _)| id)
            .collect()
    }

    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.programs.iter().flatten().map(AsRef::as_ref)
    }

    fn entry(&self, id: ProgramId) -> Option<&Entry> {
        self.programs.get(id as usize)?.as_deref()
    }

    fn entry_mut(&mut self, id: ProgramId) -> Option<&mut Entry> {
        self.programs.get_mut(id as usize)?.as_deref_mut()
    }

    /// A line in the supervisor's own log.
    fn note(&mut self, what: &str) {
        let seconds = clock_gettime(ClockId::CLOCK_REALTIME).map_or(0, |now| now.tv_sec());
        let path = self.logs.own_path();
        // There is nobody to tell that it failed.
        let _ = self.logs.write(
            &path,
            crate::spec::LogSpec::default(),
            format!("{seconds} {} {what}\n", Pid::this()).as_bytes(),
        );
    }
}

/// Milliseconds since boot: the clock in which /proc gives start times.
fn now_ms() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_BOOTTIME).map(std::time::Duration::from);
    now.map_or(0, |now| u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
}

/// Blocks the signals that are meant for the supervisor and those that would kill it by accident,
/// and opens the descriptor that tells of them.
fn open_signals() -> io::Result<SignalFd> {
    let mut set = SigSet::empty();
    for signal in [
        Signal::SIGCHLD,
        Signal::SIGTERM,
        Signal::SIGINT,
        Signal::SIGHUP,
        Signal::SIGQUIT,
        Signal::SIGUSR1,
        Signal::SIGUSR2,
        Signal::SIGALRM,
    ] {
        set.add(signal);
    }
    set.thread_block()?;
    Ok(SignalFd::with_flags(
        &set,
        SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK,
    )?)
}
