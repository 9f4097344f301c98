//! Limits of the master, with the reason beside each.

use std::time::Duration;

/// Closures that wait for the writer. Beyond it callers are told to come back: better than an
/// unbounded queue whose answers nobody waits for any more.
pub const WRITE_QUEUE_MAX: usize = 4096;

/// Closures in one commit. More does not help (190,000 requests/s at 100 in a commit, measured)
/// and makes the first of them wait for the last.
pub const COMMIT_BATCH_MAX: usize = 256;

/// Connections that read from SQLite beside the writer.
pub const READERS: usize = 2;

/// Names remembered as asked for before: 1 MiB at most.
pub const ASKED_MAX: usize = 65_536;

/// Answers of the old wire kept while nothing changes: with the next limit 4 MiB at most.
pub const KEPT_ANSWERS_MAX: usize = 256;

/// A request of a recipe and its answer, together; longer ones are not kept.
pub const KEPT_ANSWER_BYTES_MAX: usize = 16 * 1024;

/// So long after a token ended by its date may an answer still be given again.
pub const KEPT_FOR_US: i64 = 1_000_000;

/// Connections to PostgreSQL.
pub const POSTGRES_CONNECTIONS: usize = 8;

/// How often a transaction that PostgreSQL could not serialise is run again.
pub const SERIALIZE_RETRIES: u32 = 20;

/// Events that a slow watcher may be behind before it has to read the log again.
pub const WATCH_BUFFER: usize = 1024;

/// Entries that a node's stream may be behind. A node acts on each by reading everything, so more
/// help nobody.
pub const MAILBOX_MAX: usize = 64;

/// Watch streams open at once.
pub const WATCHERS_MAX: usize = 20_000;

/// Time that the return of one node is worth when all of them come back: two handshakes, its offer and
/// what it is to run are a millisecond of a core, and the other half is for everybody else.
pub const RETURN_EACH: Duration = Duration::from_millis(2);

/// Connections open at once; a node keeps two.
pub const CONNECTIONS_MAX: usize = 40_000;

/// Descriptors that are no connections: databases, logs, other masters.
pub const OTHER_DESCRIPTORS: usize = 200;

/// TLS handshakes under way at once. When ten thousand nodes come together, some are served soon and
/// the rest wait for a place, instead of all of them running out of time side by side.
pub const HANDSHAKES_MAX: usize = 64;

/// A handshake keeps its place no longer than this: its work is milliseconds, and what is left of it
/// is waiting for the peer, which may be slow or mean no good.
pub const HANDSHAKE_PLACE: Duration = Duration::from_secs(1);

/// A peer that does not finish its TLS handshake or its request's head in this time is dropped.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the master waits for running requests when it is asked to end.
pub const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);

/// Changes of state kept with each promise.
pub const PROMISE_HISTORY_MAX: usize = 20;

/// Promises of one instance in a report.
pub const PROMISES_MAX: usize = 500;

/// Longest message that is kept of a failure: the end of a log.
pub const MESSAGE_BYTES_MAX: usize = 16 * 1024;

/// Most items in one page of a list.
pub const LIST_MAX: usize = 10_000;

/// Partitions that one node may offer.
pub const PARTITIONS_MAX: usize = 50_000;

/// Instances that are waiting for a partition and are looked at when one becomes free.
pub const ALLOCATE_BATCH_MAX: usize = 100;

/// Log requests under way at once, and how long one may wait for its node.
pub const LOG_REQUESTS_MAX: usize = 1000;

/// How long a reader of logs waits for the node.
pub const LOG_TIMEOUT: Duration = Duration::from_secs(15);

/// A node counts as online for so long after it was last heard.
pub const NODE_ONLINE_US: i64 = 120 * 1_000_000;

/// Largest usage report: a thousand partitions with twenty measures each.
pub const USAGE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Calls to other masters under way at once: a silent one holds a thread of four for half a minute.
pub const FORWARDS_MAX: usize = 2;

/// Asks that wait for other masters and are tried in one turn.
pub const FORWARD_BATCH_MAX: i64 = 100;

/// When what waits for another master is tried again first; twice as long after each failure.
pub const FORWARD_RETRY_FIRST: Duration = Duration::from_millis(500);

/// And at most: so long is a master that came back asked for nothing.
pub const FORWARD_RETRY_MAX: Duration = Duration::from_secs(30);
