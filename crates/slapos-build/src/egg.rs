//! Eggs: Python distributions, each in a folder of its own below `eggs-directory`, as buildout keeps them.
//!
//! Start at [`EggSettings::of`], then [`EggSettings::resolve`]. Finding and fetching is done by a Python program of
//! ours, eggs.py, with the Python that the eggs are for: its request is the settings and the requirements, its answer
//! the working set. pip resolves and builds; pins of the profile are its constraints.
//! Never in here: what is made of the eggs (scripts, recipes).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use slapos_buildout::{PartOptions, RecipeError, Value};

use crate::file;
use crate::recipe::options;

const PROGRAM: &str = include_str!("egg/eggs.py");

/// Where eggs are and which are wanted, from `[buildout]` and `[versions]`.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct EggSettings {
    /// Of the Python that the eggs are for.
    #[serde(skip)]
    pub(crate) python: PathBuf,
    pub(crate) eggs: PathBuf,
    /// Folders with `.egg-link` files.
    pub(crate) develop: Vec<PathBuf>,
    /// Name to version, or to a comparison.
    pub(crate) pins: BTreeMap<String, String>,
    pub(crate) find_links: Vec<String>,
    pub(crate) index: Option<String>,
    pub(crate) allow_hosts: Vec<String>,
    pub(crate) offline: bool,
    /// Whether an egg without a pin is looked for anew although one is there.
    pub(crate) newest: bool,
    pub(crate) prefer_final: bool,
    #[serde(skip)]
    pub(crate) allow_picked: bool,
}

/// One egg of a working set.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Egg {
    pub(crate) name: String,
    pub(crate) version: String,
    /// What goes into `sys.path`.
    pub(crate) path: PathBuf,
    /// Used where it is developed, so its version says little.
    pub(crate) develop: bool,
    /// Whether the profile names its version.
    pub(crate) pinned: bool,
    /// Group to name to `module:attribute`.
    pub(crate) entry_points: BTreeMap<String, BTreeMap<String, String>>,
    /// Names of scripts that are files and no entry points, in its folder `EGG-SCRIPTS`.
    pub(crate) scripts: Vec<String>,
}

/// The eggs that fulfil some requirements, those asked for first.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct WorkingSet {
    pub(crate) eggs: Vec<Egg>,
}

/// How one egg is built from its source; what is empty is as the package has it.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Custom {
    /// Options of the step that compiles, such as `include-dirs`.
    pub(crate) build: BTreeMap<String, String>,
    /// Applied in this order.
    pub(crate) patches: Vec<PathBuf>,
    pub(crate) patch_options: String,
    pub(crate) patch_binary: String,
    /// In the version of a patched egg, `+SlapOSPatched` and three digits.
    pub(crate) revision: String,
    /// Eggs that its build needs.
    pub(crate) setup_eggs: Vec<String>,
    /// The folder of the source, for an egg that is used where it is developed.
    pub(crate) setup: Option<PathBuf>,
}

impl Custom {
    const BUILD: [&str; 13] = [
        "include-dirs",
        "library-dirs",
        "rpath",
        "libraries",
        "define",
        "undef",
        "link-objects",
        "debug",
        "force",
        "compiler",
        "swig",
        "swig-cpp",
        "swig-opts",
    ];

    /// From the options of a part; those of patches are of this egg.
    pub(crate) fn of(
        part: &mut PartOptions<'_, '_>,
        egg: Option<&str>,
    ) -> Result<Custom, RecipeError> {
        let mut custom = Custom::default();
        for name in Custom::BUILD {
            if let Some(value) = options::text(part, name)? {
                let is_path = matches!(name, "include-dirs" | "library-dirs" | "rpath");
                let words: Vec<&str> = value.split_whitespace().collect();
                custom
                    .build
                    .insert(name.to_owned(), words.join(if is_path { ":" } else { " " }));
            }
        }
        let eggs = options::text_or(part, "setup-eggs", "")?;
        custom.setup_eggs = eggs.split_whitespace().map(str::to_owned).collect();
        if let Some(egg) = egg {
            let mut of_egg =
                |name: &str| options::patch_option(part, egg, name).map(Option::unwrap_or_default);
            custom.patch_options = of_egg("patch-options")?;
            custom.patch_binary = of_egg("patch-binary")?;
            custom.revision = of_egg("patch-revision")?;
        }
        Ok(custom)
    }
}

/// Runs a shell command; the program and its environment do the rest.
pub(crate) type Run<'r> = &'r mut dyn FnMut(&str) -> Result<(), String>;

impl EggSettings {
    /// Reads the settings of the profile. Nothing of it is a dependency: what matters is which eggs come out.
    pub(crate) fn of(part: &mut PartOptions<'_, '_>) -> Result<EggSettings, RecipeError> {
        let text = |part: &mut PartOptions<'_, '_>, name: &str| -> Result<String, RecipeError> {
            let value = part.find_other("buildout", name)?;
            Ok(value.map(Value::into_text).unwrap_or_default())
        };
        let words = |text: String| text.split_whitespace().map(str::to_owned).collect();
        let versions = text(part, "versions")?;
        Ok(EggSettings {
            python: text(part, "executable")?.into(),
            eggs: text(part, "eggs-directory")?.into(),
            develop: vec![text(part, "develop-eggs-directory")?.into()],
            pins: pins(part, &versions)?,
            find_links: words(text(part, "find-links")?),
            index: Some(text(part, "index")?).filter(|index| !index.is_empty()),
            allow_hosts: words(text(part, "allow-hosts")?),
            offline: text(part, "offline")? == "true",
            newest: text(part, "newest")? != "false",
            prefer_final: text(part, "prefer-final")? != "false",
            allow_picked: text(part, "allow-picked-versions")? != "false",
        })
    }

    /// The working set of these requirements; what is missing is fetched.
    ///
    /// `scratch` is a private folder for the program and its files.
    pub(crate) fn resolve(
        &self,
        requirements: &[String],
        scratch: &Path,
        run: Run<'_>,
    ) -> Result<WorkingSet, String> {
        self.resolve_with(requirements, None, scratch, run)
    }

    /// The same after the one egg was built in its own way.
    pub(crate) fn resolve_with(
        &self,
        requirements: &[String],
        custom: Option<&Custom>,
        scratch: &Path,
        run: Run<'_>,
    ) -> Result<WorkingSet, String> {
        let io = |doing: &str| {
            let text = format!("{doing} in {}", scratch.display());
            move |error: std::io::Error| format!("{text}: {error}")
        };
        let program = scratch.join("eggs.py");
        file::write_if_changed(&program, PROGRAM.as_bytes(), 0o644)
            .map_err(io("writing the program for eggs"))?;
        let files = tempfile::Builder::new().prefix("eggs-").tempdir_in(scratch);
        let files = files.map_err(io("making a folder"))?;
        let (ask, answer) = (files.path().join("request"), files.path().join("answer"));
        let mut request = self.asked(requirements);
        request["custom"] = serde_json::to_value(custom).unwrap_or_default();
        fs_err::write(&ask, request.to_string()).map_err(io("writing the request for eggs"))?;
        let words = [
            self.python.as_path(),
            Path::new("-I"),
            &program,
            &ask,
            &answer,
        ];
        let words: Vec<String> = words
            .iter()
            .map(|word| crate::recipe::shell_quote(&word.to_string_lossy()))
            .collect();
        run(&words.join(" "))?;
        let text = file::read_text(&answer).map_err(io("reading which eggs there are"))?;
        let set: WorkingSet = serde_json::from_str(&text)
            .map_err(|error| format!("reading which eggs there are: {error}"))?;
        match set.unpinned().first() {
            Some(first) if !self.allow_picked => Err(format!(
                "`allow-picked-versions` is false and the version of {first} is in no [versions]"
            )),
            _ => Ok(set),
        }
    }

    /// What the program is asked; the same text means the same question.
    pub(crate) fn request(&self, requirements: &[String]) -> String {
        self.asked(requirements).to_string()
    }

    fn asked(&self, requirements: &[String]) -> serde_json::Value {
        // Paths that are not Unicode cannot be in a profile, so this always is a value.
        let mut request = serde_json::to_value(self).unwrap_or_default();
        request["requirements"] = requirements.into();
        request
    }
}

impl WorkingSet {
    /// Eggs whose version nothing pins, as `name==version`.
    pub(crate) fn unpinned(&self) -> Vec<String> {
        let unpinned = self.eggs.iter().filter(|egg| !egg.pinned);
        unpinned
            .map(|egg| format!("{}=={}", egg.name, egg.version))
            .collect()
    }

    /// What enters a signature.
    pub(crate) fn versions(&self) -> Vec<String> {
        self.eggs
            .iter()
            .map(|egg| match egg.develop {
                true => format!("{}={}", egg.name, egg.path.display()),
                false => format!("{}={}", egg.name, egg.version),
            })
            .collect()
    }

    pub(crate) fn paths(&self) -> Vec<&Path> {
        self.eggs.iter().map(|egg| egg.path.as_path()).collect()
    }
}

/// The section of pins. `:whl` says that a wheel will do, which here it always does.
fn pins(
    part: &mut PartOptions<'_, '_>,
    section: &str,
) -> Result<BTreeMap<String, String>, RecipeError> {
    let is_there = part
        .session()
        .profile()
        .sections()
        .any(|name| name == section);
    if !is_there {
        return Ok(BTreeMap::new());
    }
    // Through the session: which pins there are is no dependency of the part.
    let all = part.session().section(section)?;
    let pins = all.into_iter().map(|(name, value)| {
        let text = value.into_text();
        let pin = text.trim().trim_end_matches(":whl").to_owned();
        (name, pin)
    });
    Ok(pins
        .filter(|(name, _)| name != "_profile_base_location_")
        .collect())
}

/// The environment of pip: that of a build, and what the machine's owner set for pip and for trust.
pub(crate) fn environment(path: &str) -> BTreeMap<String, String> {
    const NAMES: [&str; 12] = [
        "HOME",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "http_proxy",
        "https_proxy",
        "no_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
        "XDG_CONFIG_HOME",
    ];
    let is_passed = |name: &str| NAMES.contains(&name) || name.starts_with("PIP_");
    let outer = std::env::vars_os().filter_map(|(name, value)| {
        let (name, value) = (name.into_string().ok()?, value.into_string().ok()?);
        is_passed(&name).then_some((name, value))
    });
    let mut environment: BTreeMap<String, String> = outer.collect();
    environment.insert("PATH".to_owned(), path.to_owned());
    environment.insert("LANG".to_owned(), "C.UTF-8".to_owned());
    environment
}
