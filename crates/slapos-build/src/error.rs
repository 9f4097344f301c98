//! Why a build or an installation failed, for people and for the agent.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use slapos_buildout::Report;
use thiserror::Error;

/// Why [`build_software`](crate::build_software) or [`install_instance`](crate::install_instance) failed.
#[derive(Debug, Error)]
pub enum BuildError {
    /// The profile is wrong; the text has file, line and column.
    #[error("reading the profile:\n{0}")]
    Profile(#[from] Report),
    /// A part failed. What other parts finished is kept.
    #[error("installing the part `{part}` ({recipe}): {reason}{}", end_of_log(.log, .tail))]
    Part {
        part: String,
        recipe: String,
        reason: String,
        /// The whole output of the part.
        log: Option<PathBuf>,
        /// The last lines of it.
        tail: Vec<String>,
    },
    /// The machine lacks a program; the text says which and how to get it.
    #[error("{0}")]
    MissingTool(String),
    /// A request that makes no sense, such as a template that does not exist.
    #[error("{0}")]
    Request(String),
    #[error("{doing} {}: {source}", .path.display())]
    Io {
        doing: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },
    /// The caller raised [`Cancel`](crate::Cancel).
    #[error("building: stopped as asked; what was finished is kept")]
    Cancelled,
}

/// The same as data that crosses a pipe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildFailure {
    pub kind: FailureKind,
    /// The whole text, the end of the log included.
    pub message: String,
    pub part: Option<String>,
    pub log: Option<PathBuf>,
    /// The last lines of the part's log.
    pub tail: Vec<String>,
}

/// What kind of thing went wrong, so that an agent can tell what may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    Profile,
    Part,
    MissingTool,
    Request,
    Io,
    Cancelled,
}

impl BuildError {
    /// This error as data.
    #[must_use]
    pub fn failure(&self) -> BuildFailure {
        let (kind, part, log, tail) = match self {
            Self::Profile(_) => (FailureKind::Profile, None, None, Vec::new()),
            Self::Part {
                part, log, tail, ..
            } => (
                FailureKind::Part,
                Some(part.clone()),
                log.clone(),
                tail.clone(),
            ),
            Self::MissingTool(_) => (FailureKind::MissingTool, None, None, Vec::new()),
            Self::Request(_) => (FailureKind::Request, None, None, Vec::new()),
            Self::Io { .. } => (FailureKind::Io, None, None, Vec::new()),
            Self::Cancelled => (FailureKind::Cancelled, None, None, Vec::new()),
        };
        BuildFailure {
            kind,
            message: self.to_string(),
            part,
            log,
            tail,
        }
    }
}

fn end_of_log(log: &Option<PathBuf>, tail: &[String]) -> String {
    let Some(log) = log else { return String::new() };
    if tail.is_empty() {
        return format!("\nits log is {}", log.display());
    }
    format!(
        "\nthe end of its log, {}:\n  {}",
        log.display(),
        tail.join("\n  ")
    )
}
