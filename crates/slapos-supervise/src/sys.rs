//! The system calls that have no safe wrapper: making a child, and process descriptors.
//!
//! The only file of this crate with `unsafe`. [`spawn`] is the heart of it: between the clone and the
//! exec the child runs code of this file only, which neither allocates nor locks. Everything that
//! can be prepared is prepared in [`ChildPlan`] before.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use crate::limits;

/// Everything about a child that is about to be made.
#[derive(Debug)]
pub(crate) struct ChildPlan<'a> {
    pub(crate) argv: &'a [CString],
    pub(crate) environment: &'a [CString],
    pub(crate) directory: &'a CStr,
    /// uid, gid and supplementary groups.
    pub(crate) user: Option<(u32, u32, &'a [u32])>,
    /// Resource, soft and hard limit.
    pub(crate) rlimits: &'a [(u32, u64, u64)],
    pub(crate) null: BorrowedFd<'a>,
    /// Standard output and error.
    pub(crate) output: BorrowedFd<'a>,
    /// The child's end of the gate: it waits for one byte before it executes its program, and
    /// reports there what failed. Closed by a successful exec.
    pub(crate) gate: BorrowedFd<'a>,
    /// Folder of the cgroup to be born in.
    pub(crate) cgroup: Option<BorrowedFd<'a>>,
}

/// What a child was doing when it failed; goes over the gate as one byte, with the error number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Stage {
    Descriptors = 1,
    ProcessGroup,
    Limits,
    Groups,
    GroupId,
    UserId,
    Privileges,
    Directory,
    Execute,
}

impl Stage {
    /// The message of a child as words.
    pub(crate) fn describe(byte: u8) -> &'static str {
        const WORDS: [(Stage, &str); 9] = [
            (Stage::Descriptors, "set up its descriptors"),
            (Stage::ProcessGroup, "start its process group"),
            (Stage::Limits, "set its resource limits"),
            (Stage::Groups, "set its supplementary groups"),
            (Stage::GroupId, "switch to its group"),
            (Stage::UserId, "switch to its user"),
            (Stage::Privileges, "give up new privileges"),
            (Stage::Directory, "enter its folder"),
            (Stage::Execute, "execute its command"),
        ];
        let known = WORDS.iter().find(|(stage, _)| *stage as u8 == byte);
        known.map_or("start", |(_, words)| words)
    }
}

/// Makes a child as planned; gives its pid. It waits at the gate.
pub(crate) fn spawn(plan: &ChildPlan<'_>) -> io::Result<i32> {
    let argv = pointers(plan.argv);
    let environment = pointers(plan.environment);
    let pid = clone_process(plan.cgroup)?;
    if pid == 0 {
        // SAFETY: this is the child, single-threaded; both lists end with a null pointer and what
        // they point to lives in this copy of the memory.
        unsafe { run_child(plan, &argv, &environment) }
    }
    Ok(pid)
}

/// A descriptor of a live process; fails when there is none of that pid.
pub(crate) fn pidfd_open(pid: i32) -> io::Result<OwnedFd> {
    // SAFETY: no pointers are passed.
    let fd = check(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })?;
    // SAFETY: the kernel just gave us this descriptor, nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(raw_fd(fd)) })
}

/// Sends a signal to the process of a descriptor, never to another one that got its pid.
pub(crate) fn pidfd_send_signal(pidfd: BorrowedFd<'_>, signal: i32) -> io::Result<()> {
    let info: *const libc::siginfo_t = std::ptr::null();
    // SAFETY: a null info is allowed and means "as kill does it".
    let done = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            pidfd.as_raw_fd(),
            signal,
            info,
            0,
        )
    };
    check(done).map(drop)
}

/// The wait status of a process that ended and is not our child, where the kernel keeps it
/// (Linux 6.15).
pub(crate) fn pidfd_exit_status(pidfd: BorrowedFd<'_>) -> Option<i32> {
    // struct pidfd_info of linux/pidfd.h, its first published size.
    #[repr(C)]
    #[derive(Default)]
    struct PidfdInfo {
        mask: u64,
        cgroup_id: u64,
        ids: [u32; 11],
        exit_code: i32,
    }
    const INFO_EXIT: u64 = 1 << 3;
    // _IOWR(0xFF, 11, struct pidfd_info of 64 bytes).
    const GET_INFO: libc::c_ulong = (3 << 30) | (64 << 16) | (0xFF << 8) | 11;
    const { assert!(size_of::<PidfdInfo>() == 64) };
    let mut info = PidfdInfo {
        mask: INFO_EXIT,
        ..PidfdInfo::default()
    };
    // SAFETY: the structure has the size that the request names and lives through the call.
    let done = unsafe { libc::ioctl(pidfd.as_raw_fd(), GET_INFO as _, &raw mut info) };
    (done == 0 && info.mask & INFO_EXIT != 0).then_some(info.exit_code)
}

/// Pointers to the texts and a null at the end, as exec wants them.
fn pointers(texts: &[CString]) -> Vec<*const libc::c_char> {
    texts
        .iter()
        .map(|text| text.as_ptr())
        .chain([std::ptr::null()])
        .collect()
}

/// A copy of this process: 0 in the child. Born in the cgroup, so that moving it there (which waits
/// for all processors) is not needed.
fn clone_process(cgroup: Option<BorrowedFd<'_>>) -> io::Result<i32> {
    const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;
    // SAFETY: all-zero is a valid value of this structure of integers.
    let mut request: libc::clone_args = unsafe { std::mem::zeroed() };
    request.exit_signal = u64::from(libc::SIGCHLD.unsigned_abs());
    if let Some(folder) = cgroup {
        request.flags = CLONE_INTO_CGROUP;
        request.cgroup = u64::from(folder.as_raw_fd().unsigned_abs());
    }
    let size = size_of::<libc::clone_args>();
    // SAFETY: without CLONE_VM this is a fork; the structure is initialised and of the given size.
    // The process has one thread (`run` demands it), so no lock of libc is held in the copy.
    match check(unsafe { libc::syscall(libc::SYS_clone3, &raw const request, size) }) {
        Err(error) if cgroup.is_none() && error.raw_os_error() == Some(libc::ENOSYS) => {
            // SAFETY: as above; for kernels and sandboxes without clone3.
            check(libc::c_long::from(unsafe { libc::fork() })).map(raw_fd)
        }
        done => done.map(raw_fd),
    }
}

/// The child from its birth to its exec. Never returns.
///
/// # Safety
/// Only in a child just made, with lists that end with a null pointer.
unsafe fn run_child(
    plan: &ChildPlan<'_>,
    argv: &[*const libc::c_char],
    environment: &[*const libc::c_char],
) -> ! {
    // SAFETY: the caller's promise.
    let failed = match unsafe { prepare_child(plan) } {
        Ok(()) => {
            // SAFETY: the lists end with a null pointer and the first one is not empty.
            unsafe { libc::execve(argv[0], argv.as_ptr(), environment.as_ptr()) };
            Stage::Execute
        }
        Err(stage) => stage,
    };
    let number = io::Error::last_os_error()
        .raw_os_error()
        .unwrap_or(0)
        .to_ne_bytes();
    let message = [failed as u8, number[0], number[1], number[2], number[3]];
    // SAFETY: five readable bytes; `_exit` runs no destructor and no handler.
    unsafe {
        libc::write(GATE, message.as_ptr().cast(), message.len());
        libc::_exit(127)
    }
}

/// Where the gate is in the child.
const GATE: RawFd = 3;

/// All that is done before the exec. On an error `errno` tells why.
///
/// # Safety
/// Only in a child just made: it gives up everything that the process had.
unsafe fn prepare_child(plan: &ChildPlan<'_>) -> Result<(), Stage> {
    // SAFETY: plain system calls on numbers, and on memory that lives through them.
    unsafe {
        place_descriptors(plan)?;
        reset_signals();
        libc::umask(limits::UMASK);
        // Not a session of its own: where the scheduler groups by session, making one waits 2 to 8 ms,
        // several times the rest of a start. The supervisor has a session without a terminal.
        done(libc::setpgid(0, 0) == 0, Stage::ProcessGroup)?;
        for (resource, soft, hard) in plan.rlimits {
            let limit = libc::rlimit {
                rlim_cur: *soft,
                rlim_max: *hard,
            };
            done(
                libc::setrlimit(*resource as _, &raw const limit) == 0,
                Stage::Limits,
            )?;
        }
        if let Some((uid, gid, groups)) = plan.user {
            // Without root only the own ids can be "switched" to, and the groups cannot change.
            if libc::geteuid() == 0 {
                let is_set = libc::setgroups(groups.len(), groups.as_ptr()) == 0;
                done(is_set, Stage::Groups)?;
            }
            done(libc::setresgid(gid, gid, gid) == 0, Stage::GroupId)?;
            done(libc::setresuid(uid, uid, uid) == 0, Stage::UserId)?;
        }
        done(
            libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0,
            Stage::Privileges,
        )?;
        wait_at_gate();
        done(libc::chdir(plan.directory.as_ptr()) == 0, Stage::Directory)
    }
}

/// 0 is /dev/null, 1 and 2 the output, 3 the gate; nothing else stays open.
///
/// # Safety
/// Only in a child just made.
unsafe fn place_descriptors(plan: &ChildPlan<'_>) -> Result<(), Stage> {
    let gate = plan.gate.as_raw_fd();
    // SAFETY: system calls on numbers. The supervisor holds 0, 1 and 2 open itself, so none of the
    // three descriptors of the plan is overwritten before it was used.
    unsafe {
        done(
            libc::dup2(plan.null.as_raw_fd(), 0) == 0,
            Stage::Descriptors,
        )?;
        done(
            libc::dup2(plan.output.as_raw_fd(), 1) == 1,
            Stage::Descriptors,
        )?;
        done(
            libc::dup2(plan.output.as_raw_fd(), 2) == 2,
            Stage::Descriptors,
        )?;
        if gate != GATE {
            done(
                libc::dup3(gate, GATE, libc::O_CLOEXEC) == GATE,
                Stage::Descriptors,
            )?;
        }
        if libc::syscall(libc::SYS_close_range, GATE + 1, libc::c_uint::MAX, 0) != 0 {
            close_each();
        }
    }
    Ok(())
}

/// For kernels before 5.9.
///
/// # Safety
/// Only in a child just made.
unsafe fn close_each() {
    // SAFETY: closing numbers of a process that owns none of them any more.
    unsafe {
        let last = libc::sysconf(libc::_SC_OPEN_MAX).clamp(1024, 1 << 20);
        for fd in GATE + 1..raw_fd(last) {
            libc::close(fd);
        }
    }
}

/// Every signal is handled by default again, none is blocked.
///
/// # Safety
/// Only in a child just made.
unsafe fn reset_signals() {
    // The kernel's structure (at most four words) of zeros is "by default". Its call is used because
    // that of libc refuses the signals 32 and 33, which a parent may have ignored, too.
    let default = [0_u64; 4];
    // SAFETY: readable memory of the kernel's size, and an initialised set.
    unsafe {
        for signal in 1..=64 {
            let old: *mut u64 = std::ptr::null_mut();
            libc::syscall(libc::SYS_rt_sigaction, signal, default.as_ptr(), old, 8);
        }
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
    }
}

/// Waits until the supervisor has written down that this child exists. When the supervisor died
/// before, nobody knows of it: it ends without having done anything.
///
/// # Safety
/// Only in a child just made whose gate is in place.
unsafe fn wait_at_gate() {
    let mut byte = 0_u8;
    loop {
        // SAFETY: one writable byte.
        match unsafe { libc::read(GATE, (&raw mut byte).cast(), 1) } {
            1 => return,
            -1 if io::Error::last_os_error().raw_os_error() == Some(libc::EINTR) => {}
            // SAFETY: ends this process without running anything of the copy.
            _ => unsafe { libc::_exit(127) },
        }
    }
}

fn done(is_done: bool, stage: Stage) -> Result<(), Stage> {
    if is_done { Ok(()) } else { Err(stage) }
}

fn check(answer: libc::c_long) -> io::Result<libc::c_long> {
    if answer < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(answer)
    }
}

/// Descriptors and pids fit in an `i32` by the kernel's own limits.
fn raw_fd(answer: libc::c_long) -> i32 {
    i32::try_from(answer).unwrap_or(i32::MAX)
}
