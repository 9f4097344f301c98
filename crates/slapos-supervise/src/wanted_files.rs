//! What is wanted, on disk: one JSON file per group in `<dir>/groups`.
//!
//! The file name of a group is its name with `.json` (names cannot leave the folder, see
//! `spec.rs`). A file that cannot be read is set aside and reported, so that one torn or foreign
//! file never keeps the other groups from starting.

use std::io;
use std::path::{Path, PathBuf};

use fs_err as fs;

use crate::atomic_file;
use crate::spec::GroupSpec;

/// The folder of wanted groups.
#[derive(Debug)]
pub(crate) struct WantedFiles {
    folder: PathBuf,
}

impl WantedFiles {
    /// Opens the folder, making it when it is missing.
    pub(crate) fn open(dir: &Path) -> io::Result<Self> {
        let folder = dir.join("groups");
        fs::create_dir_all(&folder)?;
        Ok(Self { folder })
    }

    /// Makes `group` the wanted one of its name, durably.
    pub(crate) fn save(&self, group: &GroupSpec) -> io::Result<()> {
        let text = serde_json::to_vec(group).map_err(io::Error::other)?;
        atomic_file::write(&self.path_of(&group.name), &text)
    }

    /// Forgets a group, durably.
    pub(crate) fn remove(&self, group: &str) -> io::Result<()> {
        atomic_file::remove(&self.path_of(group))
    }

    /// All groups, and what was wrong with files that are not one.
    pub(crate) fn load(&self) -> io::Result<(Vec<GroupSpec>, Vec<String>)> {
        let (mut groups, mut faults) = (vec![], vec![]);
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "json")
            {
                match self.load_one(&path) {
                    Ok(group) => groups.push(group),
                    Err(what) => faults.push(set_aside(&path, &what)),
                }
            }
        }
        groups.sort_by(|a, b| a.name.cmp(&b.name));
        Ok((groups, faults))
    }

    fn load_one(&self, path: &Path) -> Result<GroupSpec, String> {
        let text = fs::read(path).map_err(|error| error.to_string())?;
        let group: GroupSpec = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
        group.check().map_err(|error| error.to_string())?;
        if self.path_of(&group.name) == path {
            Ok(group)
        } else {
            Err(format!("it holds the group {:?}", group.name))
        }
    }

    fn path_of(&self, group: &str) -> PathBuf {
        self.folder.join(format!("{group}.json"))
    }
}

fn set_aside(path: &Path, what: &str) -> String {
    let aside = path.with_extension("broken");
    match fs::rename(path, &aside) {
        Ok(()) => format!(
            "set aside {} as {}: {what}",
            path.display(),
            aside.display()
        ),
        Err(error) => format!("cannot use {}: {what}; {error}", path.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Wanted;

    fn group(name: &str) -> GroupSpec {
        GroupSpec {
            name: name.into(),
            wanted: Wanted::Running,
            programs: vec![],
        }
    }

    #[test]
    fn load_after_save_and_remove_gives_what_is_wanted() {
        let dir = tempfile::tempdir().unwrap();
        let files = WantedFiles::open(dir.path()).unwrap();
        files.save(&group("b")).unwrap();
        files.save(&group("a.b")).unwrap();
        files.save(&group("c")).unwrap();
        files.remove("c").unwrap();
        assert_eq!(
            files.load().unwrap(),
            (vec![group("a.b"), group("b")], vec![])
        );
    }

    #[test]
    fn load_a_broken_file_is_set_aside_and_the_others_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let files = WantedFiles::open(dir.path()).unwrap();
        files.save(&group("a")).unwrap();
        fs::write(dir.path().join("groups/x.json"), b"{\"name\":").unwrap();
        let (groups, faults) = files.load().unwrap();
        assert_eq!(groups, [group("a")]);
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert_eq!(files.load().unwrap().1, Vec::<String>::new());
    }
}
