//! What is wrong with a profile, said the way a good compiler says it.
//!
//! A [`Report`] is the only error of this crate's two operations, loading and evaluating.
//! It holds one or several [`Diagnostic`]s; its `Display` shows each with the line of text, underlined.

use std::fmt;

mod kind;
mod render;
mod suggest;

pub use kind::Kind;
pub(crate) use suggest::nearest;

/// Everything that is wrong with a profile, in the order found. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    // Invariant: not empty; every constructor takes at least one.
    diagnostics: Vec<Diagnostic>,
}

/// One problem and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    pub kind: Kind,
    /// One sentence, lower case, no final period.
    pub message: String,
    /// Path or URL of the file; none when the problem is in no file (a recipe, the command line).
    pub file: Option<String>,
    /// From 1; 0 when the whole file is meant.
    pub line: u32,
    /// From 1, in characters; 0 when the whole line is meant.
    pub column: u32,
    /// Characters to underline.
    pub length: u32,
    /// The text of that line.
    pub source_line: Option<String>,
    /// What to do next.
    pub help: Option<String>,
    /// How evaluation came here, nearest first: who extends this file, who refers to this option.
    pub chain: Vec<Link>,
}

/// A step on the way to the problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// For example "needed by option `y` of section `b`".
    pub text: String,
    pub file: Option<String>,
    /// From 1; 0 when unknown.
    pub line: u32,
}

impl Report {
    /// A report of one problem.
    pub fn one(diagnostic: Diagnostic) -> Report {
        Report {
            diagnostics: vec![diagnostic],
        }
    }

    /// A report of all, or none if there is nothing to say.
    pub(crate) fn of(mut diagnostics: Vec<Diagnostic>) -> Option<Report> {
        diagnostics.truncate(crate::limits::DIAGNOSTICS_MAX);
        (!diagnostics.is_empty()).then_some(Report { diagnostics })
    }

    /// These and the problems of another report, each told once.
    pub(crate) fn and(mut self, other: Report) -> Report {
        for found in other.diagnostics {
            if self.diagnostics.len() >= crate::limits::DIAGNOSTICS_MAX {
                break;
            }
            let is_known = |known: &Diagnostic| {
                (known.kind, &known.file, known.line, known.column)
                    == (found.kind, &found.file, found.line, found.column)
                    && known.message == found.message
            };
            if !self.diagnostics.iter().any(is_known) {
                self.diagnostics.push(found);
            }
        }
        self
    }

    /// Every problem, in the order found.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// The first problem.
    pub fn first(&self) -> &Diagnostic {
        &self.diagnostics[0]
    }

    /// The kind of the first problem.
    pub fn kind(&self) -> Kind {
        self.first().kind
    }
}

impl Diagnostic {
    /// A problem without a place; add what is known with struct update.
    pub fn new(kind: Kind, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            kind,
            message: message.into(),
            file: None,
            line: 0,
            column: 0,
            length: 0,
            source_line: None,
            help: None,
            chain: Vec::new(),
        }
    }

    /// The same with advice.
    pub fn with_help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help = Some(help.into());
        self
    }
}

impl From<Diagnostic> for Report {
    fn from(diagnostic: Diagnostic) -> Report {
        Report::one(diagnostic)
    }
}

impl std::error::Error for Report {}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.diagnostics.iter().enumerate() {
            if index > 0 {
                out.write_str("\n\n")?;
            }
            diagnostic.fmt(out)?;
        }
        Ok(())
    }
}
