//! What can be done to this host, one action a file.
//!
//! Each action is idempotent and may be killed anywhere: done again, it goes on. None of them
//! decides whether it should be done; that is `plan`.

mod build_software;
mod install_instance;
mod remove_instance;
mod remove_software;
mod supervise_instance;

pub use build_software::{BuildFault, build_software, profile_digest};
pub use install_instance::install_instance;
pub use remove_instance::remove_instance;
pub use remove_software::remove_software;
pub use supervise_instance::{stop_instance, supervise_instance, withdraw_instance};

#[cfg(test)]
pub(crate) use install_instance::install_request_for_tests;
