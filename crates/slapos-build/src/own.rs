//! Where the builder keeps what is its own in the folder of an installation: the names of those files.
//!
//! Everything is below [`folder`], so that what recipes install never meets it. Never in here: what the files hold.

use std::path::{Path, PathBuf};

/// The builder's folder in an installation, of a release or of a partition.
pub(crate) fn folder(installation: &Path) -> PathBuf {
    installation.join(".slapos")
}

/// What is installed, see [`crate::record`].
pub(crate) fn records(installation: &Path) -> PathBuf {
    folder(installation).join("installed.json")
}
