//! The entry of the supervisor: configuration, errors and [`run`].
//!
//! What the loop does is in `supervisor/`; nothing here decides about programs. Here the process
//! itself is made ready: one per folder, reaper of orphans, signals as descriptors.

use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt;
use nix::poll::PollTimeout;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::limits;
use crate::supervisor::Supervisor;

/// The control socket in the private folder.
pub(crate) const SOCKET_NAME: &str = "supervise.sock";

/// What a supervisor is told at its start.
#[derive(Debug, Clone)]
pub struct SuperviseConfig {
    /// Private folder, made 0700 when it is missing: socket, lock, wanted state, children table,
    /// output pipes. One supervisor per folder. Its path may be of any length.
    pub dir: PathBuf,
    /// Folder of the logs, `<log_dir>/<group>/<program>.log`; no tenant may be able to write it.
    pub log_dir: PathBuf,
    /// Seed of the random part of pauses. Any number that differs between nodes will do.
    pub jitter_seed: u64,
    /// Whether process trees are held in cgroups.
    pub cgroups: CgroupUse,
}

/// Whether process trees are held in cgroups (version 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CgroupUse {
    /// Where the supervisor can make one; the status of each program says whether it could.
    #[default]
    WhenPossible,
    /// Process groups and marks only, as on a machine without cgroups.
    Never,
}

/// Why the supervisor could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum SuperviseError {
    /// Another supervisor holds the folder.
    #[error("a supervisor already runs for {}", .0.display())]
    AlreadyRuns(PathBuf),
    /// The process has other threads, whose locks a child would inherit.
    #[error(
        "the supervisor needs a process with one thread, this one has {0}; start it in its own"
    )]
    Threads(usize),
    /// A file or system call that nothing works without failed.
    #[error("cannot {doing}: {source}")]
    System {
        /// What was being done, on what.
        doing: String,
        /// What the system said.
        source: io::Error,
    },
}

/// Runs the supervisor in this process until it is told to end by SIGTERM or by a client.
///
/// The process must have one thread only, and every signal mask, child and limit of it belongs to
/// the supervisor from here on.
pub fn run(config: &SuperviseConfig) -> Result<(), SuperviseError> {
    let failed = |doing: &str| {
        let doing = format!("{doing} {}", config.dir.display());
        move |source| SuperviseError::System { doing, source }
    };
    let threads = fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
    if threads != 1 {
        return Err(SuperviseError::Threads(threads));
    }
    make_private(&config.dir).map_err(failed("make the private folder"))?;
    let _lock = lock(&config.dir)?;
    // Away from the terminal, for the programs too. The leader of a job cannot; it stays with its shell.
    let _ = nix::unistd::setsid();
    hold_standard_descriptors().map_err(failed("open /dev/null for the supervisor of"))?;
    let open_files = raise_open_files();
    nix::sys::prctl::set_child_subreaper(true)
        .map_err(|error| failed("become the reaper of orphans for")(error.into()))?;
    let mut supervisor =
        Supervisor::open(config, open_files).map_err(failed("start the supervisor of"))?;
    supervisor.take_over();
    supervisor
        .turn_until_end()
        .map_err(failed("go on with the supervisor of"))
}

/// The soft and hard limit of open files as the process found them: the programs get these.
fn raise_open_files() -> (u64, u64) {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((1024, 1024));
    // Refused means as many as before; starts beyond that fail one by one and say why.
    let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    (soft, hard)
}

fn make_private(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)?;
    fs::set_permissions(dir, std::fs::Permissions::from_mode(0o700))
}

/// Takes the lock of the folder. A predecessor that was just killed may hold it a moment longer.
fn lock(dir: &Path) -> Result<fs::File, SuperviseError> {
    let system = |source| SuperviseError::System {
        doing: "lock the folder".to_owned(),
        source,
    };
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    let file = options.open(dir.join("lock")).map_err(system)?;
    let deadline = Instant::now() + Duration::from_millis(limits::LOCK_WAIT_MS);
    loop {
        match file.file().try_lock() {
            Ok(()) => return Ok(file),
            Err(std::fs::TryLockError::Error(error)) => return Err(system(error)),
            Err(std::fs::TryLockError::WouldBlock) if Instant::now() >= deadline => {
                return Err(SuperviseError::AlreadyRuns(dir.to_owned()));
            }
            // There is no event for "the lock is free" that can also time out.
            Err(std::fs::TryLockError::WouldBlock) => {
                let _ = nix::poll::poll(&mut [], PollTimeout::from(5_u8));
            }
        }
    }
}

/// Makes sure that 0, 1 and 2 are open, so that no other descriptor gets these numbers.
fn hold_standard_descriptors() -> io::Result<()> {
    use std::os::fd::{AsRawFd, IntoRawFd};
    loop {
        let null = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/null")?;
        if null.as_raw_fd() > 2 {
            return Ok(());
        }
        let _ = null.into_file().into_raw_fd();
    }
}
