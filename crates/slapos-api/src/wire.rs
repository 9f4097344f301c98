//! The types that travel, one module per resource.
//!
//! They derive serde and are as flat as a reader of JSON would like them. Conversions to and from
//! the domain types of `slapos-model` are made by whoever receives them.

pub mod catalog;
pub mod event;
pub mod instance;
pub mod log;
pub mod node;
pub mod project;
pub mod supply;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A JSON object, keys in the order they came.
pub type JsonMap = serde_json::Map<String, serde_json::Value>;

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct List<T> {
    /// The items, in a stable order.
    pub items: Vec<T>,
}

/// Whether the master lives, and which.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// Always `ok` in an answer with status 200.
    pub status: String,
    /// Version of the program.
    pub version: String,
    /// Changes when a master was restored from a backup or is another one.
    pub master_epoch: String,
}
