//! A supervisor in a folder of its own, and what tests need around it.
//!
//! Dropping a [`World`] stops everything that it started, also when the supervisor was killed or the
//! test failed, and never anything else: processes are recognised by the mark in their environment.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal as NixSignal, kill};
use nix::unistd::{Pid, Uid};
use slapos_supervise::{
    CgroupUse, Client, GroupSpec, ProgramKind, ProgramSpec, ProgramState, ProgramStatus, Wanted,
};

/// So long that reaching it is a fault.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

pub(crate) struct World {
    pub(crate) folder: tempfile::TempDir,
    root: PathBuf,
    cgroups: CgroupUse,
    process: Option<Child>,
}

impl World {
    /// A world with a running supervisor.
    pub(crate) fn new() -> Self {
        Self::with(CgroupUse::WhenPossible)
    }

    pub(crate) fn with(cgroups: CgroupUse) -> Self {
        Self::in_root(cgroups, Path::new(""))
    }

    /// A world whose folders are `below` deeper.
    pub(crate) fn below(below: &Path) -> Self {
        Self::in_root(CgroupUse::WhenPossible, below)
    }

    fn in_root(cgroups: CgroupUse, below: &Path) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("supervise")
            .tempdir()
            .unwrap();
        let root = folder.path().join(below);
        let mut world = Self {
            folder,
            root,
            cgroups,
            process: None,
        };
        world.start();
        world
    }

    pub(crate) fn dir(&self) -> PathBuf {
        self.root.join("private")
    }

    pub(crate) fn log_dir(&self) -> PathBuf {
        self.root.join("log")
    }

    /// Starts a supervisor and waits until it answers.
    pub(crate) fn start(&mut self) {
        let mut process = self.spawn();
        wait_until("the supervisor answers", || {
            assert_eq!(process.try_wait()?, None, "the supervisor ended");
            Ok(Client::connect(&self.dir())?.status()?)
        });
        self.process = Some(process);
    }

    /// Starts a supervisor without waiting for it.
    pub(crate) fn spawn(&self) -> Child {
        let mode = if self.cgroups == CgroupUse::Never {
            "never"
        } else {
            "when-possible"
        };
        Command::new(env!("CARGO_BIN_EXE_supervise-for-tests"))
            .arg(mode)
            .arg(&self.root)
            .env("OF_THE_SUPERVISOR", "must not be inherited")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    }

    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.process.as_ref().unwrap().id()).unwrap()
    }

    /// Kills the supervisor with a signal that it cannot see coming.
    pub(crate) fn kill(&mut self) {
        let mut process = self.process.take().unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// Waits for the supervisor to end by itself; gives whether it ended well.
    pub(crate) fn wait_for_end(&mut self) -> bool {
        let mut process = self.process.take().unwrap();
        let mut ended = None;
        wait_until("the supervisor ends", || {
            ended = process.try_wait()?;
            Ok(ended.ok_or("it lives")?)
        });
        let ended = ended.unwrap();
        assert_eq!(ended.signal(), None);
        ended.success()
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(&self.dir()).unwrap()
    }

    pub(crate) fn apply(&self, group: &GroupSpec) {
        self.client().apply(group).unwrap();
    }

    /// The programs of a group, by name; empty when there is no such group.
    pub(crate) fn programs(&self, group: &str) -> BTreeMap<String, ProgramStatus> {
        let status = self.client().status_of(group).unwrap();
        let programs = status.map(|group| group.programs).unwrap_or_default();
        programs
            .into_iter()
            .map(|program| (program.name.clone(), program))
            .collect()
    }

    pub(crate) fn program(&self, group: &str, name: &str) -> ProgramStatus {
        self.programs(group).remove(name).unwrap()
    }

    /// Waits until a program is as `condition` says.
    pub(crate) fn wait_for(
        &self,
        group: &str,
        name: &str,
        condition: impl Fn(&ProgramStatus) -> bool,
    ) -> ProgramStatus {
        wait_until(&format!("{group}:{name} is as wanted"), || {
            let program = self.programs(group).remove(name).ok_or("no such program")?;
            if condition(&program) {
                Ok(program)
            } else {
                Err(format!("{program:?}").into())
            }
        })
    }

    pub(crate) fn wait_running(&self, group: &str, name: &str) -> i32 {
        self.wait_for(group, name, |program| {
            program.state == ProgramState::Running
        })
        .pid
        .unwrap()
    }

    /// Waits until all programs of a group run; gives their pids by name.
    pub(crate) fn wait_all_running(&self, group: &str, count: usize) -> BTreeMap<String, i32> {
        wait_until(&format!("{count} programs of {group} run"), || {
            let programs = self.programs(group);
            let running = programs
                .values()
                .filter(|one| one.state == ProgramState::Running);
            let pids: BTreeMap<String, i32> = running
                .map(|one| (one.name.clone(), one.pid.unwrap()))
                .collect();
            if pids.len() == count {
                Ok(pids)
            } else {
                Err(format!("{programs:?}").into())
            }
        })
    }

    pub(crate) fn log(&self, group: &str, name: &str) -> String {
        let path = self.log_dir().join(group).join(format!("{name}.log"));
        String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned()
    }

    /// Every live process that a supervisor of this world started, by its mark.
    pub(crate) fn marked(&self) -> Vec<i32> {
        use std::os::unix::fs::MetadataExt;
        let Ok(identity) = std::fs::metadata(self.dir()) else {
            return vec![];
        };
        let mark = format!("SLAPOS_PROGRAM={:x}-{:x}/", identity.dev(), identity.ino());
        let has_mark = |pid: &i32| {
            let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment
                .split(|byte| *byte == 0)
                .any(|one| one.starts_with(mark.as_bytes()))
        };
        pids().into_iter().filter(has_mark).collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let process = self.process.take().unwrap_or_else(|| self.spawn());
        let pid = Pid::from_raw(i32::try_from(process.id()).unwrap());
        let mut process = process;
        // A supervisor that was just started takes the rest over before it reads the signal; one
        // that has not yet blocked it dies of it.
        let deadline = Instant::now() + LIMIT;
        while Client::connect(&self.dir()).is_err()
            && process.try_wait().is_ok_and(|ended| ended.is_none())
            && Instant::now() < deadline
        {
            std::thread::park_timeout(Duration::from_millis(2));
        }
        let _ = kill(pid, NixSignal::SIGTERM);
        while process.try_wait().is_ok_and(|ended| ended.is_none()) && Instant::now() < deadline {
            std::thread::park_timeout(Duration::from_millis(2));
        }
        let _ = process.kill();
        let _ = process.wait();
        for pid in self.marked() {
            let _ = kill(Pid::from_raw(pid), NixSignal::SIGKILL);
        }
    }
}

/// Tries again until it succeeds; panics with the last failure at the limit.
pub(crate) fn wait_until<T>(
    what: &str,
    mut attempt: impl FnMut() -> Result<T, Box<dyn std::error::Error>>,
) -> T {
    let deadline = Instant::now() + LIMIT;
    loop {
        match attempt() {
            Ok(value) => return value,
            Err(error) if Instant::now() >= deadline => {
                panic!("not within {LIMIT:?}: {what}: {error}")
            }
            Err(_) => std::thread::park_timeout(Duration::from_millis(2)),
        }
    }
}

pub(crate) fn check(
    condition: bool,
    what: impl Into<String>,
) -> Result<(), Box<dyn std::error::Error>> {
    if condition {
        Ok(())
    } else {
        Err(what.into().into())
    }
}

pub(crate) fn group(name: &str, programs: Vec<ProgramSpec>) -> GroupSpec {
    GroupSpec {
        name: name.into(),
        wanted: Wanted::Running,
        programs,
    }
}

pub(crate) fn service(name: &str, script: &str) -> ProgramSpec {
    program(name, ProgramKind::Service, script)
}

/// A program that is a shell script; the digest is the script.
pub(crate) fn program(name: &str, kind: ProgramKind, script: &str) -> ProgramSpec {
    let command = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
    let mut program = ProgramSpec::new(name, kind, command);
    program.digest = format!("{:x}", script.len())
        + &script.replace(|c: char| !c.is_ascii(), "")[..script.len().min(60)];
    program
        .environment
        .insert("PATH".into(), "/usr/bin:/bin".into());
    program.stop_timeout_ms = 5_000;
    program
}

pub(crate) fn sleeper(name: &str) -> ProgramSpec {
    service(name, "exec sleep 100000")
}

pub(crate) fn pids() -> Vec<i32> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

pub(crate) fn is_alive(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

pub(crate) fn kill_9(pid: i32) {
    kill(Pid::from_raw(pid), NixSignal::SIGKILL).unwrap();
}

/// False, with a line on standard error, when this is not root.
pub(crate) fn is_root_or_say(what: &str) -> bool {
    let is_root = Uid::effective().is_root();
    if !is_root {
        eprintln!("left out, needs root: {what}");
    }
    is_root
}

/// A number in a file that a program wrote, once it is there.
pub(crate) fn wait_for_number(path: &Path) -> i32 {
    wait_until(&format!("a number in {}", path.display()), || {
        let text = std::fs::read_to_string(path)?;
        check(text.ends_with('\n'), "half written")?;
        Ok(text.trim().parse()?)
    })
}

/// When a process started, in clock ticks since boot.
pub(crate) fn start_ticks(pid: i32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    fields.split(' ').nth(19).unwrap().parse().unwrap()
}

/// A process that has nothing to do with any supervisor; ends with the test.
pub(crate) struct Stranger(Child);

impl Stranger {
    pub(crate) fn new() -> Self {
        Self(Command::new("sleep").arg("100000").spawn().unwrap())
    }

    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.0.id()).unwrap()
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
