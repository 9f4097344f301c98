//! Installing an instance: a partition laid out from a release's template and the master's parameters.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;

use fs_err as fs;
use serde::{Deserialize, Serialize};
use slapos_buildout::Override;

use crate::engine::{self, Place, Saving};
use crate::evaluate::{Wanted, evaluate};
use crate::jobserver::JobserverWhenNeeded;
use crate::network::NetworkCut;
use crate::original::Sections;
use crate::process::Guard;
use crate::recipe::World;
use crate::record::Records;
use crate::software::{default_path, io_error, lock, recorded};
use crate::work::Site;
use crate::{BuildError, Cancel, Progress, PromiseSpec, own, partition};

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
    let own = own::folder(&install.partition_dir);
    if !own.is_dir() {
        fs::create_dir_all(&own).map_err(io_error("making the folder", &own))?;
    }
    let _lock = lock(&own.join("lock"))?;
    let records_path = own::records(&install.partition_dir);
    let (records, original) = recorded(&records_path, &install.partition_dir)?;
    let wanted = evaluate_instance(install, &records, original.as_ref())?;
    let (cancel, guard, builds) = (Cancel::default(), Guard::default(), own.join("build"));
    let place = Place {
        site: Site {
            cache: None,
            built: None,
            jobs: 1,
            jobserver: JobserverWhenNeeded::default(),
            network: NetworkCut::default(),
            cancel: &cancel,
            guard: &guard,
            builds: &builds,
            directory: &install.partition_dir,
        },
        records: records_path,
        logs: own.join("log"),
        saving: Saving::Once,
    };
    let done = engine::run(&wanted, &place, records.clone(), progress).whole()?;
    let mut outcome = partition::read(&install.partition_dir)?;
    for name in &wanted.order {
        if let Some(one) = wanted.parts.get(name) {
            outcome.connection.extend(one.part.connection());
        }
    }
    outcome.changed_parts = done.installed;
    outcome.removed_parts = done.removed;
    Ok(outcome)
}

fn evaluate_instance(
    install: &InstanceInstall,
    records: &Records,
    original: Option<&Sections>,
) -> Result<Wanted, BuildError> {
    let template = match &install.template {
        Some(template) => template.clone(),
        None => install.software_dir.join("instance.cfg"),
    };
    let ports = records
        .parts
        .values()
        .filter_map(|record| record.kept.get("port")?.parse().ok());
    let world = World {
        directory: install.partition_dir.clone(),
        shared: None,
        path: &install.path,
        cache: None,
        instance: Some(install),
        records,
        ports: RefCell::new(ports.collect()),
        cancel: Cancel::default(),
    };
    evaluate(
        &template.to_string_lossy(),
        overrides(install),
        world,
        (original, None),
    )
}

/// The sections that the original's agent adds to a template.
pub(crate) fn overrides(install: &InstanceInstall) -> Vec<Override> {
    let directory = install.partition_dir.to_string_lossy().into_owned();
    let ip = |list: &[String]| list.iter().min().cloned().unwrap_or_default();
    let mut overrides = vec![
        Override::new("buildout", "directory", &directory),
        Override::new("buildout", "offline", "true"),
        Override::new(
            "network-information",
            "global-ipv4-network",
            &ip(&install.ipv4),
        ),
    ];
    for (name, value) in [
        ("computer-id", &install.computer_id),
        ("partition-id", &install.partition_id),
        ("server-url", &install.server_url),
        ("software-release-url", &install.software_release_url),
        ("requested-state", &install.requested_state),
        ("key-file", &String::new()),
        ("cert-file", &String::new()),
    ] {
        overrides.push(Override::new("slap-connection", name, value));
        overrides.push(Override::new(
            "slap_connection",
            &name.replace('-', "_"),
            value,
        ));
    }
    overrides
}
