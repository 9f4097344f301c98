//! `plone.recipe.command`: a shell command when the part is installed.
//!
//! It runs once for its options, not at every round: an idle run does nothing. `update-command` is refused for that.

use std::collections::BTreeMap;
use std::path::PathBuf;

use slapos_buildout::{PartOptions, RecipeError};

use super::{Construction, Installed, Part, options};
use crate::Step;
use crate::work::{PartFailure, Work};

struct Command {
    command: String,
    owned: Vec<PathBuf>,
    stops: bool,
    path: String,
}

pub(super) fn construct(
    construction: &Construction<'_>,
    part: &mut PartOptions<'_, '_>,
) -> Result<Box<dyn Part>, RecipeError> {
    if options::text(part, "update-command")?.is_some_and(|text| text != ":" && text != "true") {
        return Err(
            "`update-command` is not supported: a round in which nothing changed runs nothing"
                .into(),
        );
    }
    let stops = options::text_or(part, "stop-on-error", "false")?.to_lowercase();
    let location = options::text_or(part, "location", "")?;
    Ok(Box::new(Command {
        command: options::needed(part, "command")?,
        owned: location.split_whitespace().map(PathBuf::from).collect(),
        stops: matches!(stops.as_str(), "yes" | "on" | "true" | "1"),
        path: construction.world.path.to_owned(),
    }))
}

impl Part for Command {
    fn install(&self, work: &mut Work<'_>) -> Result<Installed, PartFailure> {
        let directory = work.site.directory;
        let environment = BTreeMap::from([
            ("PATH".to_owned(), self.path.clone()),
            ("HOME".to_owned(), directory.to_string_lossy().into_owned()),
            ("LANG".to_owned(), "C.UTF-8".to_owned()),
        ]);
        match work.run(Step::Install, &self.command, directory, &environment) {
            Err(PartFailure::Failed(reason)) if !self.stops => {
                work.log.add(format!("ignored: {reason}\n").as_bytes());
            }
            other => other?,
        }
        Ok(Installed {
            owned: self.owned.clone(),
            ..Installed::default()
        })
    }
}
