//! The agent with real processes, a real supervisor and a small master of the tests' own.
//!
//! Start at `world.rs` for the means. Tests that only root can do say so on standard error when
//! they are left out.

// The lint knows test functions only, and most of what tests call is not one.
#![allow(clippy::unwrap_used)]

mod life;
mod link;
mod master;
mod root_only;
mod world;
