//! What is asked of a world: a request, and commands as a person would type them.

use super::{World, helloworld};
use slapos_api::wire::instance::InstanceView;
use std::process::{Command, Stdio};

impl World {
    /// Asks for a helloworld.
    pub(crate) fn ask(&self, name: &str) -> Result<InstanceView, String> {
        self.client
            .request_instance(&helloworld(name))
            .map_err(|error| format!("asking for {name}: {error}"))
    }

    /// What a command prints, when it succeeds.
    pub(crate) fn command(&self, words: &[&str]) -> Result<String, String> {
        let output = Command::new(&self.program)
            .args(words)
            .arg("--root")
            .arg(self.root())
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("cannot run {words:?}: {error}"))?;
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        match output.status.success() {
            true => Ok(said),
            false => Err(format!("{words:?} failed: {said}")),
        }
    }
}
