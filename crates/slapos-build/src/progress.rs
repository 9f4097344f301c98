//! How a build tells where it is, and how it is told to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};

/// One line of news of a build. Sent when a part begins a step, and about once a second during a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The name of the part.
    pub part: String,
    /// Its place in the order of installation, from 1.
    pub index: usize,
    /// How many parts there are, those that need no work among them.
    pub total: usize,
    pub step: Step,
    /// Time spent in this step so far.
    pub elapsed_ms: u64,
    /// Bytes received, while downloading.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// What is said just now: the last line of output, or where a source is looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<String>,
}

/// What is being done for a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    Download,
    Unpack,
    Patch,
    Configure,
    Make,
    Install,
    /// The part is installed and recorded.
    Done,
}

impl Step {
    /// The word that people read.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Download => "download",
            Self::Unpack => "unpack",
            Self::Patch => "patch",
            Self::Configure => "configure",
            Self::Make => "compile",
            Self::Install => "install",
            Self::Done => "done",
        }
    }
}

/// A flag shared with whoever may stop a build; child processes are killed whole when it is raised.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Asks the build to stop. It does within a tenth of a second.
    pub fn raise(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether the build was asked to stop.
    #[must_use]
    pub fn is_raised(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
