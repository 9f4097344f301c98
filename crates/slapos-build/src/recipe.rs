//! Recipes: what each makes of a part's options, and how it installs them.
//!
//! Start at [`RecipeBook`]: it constructs a part when the profile's evaluation reaches it and keeps what the
//! constructor made, a [`Part`], for the engine to install. The table of names is [`constructor`].
//! A constructor reads and publishes options and touches no disk but to read; only `install` writes.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use slapos_buildout::{PartOptions, RecipeError, Recipes, Report, Session};
use slapos_cache::{Found, Source};

use crate::Cancel;
use crate::host::{self, Host};
use crate::instance::InstanceInstall;
use crate::record::Records;
use crate::signature::Signature;
use crate::work::{PartFailure, Work};

mod cargo;
mod certificate;
mod clean;
mod cmmi;
mod collective;
mod command;
mod cron;
mod download;
mod egg;
mod files;
mod free_port;
mod git;
mod jinja;
mod links;
mod logrotate;
mod mkdirectory;
mod npm;
pub(crate) mod options;
mod password;
mod promise;
mod publish;
mod random;
mod shared;
mod slapconfiguration;
mod switch;
mod template;
mod texts;
mod urlparse;
mod userinfo;
#[cfg(test)]
pub(crate) mod vectors;
mod wrapper;

pub(crate) use git::has_unsaved_work;
pub(crate) use options::shell_quote;

/// A constructed part, ready to be installed on any thread.
pub(crate) trait Part: Send + Sync {
    /// What changes the part besides its options and what it refers to.
    fn inputs(&self) -> Vec<String> {
        Vec::new()
    }
    /// What it fetches when it is installed, as far as it is known before.
    fn sources(&self) -> Vec<Source> {
        Vec::new()
    }
    /// Whether what others see of this part is all in the options they read: then a change of it reaches them
    /// through those options and not by its mere existence.
    fn is_only_options(&self) -> bool {
        false
    }
    /// What it chose and wants to find again in the record.
    fn kept(&self) -> BTreeMap<String, String> {
        BTreeMap::new()
    }
    /// What it publishes to who ordered the instance.
    fn connection(&self) -> BTreeMap<String, String> {
        BTreeMap::new()
    }
    /// Whether it has something to do at every run, also when nothing changed.
    fn updates(&self) -> bool {
        false
    }
    /// Does that; gives what it owns from now on.
    fn update(&self, work: &mut Work<'_>) -> Result<Installed, PartFailure> {
        self.install(work)
    }
    /// Makes it so; gives what it owns.
    fn install(&self, work: &mut Work<'_>) -> Result<Installed, PartFailure>;
}

/// What an installation left.
#[derive(Debug, Default)]
pub(crate) struct Installed {
    /// Removed with the part.
    pub(crate) owned: Vec<PathBuf>,
    /// Must exist, and outlives the part.
    pub(crate) shared: Vec<PathBuf>,
    /// URLs of sources without a hash.
    pub(crate) unpinned: Vec<String>,
}

impl Installed {
    pub(crate) fn owning(path: impl Into<PathBuf>) -> Installed {
        Installed {
            owned: vec![path.into()],
            ..Installed::default()
        }
    }
}

/// What constructors know besides options.
#[derive(Debug)]
pub(crate) struct World<'w> {
    /// `buildout:directory`.
    pub(crate) directory: PathBuf,
    pub(crate) shared: Option<&'w Path>,
    pub(crate) path: &'w str,
    /// None while an instance is installed, which downloads nothing.
    pub(crate) cache: Option<&'w slapos_cache::Cache>,
    /// None while software is built.
    pub(crate) instance: Option<&'w InstanceInstall>,
    pub(crate) records: &'w Records,
    /// Ports that parts of this partition have or just chose.
    pub(crate) ports: RefCell<BTreeSet<u16>>,
    /// Constructors that ask others end when it is raised.
    pub(crate) cancel: Cancel,
}

/// What a recipe is told that would download while an instance is installed.
pub(crate) const NO_DOWNLOADS: &str =
    "an instance may not download anything; do it in the software's profile";

impl World<'_> {
    /// A source that a constructor needs.
    pub(crate) fn fetch(&self, source: &Source) -> Result<Found, String> {
        let cache = self.cache.ok_or(NO_DOWNLOADS)?;
        let found = cache.ensure_watched(source, &mut |_| !self.cancel.is_raised());
        found.map_err(|error| error.to_string())
    }
}

/// One part with all that the engine needs.
pub(crate) struct Constructed {
    pub(crate) recipe: String,
    pub(crate) signature: String,
    pub(crate) part: Box<dyn Part>,
}

/// Constructs recipes for a session and keeps the parts.
pub(crate) struct RecipeBook<'w> {
    world: World<'w>,
    parts: RefCell<BTreeMap<String, Constructed>>,
    host: Arc<Host>,
}

/// A constructor: reads options, publishes others.
type Constructor =
    fn(&Construction<'_>, &mut PartOptions<'_, '_>) -> Result<Box<dyn Part>, RecipeError>;

/// What a constructor is given besides the options.
pub(crate) struct Construction<'c> {
    pub(crate) world: &'c World<'c>,
    pub(crate) name: String,
    /// Where recipes that are not built in run.
    pub(crate) host: &'c Arc<Host>,
    /// Over recipe, options and what they refer to, before the constructor changed anything.
    pub(crate) signature: Signature,
}

/// The native recipe of this name.
fn constructor(recipe: &str) -> Option<Constructor> {
    if let Some(entry) = recipe.strip_prefix("slapos.cookbook:") {
        return cookbook(entry);
    }
    Some(match recipe {
        "slapos.recipe.cmmi" => cmmi::construct,
        "slapos.recipe.cargo" => cargo::construct,
        "slapos.recipe.npm" => npm::construct,
        "slapos.recipe.build:download" => download::construct,
        "slapos.recipe.build:download-unpacked" => download::construct_unpacked,
        "slapos.recipe.build:gitclone" => git::construct,
        "slapos.recipe.build:mkdirectory" => mkdirectory::construct,
        "slapos.recipe.template" => template::construct,
        "slapos.recipe.template:jinja2" => jinja::construct,
        "plone.recipe.command" => command::construct,
        "collective.recipe.template" => collective::construct,
        // The last is the name that the recipe had first.
        "zc.recipe.egg" | "zc.recipe.egg:scripts" | "zc.recipe.egg:script" => egg::construct,
        "zc.recipe.egg:eggs" => egg::construct_eggs,
        "zc.recipe.egg:custom" => egg::construct_custom,
        "zc.recipe.egg:develop" => egg::construct_develop,
        // What is not in this table is a recipe of its egg.
        _ => return None,
    })
}

fn cookbook(entry: &str) -> Option<Constructor> {
    Some(match entry {
        "slapconfiguration" => slapconfiguration::construct,
        "slapconfiguration.serialised" => slapconfiguration::construct_serialised,
        "slapconfiguration.jsonschema" => slapconfiguration::construct_jsonschema,
        "wrapper" => wrapper::construct,
        "generate.password" => password::construct,
        "free_port" => free_port::construct,
        "mkdirectory" => mkdirectory::construct,
        "switch-softwaretype" => switch::construct,
        "switch-softwaretype.noop" => switch::construct_noop,
        "cron" => cron::construct,
        "cron.d" => cron::construct_entry,
        "logrotate" => logrotate::construct,
        "logrotate.d" => logrotate::construct_entry,
        "certificate_authority" => certificate::construct,
        "certificate_authority.request" => certificate::construct_request,
        "random.integer" => random::construct_integer,
        "random.time" => random::construct_time,
        "generate.mac" => random::construct_mac,
        "urlparse" => urlparse::construct,
        "check_page_content" => promise::construct_page,
        "check_parameter" => promise::construct_parameter,
        "symbolic.link" => links::construct,
        "static.files" => files::construct,
        "userinfo" => userinfo::construct,
        "publish" => publish::construct,
        "publish.serialised" => publish::construct_serialised,
        "promise.plugin" => promise::construct_plugin,
        "check_port_listening" => promise::construct_port,
        "check_url_available" => promise::construct_url,
        _ => return None,
    })
}

impl<'w> RecipeBook<'w> {
    pub(crate) fn new(world: World<'w>) -> RecipeBook<'w> {
        let host = Arc::new(Host::new(
            &world.directory,
            world.path,
            world.cancel.clone(),
        ));
        RecipeBook {
            world,
            parts: RefCell::default(),
            host,
        }
    }

    /// Evaluation is over: recipes may read what it came to, and nothing else.
    pub(crate) fn freeze(&self, session: &Session<'_>, parts: &[String]) -> Result<(), Report> {
        self.host.freeze(session, parts)
    }

    /// The parts, when evaluation is over.
    pub(crate) fn into_parts(self) -> BTreeMap<String, Constructed> {
        self.parts.into_inner()
    }

    /// Signatures of everything that a section refers to, but of parts that are only options.
    fn dependencies(&self, session: &Session<'_>, section: &str) -> Result<Vec<String>, Report> {
        let mut seen = BTreeSet::from([section.to_owned()]);
        let mut ahead = session.dependencies(section)?;
        let mut signatures = Vec::new();
        while let Some(next) = ahead.pop() {
            if !seen.insert(next.clone()) {
                continue;
            }
            match self.parts.borrow().get(&next) {
                Some(one) if one.part.is_only_options() => {}
                Some(one) => signatures.push(format!("{next}={}", one.signature)),
                // A section without recipe: its values are in the options, what is behind it is not.
                None => ahead.extend(session.dependencies(&next)?),
            }
        }
        signatures.sort();
        Ok(signatures)
    }
}

impl Recipes for RecipeBook<'_> {
    fn construct(&self, recipe: &str, part: &mut PartOptions<'_, '_>) -> Result<(), RecipeError> {
        let name = part.name().to_owned();
        let options = options::all(part)?;
        let mut signature = Signature::of(recipe, options);
        signature.add_all(self.dependencies(part.session(), &name)?);
        let construction = Construction {
            world: &self.world,
            name: name.clone(),
            host: &self.host,
            signature,
        };
        let constructed = match constructor(recipe) {
            Some(constructor) => constructor(&construction, part)?,
            None => host::construct(&construction, recipe, part)?,
        };
        let mut signature = construction.signature;
        // The constructor may have read other sections, and texts that refer to more.
        signature.add_all(self.dependencies(part.session(), &name)?);
        signature.add_all(constructed.inputs());
        let one = Constructed {
            recipe: recipe.to_owned(),
            signature: signature.finish(),
            part: constructed,
        };
        self.parts.borrow_mut().insert(name, one);
        Ok(())
    }
}
