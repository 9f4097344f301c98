//! Problems and places as JSON, the same form in every tool.

use serde_json::{Value as Json, json};
use slapos_buildout::{Diagnostic, Origin, Report};

/// `{"diagnostics": […]}` of all problems of a report; the fields are those of [`Diagnostic`].
pub fn report_json(report: &Report) -> Json {
    json!({ "diagnostics": diagnostics_json(report) })
}

pub(crate) fn diagnostics_json(report: &Report) -> Json {
    report.diagnostics().iter().map(diagnostic_json).collect()
}

fn diagnostic_json(diagnostic: &Diagnostic) -> Json {
    let chain: Json = diagnostic
        .chain
        .iter()
        .map(|link| json!({ "text": link.text, "file": link.file, "line": link.line }))
        .collect();
    json!({
        "kind": diagnostic.kind.name(),
        "message": diagnostic.message,
        "file": diagnostic.file,
        "line": diagnostic.line,
        "column": diagnostic.column,
        "length": diagnostic.length,
        "source_line": diagnostic.source_line,
        "help": diagnostic.help,
        "chain": chain,
    })
}

/// `{"file", "line", "column"}`.
pub(crate) fn origin_json(origin: &Origin) -> Json {
    json!({ "file": origin.file, "line": origin.line, "column": origin.column })
}

/// `file:line`, or what stands for a file where there is none.
pub(crate) fn origin_text(origin: &Origin) -> String {
    match origin.line {
        0 => origin.file.clone(),
        line => format!("{}:{line}", origin.file),
    }
}
