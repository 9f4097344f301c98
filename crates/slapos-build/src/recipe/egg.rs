//! `zc.recipe.egg` and its `:scripts`, `:eggs`, `:custom`, `:develop`: Python packages for what is installed.
//!
//! The eggs lie in `eggs-directory`, each once, for all parts; a part owns its scripts. Which versions fit is decided
//! when it is installed, because the Python that they are for may be a part that is built before. All pins of the
//! profile enter the signature: any of them may be that of a dependency.

use std::collections::BTreeMap;
use std::path::PathBuf;

use fs_err as fs;
use slapos_buildout::{PartOptions, RecipeError, Value};

use super::download::{Fetchable, sources_of};
use super::{Construction, Installed, Part, options};
use crate::egg::{Custom, EggSettings, WorkingSet, environment};
use crate::work::{PartFailure, Work, failing};
use crate::{Step, file};

mod scripts;

use scripts::Scripts;

/// What to do with the eggs.
enum Kind {
    Eggs,
    Scripts(Scripts),
    /// One egg, built from its source in its own way.
    Custom {
        custom: Box<Custom>,
        patches: Vec<Fetchable>,
    },
    /// One egg, used where its source is.
    Develop {
        custom: Box<Custom>,
        setup: PathBuf,
    },
}

struct Eggs {
    settings: EggSettings,
    requirements: Vec<String>,
    kind: Kind,
    path: String,
    /// Further variables of the build.
    variables: BTreeMap<String, String>,
    inputs: Vec<String>,
}

/// `zc.recipe.egg` and `:scripts`.
pub(super) fn construct(
    construction: &Construction<'_>,
    part: &mut PartOptions<'_, '_>,
) -> Result<Box<dyn Part>, RecipeError> {
    let mut eggs = common(construction, part)?;
    eggs.kind = Kind::Scripts(Scripts::of(part)?);
    Ok(Box::new(eggs))
}

/// `zc.recipe.egg:eggs`.
pub(super) fn construct_eggs(
    construction: &Construction<'_>,
    part: &mut PartOptions<'_, '_>,
) -> Result<Box<dyn Part>, RecipeError> {
    Ok(Box::new(common(construction, part)?))
}

/// `zc.recipe.egg:custom`.
pub(super) fn construct_custom(
    construction: &Construction<'_>,
    part: &mut PartOptions<'_, '_>,
) -> Result<Box<dyn Part>, RecipeError> {
    let mut eggs = common(construction, part)?;
    let requirement = match options::text(part, "egg")? {
        Some(egg) => egg,
        None => options::text_or(part, "eggs", &construction.name)?,
    };
    if requirement.split_whitespace().count() != 1 {
        return Err(format!("`egg` is `{requirement}`; this recipe builds one egg").into());
    }
    let end = requirement
        .find(['<', '>', '=', '[', '!', '~'])
        .unwrap_or(requirement.len());
    let name = requirement[..end].to_owned();
    let mut custom = Custom::of(part, Some(&name))?;
    let text = options::patch_option(part, &name, "patches")?;
    let patches = sources_of(&text.unwrap_or_default(), &mut eggs.inputs)?;
    if custom.revision.is_empty() {
        custom.revision = patches.len().to_string();
    }
    eggs.requirements = vec![requirement];
    eggs.variables = variables(construction, part)?;
    eggs.kind = Kind::Custom {
        custom: Box::new(custom),
        patches,
    };
    Ok(Box::new(eggs))
}

/// `zc.recipe.egg:develop`.
pub(super) fn construct_develop(
    construction: &Construction<'_>,
    part: &mut PartOptions<'_, '_>,
) -> Result<Box<dyn Part>, RecipeError> {
    let mut eggs = common(construction, part)?;
    let setup = PathBuf::from(options::needed(part, "setup")?);
    let setup = construction.world.directory.join(setup);
    let setup = match setup.file_name() {
        Some(name) if name == "setup.py" => setup.parent().unwrap_or(&setup).to_owned(),
        _ => setup,
    };
    let custom = Custom::of(part, None)?;
    eggs.variables = variables(construction, part)?;
    // How it is built follows from these files; the rest is read where it lies.
    for name in ["setup.py", "setup.cfg", "pyproject.toml"] {
        let file = setup.join(name);
        if file.exists() {
            eggs.inputs.push(
                file::digest_tree(&file).map_err(|e| format!("reading {}: {e}", file.display()))?,
            );
        }
    }
    eggs.kind = Kind::Develop {
        custom: Box::new(custom),
        setup,
    };
    Ok(Box::new(eggs))
}

/// What all of them have: settings, requirements, and the options that others read.
fn common(
    construction: &Construction<'_>,
    part: &mut PartOptions<'_, '_>,
) -> Result<Eggs, RecipeError> {
    let mut settings = EggSettings::of(part)?;
    if let Some(python) = python(part)? {
        settings.python = python.into();
    }
    if let Some(links) = options::text(part, "find-links")? {
        settings.find_links = links.split_whitespace().map(str::to_owned).collect();
    }
    if let Some(index) = options::text(part, "index")? {
        settings.index = Some(index);
    }
    // A marked list would be no list: absent and empty are different things.
    let listed = part.get("eggs")?.map(Value::into_text);
    let listed = listed.unwrap_or_else(|| construction.name.clone());
    let lines = listed
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty());
    let requirements: Vec<String> = lines.map(str::to_owned).collect();
    let bin = part.other("buildout", "bin-directory")?.into_text();
    let develop = settings.develop.first().cloned().unwrap_or_default();
    for (names, value) in [
        (
            ["eggs-directory", "_e"],
            settings.eggs.to_string_lossy().into_owned(),
        ),
        (
            ["develop-eggs-directory", "_d"],
            develop.to_string_lossy().into_owned(),
        ),
        (["bin-directory", "_b"], bin),
    ] {
        for name in names {
            part.set(name, value.clone())?;
        }
    }
    part.set("executable", settings.python.to_string_lossy().into_owned())?;
    let mut inputs = vec![settings.python.display().to_string()];
    inputs.push(settings.request(&requirements));
    Ok(Eggs {
        settings,
        requirements,
        kind: Kind::Eggs,
        path: construction.world.path.to_owned(),
        variables: BTreeMap::new(),
        inputs,
    })
}

/// The Python that the eggs are for: the part's own, that of a section, or the profile's.
fn python(part: &mut PartOptions<'_, '_>) -> Result<Option<String>, RecipeError> {
    if let Some(executable) = options::text(part, "executable")? {
        return Ok(Some(executable));
    }
    let section = match options::text(part, "python")? {
        Some(section) => section,
        None => {
            let section = part.find_other("buildout", "python")?.map(Value::into_text);
            section
                .filter(|name| !name.is_empty())
                .unwrap_or_else(|| "buildout".to_owned())
        }
    };
    let is_there = part
        .session()
        .profile()
        .sections()
        .any(|name| name == section);
    if !is_there {
        return Ok(None);
    }
    let executable = part.find_other(&section, "executable")?;
    Ok(executable
        .map(Value::into_text)
        .filter(|text| !text.is_empty()))
}

/// The option `environment`: lines, or a section of them.
fn variables(
    construction: &Construction<'_>,
    part: &mut PartOptions<'_, '_>,
) -> Result<BTreeMap<String, String>, RecipeError> {
    let Some(text) = options::text(part, "environment")? else {
        return Ok(BTreeMap::new());
    };
    let pairs: BTreeMap<String, String> = match text.contains('=') {
        true => text
            .lines()
            .filter_map(|line| line.split_once('='))
            .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
            .collect(),
        false => {
            let section = part.other_section(&text)?;
            section
                .into_iter()
                .map(|(name, value)| (name, value.into_text()))
                .collect()
        }
    };
    let outer = environment(construction.world.path);
    let mut variables = BTreeMap::new();
    for (name, value) in pairs {
        let value = options::percent(&value, &|name| outer.get(name).cloned())?;
        variables.insert(name, value);
    }
    part.set("_environment-data", format!("{variables:?}"))?;
    Ok(variables)
}

impl Eggs {
    fn resolve(
        &self,
        work: &mut Work<'_>,
        custom: Option<&Custom>,
    ) -> Result<WorkingSet, PartFailure> {
        if self.requirements.is_empty() && custom.is_none() {
            return Ok(WorkingSet::default());
        }
        let scratch = work.fresh_build_folder()?;
        let mut environment = environment(&self.path);
        environment.extend(self.variables.clone());
        let directory = work.site.directory;
        let mut failure = None;
        let mut run = |command: &str| {
            work.run(Step::Install, command, directory, &environment)
                .map_err(|error| {
                    let text = format!("{error:?}");
                    failure = Some(error);
                    text
                })
        };
        let set = self
            .settings
            .resolve_with(&self.requirements, custom, &scratch, &mut run);
        match (set, failure) {
            (Ok(set), _) => {
                file::remove_tree(&scratch).map_err(failing("removing", &scratch))?;
                Ok(set)
            }
            (Err(_), Some(PartFailure::Failed(reason))) => {
                Err(format!("finding {}: {reason}", self.requirements.join(", ")).into())
            }
            (Err(_), Some(other)) => Err(other),
            (Err(reason), None) => Err(reason.into()),
        }
    }

    /// Syncs what pip wrote; eggs outlive the part.
    fn installed(&self, set: &WorkingSet, owned: Vec<PathBuf>) -> Result<Installed, PartFailure> {
        let eggs = &self.settings.eggs;
        if eggs.is_dir() {
            let folder = fs::File::open(eggs).map_err(failing("opening", eggs))?;
            nix::unistd::syncfs(folder.file())
                .map_err(|errno| failing("syncing", eggs)(errno.into()))?;
        }
        Ok(Installed {
            owned,
            shared: set.paths().into_iter().map(PathBuf::from).collect(),
            unpinned: set.unpinned(),
        })
    }
}

impl Part for Eggs {
    fn inputs(&self) -> Vec<String> {
        self.inputs.clone()
    }

    fn sources(&self) -> Vec<slapos_cache::Source> {
        match &self.kind {
            Kind::Custom { patches, .. } => patches.iter().filter_map(Fetchable::source).collect(),
            _ => Vec::new(),
        }
    }

    fn install(&self, work: &mut Work<'_>) -> Result<Installed, PartFailure> {
        match &self.kind {
            Kind::Eggs => {
                let set = self.resolve(work, None)?;
                self.installed(&set, Vec::new())
            }
            Kind::Scripts(scripts) => {
                let set = self.resolve(work, None)?;
                let owned = scripts.write(&self.settings.python, &self.requirements, &set, work)?;
                self.installed(&set, owned)
            }
            Kind::Custom { custom, patches } => {
                let mut custom = (**custom).clone();
                let mut unpinned = Vec::new();
                for patch in patches {
                    custom.patches.push(patch.fetch(work, &mut unpinned)?);
                }
                let set = self.resolve(work, Some(&custom))?;
                let mut installed = self.installed(&set, Vec::new())?;
                installed.unpinned.extend(unpinned);
                Ok(installed)
            }
            Kind::Develop { custom, setup } => {
                let mut custom = (**custom).clone();
                custom.setup = Some(setup.clone());
                let folder = self.settings.develop.first().cloned().unwrap_or_default();
                work.make_folder(&folder)?;
                let set = self.resolve(work, Some(&custom))?;
                let link = set.eggs.iter().find(|egg| egg.develop);
                let link = link.ok_or_else(|| {
                    format!("{} is no package that Python knows", setup.display())
                })?;
                let file = folder.join(format!("{}.egg-link", link.name));
                let text = format!("{}\n.\n", link.path.display());
                work.write(&file, text.as_bytes(), 0o644)?;
                Ok(Installed {
                    owned: vec![file],
                    ..Installed::default()
                })
            }
        }
    }
}
