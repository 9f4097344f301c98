//! `slapos.recipe.cargo`: the programs of a published Rust crate, with the versions of its own lock file.
//!
//! cargo fetches the crate and all that its `Cargo.lock` names, and checks them against the hashes there; the crate
//! itself is checked against `sha256sum`. After that nothing reaches the network. A crate without a lock file is
//! refused: what it is built of would be another thing every day. The toolchain is the machine's.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use fs_err as fs;
use slapos_buildout::{PartOptions, RecipeError};

use super::shared::Place;
use super::{Construction, Installed, Part, clean, options};
use crate::work::{PartFailure, Work, failing};
use crate::{Step, archive, file};

struct Crate {
    place: Place,
    name: String,
    version: String,
    sha256: Option<String>,
    /// Words for `cargo install`.
    features: String,
    cargo: String,
    path: String,
    environment: Vec<(String, String)>,
}

pub(super) fn construct(
    construction: &Construction<'_>,
    part: &mut PartOptions<'_, '_>,
) -> Result<Box<dyn Part>, RecipeError> {
    let name = options::text_or(part, "crate", &construction.name)?;
    let version = options::needed(part, "version")?;
    for (option, text) in [("crate", &name), ("version", &version)] {
        let is_good = |c: char| c.is_ascii_alphanumeric() || "-_.+".contains(c);
        if !text.chars().all(is_good) || text.starts_with(['-', '.']) {
            return Err(format!("`{option}` is `{text}`, which no crate has").into());
        }
    }
    let mut features = String::new();
    if !options::switch(part, "default-features", true)? {
        features.push_str(" --no-default-features");
    }
    for feature in options::text_or(part, "features", "")?.split_whitespace() {
        features.push_str(&format!(" --features {}", options::shell_quote(feature)));
    }
    let mut environment = Vec::new();
    for line in options::text_or(part, "environment", "")?.lines() {
        if let Some((name, value)) = line.split_once('=') {
            environment.push((name.trim().to_owned(), value.trim().to_owned()));
        }
    }
    Ok(Box::new(Crate {
        place: Place::choose(construction, part, &[])?,
        name,
        version,
        sha256: options::text(part, "sha256sum")?.map(|text| text.to_lowercase()),
        features,
        cargo: options::text_or(part, "cargo", "cargo")?,
        path: construction.world.path.to_owned(),
        environment,
    }))
}

impl Part for Crate {
    fn install(&self, work: &mut Work<'_>) -> Result<Installed, PartFailure> {
        self.place.build(work, |work| self.build(work))?;
        let location = self.place.location.clone();
        let mut installed = Installed::default();
        match self.place.is_shared {
            true => installed.shared.push(location),
            false => installed.owned.push(location),
        }
        if self.sha256.is_none() {
            installed.unpinned.push(self.title());
        }
        Ok(installed)
    }
}

impl Crate {
    fn title(&self) -> String {
        format!("crate {} {}", self.name, self.version)
    }

    fn build(&self, work: &mut Work<'_>) -> Result<(), PartFailure> {
        let folder = work.fresh_build_folder()?;
        let environment = self.environment(work, &folder)?;
        let cargo = options::shell_quote(&self.cargo);
        // Asking about a crate fetches it, and nothing that it needs.
        let ask = format!("{cargo} info --quiet {}@{}", self.name, self.version);
        work.run(Step::Download, &ask, &folder, &environment)?;
        let tree = self.unpack(work, &folder)?;
        let fetch = format!("{cargo} fetch --locked");
        work.run(Step::Download, &fetch, &tree, &environment)?;
        let location = options::shell_quote(&self.place.location.to_string_lossy());
        let install = format!(
            "{cargo} install --offline --locked --no-track --path . --root {location}{}",
            self.features
        );
        work.run_cut(Step::Make, &install, &tree, &environment)?;
        file::remove_tree(&folder).map_err(failing("removing", &folder))
    }

    fn environment(
        &self,
        work: &Work<'_>,
        folder: &Path,
    ) -> Result<BTreeMap<String, String>, PartFailure> {
        let mut environment = clean::environment(&self.path, folder, work)?;
        let folder = folder.to_string_lossy();
        let mut set = |name: &str, value: String| environment.insert(name.to_owned(), value);
        set("CARGO_HOME", format!("{folder}/cargo"));
        set("CARGO_TARGET_DIR", format!("{folder}/target"));
        set("CARGO_BUILD_JOBS", work.site.jobs.to_string());
        // Programs that tell where they were built would differ from place to place.
        set("RUSTFLAGS", format!("--remap-path-prefix={folder}=/build"));
        environment.extend(self.environment.iter().cloned());
        Ok(environment)
    }

    /// The crate's own tree, after its hash was checked.
    fn unpack(&self, work: &mut Work<'_>, folder: &Path) -> Result<PathBuf, PartFailure> {
        let name = format!("{}-{}", self.name, self.version);
        let archive = find_archive(&folder.join("cargo/registry/cache"), &name)
            .ok_or_else(|| format!("cargo did not fetch {name}.crate"))?;
        let bytes = file::read_bytes(&archive).map_err(failing("reading", &archive))?;
        let found = file::sha256(&bytes);
        if let Some(wanted) = self.sha256.as_ref().filter(|wanted| **wanted != found) {
            return Err(format!(
                "the crate {name} has the sha256 {found}, and `sha256sum` says {wanted}"
            )
            .into());
        }
        work.log
            .add(format!("{name}.crate has the sha256 {found}\n").as_bytes());
        let place = folder.join("source");
        fs::create_dir_all(&place).map_err(failing("making", &place))?;
        let tree = archive::unpack(&archive, &place)
            .and_then(|()| archive::top_folder(&place))
            .map_err(failing("unpacking", &archive))?;
        if !tree.join("Cargo.lock").is_file() {
            return Err(format!("the crate {name} has no Cargo.lock").into());
        }
        Ok(tree)
    }
}

/// `<cache>/<any registry>/<name>.crate`.
fn find_archive(cache: &Path, name: &str) -> Option<PathBuf> {
    fs::read_dir(cache)
        .ok()?
        .filter_map(|registry| Some(registry.ok()?.path().join(format!("{name}.crate"))))
        .find(|path| path.is_file())
}
