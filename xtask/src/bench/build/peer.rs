//! The genuine zc.buildout 3.0.1, with the genuine recipes as eggs from PyPI.

use super::project::Project;
use super::timed;
use crate::command::say;
use crate::compat::engine;
use std::path::PathBuf;
use std::process::Command;

/// Asks for both recipes once, so that their eggs are there before anything is measured.
const WARM: &str = "[buildout]
parts = text package
[text]
recipe = slapos.recipe.template
inline = x
output = ${buildout:directory}/text
[package]
recipe = slapos.recipe.cmmi
path = ${buildout:directory}/package
configure-command = true
make-binary = true
";

/// An environment where it is installed.
pub(super) struct Peer {
    environment: PathBuf,
}

impl Peer {
    /// Installs it now, if it is not there yet.
    pub(super) fn ready() -> Result<Peer, String> {
        let peer = Peer {
            environment: engine::environment()?,
        };
        if !peer.environment.join("eggs-ready").exists() {
            say("fetching slapos.recipe.cmmi and slapos.recipe.template from PyPI");
            let folder = peer.environment.join("warm");
            let failed = |error: std::io::Error| error.to_string();
            std::fs::create_dir_all(folder.join("package")).map_err(failed)?;
            std::fs::write(folder.join("warm.cfg"), WARM).map_err(failed)?;
            let mut command = Command::new(peer.environment.join("bin/buildout"));
            command.args(["-U", "-c", "warm.cfg", &peer.eggs()]);
            timed(command.current_dir(&folder))?;
            std::fs::write(peer.environment.join("eggs-ready"), "").map_err(failed)?;
        }
        Ok(peer)
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

    fn eggs(&self) -> String {
        format!(
            "buildout:eggs-directory={}",
            self.environment.join("eggs").display()
        )
    }
}
