//! The event log: what changed, in order; audit, watch streams and usage read it.

use super::JsonMap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One entry of the event log, also the `data:` of a watch stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Event {
    /// Position in the log; later entries have higher ones. Transient notices have 0.
    pub seq: i64,
    /// When, ISO 8601 in UTC.
    pub at: String,
    /// What, such as `instance.requested`; see the list in the master's `app/event.rs`.
    pub kind: String,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// Which node it concerns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Which instance it concerns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Who did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The rest, by kind.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub data: JsonMap,
}
