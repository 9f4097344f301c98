//! The steps of a build as child processes: own group, bounded output, killed whole.
//!
//! A process that outlives its step, or the builder itself, is not left behind: the group is killed at the end of
//! the step, and a [`Guard`] kills it when the builder is killed.

use std::collections::BTreeMap;
use std::io::{PipeReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::jobserver::SHELL_MAKE;
use crate::limits;
use crate::network::LOOPBACK;
use crate::part_log::PartLog;

/// A shell command to run.
#[derive(Debug)]
pub(crate) struct ShellStep<'a> {
    pub(crate) command: &'a str,
    pub(crate) directory: &'a Path,
    /// The whole environment.
    pub(crate) environment: &'a BTreeMap<String, String>,
    pub(crate) timeout: Duration,
    /// Words before the shell that take its network away; none leave it.
    pub(crate) cut: &'a [&'a str],
}

impl<'a> ShellStep<'a> {
    /// A step of a build, which takes what it takes.
    pub(crate) fn new(
        command: &'a str,
        directory: &'a Path,
        environment: &'a BTreeMap<String, String>,
    ) -> ShellStep<'a> {
        ShellStep {
            command,
            directory,
            environment,
            timeout: limits::STEP_TIMEOUT,
            cut: &[],
        }
    }
}

/// How a step ended badly; in words what comes behind its name.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StepFailure {
    #[error("could not be started: {0}")]
    Start(std::io::Error),
    #[error("ended with {0}")]
    Ended(ExitStatus),
    #[error("was killed after {} s", .0.as_secs())]
    TimedOut(Duration),
    #[error("was stopped as asked")]
    Cancelled,
}

/// Runs `set -e; command` in /bin/sh. `go_on` is shown the log at every look; false kills the group.
pub(crate) fn run_shell(
    step: &ShellStep<'_>,
    log: &mut PartLog,
    guard: &Guard,
    go_on: &mut dyn FnMut(&PartLog) -> bool,
) -> Result<(), StepFailure> {
    log.add(format!("$ {}\n", step.command.trim()).as_bytes());
    follow(step, log, guard, go_on)
}

/// Asks a program something that belongs to no part's log; gives how it ended and the last lines that it printed.
pub(crate) fn ask(
    step: &ShellStep<'_>,
    go_on: &dyn Fn() -> bool,
) -> (Result<(), StepFailure>, Vec<String>) {
    let mut log = PartLog::without_file();
    let ended = follow(step, &mut log, &Guard::default(), &mut |_| go_on());
    (ended, log.tail())
}

fn follow(
    step: &ShellStep<'_>,
    log: &mut PartLog,
    guard: &Guard,
    go_on: &mut dyn FnMut(&PartLog) -> bool,
) -> Result<(), StepFailure> {
    let (mut child, pipe) = spawn(step).map_err(StepFailure::Start)?;
    let group = group_of(&child);
    guard.add(group);
    let output = read_output(pipe);
    let ended = wait(&mut child, step.timeout, log, &output, go_on);
    // Whatever the step left behind, and everything of it when it was stopped.
    end_group(&mut child, guard);
    drain(&output, log);
    match ended? {
        status if status.success() => Ok(()),
        status => Err(StepFailure::Ended(status)),
    }
}

/// The group of a child that began one.
pub(crate) fn group_of(child: &Child) -> Pid {
    i32::try_from(child.id()).map_or(Pid::from_raw(0), Pid::from_raw)
}

/// Kills a child with its group, which may have ended already.
pub(crate) fn end_group(child: &mut Child, guard: &Guard) {
    let group = group_of(child);
    if group.as_raw() > 1 {
        let _ = killpg(group, Signal::SIGKILL);
    }
    let _ = child.wait();
    guard.remove(group);
}

/// The step's shell, and its output.
fn spawn(step: &ShellStep<'_>) -> std::io::Result<(Child, PipeReader)> {
    let (reader, writer) = std::io::pipe()?;
    let mut words = step.cut.iter().copied().chain(["/bin/sh", "-c"]);
    let mut command = Command::new(words.next().unwrap_or("/bin/sh"));
    command
        .args(words)
        .arg(script(step))
        .current_dir(step.directory)
        .env_clear()
        .envs(step.environment)
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .process_group(0);
    // The command goes with its end of the pipe, so that the child's is the last.
    Ok((command.spawn()?, reader))
}

/// What the shell is given: it ends at the first failure, and what it makes can be read by all.
fn script(step: &ShellStep<'_>) -> String {
    let make = match step.command.contains("-j") {
        true => SHELL_MAKE,
        false => "",
    };
    let loopback = match step.cut.is_empty() {
        true => "",
        false => LOOPBACK,
    };
    format!("set -e; umask 022; {loopback}{make}{}", step.command)
}

/// Chunks of output, in a short queue so that a flood waits in the pipe and not in memory.
pub(crate) fn read_output(pipe: PipeReader) -> Receiver<Vec<u8>> {
    let (sender, receiver) = sync_channel(16);
    std::thread::spawn(move || copy_chunks(pipe, &sender));
    receiver
}

fn copy_chunks(mut pipe: impl Read, sender: &SyncSender<Vec<u8>>) {
    let mut chunk = [0; 16 << 10];
    while let Ok(n) = pipe.read(&mut chunk) {
        if n == 0 || sender.send(chunk[..n].to_vec()).is_err() {
            return;
        }
    }
}

fn wait(
    child: &mut Child,
    timeout: Duration,
    log: &mut PartLog,
    output: &Receiver<Vec<u8>>,
    go_on: &mut dyn FnMut(&PartLog) -> bool,
) -> Result<ExitStatus, StepFailure> {
    let begun = Instant::now();
    loop {
        match output.recv_timeout(limits::STEP_POLL) {
            Ok(chunk) => log.add(&chunk),
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {}
            // Nobody writes any more; the process is about to end, or ends without output.
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => {
                std::thread::park_timeout(limits::STEP_POLL);
            }
        }
        if let Some(status) = child.try_wait().map_err(StepFailure::Start)? {
            return Ok(status);
        }
        if !go_on(log) {
            return Err(StepFailure::Cancelled);
        }
        if begun.elapsed() > timeout {
            return Err(StepFailure::TimedOut(timeout));
        }
    }
}

/// What is still in the pipe. A process that moved to another group may hold it open: it is not waited for.
pub(crate) fn drain(output: &Receiver<Vec<u8>>, log: &mut PartLog) {
    let deadline = Instant::now() + limits::DRAIN_TIMEOUT;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match output.recv_timeout(left) {
            Ok(chunk) => log.add(&chunk),
            Err(_) => return,
        }
    }
}

/// Kills the groups of running steps when this process ends, however it ends.
///
/// A small shell reads the groups from a pipe; the end of the pipe is the end of the builder.
#[derive(Debug, Default)]
pub(crate) struct Guard {
    shell: Mutex<Option<(Child, ChildStdin)>>,
}

const GUARD: &str = r#"
live=
while read -r op group; do
  case $op in
    add) live="$live $group" ;;
    del) rest=; for each in $live; do [ "$each" = "$group" ] || rest="$rest $each"; done; live=$rest ;;
  esac
done
for group in $live; do kill -KILL "-$group"; done
"#;

impl Guard {
    pub(crate) fn add(&self, group: Pid) {
        self.tell("add", group);
    }

    pub(crate) fn remove(&self, group: Pid) {
        self.tell("del", group);
    }

    /// Without a guard a build works too; only a killed builder would leave a step running.
    fn tell(&self, word: &str, group: Pid) {
        let mut shell = self.shell.lock().unwrap_or_else(PoisonError::into_inner);
        if shell.is_none() {
            *shell = start_guard().ok();
        }
        if let Some((_, pipe)) = shell.as_mut() {
            let _ = writeln!(pipe, "{word} {group}");
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let shell = self.shell.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some((mut child, pipe)) = shell.take() {
            drop(pipe);
            let _ = child.wait();
        }
    }
}

fn start_guard() -> std::io::Result<(Child, ChildStdin)> {
    // A session of its own: whoever kills the builder's group must not kill its guard.
    let mut command = Command::new("/bin/sh");
    command
        .arg("-c")
        .arg(GUARD)
        .env_clear()
        .stdin(Stdio::piped());
    command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0);
    let mut child = command.spawn()?;
    match child.stdin.take() {
        Some(pipe) => Ok((child, pipe)),
        None => Err(std::io::Error::other("no pipe to the guard")),
    }
}
