//! `slapos.cookbook:mkdirectory` and `slapos.recipe.build:mkdirectory`: every option is a folder to make.
//!
//! They are never removed: they hold what a service stored.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use slapos_buildout::{PartOptions, RecipeError};

use super::{Construction, Installed, Part, options};
use crate::work::{PartFailure, Work, failing};

struct Folders {
    folders: Vec<PathBuf>,
    mode: Option<u32>,
}

pub(super) fn construct(
    _: &Construction<'_>,
    part: &mut PartOptions<'_, '_>,
) -> Result<Box<dyn Part>, RecipeError> {
    let mode = options::mode(part)?;
    let mut folders = Vec::new();
    for option in part.keys() {
        if matches!(option.as_str(), "recipe" | "mode") || option.starts_with('_') {
            continue;
        }
        let path = options::needed(part, &option)?;
        // A trailing slash would make `${directory:etc}/x` differ from what other parts write.
        let path = if path.len() > 1 {
            path.trim_end_matches('/').to_owned()
        } else {
            path
        };
        if !path.starts_with('/') {
            return Err(format!("`{option}` is `{path}`; a folder needs an absolute path").into());
        }
        part.set(&option, options::literal(&path))?;
        folders.push(PathBuf::from(path));
    }
    folders.sort();
    Ok(Box::new(Folders { folders, mode }))
}

impl Part for Folders {
    fn is_only_options(&self) -> bool {
        true
    }

    fn install(&self, work: &mut Work<'_>) -> Result<Installed, PartFailure> {
        for folder in &self.folders {
            let is_new = !folder.is_dir();
            work.make_folder(folder)?;
            if let Some(mode) = self.mode.filter(|_| is_new) {
                let permissions = std::fs::Permissions::from_mode(mode);
                fs_err::set_permissions(folder, permissions)
                    .map_err(failing("setting the mode of", folder))?;
            }
        }
        Ok(Installed {
            shared: self.folders.clone(),
            ..Installed::default()
        })
    }
}
