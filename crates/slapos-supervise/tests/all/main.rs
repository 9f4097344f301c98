//! The supervisor with real processes: each test has a supervisor of its own in a folder of its own.
//!
//! The supervisor is the process of `supervisor.rs`, which is not a module of this file. Start at `world.rs` for the
//! means, then at the module whose name says what you look for. Tests that only root can do say so
//! on standard error when they are left out.

// The lint knows test functions only, and most of what tests call is not one.
#![allow(clippy::unwrap_used)]

mod control;
mod life;
mod many;
mod output;
mod takeover;
mod tree;
mod world;
