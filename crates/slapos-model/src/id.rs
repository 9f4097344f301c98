//! References: each thing has an id of its own type, so that a node's id cannot be given where an
//! instance's is wanted.
//!
//! The text form is a prefix that old clients know (`COMP-`, `SOFTINST-`) and 26 characters of
//! Crockford base 32: 48 bits of milliseconds and 80 random bits (the ULID layout), so ids sort by
//! age and two masters never choose the same. Ids never carry meaning beyond that.

use crate::time::{Clock, RandomSource};
use std::fmt;
use std::str::FromStr;

/// A text that is not an id of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a reference of the form {prefix}…")]
pub struct ParseIdError {
    text: String,
    prefix: &'static str,
}

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// What the text form begins with.
            pub const PREFIX: &'static str = $prefix;

            /// A new id from the time and randomness given.
            #[must_use]
            pub fn fresh(clock: &dyn Clock, random: &dyn RandomSource) -> Self {
                Self(fresh_id($prefix, clock, random))
            }

            /// The text form, prefix included.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let rest = text.strip_prefix($prefix);
                let is_plain = |rest: &str| {
                    (1..=64).contains(&rest.len())
                        && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
                };
                match rest {
                    Some(rest) if is_plain(rest) => Ok(Self(text.to_owned())),
                    _ => Err(ParseIdError {
                        text: text.chars().take(80).collect(),
                        prefix: $prefix,
                    }),
                }
            }
        }
    };
}

id_type!(
    /// A tenant.
    ProjectId,
    "PROJ-"
);
id_type!(
    /// A person, node or instance that can be asked who it is.
    SubjectId,
    "SUBJ-"
);
id_type!(
    /// A secret that proves a subject; the id is public, the secret is not in it.
    TokenId,
    "TOKEN-"
);
id_type!(
    /// A machine that runs the agent (`COMP-` is what old clients call it).
    NodeId,
    "COMP-"
);
id_type!(
    /// A slot of a node.
    PartitionId,
    "PART-"
);
id_type!(
    /// A requested service.
    InstanceId,
    "SOFTINST-"
);

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Text of a new id: `prefix`, then milliseconds since 1970 and 80 random bits in base 32.
#[must_use]
pub fn fresh_id(prefix: &str, clock: &dyn Clock, random: &dyn RandomSource) -> String {
    let mut entropy = [0_u8; 10];
    random.fill(&mut entropy);
    let millis = u64::try_from(clock.now().as_micros() / 1000).unwrap_or(0);
    let mut bits = u128::from(millis & 0xffff_ffff_ffff) << 80;
    for (index, byte) in entropy.iter().enumerate() {
        bits |= u128::from(*byte) << (72 - 8 * index);
    }
    let mut text = String::with_capacity(prefix.len() + 26);
    text.push_str(prefix);
    for index in (0..26).rev() {
        let digit = usize::try_from((bits >> (5 * index)) & 31).unwrap_or(0);
        text.push(char::from(ALPHABET[digit]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    struct FixedClock(i64);
    impl Clock for FixedClock {
        fn now(&self) -> Timestamp {
            Timestamp::from_micros(self.0)
        }
    }
    struct Bytes(u8);
    impl RandomSource for Bytes {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    #[test]
    fn fresh_id_later_sorts_after() {
        let early = NodeId::fresh(&FixedClock(1_000_000), &Bytes(255));
        let late = NodeId::fresh(&FixedClock(2_000_000), &Bytes(0));
        assert!(early < late);
        assert_eq!(early.as_str().len(), "COMP-".len() + 26);
    }

    #[test]
    fn fresh_id_read_back_is_same() {
        let id = InstanceId::fresh(&FixedClock(1_700_000_000_000_000), &Bytes(7));
        assert_eq!(id.as_str().parse::<InstanceId>(), Ok(id));
    }

    #[test]
    fn parse_id_of_another_kind_is_refused() {
        assert!("COMP-1".parse::<NodeId>().is_ok());
        assert!("COMP-1".parse::<InstanceId>().is_err());
        assert!("COMP-".parse::<NodeId>().is_err());
        assert!("COMP-a/b".parse::<NodeId>().is_err());
    }
}
