//! Tenants, who is in them, and tokens.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProjectView {
    /// Reference.
    pub id: String,
    /// Its name, unique on the master.
    pub name: String,
    /// The caller's role in it.
    pub role: String,
}

/// A new tenant; the caller becomes its owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProjectCreate {
    /// Its name.
    pub name: String,
}

/// Somebody in a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MemberView {
    /// Reference of the subject.
    pub subject: String,
    /// Its name.
    pub name: String,
    /// `person`, `node` or `instance`.
    pub kind: String,
    /// `viewer`, `member`, `operator` or `owner`.
    pub role: String,
}

/// A role to give.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberSet {
    /// `viewer`, `member`, `operator` or `owner`.
    pub role: String,
}

/// Who somebody is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SubjectView {
    /// Reference.
    pub id: String,
    /// `person`, `node` or `instance`.
    pub kind: String,
    /// Its name.
    pub name: String,
}

/// A new person in a project, with a first token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberCreate {
    /// The person's name.
    pub name: String,
    /// `viewer`, `member`, `operator` or `owner`.
    pub role: String,
}

/// The caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Me {
    /// Who.
    pub subject: SubjectView,
    /// Where, and as what.
    pub projects: Vec<ProjectView>,
}

/// A new token of the caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenCreate {
    /// What it is for.
    pub label: String,
    /// Ends after so many seconds; left out: does not end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_s: Option<u32>,
}

/// The only answer that ever holds the secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenCreated {
    /// Reference.
    pub id: String,
    /// Whose.
    pub subject: String,
    /// The secret itself; it is not stored and cannot be shown again.
    pub token: String,
}

/// A token without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenView {
    /// Reference.
    pub id: String,
    /// What it is for.
    pub label: String,
    /// ISO 8601 in UTC.
    pub created_at: String,
    /// ISO 8601 in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}
