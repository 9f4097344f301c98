//! The real machine.
//!
//! Users are made by the system's own `useradd`, so that they are in whatever database the machine
//! has. The agent runs as root or as one user; what needs root is not tried without it.

use super::supervisor::Connection;
use super::sys::Become;
use super::{
    Account, ChildAsk, ChildEnd, FolderAsk, FolderFacts, JobAsk, NewAccount, System, child, removal,
};
use crate::job::{JobOutcome, JobProgress, launch};
use crate::limits;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::{Mode, fchmod, fstat};
use nix::unistd::{Gid, Uid, User, fchown, getgrouplist};
use slapos_supervise::{GroupSpec, GroupStatus};
use std::ffi::CString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The machine on which the agent runs.
pub struct Host {
    program: PathBuf,
    supervisor: Connection,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host")
            .field("program", &self.program)
            .finish()
    }
}

impl Host {
    /// With the program for child processes and the supervisor's folder.
    #[must_use]
    pub fn new(program: &Path, supervise: &Path) -> Self {
        Self {
            program: program.to_path_buf(),
            supervisor: Connection::new(supervise.to_path_buf()),
        }
    }
}

impl System for Host {
    fn is_root(&self) -> bool {
        nix::unistd::geteuid().is_root()
    }

    fn find_account(&self, name: &str) -> io::Result<Option<Account>> {
        let Some(user) = User::from_name(name)? else {
            return Ok(None);
        };
        let text = CString::new(name).map_err(|_| io::ErrorKind::InvalidInput)?;
        let groups = getgrouplist(&text, user.gid)?;
        Ok(Some(Account {
            name: user.name,
            uid: user.uid.as_raw(),
            gid: user.gid.as_raw(),
            groups: groups.into_iter().map(Gid::as_raw).collect(),
            home: user.dir,
        }))
    }

    fn ensure_account(&self, ask: &NewAccount) -> io::Result<Account> {
        if self.find_account(&ask.name)?.is_none() {
            let home = ask.home.to_string_lossy();
            let mut words = vec!["--system", "--no-create-home"];
            // A group without its user is what `userdel` leaves of one that had other members.
            match nix::unistd::Group::from_name(&ask.name)? {
                Some(_) => words.extend(["--gid", &ask.name]),
                None => words.push("--user-group"),
            }
            words.extend(["--home-dir", &home, "--shell", "/bin/sh"]);
            if let Some(group) = &ask.group {
                words.extend(["--groups", group]);
            }
            words.push(&ask.name);
            run_tool("useradd", &words)?;
        } else if let Some(group) = &ask.group {
            run_tool("usermod", &["--append", "--groups", group, &ask.name])?;
        }
        self.find_account(&ask.name)?.ok_or_else(|| {
            io::Error::other(format!("user {} is still unknown after useradd", ask.name))
        })
    }

    fn look_at_folder(&self, path: &Path) -> io::Result<Option<FolderFacts>> {
        let facts = match fs_err::symlink_metadata(path) {
            Ok(facts) => facts,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        if !facts.is_dir() {
            return Err(io::Error::other(format!(
                "{} is not a folder; move it away",
                path.display()
            )));
        }
        use std::os::unix::fs::MetadataExt;
        Ok(Some(FolderFacts {
            uid: facts.uid(),
            gid: facts.gid(),
            mode: facts.mode() & 0o7777,
        }))
    }

    fn ensure_folder(&self, ask: &FolderAsk) -> io::Result<()> {
        match nix::unistd::mkdir(&ask.path, Mode::from_bits_truncate(ask.mode)) {
            Ok(()) | Err(nix::errno::Errno::EEXIST) => {}
            Err(error) => return Err(named(error.into(), "make", &ask.path)),
        }
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let folder = open(&ask.path, flags, Mode::empty())
            .map_err(|error| named(error.into(), "open", &ask.path))?;
        let facts = fstat(&folder)?;
        if let Some((uid, gid)) = ask.owner
            && (facts.st_uid, facts.st_gid) != (uid, gid)
        {
            fchown(&folder, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))
                .map_err(|error| named(error.into(), "give away", &ask.path))?;
        }
        if facts.st_mode & 0o7777 != ask.mode {
            fchmod(&folder, Mode::from_bits_truncate(ask.mode))
                .map_err(|error| named(error.into(), "set the mode of", &ask.path))?;
        }
        Ok(())
    }

    fn run_job(&self, ask: &JobAsk<'_>, progress: &mut dyn FnMut(JobProgress)) -> JobOutcome {
        launch::run(&self.program, ask, progress)
    }

    fn run_child(&self, ask: &ChildAsk<'_>) -> io::Result<ChildEnd> {
        child::run(ask, None)
    }

    fn apply_group(&self, group: &GroupSpec) -> io::Result<()> {
        self.supervisor.call(|client| client.apply(group))
    }

    fn remove_group(&self, name: &str) -> io::Result<()> {
        self.supervisor.call(|client| client.remove(name))
    }

    fn list_groups(&self) -> io::Result<Vec<GroupStatus>> {
        self.supervisor.call(slapos_supervise::Client::status)
    }

    fn end_processes_of(&self, account: &Account) -> io::Result<()> {
        let started = Instant::now();
        let shutdown = crate::Shutdown::new();
        loop {
            let processes = processes_of(account.uid)?;
            if processes.is_empty() {
                return Ok(());
            }
            if started.elapsed() > limits::KILL_WAIT {
                return Err(io::Error::other(format!(
                    "{} processes of user {} do not end",
                    processes.len(),
                    account.name
                )));
            }
            for pid in processes {
                let pid = nix::unistd::Pid::from_raw(pid);
                let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
            }
            // Nobody tells when a process of somebody else is gone; this happens at most once in
            // the life of an instance.
            let _ = shutdown.wait(Duration::from_millis(5));
        }
    }

    fn remove_content(&self, folder: &Path) -> io::Result<u64> {
        removal::remove_content(folder)
    }
}

/// Starts the supervisor of `root` in a session of its own; a thread waits for its end, so that it
/// never stays a zombie.
pub(crate) fn start_supervisor(program: &Path, root: &Path) -> io::Result<()> {
    let mut command = Command::new(program);
    command
        .args(["internal", "supervise", "--root"])
        .arg(root)
        .env_clear()
        .envs(launch::environment(None, Path::new("/")))
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    Become::supervisor().prepare(&mut command);
    let mut child = command.spawn()?;
    std::thread::Builder::new()
        .name("reap".to_owned())
        .stack_size(64 << 10)
        .spawn(move || child.wait())?;
    Ok(())
}

fn processes_of(uid: u32) -> io::Result<Vec<i32>> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        // A process that is gone meanwhile, or a zombie, is no process to end.
        let Ok(status) = fs_err::read_to_string(format!("/proc/{pid}/status")) else {
            continue;
        };
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name))?;
            line.split_whitespace().nth(1)
        };
        let is_zombie = field("State:") == Some("Z");
        if !is_zombie && field("Uid:").and_then(|id| id.parse().ok()) == Some(uid) {
            found.push(pid);
        }
    }
    Ok(found)
}

/// Runs a tool of the system that changes the user database. Another one that changes it at the
/// same time makes it refuse for a moment; it is asked again some times.
fn run_tool(name: &str, arguments: &[&str]) -> io::Result<()> {
    let pause = crate::Shutdown::new();
    let mut tries = 1;
    loop {
        match run_tool_once(name, arguments) {
            Err(error) if error.to_string().contains("lock") && tries < limits::TOOL_TRIES => {
                tries += 1;
                let _ = pause.wait(limits::TOOL_PAUSE);
            }
            done => return done,
        }
    }
}

fn run_tool_once(name: &str, arguments: &[&str]) -> io::Result<()> {
    let output = Command::new(name)
        .args(arguments)
        .env_clear()
        .env("PATH", limits::PATH)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("cannot run {name}: {error}; install it"),
            )
        })?;
    if output.status.success() {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "{name} {}: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr).trim()
    )))
}

fn named(error: io::Error, verb: &str, path: &Path) -> io::Error {
    io::Error::new(
        error.kind(),
        format!("cannot {verb} {}: {error}", path.display()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Needs root, since it makes a user; anybody else cannot have the fault that it is about.
    #[test]
    fn account_whose_group_was_left_behind_takes_it() {
        if !Uid::effective().is_root() {
            return;
        }
        let name = format!("sntgl{}", std::process::id());
        run_tool("groupadd", &["--system", &name]).unwrap();
        let host = Host::new(Path::new("/bin/true"), Path::new("/nonexistent"));
        let ask = NewAccount {
            name: name.clone(),
            home: PathBuf::from("/nonexistent"),
            group: None,
        };
        let account = host.ensure_account(&ask);
        run_tool("userdel", &[&name]).unwrap();
        // Gone with its user on most systems.
        drop(run_tool("groupdel", &[&name]));
        assert_ne!(account.unwrap().uid, 0);
    }
}
