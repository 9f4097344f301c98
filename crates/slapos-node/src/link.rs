//! The link to the master: who the node is, what it is asked, what it tells.
//!
//! Everything here may fail for years without harm: the node works from what it has on disk.

pub mod identity;
mod master;
mod old_wire;
pub mod outbox;
mod watch;

pub use master::Master;
pub use outbox::Outbox;
pub(crate) use watch::{Mail, follow_master};
