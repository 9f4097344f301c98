//! `slapos.recipe.npm`: a Node.js program with exactly the packages of its lock file.
//!
//! The folder `path`, with its `package.json` and `package-lock.json`, is copied to `location`, and `npm ci` puts
//! the packages beside it, each checked against the hash of the lock. Scripts of packages are not run while there is
//! a network; with `scripts = true` they are run after that, without one. node and npm are the machine's.

use std::path::PathBuf;

use fs_err as fs;
use serde_json::Value;
use slapos_buildout::{PartOptions, RecipeError};

use super::shared::Place;
use super::{Construction, Installed, Part, clean, options};
use crate::work::{PartFailure, Work, failing};
use crate::{Step, file};

struct Packages {
    place: Place,
    source: PathBuf,
    inputs: Vec<String>,
    /// Packages of the lock that anything could be.
    unpinned: Vec<String>,
    runs_scripts: bool,
    npm: String,
    path: String,
}

pub(super) fn construct(
    construction: &Construction<'_>,
    part: &mut PartOptions<'_, '_>,
) -> Result<Box<dyn Part>, RecipeError> {
    let source = PathBuf::from(options::needed(part, "path")?);
    let digest = file::digest_tree(&source)
        .map_err(|e| RecipeError::Refused(format!("reading the sources in `path`: {e}")))?;
    let lock = source.join("package-lock.json");
    let text = file::read_text(&lock)
        .map_err(|e| RecipeError::Refused(format!("reading {}: {e}", lock.display())))?;
    let unpinned = without_hash(&text).map_err(|e| format!("reading {}: {e}", lock.display()))?;
    let inputs = vec![digest];
    Ok(Box::new(Packages {
        place: Place::choose(construction, part, &inputs)?,
        source,
        inputs,
        unpinned,
        runs_scripts: options::switch(part, "scripts", false)?,
        npm: options::text_or(part, "npm", "npm")?,
        path: construction.world.path.to_owned(),
    }))
}

/// Packages of a lock file that have no hash and are neither of the tree itself nor inside of another.
fn without_hash(lock: &str) -> Result<Vec<String>, String> {
    let lock: Value = serde_json::from_str(lock).map_err(|e| e.to_string())?;
    let packages = lock.get("packages").and_then(Value::as_object);
    let packages = packages.ok_or(
        "it has no `packages`; make it again with npm 7 or newer: npm install --package-lock-only",
    )?;
    let is_fetched = |one: &Value| {
        let is = |name: &str| one.get(name).and_then(Value::as_bool) == Some(true);
        one.get("integrity").is_none() && !is("link") && !is("inBundle")
    };
    let open = packages
        .iter()
        .filter(|(place, one)| place.contains("node_modules/") && is_fetched(one));
    Ok(open
        .map(|(place, _)| format!("npm package {place}"))
        .collect())
}

impl Part for Packages {
    fn inputs(&self) -> Vec<String> {
        self.inputs.clone()
    }

    fn install(&self, work: &mut Work<'_>) -> Result<Installed, PartFailure> {
        self.place.build(work, |work| self.build(work))?;
        let location = self.place.location.clone();
        let mut installed = Installed {
            unpinned: self.unpinned.clone(),
            ..Installed::default()
        };
        match self.place.is_shared {
            true => installed.shared.push(location),
            false => installed.owned.push(location),
        }
        Ok(installed)
    }
}

impl Packages {
    fn build(&self, work: &mut Work<'_>) -> Result<(), PartFailure> {
        let folder = work.fresh_build_folder()?;
        let environment = clean::environment(&self.path, &folder, work)?;
        let location = &self.place.location;
        fs::create_dir_all(location).map_err(failing("making", location))?;
        file::copy_tree(&self.source, location)
            .map_err(failing("copying the sources of", &self.source))?;
        let npm = options::shell_quote(&self.npm);
        let fetch = format!("{npm} ci --ignore-scripts --omit=dev --no-audit --no-fund");
        work.run(Step::Download, &fetch, location, &environment)?;
        if self.runs_scripts {
            let build = format!("{npm} rebuild --offline --no-audit --no-fund");
            work.run_cut(Step::Make, &build, location, &environment)?;
        }
        file::remove_tree(&folder).map_err(failing("removing", &folder))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_hash_names_what_is_fetched_unchecked_and_nothing_else() {
        let lock = r#"{"lockfileVersion": 3, "packages": {
            "": {"name": "app", "version": "1.0.0"},
            "tool": {"version": "1.0.0"},
            "node_modules/tool": {"resolved": "tool", "link": true},
            "node_modules/good": {"version": "1.0.0", "integrity": "sha512-x"},
            "node_modules/good/node_modules/inner": {"version": "1.0.0", "inBundle": true},
            "node_modules/open": {"version": "1.0.0"}}}"#;
        assert_eq!(
            without_hash(lock).unwrap(),
            ["npm package node_modules/open"]
        );
    }

    #[test]
    fn without_hash_of_an_old_lock_or_none_says_what_to_do() {
        let error = without_hash(r#"{"lockfileVersion": 1, "dependencies": {}}"#).unwrap_err();
        assert!(error.contains("npm install --package-lock-only"), "{error}");
        assert!(without_hash("[").is_err());
    }
}
