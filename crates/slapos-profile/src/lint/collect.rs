//! Collects findings: each once, the first of them kept, all of them counted.
//!
//! A profile may have more findings than are worth keeping, so memory is bounded here and nowhere else.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeSet, HashSet};
use std::hash::{Hash, Hasher};

use super::{Extent, Finding, Findings, Level, Rule};
use crate::limits::FINDINGS_MAX;
use crate::tree::{Tree, TreeFile, WrittenStep};

/// Where findings are collected.
pub(crate) struct Collector<'a> {
    entry: &'a str,
    extent: Extent,
    errors: Kept,
    warnings: Kept,
}

/// The first findings of a level by file and line, and how many there are.
#[derive(Default)]
struct Kept {
    first: BTreeSet<Finding>,
    /// Hashes of all, so that one that is found twice counts once: a profile may have more than are worth keeping.
    seen: HashSet<u64>,
}

impl Kept {
    fn add(&mut self, finding: Finding) {
        let mut hasher = DefaultHasher::new();
        finding.hash(&mut hasher);
        if self.seen.insert(hasher.finish()) {
            self.first.insert(finding);
        }
        if self.first.len() > FINDINGS_MAX {
            self.first.pop_last();
        }
    }
}

impl<'a> Collector<'a> {
    pub(super) fn new(entry: &'a str, extent: Extent) -> Collector<'a> {
        Collector {
            entry,
            extent,
            errors: Kept::default(),
            warnings: Kept::default(),
        }
    }

    /// Adds a finding; a warning only if its file is spoken of.
    pub(crate) fn add(&mut self, finding: Finding) {
        match finding.level {
            Level::Error => self.errors.add(finding),
            Level::Warning if self.extent == Extent::All || finding.file == self.entry => {
                self.warnings.add(finding);
            }
            Level::Warning => {}
        }
    }

    pub(super) fn into_findings(self) -> Findings {
        let (errors, warnings) = (self.errors.seen.len(), self.warnings.seen.len());
        let all = self.errors.first.into_iter().chain(self.warnings.first);
        let mut shown: Vec<Finding> = all.take(FINDINGS_MAX).collect();
        shown.sort();
        Findings {
            shown,
            errors,
            warnings,
        }
    }

    /// Adds a warning at the first line of an option.
    pub(crate) fn warn_at_step(
        &mut self,
        tree: &Tree,
        step: WrittenStep,
        warning: (Rule, String, &str),
    ) {
        let (file, written) = tree.at(step);
        self.warn(file, written.line, warning);
    }

    /// Adds a warning at a line of a file, counted from 0.
    pub(crate) fn warn(&mut self, file: &TreeFile, line: usize, warning: (Rule, String, &str)) {
        let (rule, message, help) = warning;
        self.add(Finding {
            file: file.location.clone(),
            line: u32::try_from(line + 1).unwrap_or(u32::MAX),
            column: 1,
            level: Level::Warning,
            rule: rule.name(),
            message,
            help: (!help.is_empty()).then(|| help.to_owned()),
        });
    }
}
