//! From a resolved profile to installed parts: recipes, what is installed, what an instance runs.
//!
//! Two entry points: [`build_software`] builds a software release, [`install_instance`] lays out one
//! partition from it. Both are meant to run in a child process of the right user, so what goes in and
//! what comes out is data that crosses a pipe as JSON.
//!
//! Never in here: requests to the master, the supervisor, the switch of user.

mod archive;
mod attest;
mod built;
mod compare;
mod egg;
mod engine;
mod error;
mod evaluate;
mod file;
mod gather;
mod host;
mod instance;
mod jobserver;
mod licence;
mod limits;
mod lock;
mod memory;
mod network;
mod original;
mod origins;
mod own;
mod part_environment;
mod part_log;
mod part_mark;
mod partition;
mod process;
mod progress;
mod promise;
mod prune;
mod recipe;
mod record;
mod sbom;
mod signature;
mod software;
mod tree_id;
mod work;

pub use attest::{Attested, AttestedPart, Statement, attest, installation};
pub use built::{Pushed, push_built};
pub use compare::{Difference, compare_builds};
pub use error::{BuildError, BuildFailure, FailureKind};
pub use gather::{Gathered, gather};
pub use instance::{InstanceInstall, InstanceOutcome, Program, install_instance};
pub use lock::{Lock, LockedSource};
pub use origins::Origins;
pub use part_environment::PartEnvironment;
pub use part_mark::{Given, UsedSource};
pub use progress::{Cancel, Progress, Step};
pub use promise::{Check, FileState, PromiseSpec, PromiseSpecError};
pub use prune::{Prune, Pruned, prune_shared};
pub use software::{
    PartOutcome, PartState, SoftwareBuild, SoftwareOutcome, SoftwareReport, build_software,
    default_jobs, default_path, report_software,
};
