//! The control protocol: one JSON object a line, over a unix socket.
//!
//! Private to this crate: both sides are built together, and the version says when they are not.
//! Enums are externally tagged; the internally tagged form does not survive `serde_json` with exact
//! numbers. Add a new operation to [`Ask`], then to `answer.rs` of the supervisor and to `Client`.

use serde::{Deserialize, Serialize};

use crate::spec::{GroupSpec, Signal};
use crate::status::{Event, GroupStatus};

/// Version of the protocol. An older agent must be able to talk to a newer supervisor during an
/// upgrade, so this changes only when the meaning of an existing message does.
pub(crate) const VERSION: u32 = 1;

/// A line from the client.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RequestLine {
    pub(crate) version: u32,
    pub(crate) id: u64,
    pub(crate) ask: Ask,
}

/// What can be asked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ask {
    Apply(Box<GroupSpec>),
    Remove {
        group: String,
    },
    Status {
        group: Option<String>,
    },
    Restart {
        group: String,
        program: Option<String>,
    },
    Signal {
        group: String,
        program: String,
        signal: Signal,
    },
    Subscribe,
    Shutdown(ShutdownMode),
}

/// What becomes of the programs when the supervisor ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShutdownMode {
    /// All are stopped first; they start again with the next supervisor.
    StopServices,
    /// All go on; the next supervisor takes them over without a restart. This is how it is upgraded.
    LeaveServices,
}

/// A line from the supervisor: the answer to the request of that id, or an event (id 0).
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ReplyLine {
    pub(crate) version: u32,
    pub(crate) id: u64,
    pub(crate) reply: Reply,
}

/// What can be answered.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reply {
    Done,
    Status(Vec<GroupStatus>),
    Event(Event),
    Refused(String),
}

/// One message with its end of line.
pub(crate) fn to_line<T: Serialize>(message: &T) -> Vec<u8> {
    // Strings, numbers, lists and maps with text keys: serialising them cannot fail.
    let mut line = serde_json::to_vec(message).unwrap_or_default();
    line.push(b'\n');
    line
}
