//! Assignments from the command line: `section:option=value`.
//!
//! They win over every file. `+=` and `-=` work as they do in a file (`buildout:parts+=x`).

use thiserror::Error;

/// One assignment that is merged above all files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    pub(crate) section: String,
    /// As written, with a trailing `+` or `-` when it adds or removes lines.
    pub(crate) option: String,
    pub(crate) value: String,
}

/// Why a text is no assignment.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OverrideError {
    #[error("reading the assignment `{0}`: there is no `=`; write section:option=value")]
    NoEqualSign(String),
    #[error(
        "reading the assignment `{0}`: more than one `:` before `=`; write section:option=value"
    )]
    TooManyColons(String),
    #[error("reading the assignment `{0}`: the option has no name; write section:option=value")]
    NoOption(String),
}

impl Override {
    /// Reads `section:option=value`, or `option=value` which is of `[buildout]`. Spaces around each are cut.
    pub fn parse(text: &str) -> Result<Override, OverrideError> {
        let (name, value) = text
            .split_once('=')
            .ok_or_else(|| OverrideError::NoEqualSign(text.to_owned()))?;
        let (section, option) = name.split_once(':').unwrap_or(("buildout", name));
        if option.contains(':') {
            return Err(OverrideError::TooManyColons(text.to_owned()));
        }
        if option.trim().is_empty() {
            return Err(OverrideError::NoOption(text.to_owned()));
        }
        Ok(Override::new(section, option, value))
    }

    /// The same from its parts; for a program that has them apart already.
    pub fn new(section: &str, option: &str, value: &str) -> Override {
        Override {
            section: section.trim().to_owned(),
            option: option.trim().to_owned(),
            value: value.trim().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_section_and_option_are_trimmed() {
        let parsed = Override::parse(" a : x + =  2 ").unwrap();
        assert_eq!(parsed, Override::new("a", "x +", "2"));
    }

    #[test]
    fn parse_without_section_is_of_buildout() {
        assert_eq!(
            Override::parse("y=5").unwrap(),
            Override::new("buildout", "y", "5")
        );
    }

    #[test]
    fn parse_value_keeps_colons_and_equal_signs() {
        let parsed = Override::parse("a:x=http://h/?k=v").unwrap();
        assert_eq!(parsed.value, "http://h/?k=v");
    }

    #[test]
    fn parse_of_what_is_no_assignment_says_why() {
        assert!(matches!(
            Override::parse("install"),
            Err(OverrideError::NoEqualSign(_))
        ));
        assert!(matches!(
            Override::parse("a:b:c=1"),
            Err(OverrideError::TooManyColons(_))
        ));
        assert!(matches!(
            Override::parse("a:=1"),
            Err(OverrideError::NoOption(_))
        ));
    }
}
