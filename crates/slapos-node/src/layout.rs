//! Where everything lies under the root of a node, as operators of SlapOS know it.
//!
//! Only names are made here; nothing is created or read.

use md5::{Digest, Md5};
use std::path::{Path, PathBuf};

/// The mark of a complete release, written last, in its folder.
pub const COMPLETED: &str = ".completed";

/// The paths of one root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    root: PathBuf,
    software_root: PathBuf,
    instance_root: PathBuf,
}

impl Layout {
    /// The paths under `root`.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self::with_roots(root, None, None)
    }

    /// The same with releases and partitions elsewhere, as a configuration of the original says.
    #[must_use]
    pub fn with_roots(root: &Path, software: Option<&Path>, instance: Option<&Path>) -> Self {
        let or = |path: Option<&Path>, name| path.map_or_else(|| root.join(name), Path::to_owned);
        Self {
            software_root: or(software, "software"),
            instance_root: or(instance, "instance"),
            root: root.to_path_buf(),
        }
    }

    /// The root itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// All software releases.
    #[must_use]
    pub fn software_root(&self) -> PathBuf {
        self.software_root.clone()
    }

    /// The folder of one release: the MD5 of its URL as supplied, as operators and promises know
    /// it. The digest names a folder and protects nothing.
    #[must_use]
    pub fn software(&self, url: &str) -> PathBuf {
        self.software_root().join(url_digest(url))
    }

    /// Parts shared between releases.
    #[must_use]
    pub fn shared(&self) -> PathBuf {
        self.root.join("shared")
    }

    /// All partitions.
    #[must_use]
    pub fn instance_root(&self) -> PathBuf {
        self.instance_root.clone()
    }

    /// One partition.
    #[must_use]
    pub fn partition(&self, name: &str) -> PathBuf {
        self.instance_root().join(name)
    }

    /// How to reach the master as its owner; written by `slapos up`.
    #[must_use]
    pub fn client_file(&self) -> PathBuf {
        self.root.join("etc/client.json")
    }

    /// Settings of the node.
    #[must_use]
    pub fn settings_file(&self) -> PathBuf {
        self.root.join("etc/node.json")
    }

    /// The agent's own state.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.root.join("var/node")
    }

    /// Key, certificate and authority of the node.
    #[must_use]
    pub fn identity(&self) -> PathBuf {
        self.state().join("identity")
    }

    /// The supervisor's private folder.
    #[must_use]
    pub fn supervise(&self) -> PathBuf {
        self.root.join("var/supervise")
    }

    /// Sources by hash, fetched releases.
    #[must_use]
    pub fn cache(&self) -> PathBuf {
        self.root.join("var/cache")
    }

    /// Sources by hash; belongs to the software user.
    #[must_use]
    pub fn sources(&self) -> PathBuf {
        self.cache().join("source")
    }

    /// The files of a release that came from the master.
    #[must_use]
    pub fn release(&self, url: &str) -> PathBuf {
        self.cache().join("release").join(url_digest(url))
    }

    /// Logs of the programs, `<partition>/<program>.log`.
    #[must_use]
    pub fn instance_log(&self) -> PathBuf {
        self.root.join("var/log/instance")
    }

    /// The log of the last build of a release.
    #[must_use]
    pub fn build_log(&self, url: &str) -> PathBuf {
        self.root
            .join("var/log/build")
            .join(format!("{}.log", url_digest(url)))
    }
}

/// MD5 of a release's URL in hexadecimal: the name of its folder.
#[must_use]
pub fn url_digest(url: &str) -> String {
    let mut text = String::with_capacity(32);
    for byte in Md5::digest(url.as_bytes()) {
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn software_folder_is_the_md5_of_the_url() {
        let layout = Layout::new(Path::new("/srv/slapos"));
        assert_eq!(
            layout.software("hello"),
            Path::new("/srv/slapos/software/5d41402abc4b2a76b9719d911017c592")
        );
    }
}
