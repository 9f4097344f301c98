//! Errors: what the language refuses. They are told wherever they are, since nothing works before they are mended.

use slapos_buildout::Report;

use super::{Collector, Finding, Level};

pub(super) fn tell(report: &Report, findings: &mut Collector<'_>) {
    for diagnostic in report.diagnostics() {
        let finding = Finding {
            file: diagnostic.file.clone().unwrap_or_default(),
            line: diagnostic.line,
            column: diagnostic.column,
            level: Level::Error,
            rule: diagnostic.kind.name(),
            message: diagnostic.message.clone(),
            help: diagnostic.help.clone(),
        };
        findings.add(finding);
    }
}
