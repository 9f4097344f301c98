//! The life of an instance and of an installation: what may be asked, what may be reported.
//!
//! Requested and reported state are two columns and never one: the master writes the first, the
//! node the second. That a service is deployed says nothing about its promises; those are counted
//! apart (see [`crate::promise`]).

use std::fmt;
use std::str::FromStr;

/// What the master wants of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RequestedState {
    /// Installed and its processes running.
    Started,
    /// Installed, processes stopped, data kept.
    Stopped,
    /// Everything of it removed from its partition.
    Destroyed,
}

/// What the node last saw of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReportedState {
    /// No node has looked at it yet.
    Unknown,
    /// Its software is being built or fetched.
    Building,
    /// Its partition is being configured.
    Installing,
    /// Configured, every process was started.
    Started,
    /// Configured, no process runs.
    Stopped,
    /// Its last installation failed; the message says why.
    Failed,
    /// Removed from the partition, which is free again.
    Destroyed,
}

/// A release as built on one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InstallationState {
    /// Ordered, not begun.
    Waiting,
    /// Parts are being built.
    Building,
    /// Ready to be used.
    Available,
    /// The last build failed.
    Failed,
    /// Removed from the node.
    Destroyed,
}

/// A word that is no state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is not a state; the states are {allowed}")]
pub struct ParseStateError {
    word: String,
    allowed: &'static str,
}

macro_rules! state_words {
    ($type:ident, $allowed:literal, $($variant:ident => $word:literal),+ $(,)?) => {
        impl $type {
            /// The word on the wire and in the store.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $type {
            type Err = ParseStateError;

            fn from_str(word: &str) -> Result<Self, ParseStateError> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(ParseStateError {
                        word: word.chars().take(40).collect(),
                        allowed: $allowed,
                    }),
                }
            }
        }
    };
}

state_words!(RequestedState, "started, stopped, destroyed",
    Started => "started", Stopped => "stopped", Destroyed => "destroyed");
state_words!(ReportedState,
    "unknown, building, installing, started, stopped, failed, destroyed",
    Unknown => "unknown", Building => "building", Installing => "installing",
    Started => "started", Stopped => "stopped", Failed => "failed", Destroyed => "destroyed");
state_words!(InstallationState, "waiting, building, available, failed, destroyed",
    Waiting => "waiting", Building => "building", Available => "available",
    Failed => "failed", Destroyed => "destroyed");

impl RequestedState {
    /// May a requester move from `self` to `next`? Destruction is final: the name is free again
    /// for a new instance, but this one never comes back.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        self != Self::Destroyed || next == Self::Destroyed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_words_read_back() {
        for state in [
            RequestedState::Started,
            RequestedState::Stopped,
            RequestedState::Destroyed,
        ] {
            assert_eq!(state.as_str().parse(), Ok(state));
        }
        assert!("running".parse::<RequestedState>().is_err());
    }

    #[test]
    fn requested_destroyed_never_comes_back() {
        assert!(!RequestedState::Destroyed.may_become(RequestedState::Started));
        assert!(RequestedState::Stopped.may_become(RequestedState::Started));
        assert!(RequestedState::Destroyed.may_become(RequestedState::Destroyed));
    }
}
