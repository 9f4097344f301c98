//! What a place in a document speaks of: a section, an option, a file. And every place that speaks of a section.

use std::ops::Range;

use lsp_types::Position;
use slapos_buildout::{base_of, join};

use super::analysis::Analysis;
use super::place::byte_at;
use crate::syntax::{LineKind, Syntax, Written, references, words};
use slapos_python::text::is_space;

/// A subject with the bytes of its line that name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Subject {
    pub(super) what: What,
    pub(super) line: usize,
    pub(super) bytes: Range<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    Section(String),
    Option {
        section: String,
        option: String,
    },
    /// The location of an extended file.
    File(String),
}

/// What the place is about; none for plain text.
pub(super) fn at(analysis: &Analysis, position: Position) -> Option<Subject> {
    let syntax = analysis.syntax()?;
    let line = position.line as usize;
    let text = syntax.lines.get(line)?;
    let byte = byte_at(text, position.character);
    let here = |range: &Range<usize>| range.start <= byte && byte <= range.end;
    let subject = |what, bytes| Subject { what, line, bytes };
    if let Some((_, word)) = syntax
        .extends()
        .into_iter()
        .find(|(at, word)| *at == line && here(word))
    {
        let location = join(base_of(&analysis.location), &text[word.clone()]);
        return Some(subject(What::File(location), word));
    }
    let mentions = mentions_in(syntax, line);
    if let Some((name, bytes)) = mentions.into_iter().find(|(_, bytes)| here(bytes)) {
        return Some(subject(What::Section(name), bytes));
    }
    let written = syntax.option_at(line)?;
    let section = syntax.section_of(written).to_owned();
    for reference in references(text) {
        if let Some((target, bytes)) = option_of(text, &reference).filter(|(_, bytes)| here(bytes))
        {
            let option = text[bytes.clone()].to_owned();
            let section = if target.is_empty() { section } else { target };
            return Some(subject(What::Option { section, option }, bytes));
        }
    }
    if line == written.line && here(&written.name) {
        let option = syntax.name(written).to_owned();
        let bytes = written.name.clone();
        return Some(subject(What::Option { section, option }, bytes));
    }
    None
}

/// The section of a reference, empty for the own one, and the bytes of its option.
fn option_of(text: &str, reference: &Range<usize>) -> Option<(String, Range<usize>)> {
    let colon = reference.start + text[reference.clone()].find(':')?;
    let section = text[reference.start + 2..colon].to_owned();
    Some((section, colon + 1..reference.end - 1))
}

/// Every name of a section in a line: its header, references, `<`, `buildout:parts` and the like, `<part-dependencies>`.
pub(super) fn mentions_in(syntax: &Syntax, line: usize) -> Vec<(String, Range<usize>)> {
    let Some(text) = syntax.lines.get(line) else {
        return Vec::new();
    };
    let named = |bytes: Range<usize>| (text[bytes.clone()].to_owned(), bytes);
    let mut found = Vec::new();
    match syntax.kinds[line] {
        LineKind::Header(header) => found.push(named(syntax.headers[header].name.clone())),
        LineKind::Option(option) | LineKind::Continuation(option) => {
            let written = &syntax.options[option];
            let start = if line == written.line {
                written.value
            } else {
                0
            };
            for reference in references(text).filter(|range| range.start >= start) {
                let colon = text[reference.clone()].find(':');
                let end = colon.map(|colon| reference.start + colon);
                if let Some(end) = end.filter(|end| *end > reference.start + 2) {
                    found.push(named(reference.start + 2..end));
                }
            }
            found.extend(listed(syntax, written, line, start).into_iter().map(named));
        }
        _ => {}
    }
    found
}

/// Options of `[buildout]` whose words are sections.
const NAMING: [&str; 4] = ["parts", "versions", "python", "networkcache-section"];

/// The names in an option that lists sections.
fn listed(syntax: &Syntax, written: &Written, line: usize, start: usize) -> Vec<Range<usize>> {
    let text = &syntax.lines[line];
    match syntax.name(written) {
        // One name on each line, spaces and all.
        "<" => {
            let name = text[start..].trim_matches(is_space);
            let begin = start + text[start..].find(name).unwrap_or(0);
            let range = begin..begin + name.len();
            if name.is_empty() {
                Vec::new()
            } else {
                vec![range]
            }
        }
        name if NAMING.contains(&name) && syntax.section_of(written) == "buildout" => {
            plain_words(text, start)
        }
        "<part-dependencies>" => plain_words(text, start),
        _ => Vec::new(),
    }
}

fn plain_words(text: &str, start: usize) -> Vec<Range<usize>> {
    let is_plain = |word: &Range<usize>| !text[word.clone()].contains("${");
    words(text, start).filter(is_plain).collect()
}
