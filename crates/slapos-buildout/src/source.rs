//! Files as they were read, and places in them.
//!
//! Every option keeps its place from the parser to the last error message; explaining and linting need nothing else.

use std::sync::Arc;

use crate::text;
use crate::{Diagnostic, Kind, Link};

/// One file that was read.
#[derive(Debug, Clone)]
pub(crate) struct SourceFile {
    /// Path or URL as opened.
    pub(crate) location: String,
    pub(crate) text: Arc<str>,
}

/// Who wrote something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    Default,
    Computed,
    CommandLine,
    /// Index into the profile's files.
    File(u32),
}

/// Where something was written: from its first line to its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Span {
    pub(crate) source: Source,
    /// From 1; 0 outside of files.
    pub(crate) line: u32,
    /// Last line of the value.
    pub(crate) end_line: u32,
    /// Characters of the name that begins the first line.
    pub(crate) length: u32,
}

impl Span {
    /// A place that is in no file.
    pub(crate) fn outside(source: Source) -> Span {
        Span {
            source,
            line: 0,
            end_line: 0,
            length: 0,
        }
    }
}

/// The files of one profile.
#[derive(Debug, Clone, Default)]
pub(crate) struct Files {
    all: Vec<SourceFile>,
}

impl Files {
    pub(crate) fn add(&mut self, location: &str, text: Arc<str>) -> Source {
        self.all.push(SourceFile {
            location: location.to_owned(),
            text,
        });
        Source::File(u32::try_from(self.all.len() - 1).unwrap_or(u32::MAX))
    }

    pub(crate) fn locations(&self) -> impl Iterator<Item = &str> {
        self.all.iter().map(|file| file.location.as_str())
    }

    pub(crate) fn name(&self, source: Source) -> &str {
        match source {
            Source::Default => "<built-in default>",
            Source::Computed => "<computed>",
            Source::CommandLine => "<command line>",
            Source::File(index) => self
                .all
                .get(index as usize)
                .map_or("<unknown>", |file| file.location.as_str()),
        }
    }

    fn file(&self, source: Source) -> Option<&SourceFile> {
        match source {
            Source::File(index) => self.all.get(index as usize),
            _ => None,
        }
    }

    /// A diagnostic at the first line of `span`, its name underlined.
    pub(crate) fn at(&self, span: Span, diagnostic: Diagnostic) -> Diagnostic {
        let column = u32::from(span.line > 0);
        self.at_column(span, span.line, column, span.length, diagnostic)
    }

    /// A diagnostic where `token` stands in the lines of one of `spans` (the last one first), or at the last span.
    pub(crate) fn at_token(
        &self,
        spans: impl DoubleEndedIterator<Item = Span> + Clone,
        token: &str,
        diagnostic: Diagnostic,
    ) -> Diagnostic {
        let first_line = token.split('\n').next().unwrap_or(token);
        let length = u32::try_from(first_line.chars().count()).unwrap_or(u32::MAX);
        for span in spans.clone().rev() {
            if let Some((line, column)) = self.find_token(span, first_line) {
                return self.at_column(span, line, column, length, diagnostic);
            }
        }
        match spans.last() {
            Some(span) => self.at(span, diagnostic),
            None => diagnostic,
        }
    }

    fn find_token(&self, span: Span, token: &str) -> Option<(u32, u32)> {
        let file = self.file(span.source)?;
        let lines = text::lines(&file.text).zip(1u32..);
        let mut inside = lines
            .skip_while(|(_, n)| *n < span.line)
            .take_while(|(_, n)| *n <= span.end_line);
        inside.find_map(|(line, n)| {
            let start = line.find(token).filter(|_| !line.starts_with(['#', ';']))?;
            Some((
                n,
                u32::try_from(line[..start].chars().count() + 1).unwrap_or(u32::MAX),
            ))
        })
    }

    pub(crate) fn at_column(
        &self,
        span: Span,
        line: u32,
        column: u32,
        length: u32,
        diagnostic: Diagnostic,
    ) -> Diagnostic {
        let nth = (line as usize).checked_sub(1);
        let text = self.file(span.source).zip(nth).and_then(|(file, nth)| {
            text::lines(&file.text)
                .nth(nth)
                .map(|line| line.chars().take(1_000).collect())
        });
        let file = Some(self.name(span.source).to_owned());
        Diagnostic {
            file,
            line,
            column,
            length,
            source_line: text,
            ..diagnostic
        }
    }

    /// A link of a chain at `span`.
    pub(crate) fn link(&self, text: String, span: Option<Span>) -> Link {
        match span {
            Some(span) => Link {
                text,
                file: Some(self.name(span.source).to_owned()),
                line: span.line,
            },
            None => Link {
                text,
                file: None,
                line: 0,
            },
        }
    }
}

/// A diagnostic about a bound of this crate.
pub(crate) fn too_large(message: impl Into<String>) -> Diagnostic {
    Diagnostic::new(Kind::TooLarge, message)
        .with_help("no real profile comes near this bound; look for a mistake or a hostile file")
}
