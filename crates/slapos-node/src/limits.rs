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

/// First pause before a job that failed is tried again.
pub const RETRY_FIRST: Duration = Duration::from_secs(30);

/// Longest pause before a job that failed is tried again.
pub const RETRY_MAX: Duration = Duration::from_secs(3600);

/// Longest line that a job may say: an outcome with long connection values.
pub const JOB_LINE_BYTES_MAX: usize = 4 << 20;

/// Lines of progress that are listened to: some per part of the largest builds.
pub const JOB_LINES_MAX: u32 = 100_000;

/// Largest job: a full set of parameters and shares of a large instance.
pub const JOB_BYTES_MAX: u64 = 64 << 20;

/// How much of a job's last words is kept for the report.
pub const JOB_TAIL_BYTES_MAX: usize = 8 << 10;

/// Longest message that is reported: the end of a log, readable on a page.
pub const MESSAGE_BYTES_MAX: usize = 16 << 10;

/// How much a promise may say: as much as the original keeps.
pub const PROMISE_OUTPUT_BYTES_MAX: usize = 5000;

/// Where programs of builds and instances are looked for.
pub const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Time that the processes of a partition's user get to be gone after SIGKILL.
pub const KILL_WAIT: Duration = Duration::from_secs(5);

/// Time for the supervisor to answer; it answers in milliseconds.
pub const SUPERVISOR_TIMEOUT: Duration = Duration::from_secs(10);

/// Time for a new supervisor to be there.
pub const SUPERVISOR_START: Duration = Duration::from_secs(10);

/// Checks of promises at once: most of them wait for a network or a process.
pub const PROMISES_AT_ONCE: usize = 8;

/// Pauses between the first tries of a promise that was not kept yet: a service that is ready
/// within a second is seen to be so within a tenth of the time that it took.
pub const PROMISE_TRIES: [Duration; 6] = [
    Duration::from_millis(20),
    Duration::from_millis(30),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(400),
];

/// Pause after those, for the tries that follow.
pub const PROMISE_RETRY: Duration = Duration::from_millis(1500);

/// Tries after which a promise that was never kept is looked at with its period only: about as
/// long as the usual start-up grace.
pub const PROMISE_QUICK_TRIES: u32 = 45;

/// Changes of state that are kept of one promise.
pub const PROMISE_HISTORY_MAX: usize = 100;

/// Most of an answer that a URL check reads.
pub const FETCH_BYTES_MAX: u64 = 1 << 20;

/// First pause before the master is tried again.
pub const RECONNECT_FIRST: Duration = Duration::from_millis(250);

/// Longest pause before the master is tried again.
pub const RECONNECT_MAX: Duration = Duration::from_secs(30);

/// How often the master is asked what it wants while no watch stream stands.
pub const POLL: Duration = Duration::from_secs(60);

/// How often a master of the old wire, which tells nothing by itself, is asked at most.
pub const OLD_POLL_MIN: Duration = Duration::from_secs(2);

/// The same while one stands: only against a stream that lies.
pub const POLL_WATCHING: Duration = Duration::from_secs(300);

/// After so long a promise that says the same is reported again, with the time of its check.
pub const PROMISE_REFRESH: Duration = Duration::from_secs(600);

/// Logs that are read at once.
pub const LOG_READERS_MAX: usize = 8;

/// Notices that wait for the agent; who has more to say waits.
pub const NOTICES_MAX: usize = 1024;

/// A service must live so long before it counts as up: one that ends at once never does.
pub const UP_AFTER: Duration = Duration::from_millis(200);

/// Smallest time between two reports of the progress of a build.
pub const PROGRESS_EVERY: Duration = Duration::from_millis(300);

/// First and longest pause after a step that failed for a reason of this machine.
pub const HOLD: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// Partitions that are worked on at once without an installation: stops, starts, removals.
pub const LIGHT_STEPS_MAX: usize = 16;

/// Instances, and releases, in one report: with the longest messages it stays within the largest
/// body that the master takes.
pub const REPORT_ITEMS_MAX: usize = 50;

/// A completion mark is one line.
pub const STAMP_BYTES_MAX: u64 = 4096;

/// How much of a profile is looked at to see whether it changed.
pub const PROFILE_BYTES_MAX: u64 = 4 << 20;

/// Times that a tool is asked that says that the user database is locked: some seconds in all, in
/// which any other tool is done.
pub const TOOL_TRIES: u32 = 20;

/// Pause between two of them.
pub const TOOL_PAUSE: Duration = Duration::from_millis(250);
