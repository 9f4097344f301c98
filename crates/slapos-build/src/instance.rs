//! Installing an instance: a partition laid out from a release's template and the master's parameters.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::software::default_path;
use crate::{BuildError, Progress, PromiseSpec};

/// The order to install an instance into its partition.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstanceInstall {
    /// The folder of the installation, as built.
    pub software_dir: PathBuf,
    pub partition_dir: PathBuf,
    /// The instance's profile; none is `<software_dir>/instance.cfg`.
    #[serde(default)]
    pub template: Option<PathBuf>,
    /// The node's reference.
    pub computer_id: String,
    /// The partition's reference, such as `slappart0`.
    pub partition_id: String,
    pub software_release_url: String,
    /// The master's URL, for recipes that ask it.
    #[serde(default)]
    pub server_url: String,
    #[serde(default)]
    pub ipv4: Vec<String>,
    #[serde(default)]
    pub ipv6: Vec<String>,
    #[serde(default)]
    pub parameters: serde_json::Map<String, serde_json::Value>,
    #[serde(default)]
    pub software_type: String,
    /// `started`, `stopped` or `destroyed`.
    pub requested_state: String,
    #[serde(default)]
    pub instance_title: String,
    #[serde(default)]
    pub root_instance_title: String,
    #[serde(default)]
    pub instance_guid: String,
    /// PATH for commands that recipes run and for the wrappers they write.
    #[serde(default = "default_path")]
    pub path: String,
}

/// What a partition runs and promises after installation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceOutcome {
    /// From `etc/run`: started once, not restarted when it ends well. Sorted by name.
    pub run: Vec<Program>,
    /// From `etc/service`: kept running. Sorted by name.
    pub service: Vec<Program>,
    /// From `etc/promise`. Sorted by name.
    pub promises: Vec<PromiseSpec>,
    /// Files of `etc/promise` that are no promise, and why; shown as broken checks.
    pub broken_promises: BTreeMap<String, String>,
    /// What the instance publishes.
    pub connection: BTreeMap<String, String>,
    /// Parts installed or changed in this run, in order.
    pub changed_parts: Vec<String>,
    /// Parts that the template no longer has.
    pub removed_parts: Vec<String>,
}

/// A program of a partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// The file's name.
    pub name: String,
    pub path: PathBuf,
    /// SHA-256 of the file's bytes, in hex: when it changes, the program is to be restarted.
    pub digest: String,
}

/// Lays out the partition. When nothing changed, nothing is written.
pub fn install_instance(
    install: &InstanceInstall,
    progress: &mut dyn FnMut(Progress),
) -> Result<InstanceOutcome, BuildError> {
    let _ = (install, progress);
    Err(BuildError::Request(
        "installing an instance: not built yet".to_owned(),
    ))
}
