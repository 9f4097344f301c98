//! `slapos.cookbook:static.files`: files from a JSON object of path → content, below one folder.
//!
//! A recipe of our own: it lets a parameter carry a small static site. Paths are checked, since they come from
//! whoever ordered the instance; what is no longer listed is removed. The option `index.html` is the content of that
//! file where `files` has none.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use slapos_buildout::{PartOptions, RecipeError};

use super::{Construction, Installed, Part, options};
use crate::work::{PartFailure, Work};

struct Files {
    folder: PathBuf,
    files: BTreeMap<PathBuf, String>,
}

pub(super) fn construct(
    _: &Construction<'_>,
    part: &mut PartOptions<'_, '_>,
) -> Result<Box<dyn Part>, RecipeError> {
    let folder = PathBuf::from(options::needed(part, "directory")?);
    let text = options::text_or(part, "files", "{}")?;
    let listed: BTreeMap<String, String> = serde_json::from_str(&text)
        .map_err(|e| format!("`files` is not a JSON object of path and content: {e}"))?;
    let mut files = BTreeMap::new();
    if let Some(index) = part.get("index.html")? {
        files.insert(folder.join("index.html"), index.into_text());
    }
    for (path, content) in listed {
        files.insert(folder.join(inside(&path)?), content);
    }
    Ok(Box::new(Files { folder, files }))
}

/// The path, if it stays below its folder and is no hidden file of ours.
fn inside(path: &str) -> Result<&Path, RecipeError> {
    let relative = Path::new(path.trim_start_matches('/'));
    let is_inside = relative
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    if !is_inside || relative.as_os_str().is_empty() || path.ends_with('/') || path.contains('\0') {
        return Err(
            format!("`files` has the path `{path}`, which is not a file below the folder").into(),
        );
    }
    Ok(relative)
}

impl Part for Files {
    fn install(&self, work: &mut Work<'_>) -> Result<Installed, PartFailure> {
        work.make_folder(&self.folder)?;
        for (path, content) in &self.files {
            work.write(path, content.as_bytes(), 0o644)?;
        }
        let owned = self.files.keys().cloned().collect();
        Ok(Installed {
            owned,
            ..Installed::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inside_takes_only_files_below() {
        for good in ["index.html", "/a/b.css", "a b"] {
            assert!(inside(good).is_ok(), "{good}");
        }
        for bad in ["", "/", "../x", "a/../../x", "a/", "a\0b", "."] {
            assert!(inside(bad).is_err(), "{bad}");
        }
    }
}
