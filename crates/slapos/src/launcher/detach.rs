//! `slapos up --detach`: the same `up` again as a background process, in a session of its own.

use super::Plan;
use super::up_file;
use crate::failure::Failure;
use crate::folder::Folder;
use crate::limits::{DETACH_READY, LOG_BYTES_MAX};
use fs_err::os::unix::fs::OpenOptionsExt;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Starts the background process and returns when it is ready.
pub(crate) fn start(plan: &Plan) -> Result<(), Failure> {
    let failed =
        |error: io::Error| Failure::new(format!("cannot start the background process: {error}"));
    let log = log_file(&plan.folder);
    let offset = begin_log(&log).map_err(failed)?;
    let mut process = command(plan, &log)
        .and_then(|mut command| command.spawn())
        .map_err(failed)?;
    let deadline = Instant::now() + DETACH_READY;
    loop {
        if up_file::load(&plan.folder).is_some_and(|file| file.up.pid == process.id()) {
            return Ok(());
        }
        if process.try_wait().map_err(failed)?.is_some() {
            return Err(last_words(&log, offset));
        }
        if Instant::now() > deadline {
            return Err(
                Failure::new("SlapOS does not become ready in the background")
                    .with_hint(format!("see {}", log.display())),
            );
        }
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

fn log_file(folder: &Folder) -> PathBuf {
    folder.log_dir().join("up.log")
}

/// Where the new text will begin. A log that has grown is put aside.
fn begin_log(log: &Path) -> io::Result<u64> {
    match fs_err::metadata(log) {
        Ok(found) if found.len() > LOG_BYTES_MAX => {
            fs_err::rename(log, log.with_extension("log.1"))?;
            Ok(0)
        }
        Ok(found) => Ok(found.len()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}

fn command(plan: &Plan, log: &Path) -> io::Result<Command> {
    let output = fs_err::OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(log)?
        .into_file();
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(["up", "--detached", "--root"])
        .arg(plan.folder.root())
        .stdin(Stdio::null())
        .stderr(output.try_clone()?)
        .stdout(output)
        .current_dir("/");
    if let Some(listen) = plan.listen {
        command.arg("--listen").arg(listen.to_string());
    }
    if let Some(count) = plan.partitions {
        command.arg("--partitions").arg(count.to_string());
    }
    Ok(command)
}

/// What the process said before it ended, as our own failure.
fn last_words(log: &Path, offset: u64) -> Failure {
    let mut text = String::new();
    let read = fs_err::File::open(log).and_then(|mut file| {
        file.seek(SeekFrom::Start(offset))?;
        file.take(16 * 1024).read_to_string(&mut text)
    });
    if read.is_err() || text.trim().is_empty() {
        return Failure::new("the background process ended without a word")
            .with_hint(format!("see {}", log.display()));
    }
    match text.trim_end().rsplit_once("\nhint: ") {
        Some((message, hint)) => Failure::new(message).with_hint(hint),
        None => Failure::new(text.trim_end()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_words_begin_where_the_new_text_does() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("up.log");
        fs_err::write(&log, "old\n").unwrap();
        let offset = begin_log(&log).unwrap();
        fs_err::write(&log, "old\nPort 1 is taken.\nhint: choose another\n").unwrap();
        let failure = last_words(&log, offset);
        assert_eq!(failure.message, "Port 1 is taken.");
        assert_eq!(failure.hint.as_deref(), Some("choose another"));
    }
}
