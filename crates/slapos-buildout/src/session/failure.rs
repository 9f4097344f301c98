//! Going on after a problem, so that one run tells them all.
//!
//! A section that failed is remembered until the next question, else every reference to it would fail it again, two
//! to the power of the depth times. Never in here: what a problem says, see complain.rs. Start with [`Problems`].

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use super::Session;
use crate::limits::DIAGNOSTICS_MAX;
use crate::{Kind, Report};

/// What failed since the last question from outside.
#[derive(Debug, Default)]
pub(super) struct Failures {
    sections: RefCell<HashMap<String, Report>>,
    /// How many problems were found, told or not.
    found: Cell<usize>,
}

/// The problems of a step that goes on.
#[derive(Debug, Default)]
pub(super) struct Problems {
    report: Option<Report>,
}

impl Failures {
    /// Forgets what failed: a section is tried again when asked for again.
    pub(super) fn begin(&self) {
        self.sections.borrow_mut().clear();
        self.found.set(0);
    }

    pub(super) fn of(&self, section: &str) -> Option<Report> {
        self.sections.borrow().get(section).cloned()
    }

    pub(super) fn remember(&self, section: &str, report: &Report) {
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
