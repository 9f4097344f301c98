//! The node agent: makes this machine what the master asks for, and says what it saw.
//!
//! Start at [`run`], the resident agent, or at the one-shot steps ([`format`], [`software`],
//! [`instance`], [`promise`], [`status`]). What to do is decided by the pure function
//! `plan` from what is asked and what is seen; what is done goes through
//! one seam, `System`. Builds and installations run in child processes whose body is
//! [`run_job`].
//!
//! Never in here: SQL, the master's insides, the profile language.

pub mod act;
mod agent;
mod atomic_file;
pub mod config;
pub mod desire;
mod error;
pub mod format;
pub mod job;
pub mod layout;
pub mod limits;
pub mod link;
mod lock;
pub mod logs;
pub mod moment;
mod node;
pub mod observe;
pub mod plan;
pub mod promise;
pub mod record;
pub mod release;
mod run;
mod shutdown;
mod step;
pub mod system;
#[cfg(test)]
mod testing;

pub use config::{NodeConfig, OldMasterSettings, Settings};
pub use error::NodeError;
pub use job::run_job;
pub use run::run;
pub use shutdown::Shutdown;
pub use step::{
    Failure, FormatSummary, InstanceStatus, InstanceSummary, Mode, NodeStatus, PartitionSummary,
    PromiseSummary, SoftwareStatus, SoftwareSummary, StepOptions, format, instance, promise,
    software, status,
};
