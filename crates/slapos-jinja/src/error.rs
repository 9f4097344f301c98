//! Why a template could not be rendered: what, in which template, at which line.

use std::fmt;

/// A template that could not be rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct TemplateError {
    /// What kind of error, by Python's name of it.
    pub kind: ErrorKind,
    /// One sentence, lower case.
    pub message: String,
    /// The name of the template.
    pub template: String,
    /// The line, from 1.
    pub line: u32,
}

/// Kinds of errors; the names are those of jinja2 and Python, so that people who know them recognise them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    Syntax,
    Undefined,
    NotFound,
    Assertion,
    Value,
    Type,
    Key,
    Index,
    Attribute,
    ZeroDivision,
    /// Something that exists in Python and not here.
    Unsupported,
    /// A bound of this crate.
    Limit,
}

impl ErrorKind {
    /// Python's name.
    #[must_use]
    pub fn python_name(self) -> &'static str {
        match self {
            Self::Syntax => "TemplateSyntaxError",
            Self::Undefined => "UndefinedError",
            Self::NotFound => "TemplateNotFound",
            Self::Assertion => "AssertionError",
            Self::Value => "ValueError",
            Self::Type => "TypeError",
            Self::Key => "KeyError",
            Self::Index => "IndexError",
            Self::Attribute => "AttributeError",
            Self::ZeroDivision => "ZeroDivisionError",
            Self::Unsupported => "NotImplementedError",
            Self::Limit => "RecursionError",
        }
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, line) = (&self.template, self.line);
        let kind = self.kind.python_name();
        write!(out, "{name}, line {line}: {} ({kind})", self.message)
    }
}

/// An error on its way: the place is added by the statement it passes.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: ErrorKind,
    pub(crate) message: String,
    pub(crate) place: Option<(String, u32)>,
}

pub(crate) type Outcome<T> = Result<T, Box<Failure>>;

/// An error of this kind.
pub(crate) fn fail<T>(kind: ErrorKind, message: impl Into<String>) -> Outcome<T> {
    Err(failure(kind, message))
}

pub(crate) fn failure(kind: ErrorKind, message: impl Into<String>) -> Box<Failure> {
    Box::new(Failure {
        kind,
        message: message.into(),
        place: None,
    })
}

pub(crate) fn type_error<T>(message: impl Into<String>) -> Outcome<T> {
    fail(ErrorKind::Type, message)
}

pub(crate) fn value_error<T>(message: impl Into<String>) -> Outcome<T> {
    fail(ErrorKind::Value, message)
}

impl Failure {
    pub(crate) fn into_error(self) -> TemplateError {
        let (template, line) = self.place.unwrap_or_default();
        TemplateError {
            kind: self.kind,
            message: self.message,
            template,
            line,
        }
    }
}
