//! Promises: what a check said, and who broke, the service or the check.
//!
//! A promise that could not be checked is never counted as kept and never as broken by the
//! service: the two need different people.

use std::fmt;
use std::str::FromStr;

/// The outcome of the last run of a promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PromiseState {
    /// Not run yet, or failing inside its start-up grace.
    Pending,
    /// The service does what it promised.
    Kept,
    /// The check ran and says that the service does not.
    Broken,
    /// The check itself failed: not executable, timed out, killed, unreadable.
    CheckBroken,
}

impl PromiseState {
    /// The word on the wire and in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Kept => "kept",
            Self::Broken => "broken",
            Self::CheckBroken => "check-broken",
        }
    }
}

impl fmt::Display for PromiseState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for PromiseState {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "pending" => Ok(Self::Pending),
            "kept" => Ok(Self::Kept),
            "broken" => Ok(Self::Broken),
            "check-broken" => Ok(Self::CheckBroken),
            _ => Err(format!(
                "`{word}` is not a promise state; they are pending, kept, broken, check-broken"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn promise_state_words_read_back() {
        for word in ["pending", "kept", "broken", "check-broken"] {
            assert_eq!(word.parse::<PromiseState>().unwrap().as_str(), word);
        }
        assert!("ok".parse::<PromiseState>().is_err());
    }
}
