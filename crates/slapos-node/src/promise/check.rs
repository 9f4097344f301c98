//! Performs one check.
//!
//! A check that could not be made is `check-broken`; one that was made and says no is `broken`.
//! Programs run as the partition's user with an exact environment and a deadline after which their
//! whole process group is gone.

use super::{answer, fetch};
use crate::job::launch::environment;
use crate::limits;
use crate::system::{Account, Cancel, ChildAsk, Ended, System};
use slapos_build::{Check, FileState, PromiseSpec};
use slapos_model::{Clock, PromiseState};
use slapos_supervise::ProgramState;
use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// `Kept`, `Broken` or `CheckBroken`.
    pub state: PromiseState,
    /// What it said.
    pub message: String,
    /// When, microseconds since 1970.
    pub checked_at_us: i64,
}

/// Where a check is made.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// The machine.
    pub system: &'a dyn System,
    /// What time it is.
    pub clock: &'a dyn Clock,
    /// The partition's name, which is its group's.
    pub partition: &'a str,
    /// The partition's folder.
    pub folder: &'a Path,
    /// The partition's user.
    pub account: Option<&'a Account>,
    /// Ends the check early.
    pub cancel: &'a Cancel,
}

impl std::fmt::Debug for Place<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Place")
            .field("folder", &self.folder)
            .finish()
    }
}

/// Yes, no, or no answer; each with a sentence.
enum Verdict {
    Kept(String),
    Broken(String),
    CheckBroken(String),
}

use Verdict::{Broken, CheckBroken, Kept};

/// Checks a promise now.
#[must_use]
pub fn check_promise(place: Place<'_>, spec: &PromiseSpec) -> Finding {
    let timeout = Duration::from_secs(u64::from(spec.timeout_s.max(1)));
    let verdict = match &spec.check {
        Check::Port { host, port } => check_port(host, *port, timeout),
        Check::Socket { path } => check_socket(path),
        Check::Url { url, status, text } => check_url(url, *status, text.as_deref(), timeout),
        Check::Answer {
            host,
            port,
            send,
            text,
        } => check_answer((host, *port), send.as_deref(), text, timeout),
        Check::Process { process } => check_process(place, process),
        Check::FileFresh { path, max_age_s } => check_fresh(place, path, *max_age_s),
        Check::FileState { path, state } => check_file(path, *state),
        Check::DiskFree { path, min_bytes } => check_disk(path, *min_bytes),
        Check::Command { command } => run_program(place, command, timeout),
        Check::Executable { path } => {
            run_program(place, &[path.to_string_lossy().into_owned()], timeout)
        }
    };
    let (state, message) = match verdict {
        Kept(message) => (PromiseState::Kept, message),
        Broken(message) => (PromiseState::Broken, message),
        CheckBroken(message) => (PromiseState::CheckBroken, message),
    };
    Finding {
        state,
        message,
        checked_at_us: place.clock.now().as_micros(),
    }
}

fn check_port(host: &str, port: u16, timeout: Duration) -> Verdict {
    match connect(host, port, timeout) {
        Ok(_) => Kept(format!("{host} port {port} answers")),
        Err(error) => Broken(format!("nothing answers at {host} port {port}: {error}")),
    }
}

/// Connects to the first address that answers.
pub(super) fn connect(host: &str, port: u16, timeout: Duration) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, timeout) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn check_socket(path: &Path) -> Verdict {
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => Kept(format!("{} answers", path.display())),
        Err(error) => Broken(format!("nothing answers at {}: {error}", path.display())),
    }
}

fn check_url(url: &str, status: u16, text: Option<&str>, timeout: Duration) -> Verdict {
    let answer = match fetch::fetch(url, timeout) {
        Ok(answer) => answer,
        Err(fetch::FetchError::Url(why)) => return CheckBroken(why),
        Err(fetch::FetchError::Answer(why)) => return Broken(format!("{url}: {why}")),
    };
    if answer.status != status {
        return Broken(format!(
            "{url} answers {} instead of {status}",
            answer.status
        ));
    }
    match text {
        Some(text) if !answer.body.contains(text) => Broken(format!(
            "{url} answers {status}, but without the text {text:?}"
        )),
        _ => Kept(format!("{url} answers {status}")),
    }
}

fn check_answer(
    address: (&str, u16),
    send: Option<&str>,
    text: &str,
    timeout: Duration,
) -> Verdict {
    let (host, port) = address;
    match answer::listen_for(address, send, text, timeout) {
        Ok(()) => Kept(format!("{host} port {port} answers with {text:?}")),
        Err(why) => Broken(format!("{host} port {port}: {why}")),
    }
}

fn check_process(place: Place<'_>, process: &str) -> Verdict {
    let groups = match place.system.list_groups() {
        Ok(groups) => groups,
        Err(error) => return CheckBroken(error.to_string()),
    };
    let group = groups.iter().find(|group| group.name == place.partition);
    let program = group.and_then(|group| group.programs.iter().find(|p| p.name == process));
    match program {
        None => Broken(format!("the supervisor knows no program {process} here")),
        Some(program) => match program.state {
            ProgramState::Running => Kept(format!("{process} runs")),
            ProgramState::Done => Kept(format!("{process} ended well")),
            state => Broken(format!("{process} does not run: {state:?}")),
        },
    }
}

fn check_fresh(place: Place<'_>, path: &Path, max_age_s: u64) -> Verdict {
    let modified = match fs_err::metadata(path).and_then(|facts| facts.modified()) {
        Ok(modified) => modified,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Broken(format!("{} is not there", path.display()));
        }
        Err(error) => return CheckBroken(error.to_string()),
    };
    let since_epoch = modified
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let modified_s = i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX);
    let age_s = (place.clock.now().as_micros() / 1_000_000)
        .saturating_sub(modified_s)
        .max(0);
    if u64::try_from(age_s).unwrap_or(0) < max_age_s {
        Kept(format!("{} was written {age_s} s ago", path.display()))
    } else {
        Broken(format!(
            "{} was written {age_s} s ago, it should be less than {max_age_s} s",
            path.display()
        ))
    }
}

fn check_file(path: &Path, wanted: FileState) -> Verdict {
    let is = match fs_err::symlink_metadata(path) {
        Ok(facts) if facts.len() == 0 => FileState::Empty,
        Ok(_) => FileState::NotEmpty,
        Err(error) if error.kind() == io::ErrorKind::NotFound => FileState::Absent,
        Err(error) => return CheckBroken(error.to_string()),
    };
    let word = |state: FileState| match state {
        FileState::Absent => "absent",
        FileState::Empty => "empty",
        FileState::NotEmpty => "not empty",
    };
    let said = format!("{} is {}", path.display(), word(is));
    if is == wanted {
        Kept(said)
    } else {
        Broken(format!("{said}, it should be {}", word(wanted)))
    }
}

fn check_disk(path: &Path, min_bytes: u64) -> Verdict {
    match nix::sys::statvfs::statvfs(path) {
        Err(error) => CheckBroken(format!(
            "cannot look at the disk of {}: {error}",
            path.display()
        )),
        Ok(disk) => {
            let free = disk.blocks_available().saturating_mul(disk.fragment_size());
            let said = format!("{free} bytes are free for {}", path.display());
            if free >= min_bytes {
                Kept(said)
            } else {
                Broken(format!("{said}, {min_bytes} are needed"))
            }
        }
    }
}

fn run_program(place: Place<'_>, command: &[String], timeout: Duration) -> Verdict {
    let environment = environment(place.account, place.folder);
    let end = place.system.run_child(&ChildAsk {
        command,
        directory: place.folder,
        environment: &environment,
        account: place.account,
        input: b"",
        timeout,
        cancel: place.cancel,
        output_bytes_max: limits::PROMISE_OUTPUT_BYTES_MAX,
    });
    let program = command.first().map(String::as_str).unwrap_or_default();
    match end {
        Err(error) => CheckBroken(format!("{program} cannot be run: {error}")),
        Ok(end) => {
            let said = end.output.trim_end().to_owned();
            match end.ended {
                Ended::Code(0) => Kept(said),
                Ended::Code(code) if said.is_empty() => {
                    Broken(format!("it ended with code {code}"))
                }
                Ended::Code(_) => Broken(said),
                Ended::TimedOut => CheckBroken(
                    format!(
                        "it was ended after {} s without a result\n{said}",
                        timeout.as_secs()
                    )
                    .trim_end()
                    .to_owned(),
                ),
                ended => CheckBroken(format!("it {ended}\n{said}").trim_end().to_owned()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::real::Host;
    use slapos_model::Timestamp;
    use std::net::TcpListener;
    use std::os::unix::fs::PermissionsExt;

    struct Epoch;
    impl Clock for Epoch {
        fn now(&self) -> Timestamp {
            Timestamp::from_micros(1_795_564_603_000_000)
        }
    }

    fn check(folder: &Path, check: Check) -> Finding {
        check_for(folder, check, 20)
    }

    fn check_for(folder: &Path, check: Check, timeout_s: u32) -> Finding {
        let host = Host::new(Path::new("/nowhere"), Path::new("/nowhere"));
        let place = Place {
            system: &host,
            clock: &Epoch,
            partition: "slappart0",
            folder,
            account: None,
            cancel: &Cancel::new().unwrap(),
        };
        let spec = PromiseSpec {
            timeout_s,
            ..PromiseSpec::new("p", check)
        };
        check_promise(place, &spec)
    }

    fn script(folder: &Path, text: &str, mode: u32) -> Check {
        let path = folder.join("promise");
        fs_err::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs_err::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        Check::Executable { path }
    }

    #[test]
    fn executable_promise_code_0_is_kept_with_its_words() {
        let folder = tempfile::tempdir().unwrap();
        let finding = check(
            folder.path(),
            script(folder.path(), "echo fine; pwd", 0o755),
        );
        assert_eq!(finding.state, PromiseState::Kept);
        assert!(finding.message.starts_with("fine\n"));
        assert_eq!(finding.checked_at_us, 1_795_564_603_000_000);
    }

    #[test]
    fn executable_promise_another_code_is_broken() {
        let folder = tempfile::tempdir().unwrap();
        let finding = check(
            folder.path(),
            script(folder.path(), "echo down; exit 2", 0o755),
        );
        assert_eq!(
            (finding.state, finding.message.as_str()),
            (PromiseState::Broken, "down")
        );
    }

    #[test]
    fn executable_promise_that_cannot_run_is_check_broken() {
        let folder = tempfile::tempdir().unwrap();
        let cannot = script(folder.path(), "exit 0", 0o644);
        assert_eq!(
            check(folder.path(), cannot).state,
            PromiseState::CheckBroken
        );
        let killed = script(folder.path(), "kill -9 $$", 0o755);
        assert_eq!(
            check(folder.path(), killed).state,
            PromiseState::CheckBroken
        );
        let missing = Check::Executable {
            path: "/nowhere/x".into(),
        };
        assert_eq!(
            check(folder.path(), missing).state,
            PromiseState::CheckBroken
        );
    }

    #[test]
    fn executable_promise_that_hangs_is_check_broken_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let text = format!("sleep 300 & echo $! > {}; wait", file.display());
        let finding = check_for(folder.path(), script(folder.path(), &text, 0o755), 1);
        assert_eq!(finding.state, PromiseState::CheckBroken);
        assert!(finding.message.contains("after 1 s"), "{}", finding.message);
        let pid: i32 = fs_err::read_to_string(&file)
            .unwrap()
            .trim()
            .parse()
            .unwrap();
        crate::testing::wait_until("the grandchild is gone", || !crate::testing::is_alive(pid));
    }

    #[test]
    fn port_promise_follows_the_listener() {
        let folder = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let host = "127.0.0.1".to_owned();
        let ask = Check::Port { host, port };
        assert_eq!(check(folder.path(), ask.clone()).state, PromiseState::Kept);
        drop(listener);
        assert_eq!(check(folder.path(), ask).state, PromiseState::Broken);
    }

    #[test]
    fn file_promises_tell_age_and_state() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        let fresh = |max_age_s| Check::FileFresh {
            path: path.clone(),
            max_age_s,
        };
        assert_eq!(check(folder.path(), fresh(5)).state, PromiseState::Broken);
        fs_err::write(&path, "x").unwrap();
        let times = std::time::UNIX_EPOCH + Duration::from_secs(1_795_564_593);
        fs_err::File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .into_parts()
            .0
            .set_modified(times)
            .unwrap();
        assert_eq!(check(folder.path(), fresh(11)).state, PromiseState::Kept);
        assert_eq!(check(folder.path(), fresh(10)).state, PromiseState::Broken);
        let state = |state| Check::FileState {
            path: path.clone(),
            state,
        };
        assert_eq!(
            check(folder.path(), state(FileState::NotEmpty)).state,
            PromiseState::Kept
        );
        assert_eq!(
            check(folder.path(), state(FileState::Absent)).state,
            PromiseState::Broken
        );
    }

    #[test]
    fn disk_promise_compares_what_is_free() {
        let folder = tempfile::tempdir().unwrap();
        let free = |min_bytes| Check::DiskFree {
            path: folder.path().into(),
            min_bytes,
        };
        assert_eq!(check(folder.path(), free(1)).state, PromiseState::Kept);
        assert_eq!(
            check(folder.path(), free(u64::MAX)).state,
            PromiseState::Broken
        );
    }

    #[test]
    fn process_promise_without_a_supervisor_is_check_broken() {
        let folder = tempfile::tempdir().unwrap();
        let ask = Check::Process {
            process: "redis".to_owned(),
        };
        assert_eq!(check(folder.path(), ask).state, PromiseState::CheckBroken);
    }
}
