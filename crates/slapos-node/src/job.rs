//! Jobs: builds and installations in child processes of their own.
//!
//! A job is one JSON line on the child's standard input; the child answers in JSON lines, the last
//! one being the outcome. The agent keeps the child's input open: when the agent dies, the child
//! sees its end and takes its whole process group along, so that an agent that starts again never
//! meets a job of its predecessor. The agent's side is in [`launch`], the child's in [`perform`].

pub mod launch;
mod perform;

use crate::record::Installed;
use serde::{Deserialize, Serialize};
use slapos_build::{InstanceInstall, SoftwareBuild};
use std::path::PathBuf;

pub use perform::run_job;
pub use slapos_api::wire::instance::Progress as JobProgress;

/// What a child is to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Job {
    /// Build a release.
    Software(Box<SoftwareJob>),
    /// Configure an instance.
    Instance(Box<InstanceJob>),
}

/// Build a release.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SoftwareJob {
    /// The release's identity.
    pub url: String,
    /// What the builder is told; its folder is the release's.
    pub build: SoftwareBuild,
    /// The log of the build, written anew.
    pub log: PathBuf,
    /// What to write into the completion mark.
    pub stamp: String,
}

/// Configure an instance.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct InstanceJob {
    /// What the builder is told.
    pub install: InstanceInstall,
}

impl Job {
    /// For messages: what it does, on what.
    #[must_use]
    pub fn title(&self) -> String {
        match self {
            Self::Software(job) => format!("the build of {}", job.url),
            Self::Instance(job) => format!("the installation of {}", job.install.instance_title),
        }
    }
}

/// A line that the child writes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum JobLine {
    Progress(JobProgress),
    Outcome(JobOutcome),
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobOutcome {
    /// The release is complete.
    Built,
    /// The instance is configured.
    Installed(Installed),
    /// It failed; why, with the end of the log.
    Failed(String),
    /// It was ended because it is not wanted any more.
    Cancelled,
}

/// The end of a message, which is where the cause of a failed build is; its first line, which says
/// what was being done, is kept too.
pub(crate) fn bounded(message: &str) -> String {
    let max = crate::limits::MESSAGE_BYTES_MAX;
    if message.len() <= max {
        return message.to_owned();
    }
    let first = message.lines().next().unwrap_or_default();
    let first: String = first.chars().take(500).collect();
    let mut start = message.len() - max;
    while !message.is_char_boundary(start) {
        start += 1;
    }
    format!("{first}\n…{}", &message[start..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounded_message_keeps_its_first_line_and_its_end() {
        let message = format!("the build failed\n{}é\nthe cause", "x\n".repeat(100_000));
        let short = bounded(&message);
        assert!(short.len() < crate::limits::MESSAGE_BYTES_MAX + 1000);
        assert!(short.starts_with("the build failed\n…") && short.ends_with("the cause"));
        assert_eq!(bounded("short"), "short");
    }
}
