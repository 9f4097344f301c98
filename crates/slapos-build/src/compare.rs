//! Two builds of one profile in two places, compared file by file: what differs depends on more than its inputs.
//!
//! Both places have names of one length, so that a place inside of a file can be taken for the other. Start at
//! [`compare_builds`]. Times are not compared; who needs them equal sets them from SOURCE_DATE_EPOCH.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use fs_err as fs;
use serde::{Deserialize, Serialize};

use crate::software::io_error;
use crate::{BuildError, SoftwareOutcome, limits};

/// One file that is not the same in both builds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    pub part: String,
    /// Below the part's location.
    pub path: PathBuf,
    /// What differs, in words.
    pub what: String,
}

/// Compares what two builds installed, at most [`limits::DIFFERENCES_MAX`] differences.
pub fn compare_builds(
    (first, first_root): (&SoftwareOutcome, &Path),
    (second, second_root): (&SoftwareOutcome, &Path),
) -> Result<Vec<Difference>, BuildError> {
    let names: BTreeSet<&String> = first.parts.keys().chain(second.parts.keys()).collect();
    let location = |build: &SoftwareOutcome, name: &String| -> Option<PathBuf> {
        build.parts.get(name)?.location.clone()
    };
    let pairs: Vec<_> = names
        .into_iter()
        .map(|name| (name, location(first, name), location(second, name)))
        .collect();
    let mut places = Places::default();
    places.add(first_root, second_root);
    for (_, one, other) in &pairs {
        if let (Some(one), Some(other)) = (one, other) {
            places.add(one, other);
        }
    }
    let mut found = Vec::new();
    for (part, one, other) in &pairs {
        let mut walk = Walk {
            part,
            places: &places,
            found: &mut found,
        };
        match (one, other) {
            (Some(one), Some(other)) => walk.compare(one, other, Path::new(""))?,
            // Neither has anything that could differ.
            (None, None) => {}
            _ => walk.tell(Path::new(""), "it is in one of both only"),
        }
    }
    Ok(found)
}

/// Texts of the second build and what stands for them in the first.
#[derive(Debug, Default)]
struct Places(Vec<(Vec<u8>, Vec<u8>)>);

impl Places {
    fn add(&mut self, first: &Path, second: &Path) {
        let text = |path: &Path| path.as_os_str().as_encoded_bytes().to_vec();
        let (first, second) = (text(first), text(second));
        if first.len() == second.len() && first != second {
            self.0.push((first, second));
        }
        // The longest first, since one may begin another.
        self.0
            .sort_by_key(|(_, second)| std::cmp::Reverse(second.len()));
    }

    /// Bytes of the second build as they would be in the first.
    fn translate(&self, bytes: &mut [u8]) {
        let mut at = 0;
        while at < bytes.len() {
            let here = &bytes[at..];
            // Places are absolute, so most bytes begin none.
            let mut places = self.0.iter().filter(|_| here[0] == b'/');
            match places.find(|(_, second)| here.starts_with(second)) {
                Some((first, _)) => {
                    bytes[at..at + first.len()].copy_from_slice(first);
                    at += first.len();
                }
                None => at += 1,
            }
        }
    }
}

struct Walk<'w> {
    part: &'w str,
    places: &'w Places,
    found: &'w mut Vec<Difference>,
}

impl Walk<'_> {
    fn compare(&mut self, one: &Path, other: &Path, path: &Path) -> Result<(), BuildError> {
        if self.is_full() {
            return Ok(());
        }
        let kind = |place: &Path| {
            let metadata = fs::symlink_metadata(place).map_err(io_error("looking at", place))?;
            Ok::<_, BuildError>((metadata.file_type(), metadata.permissions().mode() & 0o7777))
        };
        let ((one_type, one_mode), (other_type, other_mode)) = (kind(one)?, kind(other)?);
        if one_type != other_type {
            self.tell(path, "it is another kind of file");
        } else if one_type.is_symlink() {
            self.links(one, other, path)?;
        } else if one_mode != other_mode {
            self.tell(
                path,
                &format!("its mode is {one_mode:o} and {other_mode:o}"),
            );
        } else if one_type.is_dir() {
            self.folders(one, other, path)?;
        } else if one_type.is_file() && path != Path::new(".slapos-shared.json") {
            self.files(one, other, path)?;
        }
        Ok(())
    }

    fn links(&mut self, one: &Path, other: &Path, path: &Path) -> Result<(), BuildError> {
        let target = |link: &Path| fs::read_link(link).map_err(io_error("reading the link", link));
        let mut second = target(other)?.as_os_str().as_encoded_bytes().to_vec();
        self.places.translate(&mut second);
        if target(one)?.as_os_str().as_encoded_bytes() != second {
            self.tell(path, "the link leads elsewhere");
        }
        Ok(())
    }

    fn folders(&mut self, one: &Path, other: &Path, path: &Path) -> Result<(), BuildError> {
        let (first, second) = (names(one)?, names(other)?);
        for name in first.symmetric_difference(&second) {
            self.tell(&path.join(name), "it is in one of both only");
        }
        for name in first.intersection(&second) {
            self.compare(&one.join(name), &other.join(name), &path.join(name))?;
        }
        Ok(())
    }

    fn files(&mut self, one: &Path, other: &Path, path: &Path) -> Result<(), BuildError> {
        let bytes = |file: &Path| {
            let metadata = fs::metadata(file).map_err(io_error("looking at", file))?;
            Ok::<_, BuildError>(metadata.len())
        };
        let (first, second) = (bytes(one)?, bytes(other)?);
        if first != second {
            // A place takes the same room in both.
            self.tell(path, &format!("it has {first} bytes and {second}"));
            return Ok(());
        }
        if first > limits::COMPARED_BYTES_MAX {
            self.tell(path, "it is too large to be compared");
            return Ok(());
        }
        let read = |file: &Path| fs::read(file).map_err(io_error("reading", file));
        let (first, mut second) = (read(one)?, read(other)?);
        if first == second {
            return Ok(());
        }
        self.places.translate(&mut second);
        let mut pairs = first.iter().zip(&second);
        if let Some(at) = pairs.position(|(one, other)| one != other) {
            self.tell(path, &format!("its bytes differ from {at} on"));
        }
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.found.len() >= limits::DIFFERENCES_MAX
    }

    fn tell(&mut self, path: &Path, what: &str) {
        if self.is_full() {
            return;
        }
        self.found.push(Difference {
            part: self.part.to_owned(),
            path: path.to_owned(),
            what: what.to_owned(),
        });
    }
}

fn names(folder: &Path) -> Result<BTreeSet<OsString>, BuildError> {
    let entries = fs::read_dir(folder).map_err(io_error("reading", folder))?;
    let names: std::io::Result<_> = entries.map(|entry| Ok(entry?.file_name())).collect();
    names.map_err(io_error("reading", folder))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PartOutcome, PartState};

    fn build(root: &Path, files: &[(&str, &str)]) -> SoftwareOutcome {
        let location = root.join("parts/a");
        fs::create_dir_all(&location).unwrap();
        for (name, text) in files {
            let text = text.replace("ROOT", &root.to_string_lossy());
            fs::write(location.join(name), text).unwrap();
        }
        let part = PartOutcome {
            state: PartState::Installed,
            location: Some(location),
            seconds: 0.0,
        };
        SoftwareOutcome {
            parts: [("a".to_owned(), part)].into(),
            ..SoftwareOutcome::default()
        }
    }

    #[test]
    fn compare_of_a_part_that_one_build_lacks_tells_it_and_of_many_files_stops() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (dir.path().join("one"), dir.path().join("two"));
        let names: Vec<String> = (0..150).map(|n| n.to_string()).collect();
        let files: Vec<_> = names.iter().map(|name| (name.as_str(), "")).collect();
        let (first, mut second) = (build(&one, &files), build(&two, &[]));
        let found = compare_builds((&first, &one), (&second, &two)).unwrap();
        assert_eq!(found.len(), limits::DIFFERENCES_MAX);
        second.parts.clear();
        let found = compare_builds((&first, &one), (&second, &two)).unwrap();
        assert_eq!((found.len(), found[0].part.as_str()), (1, "a"));
    }

    #[test]
    fn compare_takes_one_place_for_the_other_and_tells_the_rest() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (dir.path().join("one"), dir.path().join("two"));
        let first = build(
            &one,
            &[("same", "in ROOT/x"), ("time", "at 1"), ("more", "")],
        );
        let second = build(&two, &[("same", "in ROOT/x"), ("time", "at 2")]);
        let found = compare_builds((&first, &one), (&second, &two)).unwrap();
        let paths: Vec<_> = found.iter().map(|one| one.path.to_str().unwrap()).collect();
        assert_eq!(paths, ["more", "time"]);
        assert_eq!(found[1].what, "its bytes differ from 3 on");
    }
}
