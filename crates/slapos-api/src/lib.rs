//! The wire of SlapOS: the types of the native REST API `/v1` and a blocking client for it.
//!
//! What travels is defined here once, for master, node, command line and panel. There is no
//! decision and no SQL in this crate. Start with [`wire::instance`] for what a person asks,
//! [`wire::node`] for what a node is told and tells, and [`Client`] to speak to a master.

pub mod client;
pub mod error;
pub mod limits;
pub mod slap;
pub mod tls;
mod transport;
pub mod wire;

pub use client::{Client, ClientError, Credential, Watch};
pub use error::{ErrorBody, ErrorCode};
