//! The sections and options of a document, for the editor's outline; and the document written well.

use lsp_types::{
    DocumentFormattingParams, DocumentSymbol, DocumentSymbolParams, DocumentSymbolResponse,
    Position, Range, SymbolKind, TextEdit,
};
use slapos_buildout::{Fetch, FetchFailure};

use super::Server;
use super::place::{lines, location_of, range};
use crate::format;
use crate::syntax::{Syntax, Written};

pub(super) fn answer(
    server: &mut Server,
    params: DocumentSymbolParams,
) -> Option<DocumentSymbolResponse> {
    let analysis = server.analysis_of(&params.text_document.uri)?;
    let syntax = analysis.syntax()?;
    let mut options: Vec<Vec<DocumentSymbol>> = vec![Vec::new(); syntax.headers.len()];
    for written in &syntax.options {
        options[written.header].push(option(syntax, written));
    }
    let sections = options.into_iter().enumerate();
    let symbols = sections.map(|(header, options)| section(syntax, header, options));
    Some(DocumentSymbolResponse::Nested(symbols.collect()))
}

/// The whole text in place of the old one; nothing if it is well already.
pub(super) fn format(
    server: &mut Server,
    params: DocumentFormattingParams,
) -> Result<Vec<TextEdit>, String> {
    let location = location_of(&params.text_document.uri).ok_or("this document is no file")?;
    // The text itself: its lines alone would hide how they end.
    let text = server.buffers.fetch(&location).map_err(|failure| {
        let reason = match failure {
            FetchFailure::NotFound => "there is no such file".to_owned(),
            FetchFailure::Failed(reason) => reason,
        };
        format!("this document cannot be read: {reason}")
    })?;
    let formatted = format::format(&text).map_err(|error| error.to_string())?;
    if formatted == text {
        return Ok(Vec::new());
    }
    let whole = Range::new(Position::new(0, 0), end_of(&text));
    Ok(vec![TextEdit::new(whole, formatted)])
}

/// Behind the last character, as editors count: lines end with a line feed, a carriage return or both.
fn end_of(text: &str) -> Position {
    let text = text.replace("\r\n", "\n");
    let (mut line, mut column) = (0u32, 0u32);
    for c in text.chars() {
        match c {
            '\n' | '\r' => (line, column) = (line + 1, 0),
            c => column += u32::try_from(c.len_utf16()).unwrap_or(1),
        }
    }
    Position::new(line, column)
}

fn section(syntax: &Syntax, header: usize, children: Vec<DocumentSymbol>) -> DocumentSymbol {
    let place = &syntax.headers[header];
    let next = syntax.headers.get(header + 1).map(|next| next.line);
    let last = next.unwrap_or(syntax.lines.len()).max(place.line + 1) - 1;
    let condition = syntax.condition(header).trim();
    symbol(
        (syntax.section_name(header).to_owned(), SymbolKind::MODULE),
        (!condition.is_empty()).then(|| condition.to_owned()),
        (
            lines(syntax, place.line, last),
            range(syntax, place.line, place.name.clone()),
        ),
        children,
    )
}

fn option(syntax: &Syntax, written: &Written) -> DocumentSymbol {
    symbol(
        (syntax.name(written).to_owned(), SymbolKind::PROPERTY),
        None,
        (
            lines(syntax, written.line, written.end_line),
            range(syntax, written.line, written.key.clone()),
        ),
        Vec::new(),
    )
}

#[allow(deprecated)]
fn symbol(
    named: (String, SymbolKind),
    detail: Option<String>,
    ranges: (lsp_types::Range, lsp_types::Range),
    children: Vec<DocumentSymbol>,
) -> DocumentSymbol {
    // The field `deprecated` has to be written all the same.
    DocumentSymbol {
        name: named.0,
        kind: named.1,
        detail,
        range: ranges.0,
        selection_range: ranges.1,
        children: (!children.is_empty()).then_some(children),
        tags: None,
        deprecated: None,
    }
}
