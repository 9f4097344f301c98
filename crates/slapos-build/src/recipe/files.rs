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
    refuse_file_as_folder(&folder, &files)?;
    Ok(Box::new(Files { folder, files }))
}

/// A path cannot be a file and the folder of another file.
fn refuse_file_as_folder(
    folder: &Path,
    files: &BTreeMap<PathBuf, String>,
) -> Result<(), RecipeError> {
    for path in files.keys() {
        let above = path
            .ancestors()
            .skip(1)
            .take_while(|above| *above != folder);
        if let Some(file) = above.into_iter().find(|above| files.contains_key(*above)) {
            return Err(format!(
                "`files` has both `{}` and `{}`: one path cannot be a file and a folder",
                shown(file, folder),
                shown(path, folder)
            )
            .into());
        }
    }
    Ok(())
}

fn shown(path: &Path, folder: &Path) -> String {
    path.strip_prefix(folder)
        .unwrap_or(path)
        .display()
        .to_string()
}

/// What was a folder may be a file now, and the other way round: what stands in the way is removed.
fn clear_the_way(folder: &Path, path: &Path) -> std::io::Result<()> {
    let above = path
        .ancestors()
        .skip(1)
        .take_while(|above| *above != folder);
    for file in above {
        if fs_err::symlink_metadata(file).is_ok_and(|facts| !facts.is_dir()) {
            fs_err::remove_file(file)?;
        }
    }
    if fs_err::symlink_metadata(path).is_ok_and(|facts| facts.is_dir()) {
        fs_err::remove_dir_all(path)?;
    }
    Ok(())
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
            clear_the_way(&self.folder, path).map_err(|error| {
                PartFailure::from(format!("cannot make room for {}: {error}", path.display()))
            })?;
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
    fn files_one_path_as_file_and_folder_is_refused() {
        let folder = Path::new("/srv/site");
        let files = |paths: &[&str]| {
            paths
                .iter()
                .map(|path| (folder.join(path), String::new()))
                .collect::<BTreeMap<_, _>>()
        };
        assert!(refuse_file_as_folder(folder, &files(&["a/b", "a/c", "d"])).is_ok());
        assert!(refuse_file_as_folder(folder, &files(&["a", "a/b"])).is_err());
    }

    #[test]
    fn clear_the_way_lets_a_file_become_a_folder_and_back() {
        let dir = tempfile::tempdir().unwrap();
        let (css, inner) = (dir.path().join("css"), dir.path().join("css/a.css"));
        fs_err::write(&css, "x").unwrap();
        clear_the_way(dir.path(), &inner).unwrap();
        assert!(!css.exists());
        fs_err::create_dir_all(&css).unwrap();
        fs_err::write(&inner, "x").unwrap();
        clear_the_way(dir.path(), &css).unwrap();
        assert!(!css.exists());
    }

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
