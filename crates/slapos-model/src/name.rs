//! Names that people give: to services, projects, nodes and partitions.
//!
//! Anything a person would write is accepted (old clients send spaces and accents); what would
//! break a line of a terminal, a log or a path is refused.

use crate::limits::NAME_CHARS_MAX;
use std::fmt;
use std::str::FromStr;

/// A name that can be shown on one line: 1 to [`NAME_CHARS_MAX`] characters, no control
/// characters, no spaces at its ends.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

/// Why a text is no name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing, or only spaces.
    #[error("a name must have at least one character")]
    Empty,
    /// Too many characters.
    #[error("a name has at most {NAME_CHARS_MAX} characters, this one has {0}")]
    TooLong(usize),
    /// A character that cannot be shown.
    #[error("a name cannot contain the character {0:?}")]
    Character(char),
    /// Leading or trailing space.
    #[error("a name cannot begin or end with a space")]
    OuterSpace,
}

impl Name {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.trim().is_empty() {
            return Err(NameError::Empty);
        }
        if text.trim() != text {
            return Err(NameError::OuterSpace);
        }
        let count = text.chars().count();
        if count > NAME_CHARS_MAX {
            return Err(NameError::TooLong(count));
        }
        if let Some(bad) = text.chars().find(|c| c.is_control()) {
            return Err(NameError::Character(bad));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_with_spaces_and_accents_is_accepted() {
        assert!("Ma base de données".parse::<Name>().is_ok());
    }

    #[test]
    fn name_that_breaks_a_line_is_refused() {
        assert_eq!("".parse::<Name>(), Err(NameError::Empty));
        assert_eq!(" a".parse::<Name>(), Err(NameError::OuterSpace));
        assert_eq!("a\nb".parse::<Name>(), Err(NameError::Character('\n')));
        assert_eq!(
            "x".repeat(201).parse::<Name>(),
            Err(NameError::TooLong(201))
        );
    }
}
