//! Why the agent or a step of it could not do its work at all.
//!
//! What goes wrong with one release or one instance is not an error of the agent: it is reported
//! and tried again.

use std::path::PathBuf;

/// Why the agent or a one-shot step ended.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The lock of the root is held.
    #[error("a node agent already works in {}; stop it first, or let it do the work", .root.display())]
    AlreadyRuns {
        /// The root.
        root: PathBuf,
    },
    /// A file or system call that nothing works without failed.
    #[error("cannot {doing}: {source}")]
    System {
        /// What was being done, on what.
        doing: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// Settings that cannot be used.
    #[error(transparent)]
    Settings(#[from] crate::config::SettingsError),
    /// There is nothing to work from.
    #[error("{0}")]
    NotReady(String),
}

impl NodeError {
    /// For `map_err`: what was being done.
    pub(crate) fn doing(doing: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::System { doing, source }
    }
}
