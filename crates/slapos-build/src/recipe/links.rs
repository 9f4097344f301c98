//! `slapos.cookbook:symbolic.link`: links to programs, by their own names, in one folder.

use std::path::{Path, PathBuf};

use fs_err as fs;
use slapos_buildout::{PartOptions, RecipeError};

use super::{Construction, Installed, Part, options};
use crate::file;
use crate::work::{PartFailure, Work, failing};

struct Links {
    /// Link and where it leads.
    links: Vec<(PathBuf, PathBuf)>,
}

pub(super) fn construct(
    _: &Construction<'_>,
    part: &mut PartOptions<'_, '_>,
) -> Result<Box<dyn Part>, RecipeError> {
    let folder = PathBuf::from(options::needed(part, "target-directory")?);
    let mut links = Vec::new();
    for target in options::needed(part, "link-binary")?.split_whitespace() {
        let name = Path::new(target).file_name();
        let name = name.ok_or_else(|| format!("`{target}` in `link-binary` has no name"))?;
        links.push((folder.join(name), PathBuf::from(target)));
    }
    Ok(Box::new(Links { links }))
}

impl Part for Links {
    fn install(&self, work: &mut Work<'_>) -> Result<Installed, PartFailure> {
        for (link, target) in &self.links {
            if fs::read_link(link).is_ok_and(|there| there == *target) {
                continue;
            }
            let folder = link.parent().unwrap_or(link);
            work.make_folder(folder)?;
            file::remove_tree(link)
                .and_then(|()| fs::os::unix::fs::symlink(target, link))
                .map_err(failing("linking", link))?;
            work.written.push(link.clone());
        }
        let owned = self.links.iter().map(|(link, _)| link.clone()).collect();
        Ok(Installed {
            owned,
            ..Installed::default()
        })
    }
}
