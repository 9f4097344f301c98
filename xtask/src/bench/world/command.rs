//! What is asked of a world: a request, and commands as a person would type them.

use super::{World, helloworld};
use crate::command::said;
use slapos_api::wire::instance::InstanceView;
use std::process::Command;

impl World {
    /// Asks for a helloworld.
    pub(crate) fn ask(&self, name: &str) -> Result<InstanceView, String> {
        self.client
            .request_instance(&helloworld(name))
            .map_err(|error| format!("asking for {name}: {error}"))
    }

    /// What a command prints, when it succeeds.
    pub(crate) fn command(&self, words: &[&str]) -> Result<String, String> {
        let mut command = Command::new(&self.program);
        said(command.args(words).arg("--root").arg(self.root()))
    }
}
