//! Every bound of the supervisor, with its reason.
//!
//! Change a figure here and nowhere else. Times are milliseconds, sizes are bytes.

/// Longest line of the control protocol. A group of a hundred programs with 10 KiB of environment
/// each is 1 MiB; four times that is generous and still harmless.
pub const LINE_BYTES_MAX: usize = 4 << 20;

/// Most bytes that wait to be read by one client before it is dropped: a status of thousands of
/// programs fits, a client that never reads does not hold more.
pub const CLIENT_BACKLOG_BYTES_MAX: usize = 8 << 20;

/// Control clients at once. The agent uses one or two, a person one; when full, the one that has
/// been silent longest is dropped, so that nobody can lock the agent out by holding connections.
pub const CLIENTS_MAX: usize = 32;

/// Groups of one supervisor: more than the partitions of any node known (hundreds).
pub const GROUPS_MAX: usize = 4096;

/// Programs of one group.
pub const PROGRAMS_PER_GROUP_MAX: usize = 1024;

/// Longest group or program name: fits with its log suffix in a file name of 255 bytes, and two of
/// them with a digest in one slot of the children table.
pub const NAME_BYTES_MAX: usize = 100;

/// Longest digest: a SHA-512 in hexadecimal.
pub const DIGEST_BYTES_MAX: usize = 128;

/// Slot of the children table: two names, a digest (escaped at worst) and the numbers. It divides a
/// memory page, so that a killed supervisor leaves no half-written slot.
pub const CHILD_SLOT_BYTES: usize = 1024;

/// A service that lived this long is restarted at once; so the fastest steady crash loop without a
/// pause is one restart a second, the rate at which runit and daemontools restart too.
pub const LIVED_LONG_ENOUGH_MS: u64 = 1_000;

/// First pause of a program that fails again and again.
pub const BACKOFF_FIRST_MS: u64 = 100;

/// Longest pause: an hour-long outage of a dependency ends within half a minute of its return.
pub const BACKOFF_MAX_MS: u64 = 30_000;

/// Part of a pause that is drawn by lot, per thousand, so that programs that fell together do not
/// come back together.
pub const BACKOFF_JITTER_PERMILLE: u64 = 200;

/// Default time between the stop signal and SIGKILL, as operators know it.
pub const STOP_TIMEOUT_MS_DEFAULT: u64 = 60_000;

/// Longest time between the stop signal and SIGKILL that a specification may ask for.
pub const STOP_TIMEOUT_MS_MAX: u64 = 3_600_000;

/// What a main process that ended in time leaves behind gets at most this long before SIGKILL: it
/// was asked to end together with it.
pub const LEFTOVER_GRACE_MS: u64 = 5_000;

/// Longest time that a supervisor told to end waits for its programs before it kills them all.
pub const SHUTDOWN_MS_MAX: u64 = 90_000;

/// How long a supervisor that ends waits for killed programs: one that hangs in the kernel must not
/// keep it for ever.
pub const KILL_MS_MAX: u64 = 5_000;

/// Requests of one client that are answered before everybody else gets a turn.
pub const REQUESTS_PER_TURN: usize = 4;

/// Default size of a log file before it is rotated.
pub const LOG_BYTES_DEFAULT: u64 = 1 << 20;

/// Default number of log files of a program, the one being written included.
pub const LOG_FILES_DEFAULT: u32 = 5;

/// Largest log file that a specification may ask for.
pub const LOG_BYTES_MAX: u64 = 1 << 30;

/// Most log files that a specification may ask for.
pub const LOG_FILES_MAX: u32 = 100;

/// Output taken from one program before the next gets its turn: one full pipe.
pub const OUTPUT_BYTES_PER_TURN: usize = 64 << 10;

/// Log files held open: enough for the programs that write all the time; the others are opened
/// when they write.
pub const OPEN_LOGS_MAX: usize = 64;

/// Time that a new supervisor waits for the lock of one that is just dying.
pub const LOCK_WAIT_MS: u64 = 500;

/// Default time that a client waits for an answer.
pub const CLIENT_TIMEOUT_MS: u64 = 10_000;

/// First and longest pause between two looks at a process tree that is dying.
pub const TREE_LOOK_MS: (u64, u64) = (1, 100);

/// File mode mask of every program: others read nothing.
pub const UMASK: u32 = 0o027;
