//! `plone.recipe.command`: a shell command when the part is installed, and another at every run after that.

use std::collections::BTreeMap;
use std::path::PathBuf;

use slapos_buildout::{PartOptions, RecipeError};

use super::{Construction, Installed, Part, options};
use crate::Step;
use crate::file;
use crate::record::Record;
use crate::work::{PartFailure, Work, failing};

struct Command {
    command: String,
    update_command: Option<String>,
    owned: Vec<PathBuf>,
    stops: bool,
    path: String,
    old: Option<Record>,
}

pub(super) fn construct(
    construction: &Construction<'_>,
    part: &mut PartOptions<'_, '_>,
) -> Result<Box<dyn Part>, RecipeError> {
    let world = construction.world;
    let stops = options::text_or(part, "stop-on-error", "false")?.to_lowercase();
    let location = options::text_or(part, "location", "")?;
    let owned = location
        .split_whitespace()
        .map(|path| world.directory.join(path));
    // An idle round starts no shell for a command that does nothing.
    let update_command = options::text(part, "update-command")?;
    Ok(Box::new(Command {
        command: options::needed(part, "command")?,
        update_command: update_command.filter(|text| text != ":" && text != "true"),
        owned: owned.collect(),
        stops: matches!(stops.as_str(), "yes" | "on" | "true" | "1"),
        path: world.path.to_owned(),
        old: world.records.parts.get(&construction.name).cloned(),
    }))
}

impl Command {
    fn run(&self, command: &str, work: &mut Work<'_>) -> Result<Installed, PartFailure> {
        let directory = work.site.directory;
        let environment = BTreeMap::from([
            ("PATH".to_owned(), self.path.clone()),
            ("HOME".to_owned(), directory.to_string_lossy().into_owned()),
            ("LANG".to_owned(), "C.UTF-8".to_owned()),
        ]);
        match work.run(Step::Install, command, directory, &environment) {
            Err(PartFailure::Failed(reason)) if !self.stops => {
                work.log.add(format!("ignored: {reason}\n").as_bytes());
            }
            other => other?,
        }
        // What it says it owns need not be there: a command may make it later.
        let owned = self
            .owned
            .iter()
            .filter(|path| path.symlink_metadata().is_ok());
        Ok(Installed {
            owned: owned.cloned().collect(),
            ..Installed::default()
        })
    }
}

impl Part for Command {
    fn install(&self, work: &mut Work<'_>) -> Result<Installed, PartFailure> {
        // As the original uninstalls first: a command that makes a folder expects none.
        for path in self.old.iter().flat_map(|old| &old.owned) {
            file::remove_tree(path).map_err(failing("removing", path))?;
        }
        self.run(&self.command, work)
    }

    fn updates(&self) -> bool {
        self.update_command.is_some()
    }

    fn update(&self, work: &mut Work<'_>) -> Result<Installed, PartFailure> {
        self.run(self.update_command.as_deref().unwrap_or(":"), work)
    }
}
