//! Builds a release.
//!
//! Where its profile is depends on its URL: `catalog:…` is read from the master once and kept, so
//! that it can be built with no master; a path is read where it is; `http` is the builder's matter.

use crate::atomic_file::read_foreign;
use crate::desire::{WantedSoftware, hex};
use crate::job::{Job, JobOutcome, JobProgress, SoftwareJob};
use crate::layout::COMPLETED;
use crate::limits;
use crate::node::Node;
use crate::record::{FailureRecord, SoftwareRecord};
use crate::release::{ReadRelease, locate_profile};
use crate::system::{Cancel, FolderAsk, JobAsk};
use sha2::{Digest, Sha256};
use slapos_build::{Origins, SoftwareBuild};
use std::io;
use std::time::Duration;

/// Why a build could not even be tried.
pub type BuildFault = io::Error;

/// Builds `url`; what came of it is in the record that is kept and returned.
///
/// # Errors
/// When the record cannot be kept.
pub fn build_software(
    node: &Node,
    wanted: (&str, &WantedSoftware),
    source: (&dyn ReadRelease, &Cancel),
    progress: &mut dyn FnMut(JobProgress),
) -> Result<SoftwareRecord, BuildFault> {
    let (url, wanted) = wanted;
    let (known, _) = node.records.list_software()?;
    let count = known
        .get(url)
        .and_then(|record| record.failure.as_ref())
        .map_or(0, |failure| failure.count);
    let mut record = SoftwareRecord {
        url: url.to_owned(),
        attempt: wanted.attempt,
        failure: None,
        is_removed: false,
    };
    let message = match run(node, url, source, progress) {
        Ok(JobOutcome::Built) => None,
        Ok(JobOutcome::Cancelled) => return Ok(record),
        Ok(JobOutcome::Failed(message)) | Err(message) => Some(message),
        Ok(JobOutcome::Installed(_)) => {
            Some("the job said something that was not asked".to_owned())
        }
    };
    record.failure = message.map(|message| FailureRecord {
        digest: profile_digest(node, url),
        message,
        count: count.saturating_add(1),
    });
    node.records.store_software(&record)?;
    Ok(record)
}

fn run(
    node: &Node,
    url: &str,
    source: (&dyn ReadRelease, &Cancel),
    progress: &mut dyn FnMut(JobProgress),
) -> Result<JobOutcome, String> {
    let profile = locate_profile(node, url, source.0)?;
    let account = node.formatted.software.as_ref();
    let folder = node.layout.software(url);
    let ask = FolderAsk {
        path: folder.clone(),
        mode: 0o755,
        owner: account.map(|account| (account.uid, account.gid)),
    };
    node.system
        .ensure_folder(&ask)
        .map_err(|error| error.to_string())?;
    // A release that is built again is not there until it is complete again.
    crate::atomic_file::remove(&folder.join(COMPLETED)).map_err(|error| error.to_string())?;
    let job = Job::Software(Box::new(SoftwareJob {
        url: url.to_owned(),
        build: SoftwareBuild {
            profile,
            root: folder,
            shared: Some(node.layout.shared()),
            cache: node.layout.sources(),
            jobs: slapos_build::default_jobs(),
            overrides: Vec::new(),
            only: Vec::new(),
            network: false,
            path: limits::PATH.to_owned(),
            origins: Origins::default(),
            cancel: slapos_build::Cancel::default(),
        },
        log: node.layout.build_log(url),
        stamp: format!("{} {}\n", node.clock.now(), profile_digest(node, url)),
    }));
    let minutes = u64::from(node.settings.software_timeout_min);
    let ask = JobAsk {
        job: &job,
        account,
        timeout: Duration::from_secs(minutes * 60),
        cancel: source.1,
    };
    Ok(node.system.run_job(&ask, progress))
}

/// What would be built, as far as it can be told without fetching: the profile's own text. A
/// failed build is tried again at once when it changes.
#[must_use]
pub fn profile_digest(node: &Node, url: &str) -> String {
    let path = crate::release::local_profile(node, url);
    let text = path.and_then(|path| read_foreign(&path, limits::PROFILE_BYTES_MAX).ok());
    match text.flatten() {
        Some(text) => hex(&Sha256::digest(&text)),
        None => String::new(),
    }
}
