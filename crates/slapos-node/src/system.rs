//! The one seam to the operating system.
//!
//! Everything that needs a right, a user, a process or another program goes through [`System`];
//! the real one is [`real::Host`], the tests' recording double is in [`double`]. Nothing here
//! decides what should be done.

pub mod child;
pub mod real;
pub mod removal;
mod supervisor;
mod sys;

pub(crate) use sys::landlock_abi;

use crate::job::{Job, JobOutcome, JobProgress};
use serde::{Deserialize, Serialize};
use slapos_supervise::{GroupSpec, GroupStatus};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use child::{Cancel, ChildAsk, ChildEnd, Ended};

/// A user of this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Name.
    pub name: String,
    /// User id.
    pub uid: u32,
    /// Primary group.
    pub gid: u32,
    /// All other groups.
    pub groups: Vec<u32>,
    /// Home folder.
    pub home: PathBuf,
}

/// A user to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAccount {
    /// Name of the user and of its group.
    pub name: String,
    /// Home folder; not made here.
    pub home: PathBuf,
    /// Another group to be in.
    pub group: Option<String>,
}

/// A folder as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FolderFacts {
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Permission bits.
    pub mode: u32,
}

/// A folder as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderAsk {
    /// Where. Its parent must belong to the agent.
    pub path: PathBuf,
    /// Permission bits.
    pub mode: u32,
    /// User and group; the agent's own when left out.
    pub owner: Option<(u32, u32)>,
}

/// A job to be run in a child process.
#[derive(Debug)]
pub struct JobAsk<'a> {
    /// What to do.
    pub job: &'a Job,
    /// As whom; the agent's own user when left out.
    pub account: Option<&'a Account>,
    /// Ends it after so long.
    pub timeout: Duration,
    /// Ends it earlier.
    pub cancel: &'a Cancel,
}

/// What the agent can do to its machine.
pub trait System: Send + Sync {
    /// Whether users can be switched.
    fn is_root(&self) -> bool;

    /// A user by name.
    ///
    /// # Errors
    /// When the user database cannot be read.
    fn find_account(&self, name: &str) -> io::Result<Option<Account>>;

    /// Makes a system user with a group of the same name, or puts an existing one in its group.
    ///
    /// # Errors
    /// When the system refuses, in its words.
    fn ensure_account(&self, ask: &NewAccount) -> io::Result<Account>;

    /// A folder as it is; `None` when there is none. A link is an error.
    ///
    /// # Errors
    /// When it cannot be looked at, or is no folder.
    fn look_at_folder(&self, path: &Path) -> io::Result<Option<FolderFacts>>;

    /// Makes a folder, or corrects its mode and owner.
    ///
    /// # Errors
    /// When the system refuses, or something else is there.
    fn ensure_folder(&self, ask: &FolderAsk) -> io::Result<()>;

    /// Runs a job to its end. The whole process group is gone when this returns.
    fn run_job(&self, ask: &JobAsk<'_>, progress: &mut dyn FnMut(JobProgress)) -> JobOutcome;

    /// Runs a program to its end; for promises.
    ///
    /// # Errors
    /// When it cannot be started.
    fn run_child(&self, ask: &ChildAsk<'_>) -> io::Result<ChildEnd>;

    /// Tells the supervisor what a group should be.
    ///
    /// # Errors
    /// In the supervisor's words.
    fn apply_group(&self, group: &GroupSpec) -> io::Result<()>;

    /// Takes a group from the supervisor.
    ///
    /// # Errors
    /// In the supervisor's words.
    fn remove_group(&self, name: &str) -> io::Result<()>;

    /// All groups of the supervisor.
    ///
    /// # Errors
    /// When it does not answer.
    fn list_groups(&self) -> io::Result<Vec<GroupStatus>>;

    /// Ends every process of a user that is of one partition only.
    ///
    /// # Errors
    /// When some are still there after a moment.
    fn end_processes_of(&self, account: &Account) -> io::Result<()>;

    /// Removes everything in `folder` and not the folder; never follows a link, never leaves the
    /// folder's own disk. Says how many entries were removed.
    ///
    /// # Errors
    /// With the first entry that could not be removed.
    fn remove_content(&self, folder: &Path) -> io::Result<u64>;
}
