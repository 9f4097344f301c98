//! Substitution: what `${section:option}` and `$${` become.
//!
//! A value is stored with its escapes (`$${`), so one level of escape survives any depth of references;
//! only reading an option turns `$${` into `${`, or a marker into a typed value.

use foldhash::HashSet;
use std::sync::Arc;

use super::Session;
use super::complain::Frame;
use super::failure::Problems;
use crate::limits::{SESSION_BYTES_MAX, STACK_RED_ZONE, STACK_SEGMENT, VALUE_BYTES_MAX};
use crate::merge::Operations;
use crate::reference::{self, Piece, has_reference, pieces};
use crate::source::too_large;
use crate::{Diagnostic, Kind, Report, Typed, Value};

/// The section's own name, for an option that no section has.
const SECTION_NAME: &str = "_buildout_section_name_";

/// Options that wait for the value that is being computed; one that is needed again waits for itself.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    options: HashSet<(String, String)>,
}

impl Waiting {
    pub(super) fn starting_with(section: &str, option: &str) -> Waiting {
        Waiting {
            options: HashSet::from_iter([(section.to_owned(), option.to_owned())]),
        }
    }
}

impl Session<'_> {
    /// An option of a built section, as it reads.
    pub(super) fn read(&self, section: &str, option: &str) -> Result<Option<Value>, Report> {
        let stored = self.read_stored(section, option)?;
        stored
            .map(|text| self.decoded(&text, section, option))
            .transpose()
    }

    /// An option of a built section, as it is stored.
    pub(super) fn read_stored(
        &self,
        section: &str,
        option: &str,
    ) -> Result<Option<Arc<str>>, Report> {
        self.stored(section, option, &mut Waiting::default())
    }

    fn decoded(&self, text: &str, section: &str, option: &str) -> Result<Value, Report> {
        if Typed::is_marked(text) {
            let typed = Typed::from_marker(text);
            return typed
                .map(Value::from)
                .map_err(|error| self.bad_typed(section, option, &error.to_string()));
        }
        Ok(Value::Text(match text.contains("$${") {
            true => text.replace("$${", "${"),
            false => text.to_owned(),
        }))
    }

    /// The same for an option that others wait for.
    fn stored(
        &self,
        section: &str,
        option: &str,
        waiting: &mut Waiting,
    ) -> Result<Option<Arc<str>>, Report> {
        let (text, operations) = match self.known(section, option) {
            Known::Final(text) => return Ok(Some(text)),
            Known::Missing => return Ok(None),
            Known::Raw(text, operations) => (text, operations),
        };
        let text = if has_reference(&text) {
            let key = (section.to_owned(), option.to_owned());
            if !waiting.options.insert(key.clone()) {
                return Err(self.circular(section, option, &operations));
            }
            let frame = Frame::option(section, option, &operations);
            let substituted = self.within(frame, || {
                stacker::maybe_grow(STACK_RED_ZONE, STACK_SEGMENT, || {
                    self.substituted(&text, section, waiting)
                })
            });
            // Also after a problem, for what is looked at next.
            waiting.options.remove(&key);
            substituted?
        } else {
            text
        };
        if let Some(built) = self.built.borrow_mut().get_mut(section) {
            built.keep(option, Arc::clone(&text));
        }
        Ok(Some(text))
    }

    fn known(&self, section: &str, option: &str) -> Known {
        let built = self.built.borrow();
        let built = built.get(section);
        built.map_or(Known::Missing, |built| built.known(option))
    }

    /// A text of `section` with its references substituted, `$$` kept.
    pub(super) fn substituted(
        &self,
        text: &str,
        section: &str,
        waiting: &mut Waiting,
    ) -> Result<Arc<str>, Report> {
        if let Some(reference) = reference::only(text) {
            // The same text, not a copy of it.
            let value = self.referred(reference, section, waiting)?;
            self.bound(&value)?;
            self.count(&value)?;
            return Ok(value);
        }
        let mut out = String::new();
        let mut problems = Problems::default();
        for piece in pieces(text) {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Dollars => out.push_str("$$"),
                Piece::Reference(reference) => {
                    let value = self.referred(reference, section, waiting);
                    if let Some(value) = problems.take(self, value)? {
                        out.push_str(&value);
                    }
                }
            }
            self.bound(&out)?;
        }
        problems.none()?;
        self.count(&out)?;
        Ok(Arc::from(out))
    }

    /// What a reference of `section` stands for.
    fn referred(
        &self,
        reference: &str,
        section: &str,
        waiting: &mut Waiting,
    ) -> Result<Arc<str>, Report> {
        let (target, option) = self.target(reference, section)?;
        match self.stored(target, option, waiting)? {
            Some(value) => Ok(value),
            None if option == SECTION_NAME => Ok(Arc::from(section)),
            None => self
                .stand_in(target, option, Some(reference))
                .map(Arc::from),
        }
    }

    /// A text that is no option: values go in as they read, `$$` becomes `$`.
    pub(super) fn substitute_template(&self, text: &str, section: &str) -> Result<String, Report> {
        let mut out = String::new();
        for piece in pieces(text) {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Dollars => out.push('$'),
                Piece::Reference(reference) => {
                    let (target, option) = self.target(reference, section)?;
                    match self.read(target, option)? {
                        Some(value) => out.push_str(&value.as_text()),
                        None if option == SECTION_NAME => out.push_str(section),
                        None => out.push_str(&self.stand_in(target, option, Some(reference))?),
                    }
                }
            }
            self.bound(&out)?;
        }
        Ok(out)
    }

    /// What the recipes give for an option that a section with a recipe lacks; else the error that it is missing.
    pub(super) fn stand_in(
        &self,
        section: &str,
        option: &str,
        reference: Option<&str>,
    ) -> Result<String, Report> {
        let has_recipe = self.built.borrow().get(section).is_some_and(|built| {
            let recipe = built.section.folded("recipe");
            recipe.is_some_and(|recipe| !recipe.is_empty())
        });
        let given = has_recipe.then(|| self.recipes.stand_in(section, option));
        given
            .flatten()
            .ok_or_else(|| self.missing_option(section, option, reference))
    }

    /// The section and option that a reference means. The section is built, and a dependency of the one that refers to it.
    fn target<'r>(&self, reference: &'r str, from: &'r str) -> Result<(&'r str, &'r str), Report> {
        let (section, option) =
            reference::parse(reference).map_err(|kind| self.bad_reference(kind, reference))?;
        let section = if section.is_empty() { from } else { section };
        if !self.profile.has_section(section) {
            return Err(self.missing_section(section, Some(reference)));
        }
        self.depend(from, section);
        self.build(section)?;
        Ok((section, option))
    }

    fn bound(&self, text: &str) -> Result<(), Report> {
        if text.len() <= VALUE_BYTES_MAX {
            return Ok(());
        }
        let message = format!("a value grows beyond {VALUE_BYTES_MAX} bytes by its references");
        Err(self.complain(None, too_large(message)))
    }

    fn count(&self, text: &str) -> Result<(), Report> {
        self.bytes.set(self.bytes.get().saturating_add(text.len()));
        if self.bytes.get() <= SESSION_BYTES_MAX {
            return Ok(());
        }
        let message = format!("all values together grow beyond {SESSION_BYTES_MAX} bytes");
        Err(self.complain(None, too_large(message)))
    }

    fn circular(&self, section: &str, option: &str, operations: &Operations) -> Report {
        let message = format!("option `{option}` of section `{section}` needs its own value");
        let diagnostic = Diagnostic::new(Kind::CircularReference, message).with_help(
            "the options below refer to each other; give one of them a value of its own",
        );
        let span = operations.last().map(|last| last.span);
        self.complain(span, diagnostic)
    }
}

/// What a built section has of an option.
pub(super) enum Known {
    Final(Arc<str>),
    /// To be substituted still, with the changes that made it.
    Raw(Arc<str>, Operations),
    Missing,
}
