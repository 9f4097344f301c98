//! Making the main process of a program, and hearing from it until its program file runs.
//!
//! Order matters: the child is made and waits at its gate, it is written down, then the gate opens.
//! A supervisor that dies in between leaves a child that ends by itself, or one that is written down.
//!
//! A child is born in its cgroup, because moving it there later waits for all processors. Recent
//! kernels (seen on 6.18) kill such a child at once when its cgroup was killed before and that of the
//! parent was not: they compare the counts of the two. So a cgroup that was killed is made anew, and
//! when a child dies unborn nevertheless, children are moved from then on.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use nix::sys::resource::{Resource, getrlimit};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, recv, send, socketpair};

use super::Supervisor;
use super::entry::{Entry, ProgramId};
use crate::child_table::ChildRecord;
use crate::poll::Token;
use crate::proc::Birth;
use crate::spec::ProgramSpec;
use crate::status::{EventKind, Outcome};
use crate::step::Fact;
use crate::sys::{self, ChildPlan, Stage};

impl Supervisor {
    /// Performs `Effect::Spawn`.
    pub(super) fn launch(&mut self, id: ProgramId) -> Fact {
        self.look.forget();
        match self.try_launch(id) {
            Ok(birth) => {
                self.by_pid.insert(birth.pid, id);
                Fact::Spawned { pid: birth.pid }
            }
            Err(what) => {
                if let Some(entry) = self.entry_mut(id) {
                    entry.last_exit = Some(Outcome::NotStarted(what.clone()));
                    entry.message = Some(what);
                }
                Fact::NotSpawned
            }
        }
    }

    fn try_launch(&mut self, id: ProgramId) -> Result<Birth, String> {
        let output = self.open_output(id);
        let mark = self.mark_of(id).ok_or("cannot start: unknown program")?;
        let entry = self.entry(id).ok_or("cannot start: unknown program")?;
        let (rlimits, clamped_limits) = rlimits(&entry.spec, self.open_files);
        let (gate, child_gate) = open_gate().map_err(cannot("open a gate"))?;
        let (pid, is_in_cgroup) =
            self.clone_child(entry, &mark, &rlimits, (&output, &child_gate))?;
        drop(child_gate);
        let birth = Birth::of(pid).map_err(cannot("read the start time of the child"))?;

        let entry = self.entry_mut(id).ok_or("cannot start: unknown program")?;
        entry.main = Some(birth);
        entry.is_in_cgroup = is_in_cgroup;
        entry.has_used_cgroup = false;
        entry.is_adopted = false;
        entry.clamped_limits = clamped_limits;
        entry.running_digest = Some(entry.spec.digest.clone());
        let record = self.entry(id).and_then(|entry| self.record_of(entry));
        let record = record.ok_or("cannot start: unknown program")?;
        // From here on a failure drops the gate, at which the child waits and then ends.
        self.table
            .record(id as usize, &record)
            .map_err(cannot("record the child"))?;
        self.poller
            .add(&gate, Token::Gate(id))
            .map_err(|error| cannot("watch the child")(error.into()))?;
        // A child that failed already has closed its end; its message is read from the gate.
        let let_through = send(gate.as_raw_fd(), b"g", MsgFlags::MSG_NOSIGNAL);
        let entry = self.entry_mut(id).ok_or("cannot start: unknown program")?;
        entry.is_let_through = let_through.is_ok();
        entry.gate = Some(gate);
        entry.starts += 1;
        Ok(birth)
    }

    /// Makes the child in its cgroup, or without one where that is not possible. Says which.
    fn clone_child(
        &self,
        entry: &Entry,
        mark: &[u8],
        rlimits: &[(u32, u64, u64)],
        (output, gate): (&Option<OwnedFd>, &OwnedFd),
    ) -> Result<(i32, bool), String> {
        let argv = texts(
            entry
                .spec
                .command
                .iter()
                .map(|word| word.clone().into_bytes()),
        )?;
        let variables = entry.spec.environment.iter();
        let variables = variables.map(|(name, value)| format!("{name}={value}").into_bytes());
        let environment = texts(variables.chain([mark.to_owned()]))?;
        let directory = entry.spec.directory.as_os_str().as_encoded_bytes();
        let directory =
            CString::new(directory).map_err(|_| "the folder's name holds a NUL byte")?;
        let user = entry.spec.user.as_ref();
        let mut plan = ChildPlan {
            argv: &argv,
            environment: &environment,
            directory: &directory,
            user: user.map(|user| (user.uid, user.gid, user.groups.as_slice())),
            rlimits,
            null: self.null.file().as_fd(),
            output: output
                .as_ref()
                .map_or(self.null.file().as_fd(), AsFd::as_fd),
            gate: gate.as_fd(),
            cgroup: None,
        };
        let cgroup = self
            .cgroups
            .as_ref()
            .map(|all| all.of(&entry.group, &entry.spec.name));
        let folder = cgroup.as_ref().and_then(|cgroup| {
            if entry.has_used_cgroup {
                cgroup.remove();
            }
            cgroup.open().ok()
        });
        if let (Some(folder), true) = (&folder, self.can_be_born_in_cgroups) {
            plan.cgroup = Some(folder.file().as_fd());
            if let Ok(pid) = sys::spawn(&plan) {
                return Ok((pid, true));
            }
            plan.cgroup = None;
        }
        let pid = sys::spawn(&plan).map_err(cannot("make a process"))?;
        let is_moved = folder.is_some() && cgroup.is_some_and(|cgroup| cgroup.take_in(pid).is_ok());
        Ok((pid, is_moved))
    }

    /// The record of the process that runs, or ran last.
    pub(super) fn record_of(&self, entry: &Entry) -> Option<ChildRecord> {
        let main = entry.main?;
        Some(ChildRecord {
            boot: self.boot.clone(),
            group: entry.group.clone(),
            program: entry.spec.name.clone(),
            digest: entry
                .running_digest
                .clone()
                .unwrap_or_else(|| entry.spec.digest.clone()),
            kind: entry.spec.kind,
            stop_signal: entry.spec.stop_signal,
            stop_timeout_ms: entry.spec.stop_timeout_ms,
            pid: main.pid,
            start_ticks: main.start_ticks,
            is_in_cgroup: entry.is_in_cgroup,
            is_done: false,
        })
    }

    /// Hears what happened behind the gate: closed by the exec, or a message and then the end.
    pub(super) fn read_gate(&mut self, id: ProgramId) {
        let Some(entry) = self.entry_mut(id) else {
            return;
        };
        let Some(gate) = &entry.gate else { return };
        let mut message = [0; 5];
        let fd = gate.as_raw_fd();
        match recv(fd, &mut message, MsgFlags::MSG_DONTWAIT) {
            Err(nix::errno::Errno::EAGAIN | nix::errno::Errno::EINTR) => {}
            Ok(5) => {
                let number = i32::from_ne_bytes([message[1], message[2], message[3], message[4]]);
                let what = describe_failure(&entry.spec, message[0], number);
                entry.gate = None;
                entry.last_exit = Some(Outcome::NotStarted(what.clone()));
                entry.message = Some(what);
            }
            Ok(0) if entry.is_let_through => {
                entry.gate = None;
                let limits = entry.clamped_limits.join(", ");
                entry.message = (!limits.is_empty()).then(|| format!("limits clamped: {limits}"));
                let pid = entry.main.map_or(0, |main| main.pid);
                self.feed(id, Fact::Executed);
                self.tell(id, EventKind::Started { pid });
            }
            // It was killed at the gate: its end is told by SIGCHLD.
            _ => entry.gate = None,
        }
    }
}

/// A sentence about a child that failed before its exec.
fn describe_failure(spec: &ProgramSpec, stage: u8, number: i32) -> String {
    let error = io::Error::from_raw_os_error(number);
    let what = Stage::describe(stage);
    let user = spec.user.as_ref().map_or(0, |user| user.uid);
    let group = spec.user.as_ref().map_or(0, |user| user.gid);
    let on = match stage {
        stage if stage == Stage::UserId as u8 => user.to_string(),
        stage if stage == Stage::GroupId as u8 => group.to_string(),
        stage if stage == Stage::Directory as u8 => spec.directory.display().to_string(),
        stage if stage == Stage::Execute as u8 => spec.command.first().cloned().unwrap_or_default(),
        _ => String::new(),
    };
    format!("cannot {what} {on}: {error}").replace(" :", ":")
}

/// The limits for the child, and in words those that are lower than asked.
fn rlimits(spec: &ProgramSpec, open_files: (u64, u64)) -> (Vec<(u32, u64, u64)>, Vec<String>) {
    let wanted = &spec.limits;
    // A core file of a crash loop would fill the disk; whoever wants one asks for it.
    let core = wanted.core_bytes.or(Some(0));
    let asked = [
        ("open_files", Resource::RLIMIT_NOFILE, wanted.open_files),
        ("processes", Resource::RLIMIT_NPROC, wanted.processes),
        ("core_bytes", Resource::RLIMIT_CORE, core),
        ("file_bytes", Resource::RLIMIT_FSIZE, wanted.file_bytes),
        ("memory_bytes", Resource::RLIMIT_AS, wanted.memory_bytes),
    ];
    let (mut limits, mut clamped) = (vec![], vec![]);
    for (name, resource, value) in asked {
        let Some(value) = value else { continue };
        let hard = getrlimit(resource).map_or(u64::MAX, |(_, hard)| hard);
        if value > hard {
            clamped.push(format!("{name} {value} asked, {hard} allowed"));
        }
        limits.push((resource as u32, value.min(hard), value.min(hard)));
    }
    if wanted.open_files.is_none() {
        // The supervisor raised its own; programs get what it found.
        limits.push((Resource::RLIMIT_NOFILE as u32, open_files.0, open_files.1));
    }
    (limits, clamped)
}

fn open_gate() -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = SockFlag::SOCK_CLOEXEC;
    Ok(socketpair(
        AddressFamily::Unix,
        SockType::Stream,
        None,
        flags,
    )?)
}

fn texts(texts: impl Iterator<Item = Vec<u8>>) -> Result<Vec<CString>, String> {
    let texts: Result<Vec<CString>, _> = texts.map(CString::new).collect();
    texts.map_err(|_| "the command or environment holds a NUL byte".to_owned())
}

fn cannot(doing: &'static str) -> impl Fn(io::Error) -> String {
    move |error| format!("cannot {doing}: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{ProgramKind, User};

    #[test]
    fn describe_failure_names_what_it_was_about() {
        let command = vec!["/no/such".to_owned()];
        let mut spec = ProgramSpec::new("a", ProgramKind::Service, command);
        spec.user = Some(User {
            uid: 12,
            gid: 34,
            groups: vec![],
        });
        let told = [
            describe_failure(&spec, Stage::Execute as u8, libc::ENOENT),
            describe_failure(&spec, Stage::UserId as u8, libc::EPERM),
            describe_failure(&spec, Stage::ProcessGroup as u8, libc::EPERM),
        ];
        let expected = [
            "cannot execute its command /no/such: No such file or directory (os error 2)",
            "cannot switch to its user 12: Operation not permitted (os error 1)",
            "cannot start its process group: Operation not permitted (os error 1)",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn rlimits_beyond_the_machine_are_clamped_and_told() {
        let mut spec = ProgramSpec::new("a", ProgramKind::Service, vec!["/bin/true".into()]);
        let (limits, clamped) = rlimits(&spec, (64, 128));
        assert_eq!(limits[1], (Resource::RLIMIT_NOFILE as u32, 64, 128));
        assert_eq!(clamped, Vec::<String>::new());
        spec.limits.open_files = Some(u64::MAX - 1);
        let (limits, clamped) = rlimits(&spec, (64, 128));
        let hard = getrlimit(Resource::RLIMIT_NOFILE).unwrap().1;
        assert_eq!(limits[0], (Resource::RLIMIT_NOFILE as u32, hard, hard));
        assert_eq!(
            clamped,
            [format!("open_files {} asked, {hard} allowed", u64::MAX - 1)]
        );
    }
}
