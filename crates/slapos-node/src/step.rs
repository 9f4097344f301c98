//! The steps of the agent one by one, for `slapos node format | software | instance | promise |
//! status`.
//!
//! Each works without the resident agent and returns what the command line prints. All but
//! [`status`] take the agent's lock.

use crate::config::NodeConfig;
use crate::error::NodeError;
use serde::Serialize;
use slapos_api::wire::JsonMap;
use slapos_api::wire::node::{ProcessReport, PromiseReport};
use slapos_model::{Clock, RandomSource};
use std::sync::Arc;

/// Do it, or only say what would be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Do it.
    Act,
    /// Print the plan.
    DryRun,
}

/// How a step is asked.
#[derive(Clone)]
#[allow(missing_debug_implementations)] // Clock and randomness show nothing.
pub struct StepOptions {
    /// Do it, or only say what would be done.
    pub mode: Mode,
    /// Only these: partition or service names for instance and promise, URLs or their MD5 for
    /// software. Empty means all.
    pub only: Vec<String>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where randomness comes from.
    pub random: Arc<dyn RandomSource>,
}

/// What `format` found and did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FormatSummary {
    /// What was, or with a dry run would be, changed; empty when all was as it should be.
    pub actions: Vec<String>,
    /// What is not as it should be and was not changed: one sentence each, with what to do.
    pub warnings: Vec<String>,
    /// The partitions.
    pub partitions: Vec<PartitionSummary>,
    /// What was found on the machine.
    pub facts: JsonMap,
    /// Whether the master was told.
    pub is_reported: bool,
}

/// One partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartitionSummary {
    /// `slappart0`.
    pub name: String,
    /// The user that its programs run as.
    pub user: String,
    /// What it may bind.
    pub addresses: Vec<String>,
    /// Why it cannot be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Something that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// URL, partition, or partition and promise.
    pub subject: String,
    /// What went wrong, with the end of the log.
    pub message: String,
}

/// What `software` did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SoftwareSummary {
    /// The plan, one action a line.
    pub plan: Vec<String>,
    /// All releases that are wanted or there.
    pub software: Vec<SoftwareStatus>,
    /// What failed; empty in a dry run.
    pub failures: Vec<Failure>,
}

/// One release on this node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SoftwareStatus {
    /// The release's identity.
    pub url: String,
    /// Its folder.
    pub path: std::path::PathBuf,
    /// `available` or `destroyed`.
    pub requested_state: String,
    /// `waiting`, `building`, `available`, `failed`, `destroyed`.
    pub state: String,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// What `instance` did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InstanceSummary {
    /// The plan, one action a line.
    pub plan: Vec<String>,
    /// All instances that are wanted or there.
    pub instances: Vec<InstanceStatus>,
    /// What failed; empty in a dry run.
    pub failures: Vec<Failure>,
}

/// One instance on this node.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InstanceStatus {
    /// Where.
    pub partition: String,
    /// Reference.
    pub id: String,
    /// The requester's name for it.
    pub name: String,
    /// The release's identity.
    pub software: String,
    /// `started`, `stopped`, `destroyed`.
    pub requested_state: String,
    /// `building`, `installing`, `started`, `stopped`, `failed`, `destroyed`, `unknown`.
    pub state: String,
    /// Why it is not as asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Its processes, from the supervisor.
    pub processes: Vec<ProcessReport>,
    /// Its promises, as they were checked last.
    pub promises: Vec<PromiseReport>,
}

/// What `promise` found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PromiseSummary {
    /// What would be, or was, checked: partition and promise.
    pub plan: Vec<String>,
    /// Instances with the promises that were checked now.
    pub instances: Vec<InstanceStatus>,
    /// The promises that are not kept.
    pub failures: Vec<Failure>,
}

/// How the node is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NodeStatus {
    /// The node's name.
    pub name: String,
    /// Its reference, once it joined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Does the resident agent run?
    pub is_agent_running: bool,
    /// Does the supervisor answer?
    pub is_supervisor_running: bool,
    /// Master epoch and generation of what is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub master_epoch: Option<String>,
    /// See `master_epoch`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
    /// Reports that the master has not taken yet.
    pub reports_waiting: usize,
    /// Releases.
    pub software: Vec<SoftwareStatus>,
    /// Instances.
    pub instances: Vec<InstanceStatus>,
}

fn not_yet<T>() -> Result<T, NodeError> {
    Err(NodeError::NotReady(
        "this step is not written yet".to_owned(),
    ))
}

/// Makes users, groups and folders of the partitions, probes the machine, tells the master.
///
/// # Errors
/// When the agent runs, or the root cannot be used.
pub fn format(config: &NodeConfig, options: &StepOptions) -> Result<FormatSummary, NodeError> {
    let _ = (config, options);
    not_yet()
}

/// Builds and removes releases as asked.
///
/// # Errors
/// When the agent runs, or nothing was ever asked of this node.
pub fn software(config: &NodeConfig, options: &StepOptions) -> Result<SoftwareSummary, NodeError> {
    let _ = (config, options);
    not_yet()
}

/// Installs, starts, stops and removes instances as asked.
///
/// # Errors
/// When the agent runs, or nothing was ever asked of this node.
pub fn instance(config: &NodeConfig, options: &StepOptions) -> Result<InstanceSummary, NodeError> {
    let _ = (config, options);
    not_yet()
}

/// Checks all promises now.
///
/// # Errors
/// When the agent runs, or nothing was ever asked of this node.
pub fn promise(config: &NodeConfig, options: &StepOptions) -> Result<PromiseSummary, NodeError> {
    let _ = (config, options);
    not_yet()
}

/// How the node is; works beside the resident agent.
///
/// # Errors
/// When the root cannot be read.
pub fn status(config: &NodeConfig) -> Result<NodeStatus, NodeError> {
    let _ = config;
    not_yet()
}
