//! Every bound of the node agent, with its reason.
//!
//! Change a figure here and nowhere else.

use std::time::Duration;

/// Partitions that one node may have: the largest nodes known have some hundreds.
pub const PARTITIONS_MAX: u32 = 1000;

/// Partitions of a node that says nothing: enough for a person's machine.
pub const PARTITIONS_DEFAULT: u32 = 10;

/// Jobs of one kind that may run at once, whatever the settings say: each is some processes.
pub const JOBS_MAX: u32 = 64;

/// Installations of instances at once: they are short and mostly wait for the disk.
pub const INSTANCE_JOBS: u32 = 6;

/// Builds at once: each uses all cores by itself; a second one so that a short build does not
/// wait for a long one.
pub const SOFTWARE_JOBS: u32 = 2;

/// A build of the largest releases known takes some hours; ten are a hang.
pub const SOFTWARE_TIMEOUT_MIN: u32 = 600;

/// An instance is configured in seconds; half an hour is a hang.
pub const INSTANCE_TIMEOUT_MIN: u32 = 30;

/// Default period of a promise.
pub const PROMISE_PERIOD_S: u32 = 60;

/// Default time-out of a promise, as in the original.
pub const PROMISE_TIMEOUT_S: u32 = 20;

/// Default time after a start in which a failing promise is only pending.
pub const PROMISE_GRACE_S: u32 = 60;

/// First pause before a job that failed is tried again.
pub const RETRY_FIRST: Duration = Duration::from_secs(30);

/// Longest pause before a job that failed is tried again.
pub const RETRY_MAX: Duration = Duration::from_secs(3600);
