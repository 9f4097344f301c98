//! `slapos.recipe.cmmi`: unpack, configure, make, make install.
//!
//! Option names are the original's. Differences: a `path` is copied into the build folder and not built in
//! place; hooks are shell only (a Python hook `url#md5:function` is refused); each step has a clean environment.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use fs_err as fs;
use slapos_buildout::{PartOptions, RecipeError};
use slapos_cache::Source;

use super::download::{Fetchable, sources_of_patches};
use super::shared::Place;
use super::{Construction, Installed, Part, clean, options};
use crate::work::{PartFailure, Work, failing};
use crate::{PartEnvironment, Step, archive, file};

/// A part that is configured and made.
struct Cmmi {
    place: Place,
    source: Origin,
    patches: Vec<Fetchable>,
    patch_command: String,
    /// Pairs of K and V, V with `%(K)s` of what was there before.
    environment: Vec<(String, String)>,
    path: String,
    steps: Vec<(Step, String)>,
    needs: Vec<Tool>,
    inputs: Vec<String>,
    keeps_build: bool,
}

enum Origin {
    Archive(Fetchable),
    Folder(PathBuf),
}

/// A program without which a step cannot work.
#[derive(Clone, Copy)]
enum Tool {
    Compiler,
    Make,
    Patch,
}

/// Commands as written, before the location is known.
struct Commands {
    prefix: Option<String>,
    raw: Vec<(Step, String)>,
    uses_make: bool,
}

pub(super) fn construct(
    construction: &Construction<'_>,
    part: &mut PartOptions<'_, '_>,
) -> Result<Box<dyn Part>, RecipeError> {
    let mut inputs = Vec::new();
    let source = source(part, &mut inputs)?;
    let patches = sources_of_patches(part, &mut inputs)?;
    let environment = environment(part, &mut inputs)?;
    let commands = commands(part)?;
    let place = Place::choose(construction, part, &inputs)?;
    let location = place.location.to_string_lossy().into_owned();
    // Options that others read may hold the location too.
    for option in part.keys() {
        if let Some(text) = options::text(part, &option)?
            && text.contains("@@LOCATION@@")
        {
            part.set(&option, text.replace("@@LOCATION@@", &location))?;
        }
    }
    let prefix = commands.prefix.clone().unwrap_or_else(|| location.clone());
    let prefix = prefix.replace("@@LOCATION@@", &location);
    part.set("prefix", prefix.clone())?;
    let values = options::all(part)?;
    let fill = |text: &str| fill(text, &location, &values);
    let steps: Result<Vec<_>, String> = commands
        .raw
        .iter()
        .map(|(step, text)| Ok((*step, fill(text)?)))
        .collect();
    let pairs: Vec<_> = environment
        .into_iter()
        .map(|(name, value)| (name, value.replace("@@LOCATION@@", &location)))
        .collect();
    let binary = options::text_or(part, "patch-binary", "patch")?;
    let patch_options = options::text_or(part, "patch-options", "-p0")?;
    let mut needs = Vec::new();
    if commands.uses_make {
        needs.extend([Tool::Make, Tool::Compiler]);
    }
    if !patches.is_empty() && binary == "patch" {
        needs.push(Tool::Patch);
    }
    Ok(Box::new(Cmmi {
        place,
        source,
        patches,
        patch_command: format!("{binary} {patch_options}"),
        environment: pairs,
        path: construction.world.path.to_owned(),
        steps: steps?,
        needs,
        inputs,
        keeps_build: options::switch(part, "keep-compile-dir", false)?,
    }))
}

fn source(part: &mut PartOptions<'_, '_>, inputs: &mut Vec<String>) -> Result<Origin, RecipeError> {
    match (options::text(part, "url")?, options::text(part, "path")?) {
        (Some(_), None) => Ok(Origin::Archive(Fetchable::of_part(part, inputs)?)),
        (None, Some(path)) => {
            let folder = PathBuf::from(path);
            let digest = file::digest_tree(&folder)
                .map_err(|e| RecipeError::Refused(format!("reading the sources in `path`: {e}")))?;
            inputs.push(digest);
            Ok(Origin::Folder(folder))
        }
        _ => Err("give exactly one of `url` and `path`".into()),
    }
}

/// Lines `K = V` of the option, or all options of the section that it names.
fn environment(
    part: &mut PartOptions<'_, '_>,
    inputs: &mut Vec<String>,
) -> Result<Vec<(String, String)>, RecipeError> {
    let Some(text) = options::text(part, "environment")? else {
        return Ok(Vec::new());
    };
    let mut pairs = BTreeMap::new();
    if text.contains('=') {
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let (name, value) = line
                .split_once('=')
                .ok_or_else(|| format!("the line `{}` of `environment` has no `=`", line.trim()))?;
            if pairs
                .insert(name.trim().to_owned(), value.trim().to_owned())
                .is_some()
            {
                return Err(format!("`environment` sets {} twice", name.trim()).into());
            }
        }
    } else {
        for (name, value) in part.other_section(&text)? {
            if name != "recipe" && !name.starts_with('_') {
                pairs.insert(name, value.into_text());
            }
        }
    }
    inputs.extend(pairs.iter().map(|(name, value)| format!("{name}={value}")));
    Ok(pairs.into_iter().collect())
}

fn commands(part: &mut PartOptions<'_, '_>) -> Result<Commands, RecipeError> {
    let prefix = options::text(part, "prefix")?;
    let own_command = options::text(part, "configure-command")?;
    let is_own = own_command.is_some();
    let mut words: Vec<String> = Vec::new();
    words.push(own_command.unwrap_or_else(|| "./configure".to_owned()));
    let configure_options = options::text_or(part, "configure-options", "")?;
    if !is_own && !configure_options.contains("--prefix") {
        words.push("--prefix=\"%(prefix)s\"".to_owned());
    }
    words.extend(configure_options.split_whitespace().map(str::to_owned));
    let binary = options::text_or(part, "make-binary", "make")?;
    let make_options = one_line(&options::text_or(part, "make-options", "")?);
    let mut targets = one_line(&options::text_or(part, "make-targets", "install")?);
    if is_own && binary == "make" && targets == "install" {
        targets = "install prefix=\"%(prefix)s\"".to_owned();
    }
    let mut raw = Vec::new();
    let mut add = |step, text: String| {
        if !text.is_empty() {
            raw.push((step, text));
        }
    };
    for hook in ["pre-configure-hook", "pre-make-hook", "post-make-hook"] {
        if options::text(part, hook)?.is_some_and(|text| text.contains('#') && text.contains(':')) {
            return Err(
                format!("`{hook}` is a Python hook, which is not supported; use shell").into(),
            );
        }
    }
    add(
        Step::Configure,
        options::text_or(part, "pre-configure-hook", "")?,
    );
    add(
        Step::Configure,
        options::text_or(part, "pre-configure", "")?,
    );
    add(Step::Configure, words.join(" "));
    add(Step::Make, options::text_or(part, "pre-make-hook", "")?);
    add(Step::Make, options::text_or(part, "pre-build", "")?);
    add(Step::Make, one_line(&format!("{binary} {make_options}")));
    add(Step::Install, options::text_or(part, "pre-install", "")?);
    add(
        Step::Install,
        one_line(&format!("{binary} {make_options} {targets}")),
    );
    add(Step::Install, options::text_or(part, "post-make-hook", "")?);
    add(Step::Install, options::text_or(part, "post-install", "")?);
    Ok(Commands {
        prefix,
        raw,
        uses_make: binary == "make",
    })
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn fill(text: &str, location: &str, values: &BTreeMap<String, String>) -> Result<String, String> {
    options::percent(&text.replace("@@LOCATION@@", location), &|name| {
        values.get(name).cloned()
    })
}

impl Part for Cmmi {
    fn inputs(&self) -> Vec<String> {
        self.inputs.clone()
    }

    fn sources(&self) -> Vec<Source> {
        let archive = match &self.source {
            Origin::Archive(fetchable) => fetchable.source(),
            Origin::Folder(_) => None,
        };
        let patches = self.patches.iter().filter_map(Fetchable::source);
        archive.into_iter().chain(patches).collect()
    }

    fn install(&self, work: &mut Work<'_>) -> Result<Installed, PartFailure> {
        let mut unpinned = Vec::new();
        self.place
            .build(work, |work| self.build(work, &mut unpinned))?;
        let location = self.place.location.clone();
        Ok(match self.place.is_shared {
            true => Installed {
                shared: vec![location],
                unpinned,
                ..Installed::default()
            },
            false => Installed {
                owned: vec![location],
                unpinned,
                ..Installed::default()
            },
        })
    }
}

impl Cmmi {
    fn build(&self, work: &mut Work<'_>, unpinned: &mut Vec<String>) -> Result<(), PartFailure> {
        for tool in &self.needs {
            tool.check(&self.path)?;
        }
        let folder = work.fresh_build_folder()?;
        let environment = self.step_environment(work, &folder)?;
        let tree = self.unpack(work, &folder, unpinned)?;
        work.keep_environment(&PartEnvironment {
            tree: tree.clone(),
            location: self.place.location.clone(),
            variables: environment.clone(),
        });
        for patch in &self.patches {
            let file = patch.fetch(work, unpinned)?;
            let quoted = options::shell_quote(&file.to_string_lossy());
            let command = format!("{} < {quoted}", self.patch_command);
            work.run_cut(Step::Patch, &command, &tree, &environment)?;
        }
        for (step, command) in &self.steps {
            work.run_cut(*step, command, &tree, &environment)?;
        }
        if !self.keeps_build {
            file::remove_tree(&folder).map_err(failing("removing", &folder))?;
        }
        Ok(())
    }

    /// The tree to build, below the build folder.
    fn unpack(
        &self,
        work: &mut Work<'_>,
        folder: &Path,
        unpinned: &mut Vec<String>,
    ) -> Result<PathBuf, PartFailure> {
        let place = folder.join("source");
        fs::create_dir_all(&place).map_err(failing("making", &place))?;
        match &self.source {
            Origin::Folder(path) => {
                work.report(Step::Unpack, Instant::now(), None);
                file::copy_tree(path, &place).map_err(failing("copying the sources of", path))?;
                Ok(place)
            }
            Origin::Archive(fetchable) => {
                let found = fetchable.fetch(work, unpinned)?;
                work.report(Step::Unpack, Instant::now(), None);
                let tree = archive::unpack(&found, &place)
                    .and_then(|()| archive::top_folder(&place))
                    .map_err(|e| format!("unpacking {}: {e}", fetchable.title()))?;
                work.note_licences(&tree);
                Ok(tree)
            }
        }
    }

    /// The whole environment of a step: nothing of the agent's own.
    fn step_environment(
        &self,
        work: &Work<'_>,
        folder: &Path,
    ) -> Result<BTreeMap<String, String>, PartFailure> {
        let mut environment = clean::environment(&self.path, folder, work)?;
        for (name, value) in &self.environment {
            let filled = options::percent(value, &|name| {
                Some(environment.get(name).cloned().unwrap_or_default())
            });
            environment.insert(name.clone(), filled?);
        }
        Ok(environment)
    }
}

impl Tool {
    fn check(self, path: &str) -> Result<(), PartFailure> {
        let (programs, what, package): (&[&str], _, _) = match self {
            Self::Compiler => (&["cc", "gcc", "clang"], "C compiler", "gcc libc6-dev"),
            Self::Make => (&["make"], "make", "make"),
            Self::Patch => (&["patch"], "patch", "patch"),
        };
        let is_in = |folder: &str| {
            programs
                .iter()
                .any(|name| Path::new(folder).join(name).exists())
        };
        if path.split(':').any(is_in) {
            return Ok(());
        }
        Err(PartFailure::MissingTool(format!(
            "building needs a {what}, and there is none in {path}; install it, on Debian with: apt install {package}"
        )))
    }
}
