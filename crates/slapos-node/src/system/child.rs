//! One child process from start to end: bounded output, a deadline, nothing left behind.
//!
//! The child gets a session of its own. When it ends, is late or is cancelled, its whole process
//! group is killed, so no grandchild survives it; a grandchild that keeps the output open never
//! holds the agent. There is no thread per stream and no polling: one `poll` waits for all.

use crate::system::Account;
use crate::system::sys::Become;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long output is still read after the process ended, when something else holds it open.
const DRAIN: Duration = Duration::from_millis(100);

/// Ends children from another thread; clones are the same switch.
#[derive(Debug, Clone)]
pub struct Cancel(Arc<EventFd>);

impl Cancel {
    /// A switch that nobody pressed.
    ///
    /// # Errors
    /// When the agent has no descriptor left.
    pub fn new() -> io::Result<Self> {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        Ok(Self(Arc::new(EventFd::from_flags(flags)?)))
    }

    /// Ends every child that has this switch, now and later.
    pub fn press(&self) {
        // The counter can only be full when it was pressed 2^64 times.
        let _ = self.0.write(1);
    }
}

/// A program to run.
#[derive(Debug)]
pub struct ChildAsk<'a> {
    /// Program file and arguments.
    pub command: &'a [String],
    /// Working folder, entered as the child's user.
    pub directory: &'a Path,
    /// The whole environment.
    pub environment: &'a [(String, String)],
    /// As whom; the agent's own user when left out.
    pub account: Option<&'a Account>,
    /// What it reads.
    pub input: &'a [u8],
    /// Ends it after so long.
    pub timeout: Duration,
    /// Ends it earlier.
    pub cancel: &'a Cancel,
    /// How much of the end of each output is kept.
    pub output_bytes_max: usize,
}

/// How a child ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildEnd {
    /// How.
    pub ended: Ended,
    /// The end of what it said; both outputs for a promise, the error output for a job.
    pub output: String,
}

/// Why a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It returned this code.
    Code(i32),
    /// It was killed by this signal.
    Signal(i32),
    /// It was late.
    TimedOut,
    /// Somebody pressed the switch.
    Cancelled,
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(code) => write!(f, "ended with code {code}"),
            Self::Signal(signal) => write!(f, "was killed by signal {signal}"),
            Self::TimedOut => f.write_str("was ended because it took too long"),
            Self::Cancelled => f.write_str("was ended because it is not wanted any more"),
        }
    }
}

/// Who takes the lines that a child says.
pub type TakeLine<'a> = &'a mut dyn FnMut(&[u8]);

/// Runs a child to its end. Lines of its output go to `line` when given, else they are kept
/// together with the error output.
///
/// # Errors
/// When it cannot be started.
pub fn run(ask: &ChildAsk<'_>, line: Option<TakeLine<'_>>) -> io::Result<ChildEnd> {
    let (program, arguments) = ask
        .command
        .split_first()
        .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .envs(ask.environment.iter().map(|(name, value)| (name, value)))
        .current_dir(ask.directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    Become::tenant(ask.account).prepare(&mut command);
    let child = command.spawn()?;
    Watched::new(child, ask)?.run(ask, line)
}

struct Watched<'a> {
    child: Child,
    group: Pid,
    handle: OwnedFd,
    input: &'a [u8],
    tail: Tail,
}

impl<'a> Watched<'a> {
    fn new(mut child: Child, ask: &ChildAsk<'a>) -> io::Result<Self> {
        let raw = i32::try_from(child.id()).unwrap_or(i32::MAX);
        let opened = rustix::process::Pid::from_child(&child);
        match rustix::process::pidfd_open(opened, rustix::process::PidfdFlags::empty()) {
            Ok(handle) => Ok(Self {
                child,
                group: Pid::from_raw(raw),
                handle,
                input: ask.input,
                tail: Tail::new(ask.output_bytes_max),
            }),
            Err(error) => {
                let _ = killpg(Pid::from_raw(raw), Signal::SIGKILL);
                let _ = child.wait();
                Err(error.into())
            }
        }
    }

    fn run(mut self, ask: &ChildAsk<'_>, mut line: Option<TakeLine<'_>>) -> io::Result<ChildEnd> {
        let mut lines = Lines::default();
        let mut streams = Streams::take(&mut self.child)?;
        let started = Instant::now();
        let mut forced = None;
        let mut ended_at: Option<Instant> = None;
        loop {
            let limit = match ended_at {
                Some(at) => DRAIN.checked_sub(at.elapsed()),
                None => ask.timeout.checked_sub(started.elapsed()),
            };
            let ready = match limit {
                Some(limit) => {
                    let cancel = (ended_at.is_none() && forced.is_none()).then_some(ask.cancel);
                    let handle = ended_at.is_none().then_some(&self.handle);
                    streams.wait(handle, cancel, !self.input.is_empty(), limit)?
                }
                None if ended_at.is_some() => break,
                None => {
                    forced.get_or_insert(Ended::TimedOut);
                    self.kill();
                    ended_at = Some(Instant::now());
                    continue;
                }
            };
            if ready.cancel {
                forced = Some(Ended::Cancelled);
                self.kill();
            }
            if ready.input {
                streams.feed(&mut self.input);
            }
            let mut keep = |chunk: &[u8], tail: &mut Tail| match &mut line {
                Some(line) => lines.push(chunk, line),
                None => tail.push(chunk),
            };
            if ready.output {
                Streams::read(&mut streams.output, |chunk| keep(chunk, &mut self.tail));
            }
            if ready.errors {
                Streams::read(&mut streams.errors, |chunk| self.tail.push(chunk));
            }
            if ready.ended {
                // What it left behind in its group goes with it.
                self.kill();
                ended_at = Some(Instant::now());
            }
            if ended_at.is_some() && streams.output.is_none() && streams.errors.is_none() {
                break;
            }
        }
        drop(streams);
        let status = self.child.wait()?;
        Ok(ChildEnd {
            ended: forced.unwrap_or_else(|| outcome(status)),
            output: self.tail.text(),
        })
    }

    fn kill(&self) {
        // The leader is not waited for yet, so its number cannot belong to anybody else.
        let _ = killpg(self.group, Signal::SIGKILL);
    }
}

fn outcome(status: ExitStatus) -> Ended {
    match (status.code(), status.signal()) {
        (Some(code), _) => Ended::Code(code),
        (None, signal) => Ended::Signal(signal.unwrap_or(0)),
    }
}

/// The agent's ends of the pipes; the input stays open as a lifeline after all was written.
struct Streams {
    input: Option<std::process::ChildStdin>,
    output: Option<std::process::ChildStdout>,
    errors: Option<std::process::ChildStderr>,
}

#[derive(Default)]
struct Ready {
    ended: bool,
    cancel: bool,
    input: bool,
    output: bool,
    errors: bool,
}

impl Streams {
    fn take(child: &mut Child) -> io::Result<Self> {
        let streams = Self {
            input: child.stdin.take(),
            output: child.stdout.take(),
            errors: child.stderr.take(),
        };
        for descriptor in [
            streams.input.as_ref().map(AsFd::as_fd),
            streams.output.as_ref().map(AsFd::as_fd),
            streams.errors.as_ref().map(AsFd::as_fd),
        ]
        .into_iter()
        .flatten()
        {
            rustix::io::ioctl_fionbio(descriptor, true)?;
        }
        Ok(streams)
    }

    fn wait(
        &self,
        handle: Option<&OwnedFd>,
        cancel: Option<&Cancel>,
        has_input: bool,
        limit: Duration,
    ) -> io::Result<Ready> {
        let input = self.input.as_ref().filter(|_| has_input);
        let watched: [Option<(BorrowedFd<'_>, PollFlags)>; 5] = [
            handle.map(|handle| (handle.as_fd(), PollFlags::POLLIN)),
            cancel.map(|cancel| (cancel.0.as_fd(), PollFlags::POLLIN)),
            input.map(|input| (input.as_fd(), PollFlags::POLLOUT)),
            self.output
                .as_ref()
                .map(|output| (output.as_fd(), PollFlags::POLLIN)),
            self.errors
                .as_ref()
                .map(|errors| (errors.as_fd(), PollFlags::POLLIN)),
        ];
        let mut set: Vec<PollFd<'_>> = watched
            .iter()
            .flatten()
            .map(|(descriptor, flags)| PollFd::new(*descriptor, *flags))
            .collect();
        // Rounded up, so that the last millisecond is not spent in circles.
        let millis = i32::try_from(limit.as_millis().saturating_add(1)).unwrap_or(i32::MAX);
        match poll(
            &mut set,
            PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX),
        ) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        let mut results = set.iter();
        let mut is_ready = |index: usize| {
            watched[index].is_some() && results.next().and_then(PollFd::any).unwrap_or(false)
        };
        Ok(Ready {
            ended: is_ready(0),
            cancel: is_ready(1),
            input: is_ready(2),
            output: is_ready(3),
            errors: is_ready(4),
        })
    }

    fn feed(&mut self, rest: &mut &[u8]) {
        let Some(input) = &mut self.input else { return };
        match input.write(rest) {
            Ok(count) => *rest = &rest[count..],
            Err(error) if is_temporary(&error) => {}
            // It does not want to read it; how it ends will say why.
            Err(_) => {
                self.input = None;
                *rest = &[];
            }
        }
    }

    fn read(stream: &mut Option<impl Read>, mut take: impl FnMut(&[u8])) {
        let mut chunk = [0; 16 << 10];
        let Some(open) = stream else { return };
        match open.read(&mut chunk) {
            Ok(0) => *stream = None,
            Ok(count) => take(&chunk[..count]),
            Err(error) if is_temporary(&error) => {}
            Err(_) => *stream = None,
        }
    }
}

fn is_temporary(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

/// The end of an output.
struct Tail {
    bytes: VecDeque<u8>,
    bytes_max: usize,
    is_cut: bool,
}

impl Tail {
    fn new(bytes_max: usize) -> Self {
        Self {
            bytes: VecDeque::new(),
            bytes_max,
            is_cut: false,
        }
    }

    fn push(&mut self, chunk: &[u8]) {
        self.bytes.extend(chunk);
        let over = self.bytes.len().saturating_sub(self.bytes_max);
        if over > 0 {
            self.bytes.drain(..over);
            self.is_cut = true;
        }
    }

    fn text(mut self) -> String {
        let text = String::from_utf8_lossy(self.bytes.make_contiguous());
        if self.is_cut {
            format!("…{text}")
        } else {
            text.into_owned()
        }
    }
}

/// An output cut into lines; a line that is too long is dropped whole.
#[derive(Default)]
struct Lines {
    buffer: Vec<u8>,
    is_dropping: bool,
}

impl Lines {
    fn push(&mut self, chunk: &[u8], take: &mut dyn FnMut(&[u8])) {
        for piece in chunk.split_inclusive(|byte| *byte == b'\n') {
            let is_end = piece.last() == Some(&b'\n');
            if !self.is_dropping {
                self.buffer.extend_from_slice(piece);
            }
            if self.buffer.len() > crate::limits::JOB_LINE_BYTES_MAX {
                self.is_dropping = true;
                self.buffer.clear();
            }
            if is_end {
                if !self.is_dropping {
                    take(&self.buffer);
                }
                self.buffer.clear();
                self.is_dropping = false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, timeout: Duration, input: &[u8]) -> ChildEnd {
        run_shell(script, timeout, input, &Cancel::new().unwrap(), None)
    }

    fn run_shell(
        script: &str,
        timeout: Duration,
        input: &[u8],
        cancel: &Cancel,
        line: Option<TakeLine<'_>>,
    ) -> ChildEnd {
        let command = ["/bin/sh", "-c", script].map(str::to_owned);
        let ask = ChildAsk {
            command: &command,
            directory: Path::new("/"),
            environment: &[("PATH".to_owned(), "/usr/bin:/bin".to_owned())],
            account: None,
            input,
            timeout,
            cancel,
            output_bytes_max: 4096,
        };
        run(&ask, line).unwrap()
    }

    const LONG: Duration = Duration::from_secs(30);

    #[test]
    fn child_output_and_code_are_told() {
        let end = shell("echo out; echo err >&2; exit 3", LONG, b"");
        assert_eq!(end.ended, Ended::Code(3));
        assert!(end.output.contains("out") && end.output.contains("err"));
    }

    #[test]
    fn child_environment_is_only_what_was_given() {
        let end = shell(
            "env | grep -v -e ^PWD= -e ^SHLVL= -e ^_= -e ^OLDPWD=",
            LONG,
            b"",
        );
        assert_eq!(end.output, "PATH=/usr/bin:/bin\n");
    }

    #[test]
    fn child_that_is_late_takes_its_grandchildren_along() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let script = format!("sleep 300 & echo $! > {0}; sleep 300", file.display());
        let end = shell(&script, Duration::from_millis(400), b"");
        assert_eq!(end.ended, Ended::TimedOut);
        let pid: i32 = fs_err::read_to_string(&file)
            .unwrap()
            .trim()
            .parse()
            .unwrap();
        crate::testing::wait_until("the grandchild is gone", || !crate::testing::is_alive(pid));
    }

    #[test]
    fn child_left_behind_holding_the_output_does_not_hold_the_agent() {
        let started = Instant::now();
        let end = shell("setsid sleep 60 & echo done", LONG, b"");
        assert_eq!((end.ended, end.output.as_str()), (Ended::Code(0), "done\n"));
        assert!(started.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn child_cancelled_ends_at_once() {
        let cancel = Cancel::new().unwrap();
        cancel.press();
        let end = run_shell("sleep 300", LONG, b"", &cancel, None);
        assert_eq!(end.ended, Ended::Cancelled);
    }

    #[test]
    fn child_that_floods_keeps_only_the_end() {
        let end = shell(
            "head -c 3000000 /dev/zero | tr '\\0' x; echo end",
            LONG,
            b"",
        );
        assert!(end.output.len() < 5000);
        assert!(end.output.starts_with('…') && end.output.ends_with("end\n"));
    }

    #[test]
    fn child_reads_a_long_input_and_its_lines_are_told() {
        let mut input = vec![b'a'; 300_000];
        input.push(b'\n');
        let mut lines = Vec::new();
        let mut take = |line: &[u8]| lines.push(line.to_vec());
        let end = run_shell(
            "head -n 1 | wc -c; echo two",
            LONG,
            &input,
            &Cancel::new().unwrap(),
            Some(&mut take),
        );
        assert_eq!(end.ended, Ended::Code(0));
        assert_eq!(lines, [b"300001\n".to_vec(), b"two\n".to_vec()]);
    }

    #[test]
    fn child_that_does_not_read_its_input_is_no_error() {
        let end = shell("exit 0", LONG, &vec![b'a'; 1_000_000]);
        assert_eq!(end.ended, Ended::Code(0));
    }

    #[test]
    fn child_killed_by_a_signal_says_so() {
        assert_eq!(shell("kill -SEGV $$", LONG, b"").ended, Ended::Signal(11));
    }
}
