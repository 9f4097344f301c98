//! One program, run once: how long it took, and its peak of memory.
//!
//! The kernel counts into the peak of a program what its parent had when it was started, so a small process of its own
//! starts it: this very program again, with the hidden subcommand `bench child`. Start with [`measured`].

use super::process::send;
use crate::Outcome;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// What to run.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Kill it after so many seconds.
    #[arg(long)]
    limit: u64,
    /// Where its standard output goes.
    #[arg(long)]
    output: PathBuf,
    /// Program and arguments.
    #[arg(last = true, required = true)]
    command: Vec<PathBuf>,
}

/// What it took.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Cost {
    /// From before it was started until it had ended, in milliseconds.
    pub(crate) wall_ms: f64,
    /// The most memory that it held, in KiB; never less than the process that started it.
    pub(crate) peak_kib: f64,
    /// Whether it was killed because it took longer than it may.
    pub(crate) is_over: bool,
}

/// Runs a program in a folder; its output goes to a file. An error if it fails by itself.
pub(crate) fn measured(
    command: &[&Path],
    folder: &Path,
    output: &Path,
    limit: Duration,
) -> Result<Cost, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let told = Command::new(own)
        .args([
            "bench",
            "child",
            "--limit",
            &limit.as_secs().to_string(),
            "--output",
        ])
        .arg(output)
        .arg("--")
        .args(command)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cannot run {command:?}: {error}"))?;
    match told.status.success() {
        true => serde_json::from_slice(&told.stdout).map_err(|error| error.to_string()),
        false => Err(format!("{command:?} failed")),
    }
}

/// The child's side.
pub(crate) fn run(asked: &Arguments) -> Outcome {
    let failed = |error: std::io::Error| format!("{:?}: {error}", asked.command);
    let output = File::create(&asked.output).map_err(failed)?;
    let [program, arguments @ ..] = asked.command.as_slice() else {
        return Err("there is no program to run".to_owned());
    };
    let start = Instant::now();
    let mut child = Command::new(program)
        .args(arguments)
        .stdout(output)
        .spawn()
        .map_err(failed)?;
    let (ended, end) = mpsc::channel::<()>();
    let (pid, limit) = (child.id(), Duration::from_secs(asked.limit));
    let watch = std::thread::spawn(move || match end.recv_timeout(limit) {
        Err(mpsc::RecvTimeoutError::Timeout) => send(pid, Signal::SIGKILL),
        _ => false,
    });
    let status = child.wait().map_err(failed)?;
    let wall_ms = start.elapsed().as_secs_f64() * 1000.0;
    drop(ended);
    let is_over = watch.join().unwrap_or(false);
    if !is_over && !status.success() {
        return Err(format!("{program:?} ended with {status}"));
    }
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).map_err(|error| error.to_string())?;
    let peak_kib = u32::try_from(usage.max_rss()).map_err(|error| error.to_string())?;
    let cost = Cost {
        wall_ms,
        peak_kib: f64::from(peak_kib),
        is_over,
    };
    let text = serde_json::to_string(&cost).map_err(|error| error.to_string())?;
    use std::io::Write;
    writeln!(std::io::stdout(), "{text}").map_err(failed)
}
