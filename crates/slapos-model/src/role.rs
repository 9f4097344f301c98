//! Who may do what: kinds of subjects and their roles in a project.
//!
//! The default answer is no. A role is ordered: each can do what the ones below it can.

use std::fmt;
use std::str::FromStr;

/// What a subject is, which also says how it proves itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SubjectKind {
    /// A human being or a program that acts for one, by token.
    Person,
    /// A node, by its certificate.
    Node,
    /// An instance, by its certificate.
    Instance,
}

/// What a person may do in a project; later variants include earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Read.
    Viewer,
    /// Request, change, stop and destroy services.
    Member,
    /// Nodes, catalogue, supplies.
    Operator,
    /// Members and their roles, tokens of others.
    Owner,
}

macro_rules! words {
    ($type:ident, $what:literal, $($variant:ident => $word:literal),+ $(,)?) => {
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
            type Err = String;
            fn from_str(word: &str) -> Result<Self, String> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(format!("`{word}` is not a {}; use one of: {}", $what,
                        [$($word),+].join(", "))),
                }
            }
        }
    };
}

words!(SubjectKind, "kind of subject",
    Person => "person", Node => "node", Instance => "instance");
words!(Role, "role",
    Viewer => "viewer", Member => "member", Operator => "operator", Owner => "owner");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn role_owner_includes_all_others() {
        assert!(Role::Owner > Role::Operator && Role::Operator > Role::Member);
        assert!(Role::Member > Role::Viewer);
        assert_eq!("operator".parse(), Ok(Role::Operator));
        assert!("root".parse::<Role>().is_err());
    }
}
