//! Supplies: which releases are ordered to be on which node.

use super::instance::Progress;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The order, and how it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SupplyView {
    /// Name of the node.
    pub node: String,
    /// The release's identity.
    pub url: String,
    /// `available` or `destroyed`.
    pub requested_state: String,
    /// `waiting`, `building`, `available`, `failed`, `destroyed`.
    pub reported_state: String,
    /// Why it failed, with the end of that part's log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// How far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    /// ISO 8601 in UTC.
    pub changed_at: String,
}

/// Order, or remove, a release on a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SupplySet {
    /// Name or reference.
    pub node: String,
    /// Catalogue name, path or URL.
    pub software: String,
    /// `available` or `destroyed`. Asking `available` again for a failed build tries it again now.
    pub state: String,
}
