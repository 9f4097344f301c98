//! The entry of the supervisor: configuration, errors and [`run`].
//!
//! What the loop does is in `supervisor/`; nothing here decides about programs.

use std::path::PathBuf;

/// The control socket in the private folder.
pub(crate) const SOCKET_NAME: &str = "supervise.sock";

/// What a supervisor is told at its start.
#[derive(Debug, Clone)]
pub struct SuperviseConfig {
    /// Private folder, made 0700 when it is missing: socket, lock, wanted state, children table,
    /// output pipes. One supervisor per folder.
    pub dir: PathBuf,
    /// Folder of the logs, `<log_dir>/<group>/<program>.log`; no tenant may be able to write it.
    pub log_dir: PathBuf,
    /// Seed of the random part of pauses. Any number that differs between nodes will do.
    pub jitter_seed: u64,
}

/// Why the supervisor could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum SuperviseError {
    /// Another supervisor holds the folder.
    #[error("a supervisor already runs for {}", .0.display())]
    AlreadyRuns(PathBuf),
    /// A file or system call that nothing works without failed.
    #[error("cannot {doing}: {source}")]
    System {
        /// What was being done, on what.
        doing: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Runs the supervisor in this process until it is told to end by SIGTERM or by a client.
///
/// The process must have one thread only, and every signal mask, child and limit of it belongs to
/// the supervisor from here on.
pub fn run(config: &SuperviseConfig) -> Result<(), SuperviseError> {
    let doing = format!("supervise {}", config.dir.display());
    Err(SuperviseError::System {
        doing,
        source: std::io::ErrorKind::Unsupported.into(),
    })
}
