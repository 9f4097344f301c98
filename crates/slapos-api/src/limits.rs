//! Limits of the wire, with the reason beside each.

use std::time::Duration;

/// Largest body of a request to the master: a full set of parameters and room for the rest.
pub const BODY_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Largest answer that a client reads: a node of a thousand partitions with long parameters.
pub const ANSWER_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// How long a client waits for the answer to a call.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// How often a watch stream says that it is alive.
pub const HEARTBEAT: Duration = Duration::from_secs(20);

/// Silence on a watch stream after which the other side counts as gone: two heartbeats and some.
pub const WATCH_TIMEOUT: Duration = Duration::from_secs(50);

/// Longest time over which a master may ask its nodes to spread their coming back.
pub const SPREAD_MAX: Duration = Duration::from_secs(60);

/// Longest line of a watch stream.
pub const WATCH_LINE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Events in one page of the event log.
pub const EVENT_PAGE_MAX: usize = 500;

/// Bytes of log in one answer.
pub const LOG_CHUNK_BYTES_MAX: usize = 256 * 1024;

/// Deepest nesting of a marshalled value: the documents of real nodes have eight levels.
pub const MARSHAL_DEPTH_MAX: usize = 64;

/// Values in one marshalled document, repeated ones counted each time: a format document of a
/// thousand partitions has 40,000.
pub const MARSHAL_VALUES_MAX: usize = 400_000;

/// Bytes of all texts in one marshalled document.
pub const MARSHAL_TEXT_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Largest body on the old wire: a form, whose percent signs make three bytes of many a one.
pub const SLAP_BODY_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Largest answer of the old wire that a client of ours reads: a node of ten thousand partitions.
pub const SLAP_ANSWER_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// How long a client of the old wire waits for an answer: the original takes a second to tell a node
/// of a thousand partitions, on a quiet machine.
pub const SLAP_CALL_TIMEOUT: Duration = Duration::from_secs(30);
