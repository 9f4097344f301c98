//! The first access to a section: macros, substitution, recipe.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::complain::Frame;
use super::failure::Problems;
use super::resolve::Waiting;
use super::{Built, Session};
use crate::limits::{STACK_RED_ZONE, STACK_SEGMENT};
use crate::merge::Section;
use crate::part::{PartOptions, RecipeError};
use crate::reference::has_reference;
use crate::{Diagnostic, Kind, Report};

impl Session<'_> {
    /// Makes sure that the section is expanded, or on the way to it: a section whose recipe is being constructed is seen half built.
    pub(super) fn build(&self, name: &str) -> Result<(), Report> {
        if self.built.borrow().contains_key(name) {
            return Ok(());
        }
        if self.trail.borrow().is_empty() {
            self.failures.begin();
        }
        if let Some(report) = self.failures.of(name) {
            return Err(report);
        }
        let section = match self.expanded(name) {
            Ok(Some(section)) => section,
            Ok(None) => return Err(self.missing_section(name, None)),
            Err(report) => {
                self.failures.remember(name, &report);
                return Err(report);
            }
        };
        let (cooked, data) = (BTreeMap::new(), BTreeMap::new());
        let (removed, reads) = (BTreeSet::new(), BTreeSet::new());
        let built = Built {
            section: Arc::clone(&section),
            cooked,
            data,
            removed,
            reads,
        };
        self.built.borrow_mut().insert(name.to_owned(), built);
        let filled =
            stacker::maybe_grow(STACK_RED_ZONE, STACK_SEGMENT, || self.fill(name, &section));
        if let Err(report) = &filled {
            // What is half built must not be taken for an answer later.
            self.built.borrow_mut().remove(name);
            self.failures.remember(name, report);
        }
        filled
    }

    fn fill(&self, name: &str, section: &Section) -> Result<(), Report> {
        let mut problems = Problems::default();
        for (option, operations) in &section.options {
            let text = crate::merge::folded(operations);
            if has_reference(&text) {
                let mut waiting = Waiting::starting_with(name, option);
                let frame = Frame::option(name, option, operations);
                let cooked = self.within(frame, || self.substituted(&text, name, &mut waiting));
                let Some(cooked) = problems.take(self, cooked)? else {
                    continue;
                };
                if let Some(built) = self.built.borrow_mut().get_mut(name) {
                    built.cooked.insert(Arc::clone(option), Arc::from(cooked));
                }
            }
        }
        // A recipe sees no section with problems.
        problems.none()?;
        if name == "buildout" {
            return Ok(());
        }
        self.build_part_dependencies(name, section)?;
        self.construct(name, section)
    }

    /// `<part-dependencies>` names sections that come before this one without being referred to.
    fn build_part_dependencies(&self, name: &str, section: &Section) -> Result<(), Report> {
        const OPTION: &str = "<part-dependencies>";
        let Some(list) = section.options.get(OPTION) else {
            return Ok(());
        };
        let names = self
            .read(name, OPTION)?
            .map(crate::Value::into_text)
            .unwrap_or_default();
        self.within(Frame::option(name, OPTION, list), || {
            slapos_python::text::words(&names).try_for_each(|other| self.build(other))
        })
    }

    fn construct(&self, name: &str, section: &Section) -> Result<(), Report> {
        let Some(recipe) = self.read(name, "recipe")?.map(crate::Value::into_text) else {
            return Ok(());
        };
        if recipe.is_empty() {
            return Ok(());
        }
        let span = section
            .options
            .get("recipe")
            .and_then(|list| list.last())
            .map(|last| last.span);
        let frame = Frame::Recipe {
            section: name.to_owned(),
            recipe: recipe.clone(),
            span,
        };
        self.within(frame, || {
            let mut part = PartOptions {
                session: self,
                name,
            };
            self.recipes
                .construct(&recipe, &mut part)
                .map_err(|error| match error {
                    RecipeError::Option(report) => report,
                    RecipeError::Refused(reason) => {
                        let message = format!("recipe `{recipe}` of section `{name}`: {reason}");
                        let diagnostic = Diagnostic::new(Kind::UserError, message);
                        self.complain_of_value(span, diagnostic)
                    }
                })
        })?;
        self.order.borrow_mut().push(name.to_owned());
        Ok(())
    }
}
