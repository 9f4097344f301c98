//! The names of everything that can be wrong with a profile. Stable: tools and tests match on them.

use std::fmt;

/// What kind of problem a diagnostic is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Kind {
    /// A line is neither header, option, continuation nor comment.
    ParseError,
    /// Text before the first `[section]`.
    MissingSectionHeader,
    /// A section condition cannot be evaluated.
    BadExpression,
    /// A profile or an extended file is not there.
    MissingFile,
    /// A file is there but could not be had.
    FetchFailed,
    /// A file extends itself, directly or not.
    RecursiveInclude,
    /// The option `extended-by`, which no engine supports any longer.
    ExtendedBy,
    /// An option of `[buildout]` that must be `true` or `false` is neither.
    BadBool,
    /// A section is its own macro, directly or not.
    MacroLoop,
    /// `<` names a section that does not exist.
    MacroMissing,
    MissingSection,
    MissingOption,
    /// An option needs its own value.
    CircularReference,
    /// `${x}`
    SubstitutionNoColon,
    /// `${a:b:c}`
    SubstitutionTooManyColons,
    /// The section name in `${…}` has characters that a reference cannot hold.
    SubstitutionBadSection,
    /// The option name in `${…}` has characters that a reference cannot hold.
    SubstitutionBadOption,
    /// A value behind `!py!` that is no literal.
    BadTypedValue,
    /// A setting that contradicts itself or its place, or a mistake that a recipe found.
    UserError,
    /// One of the bounds of this crate was reached.
    TooLarge,
}

impl Kind {
    /// The stable name, such as `missing-option`.
    pub fn name(self) -> &'static str {
        match self {
            Kind::ParseError => "parse-error",
            Kind::MissingSectionHeader => "missing-section-header",
            Kind::BadExpression => "bad-expression",
            Kind::MissingFile => "missing-file",
            Kind::FetchFailed => "fetch-failed",
            Kind::RecursiveInclude => "recursive-include",
            Kind::ExtendedBy => "extended-by",
            Kind::BadBool => "bad-bool",
            Kind::MacroLoop => "macro-loop",
            Kind::MacroMissing => "macro-missing",
            Kind::MissingSection => "missing-section",
            Kind::MissingOption => "missing-option",
            Kind::CircularReference => "circular-reference",
            Kind::SubstitutionNoColon => "substitution-no-colon",
            Kind::SubstitutionTooManyColons => "substitution-too-many-colons",
            Kind::SubstitutionBadSection => "substitution-bad-section",
            Kind::SubstitutionBadOption => "substitution-bad-option",
            Kind::BadTypedValue => "bad-typed-value",
            Kind::UserError => "user-error",
            Kind::TooLarge => "too-large",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}
