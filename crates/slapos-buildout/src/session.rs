//! A session: expands a profile section by section, on demand, as buildout does.

use std::collections::BTreeMap;
use std::fmt;

use crate::{Diagnostic, Kind, Profile, Recipes, Report, Value};

/// Evaluates one profile. Sections are expanded on first access and kept.
pub struct Session<'p> {
    profile: &'p Profile,
    recipes: &'p dyn Recipes,
}

impl fmt::Debug for Session<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Session").finish_non_exhaustive()
    }
}

impl<'p> Session<'p> {
    /// Starts a session; expands `[buildout]` and the section of version pins, and checks their settings.
    pub fn new(profile: &'p Profile, recipes: &'p dyn Recipes) -> Result<Session<'p>, Report> {
        Ok(Session { profile, recipes })
    }
    /// The value of an option; an error if the section or the option does not exist.
    pub fn get(&self, section: &str, option: &str) -> Result<Value, Report> {
        let _ = (section, option, self.recipes);
        Err(Diagnostic::new(Kind::UserError, "not built yet").into())
    }
    /// The value of an option, none if the section has no such option; an error if there is no such section.
    pub fn find(&self, section: &str, option: &str) -> Result<Option<Value>, Report> {
        self.get(section, option).map(Some)
    }
    /// All options of a section, those of its macros and those its recipe set among them.
    pub fn section(&self, section: &str) -> Result<BTreeMap<String, Value>, Report> {
        let _ = section;
        Ok(BTreeMap::new())
    }
    /// Instantiates the parts of `buildout:parts`; gives all parts in the order to install them, referenced ones first.
    pub fn parts(&self) -> Result<Vec<String>, Report> {
        Ok(Vec::new())
    }
    /// The sections that this one read, by reference or by its recipe, sorted; `[buildout]` and itself left out.
    pub fn dependencies(&self, section: &str) -> Result<Vec<String>, Report> {
        let _ = section;
        Ok(Vec::new())
    }
    /// Substitutes references in a text, such as a template's. `$$` gives `$` and protects what follows.
    pub fn substitute(&self, text: &str, section: &str) -> Result<String, Report> {
        let _ = (text, section);
        Ok(String::new())
    }
    /// The profile that is evaluated.
    pub fn profile(&self) -> &'p Profile {
        self.profile
    }
}
