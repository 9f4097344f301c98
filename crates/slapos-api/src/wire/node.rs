//! Nodes: how they join, what they are told and what they tell.

use super::JsonMap;
use super::instance::Progress;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A node makes its key itself and asks for a certificate of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeRegister {
    /// A name for people, unique in its project.
    pub name: String,
    /// The tenant that owns it; the caller's only project when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// PKCS#10 request, PEM. Only its public key is used.
    pub csr_pem: String,
}

/// The answer: who it is from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NodeRegistered {
    /// Reference.
    pub id: String,
    /// Its certificate.
    pub certificate_pem: String,
    /// Whom to believe to be the master.
    pub ca_pem: String,
}

/// What is known of a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NodeView {
    /// Reference.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its tenant.
    pub project: String,
    /// Does its watch stream stand, or did it report within two minutes?
    pub online: bool,
    /// ISO 8601 in UTC; none when never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_at: Option<String>,
    /// Version of its agent.
    pub version: String,
    /// What its agent found on the machine: kernel, isolation layers, limits.
    #[schema(value_type = Object)]
    pub facts: JsonMap,
    /// Its partitions.
    pub partitions: Vec<PartitionView>,
}

/// A slot of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PartitionView {
    /// `slappart0`.
    pub name: String,
    /// What it may bind.
    pub addresses: Vec<String>,
    /// Name of the instance in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Reference of the instance in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<String>,
    /// `free`, `busy`, or `cleaning` while a destroyed instance is being removed.
    pub state: String,
}

/// What the node offers; sent at its start and when it changes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeFormat {
    /// Version of the agent.
    pub version: String,
    /// What it found on the machine.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub facts: JsonMap,
    /// All its partitions; one that is missing here is disabled, never deleted.
    pub partitions: Vec<PartitionOffer>,
}

/// A slot as the node made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PartitionOffer {
    /// `slappart0`.
    pub name: String,
    /// What it may bind.
    pub addresses: Vec<String>,
}

/// All that a node is asked to run. Within one `master_epoch` a node never goes back to a lower
/// `generation`; a new epoch may carry any.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
pub struct Desired {
    /// Which life of which master said so.
    pub master_epoch: String,
    /// Raised at each change for this node.
    pub generation: i64,
    /// Releases to have, or to remove.
    pub software: Vec<DesiredSoftware>,
    /// Instances, by partition. A partition that is not named is to be free.
    pub instances: Vec<DesiredInstance>,
}

/// A release that the node should have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DesiredSoftware {
    /// The release's identity.
    pub url: String,
    /// `available` or `destroyed`.
    pub state: String,
    /// Changes when a person asks to try a failed build again now.
    #[serde(default)]
    pub attempt: i64,
}

/// An instance that the node should run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DesiredInstance {
    /// Reference.
    pub id: String,
    /// Raised at each change of what is asked.
    pub generation: i64,
    /// Where.
    pub partition: String,
    /// The requester's name for it.
    pub name: String,
    /// Name of the tree's root.
    pub root_name: String,
    /// The release's identity.
    pub software: String,
    /// Software type.
    #[serde(rename = "type")]
    pub software_type: String,
    /// `started`, `stopped`, `destroyed`.
    pub state: String,
    /// As asked.
    #[schema(value_type = Object)]
    pub parameters: JsonMap,
    /// Shares of this instance: reference, name and parameters of each.
    #[serde(default)]
    pub shared: Vec<SharedInstance>,
}

/// A share of an instance's capacity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SharedInstance {
    /// Reference.
    pub id: String,
    /// The requester's name for it.
    pub name: String,
    /// As asked.
    #[schema(value_type = Object)]
    pub parameters: JsonMap,
}

/// What a node saw since its last report; only what changed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeReport {
    /// Counts up on the node, for the log; reports are level-triggered, a repeated one is harmless.
    pub sequence: i64,
    /// Releases.
    #[serde(default)]
    pub software: Vec<SoftwareReport>,
    /// Instances.
    #[serde(default)]
    pub instances: Vec<InstanceReport>,
}

/// What the node saw of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SoftwareReport {
    /// The release's identity.
    pub url: String,
    /// `waiting`, `building`, `available`, `failed`, `destroyed`.
    pub state: String,
    /// Why it failed, with the end of that part's log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// How far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
}

/// What the node saw of an instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InstanceReport {
    /// Reference.
    pub id: String,
    /// The generation that this is about.
    pub generation: i64,
    /// `building`, `installing`, `started`, `stopped`, `failed`, `destroyed`; left out: as before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Why it failed; with a state, none clears it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// All of what the instance published; left out: as before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub connection: Option<JsonMap>,
    /// All promises of the instance; left out: as before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promises: Option<Vec<PromiseReport>>,
    /// All processes of the instance; left out: as before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processes: Option<Vec<ProcessReport>>,
}

/// What a promise said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PromiseReport {
    /// Its file's name.
    pub name: String,
    /// `pending`, `kept`, `broken`, `check-broken`.
    pub state: String,
    /// What it said.
    pub message: String,
    /// When it ran, microseconds since 1970.
    pub checked_at_us: i64,
}

/// What the supervisor says of a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProcessReport {
    /// Its file's name.
    pub name: String,
    /// `run` or `service`.
    pub kind: String,
    /// `running`, `starting`, `backoff`, `stopping`, `stopped`, `exited`.
    pub state: String,
    /// When it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// How often it was started again by the supervisor.
    #[serde(default)]
    pub restarts: u64,
    /// How it ended last, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_exit: Option<String>,
}
