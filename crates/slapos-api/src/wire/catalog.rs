//! The catalogue: software releases under a name, with a schema of their parameters.

use super::JsonMap;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A software release that can be asked for by name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CatalogEntry {
    /// What is typed: `redis`.
    pub name: String,
    /// Version of the software.
    pub version: String,
    /// One line for a list.
    pub title: String,
    /// A sentence or two.
    pub summary: String,
    /// The release's identity: `catalog:redis/7.0.15/software.cfg`.
    pub url: String,
    /// JSON Schema (2020-12) of the parameters.
    #[schema(value_type = Object)]
    pub schema: JsonMap,
    /// What is published when it runs: name → description.
    #[serde(default)]
    pub connection: BTreeMap<String, String>,
    /// Documentation, in Markdown.
    #[serde(default)]
    pub readme: String,
}

/// The files of a release that the master holds itself, for a node to build from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReleaseFiles {
    /// The release's identity.
    pub url: String,
    /// Path inside the release → text. Paths are relative and have no `..`.
    pub files: BTreeMap<String, String>,
}
