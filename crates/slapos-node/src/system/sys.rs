//! The calls that need `unsafe`: what a child does between fork and exec.
//!
//! Only async-signal-safe functions are called there, and nothing is allocated.
#![allow(unsafe_code)]

use crate::system::Account;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// What the child process becomes before its program starts.
#[derive(Debug, Clone)]
pub(crate) struct Become {
    /// User, group, other groups; the agent's own when left out.
    user: Option<(libc::uid_t, libc::gid_t, Vec<libc::gid_t>)>,
    /// Whether it may gain rights by a set-user-id program.
    may_gain_rights: bool,
}

impl Become {
    /// A child of a tenant or a builder: no new rights.
    pub(crate) fn tenant(account: Option<&Account>) -> Self {
        Self {
            user: account.map(|account| (account.uid, account.gid, account.groups.clone())),
            may_gain_rights: false,
        }
    }

    /// The supervisor: it must be able to switch users.
    pub(crate) fn supervisor() -> Self {
        Self {
            user: None,
            may_gain_rights: true,
        }
    }

    /// Arranges that `command` starts so: own session, umask 027, all signals free.
    pub(crate) fn prepare(self, command: &mut Command) {
        // SAFETY: `enter` only makes system calls that are async-signal-safe and touches memory
        // that was allocated before the fork.
        unsafe {
            command.pre_exec(move || self.enter());
        }
    }

    fn enter(&self) -> io::Result<()> {
        // SAFETY: plain system calls with values or pointers to live memory of this process.
        unsafe {
            check(libc::setsid())?;
            libc::umask(0o027);
            let mut none: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&raw mut none);
            check(libc::sigprocmask(
                libc::SIG_SETMASK,
                &raw const none,
                std::ptr::null_mut(),
            ))?;
            if let Some((uid, gid, groups)) = &self.user {
                check(libc::setgroups(groups.len(), groups.as_ptr()))?;
                check(libc::setgid(*gid))?;
                check(libc::setuid(*uid))?;
            }
            if !self.may_gain_rights {
                check(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))?;
            }
        }
        Ok(())
    }
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// The version of Landlock that the kernel offers, 0 when none.
pub(crate) fn landlock_abi() -> i64 {
    const VERSION: libc::c_ulong = 1;
    // SAFETY: with the version flag the call reads no memory.
    let abi = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            std::ptr::null::<libc::c_void>(),
            0_usize,
            VERSION,
        )
    };
    abi.max(0)
}
