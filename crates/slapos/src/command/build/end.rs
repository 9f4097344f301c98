//! How a build ended, as a JSON object or in words.

use crate::failure::Failure;
use crate::print;
use serde_json::{Value as Json, json};
use slapos_build::SoftwareReport;
use std::path::Path;

/// For programs: the last object.
pub(super) fn line(root: &Path, report: &SoftwareReport) -> Json {
    let outcome = &report.outcome;
    json!({
        "event": "end",
        "ok": report.failure.is_none(),
        "root": root,
        "parts": outcome.parts,
        "waiting": report.waiting,
        "unpinned": outcome.unpinned,
        "warnings": outcome.warnings,
        "seconds": seconds(outcome.elapsed_ms),
        "error": report.failure.as_ref().map(slapos_build::BuildError::failure),
    })
}

/// For people.
pub(super) fn print(root: &Path, report: &SoftwareReport) -> Result<(), Failure> {
    let outcome = &report.outcome;
    for text in &outcome.warnings {
        print::line(format!("warning: {text}"))?;
    }
    for text in &outcome.unpinned {
        print::line(format!("warning: the source has no hash: {text}"))?;
    }
    if report.failure.is_some() {
        return Ok(());
    }
    let counts = [
        (outcome.installed.len(), "installed"),
        (outcome.kept.len(), "kept"),
        (outcome.removed.len(), "removed"),
    ];
    let counts: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    print::line(format!(
        "{} in {:.1} s, in {}",
        if counts.is_empty() {
            "no parts".to_owned()
        } else {
            counts.join(", ")
        },
        seconds(outcome.elapsed_ms),
        root.display()
    ))
}

fn seconds(milliseconds: u64) -> f64 {
    std::time::Duration::from_millis(milliseconds).as_secs_f64()
}
