//! Going on after a problem, so that one run tells them all.
//!
//! A section that failed is remembered until the next question, else every reference to it would fail it again, two
//! to the power of the depth times. Never in here: what a problem says, see complain.rs. Start with [`Problems`].

use foldhash::HashMap;
use std::cell::{Cell, RefCell};

use super::Session;
use crate::limits::{CIRCLES_MAX, DIAGNOSTICS_MAX};
use crate::{Kind, Report};

/// What failed since the last question from outside.
#[derive(Debug, Default)]
pub(super) struct Failures {
    sections: RefCell<HashMap<String, Report>>,
    /// How many problems were found, told or not.
    found: Cell<usize>,
    /// While many sections are asked for in a row, failures that do not depend on who asks are kept.
    is_row: Cell<bool>,
    /// Sections that failed in a row in a way that may depend on who asked.
    passing: RefCell<Vec<String>>,
    /// How many of them there were.
    passed: Cell<usize>,
}

/// The problems of a step that goes on.
#[derive(Debug, Default)]
pub(super) struct Problems {
    report: Option<Report>,
}

impl Failures {
    /// Forgets what failed: a section is tried again when asked for again.
    pub(super) fn begin(&self) {
        self.found.set(0);
        let mut sections = self.sections.borrow_mut();
        if !self.is_row.get() {
            sections.clear();
            return;
        }
        for section in self.passing.borrow_mut().drain(..) {
            sections.remove(&section);
        }
    }

    /// Begins to keep failures from one question to the next.
    pub(super) fn begin_row(&self) {
        self.is_row.set(true);
        self.passed.set(0);
    }

    /// Forgets them.
    pub(super) fn end_row(&self) {
        self.is_row.set(false);
        self.passing.borrow_mut().clear();
        self.sections.borrow_mut().clear();
    }

    pub(super) fn of(&self, section: &str) -> Option<Report> {
        self.sections.borrow().get(section).cloned()
    }

    pub(super) fn remember(&self, section: &str, report: &Report) {
        // A circle looks different from each of its sections; all else fails alike whoever asks.
        let depends = |kind: Kind| matches!(kind, Kind::CircularReference | Kind::TooLarge);
        let is_passing = report.diagnostics().iter().any(|found| depends(found.kind));
        if self.is_row.get() && is_passing && self.passed.get() < CIRCLES_MAX {
            self.passed.set(self.passed.get() + 1);
            self.passing.borrow_mut().push(section.to_owned());
        }
        let mut sections = self.sections.borrow_mut();
        sections.insert(section.to_owned(), report.clone());
    }

    /// Counts a problem.
    pub(super) fn count(&self) {
        self.found.set(self.found.get().saturating_add(1));
    }

    /// Whether further problems would only scroll the first away.
    fn are_enough(&self) -> bool {
        self.found.get() >= DIAGNOSTICS_MAX
    }
}

impl Problems {
    /// The value of a step, none if it failed and there is sense in going on; an error if there is not.
    pub(super) fn take<T>(
        &mut self,
        session: &Session<'_>,
        step: Result<T, Report>,
    ) -> Result<Option<T>, Report> {
        let report = match step {
            Ok(value) => return Ok(Some(value)),
            Err(report) => report,
        };
        let is_bound = report
            .diagnostics()
            .iter()
            .any(|found| found.kind == Kind::TooLarge);
        let report = match self.report.take() {
            Some(earlier) => earlier.and(report),
            None => report,
        };
        if is_bound || session.failures.are_enough() {
            return Err(report);
        }
        self.report = Some(report);
        Ok(None)
    }

    /// An error if there was any problem.
    pub(super) fn none(self) -> Result<(), Report> {
        self.report.map_or(Ok(()), Err)
    }
}
