//! Logs: asked of the master, read by the node, carried through its watch stream.
//!
//! A node may sit behind any number of walls, so nobody connects to it: the master tells it which
//! log is wanted, and the node posts the text.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The text that is there, and where to go on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct LogChunk {
    /// Lines, each with its service's name in front when there are several.
    pub text: String,
    /// Give it back as `after` to get only what came later.
    pub cursor: String,
}

/// Which log a node should send; the data of the transient event `log.wanted`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogWanted {
    /// Answer to `POST /v1/node/logs/{request}`.
    pub request: String,
    /// The partition whose services' logs are wanted; none for a build's log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition: Option<String>,
    /// The release whose build log is wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub software: Option<String>,
    /// One service of the partition only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// How many of the last lines, when there is no `after`.
    pub lines: u32,
    /// The cursor of before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Wait for new text up to so long, in milliseconds.
    pub wait_ms: u32,
}

/// The node's answer: a chunk, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LogAnswer {
    /// The text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chunk: Option<LogChunk>,
    /// Why there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}
