//! What a child of `up` says on its standard output: one JSON line, once.

use crate::failure::Failure;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// The line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ChildLine {
    /// It does its work; the master says where it listens.
    Ready {
        /// Where, for the master.
        listen: Option<SocketAddr>,
    },
    /// It cannot.
    Failed {
        /// A sentence.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
}

impl ChildLine {
    /// The line of a failure.
    pub(crate) fn of(failure: &Failure) -> Self {
        Self::Failed {
            message: failure.message.clone(),
            hint: failure.hint.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn child_line_survives_the_pipe() {
        let line = ChildLine::Ready {
            listen: Some("127.0.0.1:4321".parse().unwrap()),
        };
        let text = serde_json::to_string(&line).unwrap();
        assert_eq!(serde_json::from_str::<ChildLine>(&text).unwrap(), line);
    }
}
