//! The tools over profiles, from outside of the crate: files in memory or in a temporary folder.

// A test that cannot go on is to end there; clippy knows tests only by their attribute.
#![allow(clippy::unwrap_used)]

mod catalog;
mod docs;
mod lint;
mod releases;
mod resolve;
mod tools;
mod world;
