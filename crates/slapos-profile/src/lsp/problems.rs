//! Problems as the editor shows them: the linter's findings of each open document.

use std::collections::BTreeMap;

use lsp_types::{Diagnostic, DiagnosticSeverity, NumberOrString, PublishDiagnosticsParams, Range};

use super::analysis::Analysis;
use super::place::{byte_of_column, lines, range, uri_of};
use crate::lint::{Extent, Finding, Level, lint_loaded};
use crate::syntax::{Syntax, references};
use slapos_python::text::trim_end;

/// Adds the problems of a document, under its URI.
pub(super) fn of(analysis: &Analysis, all: &mut BTreeMap<String, PublishDiagnosticsParams>) {
    let Some(uri) = uri_of(&analysis.location) else {
        return;
    };
    let findings = lint_loaded(
        &analysis.question,
        &analysis.tree,
        &analysis.loaded,
        Extent::Profile,
    );
    let diagnostics = findings
        .shown
        .iter()
        .map(|finding| diagnostic(analysis, finding))
        .collect();
    let params = PublishDiagnosticsParams::new(uri, diagnostics, None);
    all.insert(analysis.location.clone(), params);
}

fn diagnostic(analysis: &Analysis, finding: &Finding) -> Diagnostic {
    let is_own = finding.file == analysis.location;
    let mut message = match is_own || finding.file.is_empty() {
        true => finding.message.clone(),
        // Told where the other file is extended, since this document cannot be used because of it.
        false => format!("{}:{}: {}", finding.file, finding.line, finding.message),
    };
    if let Some(help) = &finding.help {
        message.push_str(&format!("\nhelp: {help}"));
    }
    Diagnostic {
        range: place(analysis, finding, is_own),
        severity: Some(match finding.level {
            Level::Error => DiagnosticSeverity::ERROR,
            Level::Warning => DiagnosticSeverity::WARNING,
        }),
        code: Some(NumberOrString::String(finding.rule.to_owned())),
        source: Some("slapos".to_owned()),
        message,
        ..Diagnostic::default()
    }
}

fn place(analysis: &Analysis, finding: &Finding, is_own: bool) -> Range {
    let Some(syntax) = analysis.syntax() else {
        return Range::default();
    };
    if is_own && finding.line > 0 {
        return at(syntax, finding.line as usize - 1, finding.column);
    }
    match syntax.extends().first() {
        Some((line, word)) => range(syntax, *line, word.clone()),
        None => lines(syntax, 0, 0),
    }
}

/// The reference that begins there, or the rest of the line.
fn at(syntax: &Syntax, line: usize, column: u32) -> Range {
    let text = syntax.lines.get(line).map_or("", String::as_str);
    let start = byte_of_column(text, column);
    let reference = references(text).find(|r| r.start == start);
    let end = trim_end(text).len().max(start);
    range(syntax, line, reference.unwrap_or(start..end))
}
