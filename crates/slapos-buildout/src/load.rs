//! Loading: a profile, everything it extends, the command line, merged into one [`Profile`].
//!
//! Order of precedence, low to high: built-in defaults, user defaults, extended files left to right, the file, the command line.

use crate::{Diagnostic, Kind, Machine, Override, Profile, Report};

/// Gives the text of a file. The only way this crate reaches outside of itself.
pub trait Fetch {
    /// `location` is a path or a URL, as the profile spells it joined to where that profile is.
    fn fetch(&self, location: &str) -> Result<String, FetchFailure>;
}

/// Why a file could not be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchFailure {
    /// There is no such file.
    NotFound,
    /// It may be there; the text says what happened and what to do.
    Failed(String),
}

/// Everything besides files that a profile depends on.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// Assignments of the command line, in the order given.
    pub overrides: Vec<Override>,
    /// Location of a file that lies beneath every other (`~/.buildout/default.cfg`).
    pub user_defaults: Option<String>,
    /// What section conditions see.
    pub machine: Machine,
}

/// Loads `entry` (an absolute path or a URL) and what it extends.
///
/// Every file is fetched and parsed once, however often it is extended.
pub fn load(entry: &str, fetch: &dyn Fetch, options: &LoadOptions) -> Result<Profile, Report> {
    let _ = (fetch, options);
    Err(Diagnostic::new(Kind::UserError, format!("loading {entry}: not built yet")).into())
}
