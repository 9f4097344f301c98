//! What is known of one document: the profile that it is, if it can be loaded, and everything as written.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use slapos_buildout::{Fetch, Machine, Profile, Report, base_of};

use crate::Question;
use crate::annotate::Stories;
use crate::limits::MACRO_DEPTH_MAX;
use crate::syntax::Syntax;
use crate::texts::Texts;
use crate::tree::Tree;
use slapos_python::text::trim;

/// A document with everything it extends.
#[derive(Debug)]
pub(super) struct Analysis {
    pub(super) location: String,
    pub(super) question: Question,
    pub(super) tree: Tree,
    pub(super) loaded: Result<Profile, Report>,
}

impl Analysis {
    pub(super) fn of(location: &str, fetch: &dyn Fetch, machine: &Machine) -> Analysis {
        let folder = Path::new(base_of(location));
        let question = Question::new(location, folder, machine.clone());
        let texts = Texts::new(fetch);
        Analysis {
            location: location.to_owned(),
            tree: Tree::read(&question, &texts),
            loaded: question.load_from(&texts),
            question,
        }
    }

    /// The document itself, line by line.
    pub(super) fn syntax(&self) -> Option<&Arc<Syntax>> {
        self.tree.file(&self.location).map(|file| &file.syntax)
    }

    pub(super) fn stories(&self) -> Option<Stories<'_>> {
        let profile = self.loaded.as_ref().ok()?;
        Some(Stories::new(&self.question, profile, &self.tree))
    }

    /// Names of all sections that any file has, also when the profile is broken at the moment.
    pub(super) fn sections(&self) -> BTreeSet<&str> {
        let files = self.tree.files.iter();
        files
            .flat_map(|file| {
                let syntax = &file.syntax;
                (0..syntax.headers.len()).map(|header| syntax.section_name(header))
            })
            .collect()
    }

    /// Names of the options that a section has or inherits, as written.
    pub(super) fn options(&self, section: &str) -> BTreeSet<String> {
        let (mut found, mut seen) = (BTreeSet::new(), BTreeSet::new());
        let mut ahead = vec![section.to_owned()];
        while let Some(next) = ahead.pop() {
            if seen.len() > MACRO_DEPTH_MAX || !seen.insert(next.clone()) {
                continue;
            }
            found.extend(self.tree.options(&next).map(str::to_owned));
            for step in self.tree.steps(&next, "<") {
                let (file, written) = self.tree.at(*step);
                let value = file.syntax.value(written);
                ahead.extend(value.split('\n').map(trim).map(str::to_owned));
            }
        }
        found.remove("<");
        found
    }
}
