//! Files as they were read, and places in them.
//!
//! Every option keeps its place from the parser to the last error message; explaining and linting need nothing else.

use std::sync::Arc;

use crate::{Diagnostic, Kind, Link};
use slapos_python::text;

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
    /// Of the name, from 1, in characters.
    pub(crate) column: u32,
    /// Characters of the name.
    pub(crate) length: u32,
    /// Line and column of the first character of the value; 0 where there is none.
    pub(crate) value: (u32, u32),
}

/// What to look for in the lines of an option.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Token<'t> {
    /// A word or a name by itself, not a piece of another one.
    Word(&'t str),
    /// `${…}`, not where `$$` protects it.
    Reference(&'t str),
}

impl Span {
    /// A place that is in no file.
    pub(crate) fn outside(source: Source) -> Span {
        Span {
            source,
            line: 0,
            end_line: 0,
            column: 0,
            length: 0,
            value: (0, 0),
        }
    }
}

impl<'t> Token<'t> {
    /// The part of the token that is on one line.
    fn text(self) -> &'t str {
        let (Token::Word(text) | Token::Reference(text)) = self;
        text.split('\n').next().unwrap_or(text)
    }

    /// Where it stands in a line, in bytes.
    fn find(self, line: &str) -> Option<usize> {
        let text = self.text();
        if text.is_empty() {
            return None;
        }
        let mut found = line.match_indices(text).map(|(at, _)| at);
        found.find(|at| {
            let (before, after) = (&line[..*at], &line[at + text.len()..]);
            match self {
                Token::Word(_) => {
                    let is_end = |c: Option<char>| c.is_none_or(text::is_space);
                    is_end(before.chars().next_back()) && is_end(after.chars().next())
                }
                // Pairs of `$` are taken from the left, so what protects is an odd rest.
                Token::Reference(_) => {
                    let dollars = before.len() - before.trim_end_matches('$').len();
                    dollars % 2 == 0
                }
            }
        })
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
        self.at_column(span, (span.line, span.column), span.length, diagnostic)
    }

    /// A diagnostic where the value of `span` begins, underlined to the end of the line; at its name if there is no value.
    pub(crate) fn at_value(&self, span: Span, diagnostic: Diagnostic) -> Diagnostic {
        let (line, column) = span.value;
        match self.line(span.source, line) {
            Some(text) if column > 0 => {
                let length = text::trim_end(text).chars().count() + 1;
                let length = small(length.saturating_sub(column as usize));
                self.at_column(span, (line, column), length, diagnostic)
            }
            _ => self.at(span, diagnostic),
        }
    }

    /// A diagnostic where `token` stands in the value of one of `spans` (the last one first), or at the last span.
    pub(crate) fn at_token(
        &self,
        spans: impl DoubleEndedIterator<Item = Span> + Clone,
        token: Token<'_>,
        diagnostic: Diagnostic,
    ) -> Diagnostic {
        for span in spans.clone().rev() {
            if let Some(place) = self.find_token(span, token) {
                let length = small(token.text().chars().count());
                return self.at_column(span, place, length, diagnostic);
            }
        }
        match spans.last() {
            Some(span) => self.at(span, diagnostic),
            None => diagnostic,
        }
    }

    /// Line and column.
    fn find_token(&self, span: Span, token: Token<'_>) -> Option<(u32, u32)> {
        let file = self.file(span.source)?;
        let (value_line, value_column) = span.value;
        let lines = text::lines(&file.text).zip(1u32..);
        let mut inside = lines
            .skip_while(|(_, n)| *n < span.value.0.max(span.line))
            .take_while(|(_, n)| *n <= span.end_line)
            .filter(|(line, _)| !line.starts_with(['#', ';']));
        inside.find_map(|(line, n)| {
            let before = match n == value_line {
                true => value_column.saturating_sub(1) as usize,
                false => 0,
            };
            let start = line.char_indices().nth(before)?.0;
            let at = token.find(&line[start..])?;
            let column = line[..start + at].chars().count() + 1;
            Some((n, small(column)))
        })
    }

    fn line(&self, source: Source, line: u32) -> Option<&str> {
        let nth = (line as usize).checked_sub(1)?;
        text::lines(&self.file(source)?.text).nth(nth)
    }

    /// A diagnostic at a line and column of the file of `span`.
    pub(crate) fn at_column(
        &self,
        span: Span,
        place: (u32, u32),
        length: u32,
        diagnostic: Diagnostic,
    ) -> Diagnostic {
        let (line, column) = place;
        let source_line = self.line(span.source, line);
        Diagnostic {
            file: Some(self.name(span.source).to_owned()),
            line,
            column,
            length,
            source_line: source_line.map(|line| line.chars().take(1_000).collect()),
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

/// Places are below the bounds of limits.rs; one beyond is none.
pub(crate) fn small(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// A diagnostic about a bound of this crate.
pub(crate) fn too_large(message: impl Into<String>) -> Diagnostic {
    Diagnostic::new(Kind::TooLarge, message)
        .with_help("no real profile comes near this bound; look for a mistake or a hostile file")
}
