//! Loading: a profile, everything it extends, the command line, merged into one [`Profile`].
//!
//! Order of precedence, low to high: built-in defaults, user defaults, extended files left to right, the file, the command line.
//! The result of a file depends on its text alone, so each is read, parsed and merged once, however often it is extended.

use crate::location::{base_of, join};
use crate::merge::{Sections, outside};
use crate::source::{Source, Span, too_large};
use crate::{Machine, Override, Profile, Report};
use slapos_python::text;

pub(crate) mod directories;
mod files;

use files::{Loader, Named};

/// Gives the text of a file. The only way this crate reaches outside of itself.
pub trait Fetch {
    /// `location` is a path or a URL, as the profile spells it joined to where that profile is.
    fn fetch(&self, location: &str) -> Result<String, FetchFailure>;

    /// What is at `path` on the machine that conditions speak of: `[a:os.path.isdir("/dev/kvm")]`.
    ///
    /// Unless this is overridden, conditions find an empty disk.
    fn probe(&self, path: &str) -> Probe {
        // The default has no disk to look at.
        let _ = path;
        Probe::default()
    }

    /// The text of a file that a condition opens: `[a:"hypervisor" in open("/proc/cpuinfo").read()]`.
    ///
    /// None where there is no such file; the condition is an error then.
    fn open(&self, path: &str) -> Option<String> {
        let _ = path;
        None
    }
}

/// What a condition may know of a path. The default is that nothing is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Probe {
    pub is_file: bool,
    pub is_folder: bool,
    /// For the user that builds.
    pub is_readable: bool,
    pub is_writable: bool,
    pub is_executable: bool,
}

impl Probe {
    /// Whether anything is there that a path leads to.
    pub fn exists(self) -> bool {
        self.is_file || self.is_folder || self.is_readable || self.is_writable || self.is_executable
    }
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
    /// Assignments of the command line, in the order given; of two for the same option the later wins.
    pub overrides: Vec<Override>,
    /// Location of a file that lies beneath every other (`~/.buildout/default.cfg`).
    pub user_defaults: Option<String>,
    /// What section conditions see.
    pub machine: Machine,
}

impl LoadOptions {
    /// Locations that an assignment of `buildout:extends` puts above `entry`, the last one winning.
    pub fn extended(&self, entry: &str) -> Vec<String> {
        let given = self.overrides.iter().rev().find(|o| is_extends(o));
        let names = given.map_or("", |o| o.value.as_str());
        text::words(names)
            .map(|name| join(base_of(entry), name))
            .collect()
    }
}

/// Loads `entry` (an absolute path or a URL) and what it extends.
///
/// `[buildout]` gets the built-in defaults; its `directory` is the folder of `entry` unless set. For a URL there is no such folder:
/// give `buildout:directory` as an override.
pub fn load(entry: &str, fetch: &dyn Fetch, options: &LoadOptions) -> Result<Profile, Report> {
    let mut loader = Loader::new(fetch, &options.machine);
    let mut below = options
        .user_defaults
        .as_deref()
        .map(|defaults| loader.resolve(defaults, None));
    let defaults = directories::defaults(entry, &options.machine);
    let defaults = Sections::from([("buildout".into(), defaults.into())]);
    let mut layer = loader.merger.layer(defaults);
    let own = loader.resolve_above(entry, None, &mut below);
    loader.merger.merge(&mut layer, &own);
    for location in options.extended(entry) {
        let (name, span) = (location.as_str(), Span::outside(Source::CommandLine));
        let extended = loader.resolve(name, Some(Named { name, span }));
        loader.merger.merge(&mut layer, &extended);
    }
    let given = loader.merger.layer(command_line(options));
    loader.merger.merge(&mut layer, &given);
    let mut sections = loader.merger.named(layer);
    if loader.merger.is_exhausted() {
        let message = format!("loading {entry}: its files merge into too many options");
        loader.diagnostics.push(too_large(message));
    }
    if loader.diagnostics.is_empty() {
        directories::make_absolute(&mut sections, &loader.files, &mut loader.diagnostics);
        directories::add_versions(&mut sections);
    }
    match Report::of(loader.diagnostics) {
        Some(report) => Err(report),
        None => Ok(Profile::new(entry.to_owned(), loader.files, sections)),
    }
}

fn is_extends(given: &Override) -> bool {
    given.section == "buildout" && given.option == "extends"
}

fn command_line(options: &LoadOptions) -> Sections {
    let mut sections = Sections::new();
    for given in options.overrides.iter().filter(|o| !is_extends(o)) {
        let name = given.section.as_str();
        if sections.contains_key(name) {
            continue;
        }
        // Of two assignments to one option only the last is kept, as of two lines in a file.
        let mut own: Vec<(&str, &str)> = Vec::new();
        for other in options
            .overrides
            .iter()
            .filter(|o| o.section == name && !is_extends(o))
        {
            own.retain(|(key, _)| *key != other.option);
            own.push((&other.option, &other.value));
        }
        sections.insert(name.into(), outside(own, Source::CommandLine).into());
    }
    sections
}
