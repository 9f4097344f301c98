//! The genuine zc.buildout 3.0.1, with the genuine recipes from PyPI.

use super::project::Project;
use super::timed;
use crate::venv;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The engine and the recipes. Later setuptools have no `pkg_resources`, which 3.0.1 imports.
const PACKAGES: [&str; 5] = [
    "zc.buildout==3.0.1",
    "slapos.recipe.cmmi==0.23",
    "slapos.recipe.template==5.1",
    "setuptools<69",
    "wheel",
];

/// An environment where it is installed.
pub(super) struct Peer {
    environment: PathBuf,
    packages: PathBuf,
}

impl Peer {
    /// Installs it now, if it is not there yet.
    pub(super) fn ready() -> Result<Peer, String> {
        let name = "zc.buildout-3.0.1-recipes";
        let environment = venv::ensure(name, Path::new("python3"), &PACKAGES)?;
        let packages = packages(&environment)?;
        // The names that pip gives the folders of metadata are not those that 3.0.1 looks for.
        for entry in std::fs::read_dir(&packages).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if let Some(rest) = name.strip_prefix("slapos_recipe_") {
                let right = packages.join(format!("slapos.recipe.{rest}"));
                std::fs::rename(entry.path(), right).map_err(|error| error.to_string())?;
            }
        }
        Ok(Peer {
            environment,
            packages,
        })
    }

    /// Seconds of one run, without network and without looking for newer recipes, as it is fastest.
    pub(super) fn build(&self, project: &Project, make_flags: &str) -> Result<f64, String> {
        let root = project.their_root();
        std::fs::create_dir_all(&root).map_err(|error| error.to_string())?;
        let mut command = Command::new(self.environment.join("bin/buildout"));
        command
            .args(["-U", "-N", "-o", "-c"])
            .arg(project.profile());
        command.arg(format!("buildout:directory={}", root.display()));
        command.arg(self.eggs()).current_dir(&root);
        command.env_remove("MAKEFLAGS");
        if !make_flags.is_empty() {
            command.env("MAKEFLAGS", make_flags);
        }
        timed(&mut command)
    }

    /// Where it finds its recipes without a network.
    fn eggs(&self) -> String {
        format!("buildout:eggs-directory={}", self.packages.display())
    }
}

fn packages(environment: &Path) -> Result<PathBuf, String> {
    let mut folders = std::fs::read_dir(environment.join("lib"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|folder| folder.path().join("site-packages"));
    let found = folders.find(|folder| folder.is_dir());
    found.ok_or_else(|| format!("{} has no packages", environment.display()))
}
