//! One child of `up`: how it is started, when it is started again, how it is stopped.
//!
//! The pause before the next start is pure ([`Backoff`]). A child has a process group of its own,
//! so that Ctrl-C reaches only `up`, and reads the end of its standard input when `up` is gone.

use crate::engine::ChildLine;
use crate::failure::Failure;
use crate::folder::Folder;
use crate::limits::{RESTART_FORGET, RESTART_MAX, RESTART_MIN};
use fs_err::os::unix::fs::OpenOptionsExt;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What a child does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// `slapos master run`.
    Master {
        /// Where it is to listen.
        listen: SocketAddr,
    },
    /// `slapos node run`.
    Node,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Master { .. } => "master",
            Self::Node => "node agent",
        }
    }

    fn words(self) -> Vec<String> {
        let words: &[&str] = match self {
            Self::Master { .. } => &["master", "run", "--child", "--listen"],
            Self::Node => &["node", "run", "--child"],
        };
        let mut words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        if let Self::Master { listen } = self {
            words.push(listen.to_string());
        }
        words
    }

    fn log(self) -> &'static str {
        match self {
            Self::Master { .. } => "master.log",
            Self::Node => "node.log",
        }
    }
}

/// A child, running or about to.
#[derive(Debug)]
pub(super) struct Child {
    folder: Folder,
    role: Role,
    process: Option<std::process::Child>,
    started_at: Instant,
    backoff: Backoff,
    due: Option<Instant>,
}

impl Child {
    pub(super) fn new(folder: &Folder, role: Role) -> Self {
        Self {
            folder: folder.clone(),
            role,
            process: None,
            started_at: Instant::now(),
            backoff: Backoff::default(),
            due: None,
        }
    }

    pub(super) fn set_role(&mut self, role: Role) {
        self.role = role;
    }

    pub(super) fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(std::process::Child::id)
    }

    /// When it is to be started again.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Starts it.
    pub(super) fn start(&mut self) -> Result<(), Failure> {
        let name = self.role.name();
        let failed =
            |error: std::io::Error| Failure::new(format!("cannot start the {name}: {error}"));
        let program = std::env::current_exe().map_err(failed)?;
        // What it says outside of its log, such as a panic, goes to the end of its log.
        let log = fs_err::OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(self.folder.log_dir().join(self.role.log()))
            .map_err(failed)?;
        let process = Command::new(program)
            .args(self.role.words())
            .arg("--root")
            .arg(self.folder.root())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log.into_file())
            .current_dir("/")
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        self.process = Some(process);
        self.started_at = Instant::now();
        self.due = None;
        Ok(())
    }

    /// Waits for the line that says that it is ready.
    pub(super) fn wait_ready(&mut self, limit: Duration) -> Result<ChildLine, Failure> {
        let name = self.role.name();
        let log = self.folder.log_dir().join(self.role.log());
        let hint = format!("see the end of {}", log.display());
        let output = self
            .process
            .as_mut()
            .and_then(|process| process.stdout.as_mut());
        let Some(output) = output else {
            return Err(Failure::new(format!("the {name} does not run")).with_hint(hint));
        };
        let milliseconds = i32::try_from(limit.as_millis()).unwrap_or(i32::MAX);
        let timeout = PollTimeout::try_from(milliseconds).unwrap_or(PollTimeout::MAX);
        let mut ready = [PollFd::new(output.as_fd(), PollFlags::POLLIN)];
        if poll(&mut ready, timeout) == Ok(0) {
            let seconds = limit.as_secs();
            return Err(
                Failure::new(format!("the {name} was not ready after {seconds} s")).with_hint(hint),
            );
        }
        let mut line = String::new();
        // A child writes its line in one piece, and there is only one.
        let read = BufReader::new(output).read_line(&mut line);
        match read.ok().and_then(|_| serde_json::from_str(&line).ok()) {
            Some(line) => Ok(line),
            None => {
                Err(Failure::new(format!("the {name} ended before it was ready")).with_hint(hint))
            }
        }
    }

    /// When it ended: how, as a sentence, and when it is to be started again.
    pub(super) fn notice_end(&mut self, now: Instant) -> Option<String> {
        let status = self.process.as_mut()?.try_wait().ok()??;
        let why = self.process.take().and_then(last_words);
        let ran = now.saturating_duration_since(self.started_at);
        let pause = self.backoff.next(ran);
        self.due = Some(now + pause);
        Some(format!(
            "{} ended ({}), starting it again in {:.1} s",
            self.role.name(),
            why.unwrap_or_else(|| status.to_string()),
            pause.as_secs_f32()
        ))
    }

    /// Starts it when that is due; a start that fails is due again later.
    pub(super) fn start_when_due(&mut self, now: Instant) -> bool {
        if self.due.is_none_or(|due| due > now) {
            return false;
        }
        if self.start().is_err() {
            self.due = Some(now + self.backoff.next(Duration::ZERO));
        }
        self.process.is_some()
    }

    /// Asks it to end, and ends it when it has not after `limit` or when somebody is in a hurry.
    pub(super) fn stop(&mut self, limit: Duration, is_hurried: &mut dyn FnMut() -> bool) {
        self.due = None;
        let Some(mut process) = self.process.take() else {
            return;
        };
        signal(process.id(), Signal::SIGTERM);
        let deadline = Instant::now() + limit;
        while matches!(process.try_wait(), Ok(None)) {
            if Instant::now() > deadline || is_hurried() {
                // It cannot refuse, and waiting for it is short.
                let _ = process.kill();
                let _ = process.wait();
                return;
            }
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }
}

/// Why a child that has ended could not go on, when it said so.
fn last_words(mut process: std::process::Child) -> Option<String> {
    let output = process.stdout.take()?;
    let mut ready = [PollFd::new(output.as_fd(), PollFlags::POLLIN)];
    // A grandchild may hold the other end open, so there may be nothing and no end of it.
    if poll(&mut ready, PollTimeout::ZERO) != Ok(1) {
        return None;
    }
    let mut lines = BufReader::new(output).lines().map_while(Result::ok);
    match lines.find_map(|line| serde_json::from_str(&line).ok()) {
        Some(ChildLine::Failed { message, .. }) => Some(message),
        _ => None,
    }
}

fn signal(pid: u32, signal: Signal) {
    if let Ok(pid) = i32::try_from(pid) {
        // Not yet waited for, so the pid is still its own; refused means that it has ended.
        let _ = kill(Pid::from_raw(pid), signal);
    }
}

/// The pause before a start: short at first, doubling, short again after a long good run.
#[derive(Debug, Default)]
struct Backoff {
    last: Option<Duration>,
}

impl Backoff {
    /// The pause after a run of that length.
    fn next(&mut self, ran: Duration) -> Duration {
        let pause = match self.last {
            Some(last) if ran < RESTART_FORGET => (last * 2).min(RESTART_MAX),
            _ => RESTART_MIN,
        };
        self.last = Some(pause);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_and_never_ends() {
        let mut backoff = Backoff::default();
        let pauses: Vec<_> = (0..20).map(|_| backoff.next(Duration::ZERO)).collect();
        assert_eq!(pauses[0], RESTART_MIN);
        assert_eq!(pauses[1], RESTART_MIN * 2);
        assert_eq!(pauses[19], RESTART_MAX);
    }

    #[test]
    fn backoff_after_a_good_run_is_short_again() {
        let mut backoff = Backoff::default();
        for _ in 0..10 {
            backoff.next(Duration::ZERO);
        }
        assert_eq!(backoff.next(RESTART_FORGET), RESTART_MIN);
    }
}
