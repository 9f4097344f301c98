//! The process supervisor: starts, watches, restarts and stops the programs of partitions.
//!
//! Start at [`run`] (the loop, in the calling process) and [`Client`] (how everybody else talks to
//! it). What is wanted is a [`GroupSpec`] per partition; what is, is a [`GroupStatus`].
//! Decisions are pure and live in `step.rs`; every call that needs `unsafe` lives in `sys.rs`.
//!
//! Never in here: tokio, the network, buildout, a decision about what a partition should run.

mod atomic_file;
mod cgroup;
mod child_table;
mod client;
pub mod limits;
mod log_files;
mod poll;
mod proc;
mod run;
mod spec;
mod status;
mod step;
mod supervisor;
mod sys;
mod tree;
mod wanted_files;
mod wire;

pub use client::{Client, ClientError, Subscription};
pub use run::{CgroupUse, SuperviseConfig, SuperviseError, run};
pub use spec::{
    GroupSpec, LogSpec, ProgramKind, ProgramLimits, ProgramSpec, Signal, SpecError, User, Wanted,
};
pub use status::{
    Containment, Event, EventKind, GroupStatus, Outcome, ProgramState, ProgramStatus,
};
pub use wire::ShutdownMode;
