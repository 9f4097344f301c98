//! Services: asking for them, and what is known of them.

use super::JsonMap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Create or get, keyed by (requester, name): asking twice changes nothing.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InstanceRequest {
    /// The requester's name for it.
    pub name: String,
    /// Catalogue name (`redis`, `redis@7.0.15`), a profile's absolute path or URL.
    pub software: String,
    /// The tenant; the caller's only project when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// Software type; `default` when left out.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub software_type: Option<String>,
    /// The whole set of parameters; left out: those of before, or none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub parameters: Option<JsonMap>,
    /// Where it may run: `node` (name or reference), or a key of the node's facts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub filter: Option<JsonMap>,
    /// `started`, `stopped` or `destroyed`; left out: that of before, or `started`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// A share of an instance's capacity instead of an instance of its own.
    #[serde(default)]
    pub shared: bool,
}

/// A change of the requested state alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StateChange {
    /// `started`, `stopped` or `destroyed`.
    pub state: String,
}

/// What is known of an instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct InstanceView {
    /// Reference.
    pub id: String,
    /// The requester's name for it.
    pub name: String,
    /// Its tenant.
    pub project: String,
    /// What it is an instance of.
    pub software: SoftwareView,
    /// Software type.
    #[serde(rename = "type")]
    pub software_type: String,
    /// A share of another instance?
    pub shared: bool,
    /// The instance that asked for it, when it is no root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// `started`, `stopped`, `destroyed`.
    pub requested_state: String,
    /// What the node last saw: `unknown`, `building`, `installing`, `started`, `stopped`,
    /// `failed`, `destroyed`.
    pub reported_state: String,
    /// One word for people: `waiting`, `building`, `installing`, `starting`, `started` (every
    /// promise kept), `degraded` (a promise is not), `stopping`, `stopped`, `failed`,
    /// `destroying`, `destroyed`.
    pub state: String,
    /// Why it is not as asked: no free partition, a build that failed, with the end of its log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Name of its node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Name of its partition on that node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition: Option<String>,
    /// As asked.
    #[schema(value_type = Object)]
    pub parameters: JsonMap,
    /// As published by the instance.
    #[schema(value_type = Object)]
    pub connection: JsonMap,
    /// How many promises are kept.
    pub promises: PromiseCount,
    /// The build or installation that is going on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    /// Raised at each change of what is asked.
    pub generation: i64,
    /// The newest generation that the node has applied.
    pub applied_generation: i64,
    /// ISO 8601 in UTC.
    pub created_at: String,
    /// ISO 8601 in UTC.
    pub changed_at: String,
    /// From the last change of what is asked until it was so and every promise was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds_to_green: Option<f64>,
}

/// Which software release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SoftwareView {
    /// The release's identity.
    pub url: String,
    /// Catalogue name, when it is from the catalogue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Version, when it is from the catalogue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// How many promises are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct PromiseCount {
    /// Kept at their last run.
    pub kept: i64,
    /// All.
    pub total: i64,
}

/// What a promise said last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PromiseView {
    /// Its file's name.
    pub name: String,
    /// `pending`, `kept`, `broken` (the service), `check-broken` (the check itself).
    pub state: String,
    /// What it said.
    pub message: String,
    /// When it ran, ISO 8601 in UTC.
    pub checked_at: String,
    /// Since when it is in this state, ISO 8601 in UTC.
    pub since: String,
    /// The last changes of state, newest first.
    #[serde(default)]
    pub history: Vec<PromiseChange>,
}

/// One change of state of a promise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PromiseChange {
    /// ISO 8601 in UTC.
    pub at: String,
    /// The state from then on.
    pub state: String,
    /// What it said.
    pub message: String,
}

/// How far a build or an installation is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Progress {
    /// The part being worked on.
    pub part: String,
    /// Its place in the order, from 1.
    pub index: u32,
    /// How many parts there are.
    pub total: u32,
    /// `download`, `unpack`, `configure`, `compile`, `install`…
    pub step: String,
    /// Since the build began.
    pub seconds: u32,
}

/// Why a service is as it is: the first cause first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Why {
    /// The service.
    pub name: String,
    /// One sentence.
    pub summary: String,
    /// What led to it, first cause first; empty when all is as asked.
    pub causes: Vec<Cause>,
}

/// One link of the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Cause {
    /// `node-offline`, `no-partition`, `build-failed`, `building`, `install-failed`,
    /// `process-down`, `promise-broken`, `check-broken`, `stopped`, `waiting-for-node`…
    pub kind: String,
    /// What is wrong, on what.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The end of the log that shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
}

/// "Something changed, look again now."
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Bang {
    /// Why, for the event log.
    #[serde(default)]
    pub message: String,
}
