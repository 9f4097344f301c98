//! The master's tests: rules on both databases, the REST face with a real client, the rights table.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod forward;
mod openapi;
mod rights;
mod server;
mod slap;
mod suite;
mod takeover;
mod world;
