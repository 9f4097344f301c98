//! The folder of a SlapOS: which one it is, and where things are in it.
//!
//! [`Folder::find`] is the rule by which every command finds the same one: `--root`, then
//! `SLAPOS_ROOT`, then the default. Nothing here creates or reads a file.

use crate::failure::Failure;
use std::path::{Path, PathBuf};

/// The folder that holds everything of one SlapOS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Folder {
    root: PathBuf,
}

impl Folder {
    /// The folder asked for, that of `SLAPOS_ROOT`, or the default.
    pub(crate) fn find(asked: Option<&Path>) -> Result<Self, Failure> {
        let variable = std::env::var_os("SLAPOS_ROOT").filter(|value| !value.is_empty());
        let root = match asked.map(Path::to_owned).or(variable.map(PathBuf::from)) {
            Some(path) => path,
            None => default_root(
                nix::unistd::geteuid().is_root(),
                std::env::var_os("XDG_DATA_HOME").map(PathBuf::from),
                std::env::var_os("HOME").map(PathBuf::from),
            )?,
        };
        let root = std::path::absolute(&root)
            .map_err(|error| Failure::usage(format!("{} is no folder: {error}", root.display())))?;
        Ok(Self { root })
    }

    /// The folder itself, absolute.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// How clients find the master.
    pub(crate) fn client_file(&self) -> PathBuf {
        self.root.join("etc/client.json")
    }

    /// The settings of the node.
    pub(crate) fn node_file(&self) -> PathBuf {
        self.root.join("etc/node.json")
    }

    /// All of the master's state.
    pub(crate) fn master_dir(&self) -> PathBuf {
        self.root.join("var/master")
    }

    /// The token of the owner, 0600.
    pub(crate) fn token_file(&self) -> PathBuf {
        self.master_dir().join("owner.token")
    }

    /// The authority that signed the master's and the nodes' certificates.
    pub(crate) fn authority_file(&self) -> PathBuf {
        self.master_dir().join("pki/ca.pem")
    }

    /// The supervisor's private folder.
    pub(crate) fn supervise_dir(&self) -> PathBuf {
        self.root.join("var/supervise")
    }

    /// All logs.
    pub(crate) fn log_dir(&self) -> PathBuf {
        self.root.join("var/log")
    }

    /// Who runs `up`, and its children.
    pub(crate) fn up_file(&self) -> PathBuf {
        self.root.join("var/up.json")
    }

    /// Held locked while an `up` runs.
    pub(crate) fn lock_file(&self) -> PathBuf {
        self.root.join("var/up.lock")
    }
}

/// Sources are the user's, so that builds share them; without a home they are the build's own.
pub(crate) fn sources(root: &Path) -> PathBuf {
    let named = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let cache = named("XDG_CACHE_HOME").filter(|folder| folder.is_absolute());
    match cache.or_else(|| Some(named("HOME")?.join(".cache"))) {
        Some(cache) => cache.join("slapos/sources"),
        None => root.join("var/cache"),
    }
}

fn default_root(
    is_root: bool,
    data_home: Option<PathBuf>,
    home: Option<PathBuf>,
) -> Result<PathBuf, Failure> {
    if is_root {
        return Ok(PathBuf::from("/srv/slapos"));
    }
    // The base directory specification says that a relative XDG_DATA_HOME is to be ignored.
    let data_home = data_home.filter(|path| path.is_absolute());
    data_home
        .or_else(|| home.map(|home| home.join(".local/share")))
        .map(|base| base.join("slapos"))
        .ok_or_else(|| {
            Failure::usage("There is no HOME, so there is no default folder.")
                .with_hint("name one with --root DIR or SLAPOS_ROOT")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_root_of_root_is_on_the_system() {
        let found = default_root(true, None, Some("/root".into())).unwrap();
        assert_eq!(found, Path::new("/srv/slapos"));
    }

    #[test]
    fn default_root_of_a_person_is_among_their_data() {
        let found = default_root(false, None, Some("/home/a".into())).unwrap();
        assert_eq!(found, Path::new("/home/a/.local/share/slapos"));
        let found = default_root(false, Some("/data".into()), Some("/home/a".into())).unwrap();
        assert_eq!(found, Path::new("/data/slapos"));
        let found = default_root(false, Some("odd".into()), Some("/home/a".into())).unwrap();
        assert_eq!(found, Path::new("/home/a/.local/share/slapos"));
    }

    #[test]
    fn default_root_without_a_home_says_what_to_do() {
        let failure = default_root(false, None, None).unwrap_err();
        assert!(failure.to_string().contains("--root"), "{failure}");
    }
}
