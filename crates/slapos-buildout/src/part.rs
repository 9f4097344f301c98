//! What a recipe sees: its constructor's hook and its own options.

use crate::{Report, Session, Value};

/// Constructs recipes. Called once for each section with a recipe, on the first access to it, after its references.
///
/// The constructor is where a recipe publishes computed options (`location`) for those who refer to it.
pub trait Recipes {
    /// `recipe` is the option `recipe` of the part, such as `slapos.recipe.build:download`.
    fn construct(&self, recipe: &str, part: &mut PartOptions<'_, '_>) -> Result<(), RecipeError>;

    /// What reads in place of an option that a section with a recipe lacks; none, the default, makes that an error.
    ///
    /// For those who evaluate a profile without running recipes: nobody publishes computed options then.
    fn stand_in(&self, _section: &str, _option: &str) -> Option<String> {
        None
    }
}

/// Why a recipe could not be constructed. Both kinds come from `?`.
#[derive(Debug, Clone)]
pub enum RecipeError {
    /// The recipe refuses its options; one sentence, lower case, no final period.
    Refused(String),
    /// Reading an option, its own or another section's, failed.
    Option(Report),
}

impl From<Report> for RecipeError {
    fn from(report: Report) -> RecipeError {
        RecipeError::Option(report)
    }
}
impl From<String> for RecipeError {
    fn from(reason: String) -> RecipeError {
        RecipeError::Refused(reason)
    }
}
impl From<&str> for RecipeError {
    fn from(reason: &str) -> RecipeError {
        RecipeError::Refused(reason.to_owned())
    }
}

/// The options of the part under construction.
#[derive(Debug)]
pub struct PartOptions<'s, 'p> {
    pub(crate) session: &'s Session<'p>,
    pub(crate) name: &'s str,
}

impl PartOptions<'_, '_> {
    /// The name of the section.
    pub fn name(&self) -> &str {
        self.name
    }
    /// An own option, substituted; none if there is no such option.
    pub fn get(&mut self, option: &str) -> Result<Option<Value>, Report> {
        self.session.find(self.name, option)
    }
    /// An own option as text; an error that names it if there is none.
    pub fn required(&mut self, option: &str) -> Result<String, Report> {
        Ok(self.session.get(self.name, option)?.into_text())
    }
    /// Names of all own options, sorted, with those that were set.
    pub fn keys(&self) -> Vec<String> {
        self.session.keys(self.name)
    }
    /// Publishes an option. Text is stored as it is and never substituted.
    pub fn set(&mut self, option: &str, value: impl Into<Value>) -> Result<(), Report> {
        self.session.store(self.name, option, value.into())
    }
    /// Takes an own option away; gives what it was.
    pub fn remove(&mut self, option: &str) -> Result<Option<Value>, Report> {
        let value = self.get(option)?;
        self.session.remove(self.name, option);
        Ok(value)
    }
    /// Reads an option of another section, which becomes a dependency of this one and is installed before it.
    pub fn other(&mut self, section: &str, option: &str) -> Result<Value, Report> {
        self.session.depend(self.name, section);
        self.session.get(section, option)
    }
    /// The same; none if the section has no such option.
    pub fn find_other(&mut self, section: &str, option: &str) -> Result<Option<Value>, Report> {
        self.session.depend(self.name, section);
        self.session.find(section, option)
    }
    /// All options of another section, which becomes a dependency of this one.
    pub fn other_section(
        &mut self,
        section: &str,
    ) -> Result<std::collections::BTreeMap<String, Value>, Report> {
        self.session.depend(self.name, section);
        self.session.section(section)
    }
    /// Substitutes references in a text that came from elsewhere, as in [`Session::substitute`].
    pub fn substitute(&mut self, text: &str) -> Result<String, Report> {
        self.session.substitute(text, self.name)
    }
    /// The profile, for what only the raw options tell.
    pub fn session(&self) -> &Session<'_> {
        self.session
    }
}
