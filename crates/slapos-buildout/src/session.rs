//! A session: expands a profile section by section, on demand, as buildout does.
//!
//! The first access to a section expands its macros, substitutes its options in order of name, which expands the sections
//! they refer to, and then constructs its recipe. So parts come out in an order in which each finds what it refers to.
//! Start with [`Session`]; build.rs is the first access, resolve.rs the substitution, macros.rs the macros.

use foldhash::HashMap;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use crate::merge::{Merger, Section};
use crate::{Profile, Recipes, Report, Value};

mod build;
mod built;
mod complain;
mod failure;
mod macros;
mod resolve;
mod settings;

use built::Built;
use complain::Frame;

/// Evaluates one profile. Sections are expanded on first access and kept; one that failed is tried again when asked again.
pub struct Session<'p> {
    profile: &'p Profile,
    recipes: &'p dyn Recipes,
    // Borrowed for a moment at a time, never while a recipe runs.
    built: RefCell<HashMap<Arc<str>, Built>>,
    macros: RefCell<HashMap<Arc<str>, Arc<Section>>>,
    /// Who read which other section.
    reads: RefCell<BTreeSet<(Arc<str>, Arc<str>)>>,
    merger: RefCell<Merger>,
    /// Sections with a recipe, in the order their constructors ended.
    order: RefCell<Vec<String>>,
    /// What is being evaluated, outermost first.
    trail: RefCell<Vec<Frame>>,
    /// Bytes that substitution made.
    bytes: Cell<usize>,
    failures: failure::Failures,
}

/// The options of a section, or why it cannot be expanded.
pub type Expanded = Result<BTreeMap<String, Value>, Report>;

impl fmt::Debug for Session<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Session")
            .field("entry", &self.profile.entry())
            .finish_non_exhaustive()
    }
}

impl<'p> Session<'p> {
    /// Starts a session; expands `[buildout]` and the section of version pins, and checks their settings.
    ///
    /// So an error here means that the profile as a whole cannot be used.
    pub fn new(profile: &'p Profile, recipes: &'p dyn Recipes) -> Result<Session<'p>, Report> {
        let session = Session {
            profile,
            recipes,
            built: RefCell::default(),
            macros: RefCell::default(),
            reads: RefCell::default(),
            merger: RefCell::default(),
            order: RefCell::default(),
            trail: RefCell::default(),
            bytes: Cell::new(0),
            failures: failure::Failures::default(),
        };
        settings::check(&session)?;
        Ok(session)
    }

    /// The value of an option; an error if the section or the option does not exist.
    pub fn get(&self, section: &str, option: &str) -> Result<Value, Report> {
        match self.find(section, option)? {
            Some(value) => Ok(value),
            None => Ok(self.stand_in(section, option, None)?.into()),
        }
    }

    /// The value of an option, none if the section has no such option; an error if there is no such section.
    pub fn find(&self, section: &str, option: &str) -> Result<Option<Value>, Report> {
        self.build(section)?;
        self.read(section, option)
    }

    /// All options of a section, those of its macros and those its recipe set among them.
    pub fn section(&self, section: &str) -> Result<BTreeMap<String, Value>, Report> {
        self.build(section)?;
        let mut all = BTreeMap::new();
        for option in self.names(section) {
            if let Some(value) = self.read(section, &option)? {
                all.insert(option.to_string(), value);
            }
        }
        Ok(all)
    }

    /// Every section, each as [`Session::section`] gives it, in order of name.
    ///
    /// One that failed is not tried again for each of those that refer to it, so this takes no longer than its answers do.
    pub fn all_sections(&self) -> Vec<(&'p str, Expanded)> {
        let mut all = Vec::new();
        let Ok(()) = self.each_section(|name, found| {
            all.push((name, found));
            Ok::<(), Infallible>(())
        });
        all
    }

    /// The same one by one, until `each` fails: for an answer that need not be in memory as a whole.
    pub fn each_section<E>(
        &self,
        mut each: impl FnMut(&'p str, Expanded) -> Result<(), E>,
    ) -> Result<(), E> {
        self.failures.begin_row();
        let mut names = self.profile.sections();
        let all = names.try_for_each(|name| each(name, self.section(name)));
        self.failures.end_row();
        all
    }

    /// The same as [`Session::section`] in the form that is stored: `$${` kept, typed values as markers.
    ///
    /// This is what a record of installed parts and a signature hold.
    pub fn stored_section(&self, section: &str) -> Result<BTreeMap<String, String>, Report> {
        self.build(section)?;
        let mut all = BTreeMap::new();
        for option in self.keys(section) {
            if let Some(text) = self.read_stored(section, &option)? {
                all.insert(option, text.to_string());
            }
        }
        Ok(all)
    }

    /// Instantiates the parts of `buildout:parts`; gives all parts in the order to install them, referenced ones first.
    ///
    /// The report of an error tells what is wrong with every part, not only with the first.
    pub fn parts(&self) -> Result<Vec<String>, Report> {
        let listed = self
            .find("buildout", "parts")?
            .map(Value::into_text)
            .unwrap_or_default();
        let span = self.profile.section("buildout").and_then(|section| {
            let list = section.options.get("parts")?;
            list.last().map(|operation| operation.span)
        });
        self.failures.begin();
        let mut problems = failure::Problems::default();
        for part in slapos_python::text::words(&listed) {
            let frame = Frame::Listed { span };
            problems.take(self, self.within(frame, || self.get(part, "recipe")))?;
        }
        problems.none()?;
        Ok(self.order.borrow().clone())
    }

    /// The parts instantiated so far, in the order to install them.
    pub fn instantiated(&self) -> Vec<String> {
        self.order.borrow().clone()
    }

    /// The sections that this one read, by reference or by its recipe, sorted; `[buildout]` and itself left out.
    pub fn dependencies(&self, section: &str) -> Result<Vec<String>, Report> {
        self.build(section)?;
        let reads = self.reads_of(section).into_iter();
        Ok(reads.map(|(_, other)| other.to_string()).collect())
    }

    /// Substitutes references in a text, such as a template's, as `section` would.
    ///
    /// Values go in as they read; `$$` gives `$` and protects what follows it. What is referred to becomes a dependency of `section`.
    pub fn substitute(&self, text: &str, section: &str) -> Result<String, Report> {
        self.build(section)?;
        self.substitute_template(text, section)
    }

    /// The profile that is evaluated.
    pub fn profile(&self) -> &'p Profile {
        self.profile
    }

    /// Names of the options of a built section, sorted.
    pub(crate) fn keys(&self, section: &str) -> Vec<String> {
        let names = self.names(section).into_iter();
        names.map(|name| name.to_string()).collect()
    }

    fn names(&self, section: &str) -> Vec<Arc<str>> {
        let built = self.built.borrow();
        built.get(section).map(Built::names).unwrap_or_default()
    }

    /// Makes `section` depend on `other`.
    pub(crate) fn depend(&self, section: &str, other: &str) {
        if section == other || other == "buildout" || !self.built.borrow().contains_key(section) {
            return;
        }
        let pair = (self.shared(section), self.shared(other));
        self.reads.borrow_mut().insert(pair);
    }

    fn reads_of(&self, section: &str) -> Vec<(Arc<str>, Arc<str>)> {
        let first = (self.shared(section), Arc::default());
        let reads = self.reads.borrow();
        let own = reads.range(first..);
        own.take_while(|(reader, _)| &**reader == section)
            .cloned()
            .collect()
    }

    fn forget_reads(&self, section: &str) {
        let own = self.reads_of(section);
        let mut reads = self.reads.borrow_mut();
        for pair in &own {
            reads.remove(pair);
        }
    }

    /// The name of a section as it is shared; a new one if there is no such section.
    fn shared(&self, section: &str) -> Arc<str> {
        let known = self.profile.section_entry(section);
        known.map_or_else(|| Arc::from(section), |(name, _)| Arc::clone(name))
    }

    /// Stores an option of a section under construction.
    pub(crate) fn store(&self, section: &str, option: &str, value: Value) -> Result<(), Report> {
        let text = match value {
            Value::Text(text) => text,
            Value::Typed(typed) => {
                let marker = typed.to_marker();
                marker.map_err(|error| self.bad_typed(section, option, &error.to_string()))?
            }
        };
        if let Some(built) = self.built.borrow_mut().get_mut(section) {
            built.keep(option, Arc::from(text));
        }
        Ok(())
    }

    /// Takes an option of a section under construction away.
    pub(crate) fn remove(&self, section: &str, option: &str) {
        if let Some(built) = self.built.borrow_mut().get_mut(section) {
            built.remove(option);
        }
    }
}
