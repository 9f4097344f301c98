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
    CgroupUse, Client, GroupSpec, ProgramKind, ProgramSpec, ProgramState, ProgramStatus,
    SuperviseConfig, SuperviseError, Wanted, run,
};

/// So long that reaching it is a fault.
pub const LIMIT: Duration = Duration::from_secs(20);

const PLAY: &str = "SLAPOS_TEST_SUPERVISE";

pub struct World {
    pub folder: tempfile::TempDir,
    cgroups: CgroupUse,
    process: Option<Child>,
}

impl World {
    /// A world with a running supervisor.
    pub fn new() -> Self {
        Self::with(CgroupUse::WhenPossible)
    }

    pub fn with(cgroups: CgroupUse) -> Self {
        let folder = tempfile::Builder::new().prefix("supervise").tempdir().unwrap();
        let mut world = Self { folder, cgroups, process: None };
        world.start();
        world
    }

    pub fn dir(&self) -> PathBuf {
        self.folder.path().join("private")
    }

    pub fn log_dir(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// Starts a supervisor and waits until it answers.
    pub fn start(&mut self) {
        self.process = Some(self.spawn());
        wait_until("the supervisor answers", || Client::connect(&self.dir())?.status());
    }

    /// Starts a supervisor without waiting for it.
    pub fn spawn(&self) -> Child {
        let mode = if self.cgroups == CgroupUse::Never { "never" } else { "when-possible" };
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "world::run_beside_another_thread_is_refused"])
            .args(["--nocapture", "--test-threads=1"])
            .env(PLAY, format!("{mode}:{}", self.folder.path().display()))
            .env("OF_THE_SUPERVISOR", "must not be inherited")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    }

    pub fn pid(&self) -> i32 {
        i32::try_from(self.process.as_ref().unwrap().id()).unwrap()
    }

    /// Kills the supervisor with a signal that it cannot see coming.
    pub fn kill(&mut self) {
        let mut process = self.process.take().unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// Waits for the supervisor to end by itself; gives whether it ended well.
    pub fn wait_for_end(&mut self) -> bool {
        let mut process = self.process.take().unwrap();
        let mut ended = None;
        wait_until("the supervisor ends", || {
            ended = process.try_wait()?;
            ended.ok_or("it lives")
        });
        let ended = ended.unwrap();
        assert_eq!(ended.signal(), None);
        ended.success()
    }

    pub fn client(&self) -> Client {
        Client::connect(&self.dir()).unwrap()
    }

    pub fn apply(&self, group: &GroupSpec) {
        self.client().apply(group).unwrap();
    }

    /// The programs of a group, by name; empty when there is no such group.
    pub fn programs(&self, group: &str) -> BTreeMap<String, ProgramStatus> {
        let status = self.client().status_of(group).unwrap();
        let programs = status.map(|group| group.programs).unwrap_or_default();
        programs.into_iter().map(|program| (program.name.clone(), program)).collect()
    }

    pub fn program(&self, group: &str, name: &str) -> ProgramStatus {
        self.programs(group).remove(name).unwrap()
    }

    /// Waits until a program is as `condition` says.
    pub fn wait_for(
        &self,
        group: &str,
        name: &str,
        condition: impl Fn(&ProgramStatus) -> bool,
    ) -> ProgramStatus {
        wait_until(&format!("{group}:{name} is as wanted"), || {
            let program = self.programs(group).remove(name).ok_or("no such program")?;
            if condition(&program) { Ok(program) } else { Err(format!("{program:?}").into()) }
        })
    }

    pub fn wait_running(&self, group: &str, name: &str) -> i32 {
        self.wait_for(group, name, |program| program.state == ProgramState::Running).pid.unwrap()
    }

    /// Waits until all programs of a group run; gives their pids by name.
    pub fn wait_all_running(&self, group: &str, count: usize) -> BTreeMap<String, i32> {
        wait_until(&format!("{count} programs of {group} run"), || {
            let programs = self.programs(group);
            let running = programs.values().filter(|one| one.state == ProgramState::Running);
            let pids: BTreeMap<String, i32> =
                running.map(|one| (one.name.clone(), one.pid.unwrap())).collect();
            if pids.len() == count { Ok(pids) } else { Err(format!("{programs:?}").into()) }
        })
    }

    pub fn log(&self, group: &str, name: &str) -> String {
        let path = self.log_dir().join(group).join(format!("{name}.log"));
        String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned()
    }

    /// Every live process that a supervisor of this world started, by its mark.
    pub fn marked(&self) -> Vec<i32> {
        use std::os::unix::fs::MetadataExt;
        let Ok(identity) = std::fs::metadata(self.dir()) else { return vec![] };
        let mark = format!("SLAPOS_PROGRAM={:x}-{:x}/", identity.dev(), identity.ino());
        let has_mark = |pid: &i32| {
            let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|one| one.starts_with(mark.as_bytes()))
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
        while Client::connect(&self.dir()).is_err() && Instant::now() < deadline {
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
pub fn wait_until<T>(
    what: &str,
    mut attempt: impl FnMut() -> Result<T, Box<dyn std::error::Error>>,
) -> T
where
{
    let deadline = Instant::now() + LIMIT;
    loop {
        match attempt() {
            Ok(value) => return value,
            Err(error) if Instant::now() >= deadline => panic!("not within {LIMIT:?}: {what}: {error}"),
            Err(_) => std::thread::park_timeout(Duration::from_millis(2)),
        }
    }
}

pub fn check(condition: bool, what: impl Into<String>) -> Result<(), Box<dyn std::error::Error>> {
    if condition { Ok(()) } else { Err(what.into().into()) }
}

pub fn group(name: &str, programs: Vec<ProgramSpec>) -> GroupSpec {
    GroupSpec { name: name.into(), wanted: Wanted::Running, programs }
}

pub fn service(name: &str, script: &str) -> ProgramSpec {
    program(name, ProgramKind::Service, script)
}

/// A program that is a shell script; the digest is the script.
pub fn program(name: &str, kind: ProgramKind, script: &str) -> ProgramSpec {
    let command = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
    let mut program = ProgramSpec::new(name, kind, command);
    program.digest = format!("{:x}", script.len()) + &script.replace(|c: char| !c.is_ascii(), "")[..script.len().min(60)];
    program.environment.insert("PATH".into(), "/usr/bin:/bin".into());
    program.stop_timeout_ms = 5_000;
    program
}

pub fn sleeper(name: &str) -> ProgramSpec {
    service(name, "exec sleep 100000")
}

pub fn pids() -> Vec<i32> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

pub fn is_alive(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

pub fn kill_9(pid: i32) {
    kill(Pid::from_raw(pid), NixSignal::SIGKILL).unwrap();
}

/// False, with a line on standard error, when this is not root.
pub fn is_root_or_say(what: &str) -> bool {
    let is_root = Uid::effective().is_root();
    if !is_root {
        eprintln!("left out, needs root: {what}");
    }
    is_root
}

/// A number in a file that a program wrote, once it is there.
pub fn wait_for_number(path: &Path) -> i32 {
    wait_until(&format!("a number in {}", path.display()), || {
        let text = std::fs::read_to_string(path)?;
        check(text.ends_with('\n'), "half written")?;
        Ok(text.trim().parse()?)
    })
}

/// A test of its own, and the supervisor process of all the others: a process of this binary with one
/// thread is what `run` needs, and starting the binary again is the way to get one.
#[test]
fn run_beside_another_thread_is_refused() {
    let config = |folder: &Path, cgroups| SuperviseConfig {
        dir: folder.join("private"),
        log_dir: folder.join("log"),
        jitter_seed: 1,
        cgroups,
    };
    if let Ok(play) = std::env::var(PLAY) {
        let (mode, folder) = play.split_once(':').unwrap();
        let cgroups =
            if mode == "never" { CgroupUse::Never } else { CgroupUse::WhenPossible };
        run(&config(Path::new(folder), cgroups)).unwrap();
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (end, wait) = std::sync::mpsc::channel::<()>();
    let other = std::thread::spawn(move || wait.recv());
    let error = run(&config(folder.path(), CgroupUse::Never)).unwrap_err();
    assert!(matches!(error, SuperviseError::Threads(2..)), "{error}");
    drop(end);
    other.join().unwrap().unwrap_err();
}
