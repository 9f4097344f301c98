//! Where the profile of a release is, by the kind of its URL.
//!
//! What the master holds is kept here durably, so that a release can be built with no master.

use crate::atomic_file;
use crate::node::Node;
use slapos_api::wire::catalog::ReleaseFiles;
use std::io;
use std::path::{Component, Path, PathBuf};

/// Who can read the files of a release that the master holds.
pub trait ReadRelease: Send + Sync {
    /// All files of a release.
    ///
    /// # Errors
    /// Why not, in a sentence.
    fn read_release(&self, url: &str) -> Result<ReleaseFiles, String>;
}

/// Nobody: for steps that work with no master.
#[derive(Debug)]
pub struct NoMaster;

impl ReadRelease for NoMaster {
    fn read_release(&self, _url: &str) -> Result<ReleaseFiles, String> {
        Err("there is no master to ask".to_owned())
    }
}

const CATALOG: &str = "catalog:";

/// The profile of `url` for the builder: a path or an http URL. Reads it from the master and keeps
/// it when it is one of the master's.
///
/// # Errors
/// Why it cannot be had, in a sentence.
pub fn locate_profile(node: &Node, url: &str, master: &dyn ReadRelease) -> Result<String, String> {
    if url.starts_with("http://") || url.starts_with("https://") {
        return Ok(url.to_owned());
    }
    if url.starts_with(CATALOG) {
        return keep_catalog(node, url, master).map(|path| path.to_string_lossy().into_owned());
    }
    match local_profile(node, url) {
        None => Err(format!(
            "release {url} is no path, no http or https URL and not of the catalogue"
        )),
        Some(path) if path.is_file() => Ok(path.to_string_lossy().into_owned()),
        Some(path) => Err(format!(
            "there is no profile {} on this node; copy it there, or ask for another release",
            path.display()
        )),
    }
}

/// The file of the profile on this machine, when it has one.
#[must_use]
pub fn local_profile(node: &Node, url: &str) -> Option<PathBuf> {
    if url.starts_with(CATALOG) {
        return Some(node.layout.release(url).join(entry_of(url)));
    }
    let path = url.strip_prefix("file://").unwrap_or(url);
    path.starts_with('/').then(|| PathBuf::from(path))
}

/// The file's path inside the release: what follows `catalog:name/version/`.
fn entry_of(url: &str) -> &str {
    url.strip_prefix(CATALOG)
        .and_then(|rest| rest.splitn(3, '/').nth(2))
        .unwrap_or("software.cfg")
}

fn keep_catalog(node: &Node, url: &str, master: &dyn ReadRelease) -> Result<PathBuf, String> {
    let folder = node.layout.release(url);
    let entry = folder.join(entry_of(url));
    match master.read_release(url) {
        Ok(files) => keep_files(&folder, &files)
            .map_err(|error| format!("cannot keep the files of {url}: {error}"))?,
        // What was kept before is good enough: a release of the catalogue does not change.
        Err(why) if entry.is_file() => {
            tracing::warn!(url, why, "release read from what is kept");
        }
        Err(why) => return Err(format!("cannot read {url} from the master: {why}")),
    }
    if !entry.is_file() {
        return Err(format!(
            "the master's files of {url} do not hold {}",
            entry_of(url)
        ));
    }
    Ok(entry)
}

fn keep_files(folder: &Path, files: &ReleaseFiles) -> io::Result<()> {
    for (name, text) in &files.files {
        let path = Path::new(name);
        let is_plain = path
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        if name.is_empty() || !is_plain {
            return Err(io::Error::other(format!(
                "{name:?} leads out of the release"
            )));
        }
        let target = folder.join(path);
        if atomic_file::read(&target)?.is_some_and(|kept| kept == text.as_bytes()) {
            continue;
        }
        if let Some(parent) = target.parent() {
            atomic_file::make_folders(parent, 0o755)?;
        }
        atomic_file::write_readable(&target, text.as_bytes())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(of: &[(&str, &str)]) -> ReleaseFiles {
        ReleaseFiles {
            url: "catalog:redis/7/software.cfg".to_owned(),
            files: of
                .iter()
                .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
                .collect(),
        }
    }

    #[test]
    fn keep_files_writes_beneath_the_release_only() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("release");
        keep_files(&inside, &files(&[("software.cfg", "x"), ("a/b.cfg", "y")])).unwrap();
        assert_eq!(fs_err::read(inside.join("a/b.cfg")).unwrap(), b"y");
        for bad in ["../x", "/etc/x", "a/../../x", ""] {
            assert!(keep_files(&inside, &files(&[(bad, "z")])).is_err(), "{bad}");
        }
        assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn entry_of_a_catalogue_url_is_what_follows_the_version() {
        assert_eq!(
            entry_of("catalog:redis/7.0.15/software.cfg"),
            "software.cfg"
        );
        assert_eq!(entry_of("catalog:redis/7.0.15/a/b.cfg"), "a/b.cfg");
    }
}
