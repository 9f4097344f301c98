//! What a shared part says of itself: a file in its folder, written last, so that a folder without it was never
//! finished and counts for nothing.
//!
//! Start with [`PartMark::load`]. It holds what the part was made of, for who was not there when it was built: another
//! release that shares it, a lock file, a cache of built parts, an SBOM.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use slapos_cache::{Found, Source};

use crate::file;

const NAME: &str = ".slapos-shared.json";

/// A finished shared part.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PartMark {
    /// Over everything that can change it.
    pub(crate) signature: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) part: String,
    /// What was fetched to build it; none is known of parts that earlier programs built.
    #[serde(default)]
    pub(crate) sources: Option<Vec<UsedSource>>,
    /// Who built it, when it was not built here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) given: Option<Given>,
}

/// A source that went into a part.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct UsedSource {
    /// The first of its URLs; empty for one that is known by its hash only.
    pub url: String,
    pub name: String,
    pub sha256: String,
    pub bytes: u64,
    /// Whether the profile has a hash for it.
    pub pinned: bool,
    /// Names of SPDX that its files tell, of an archive that was unpacked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub licences: Vec<String>,
}

/// Where a part came from that was built elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// The cache, by its URL.
    pub cache: String,
    /// The key that signed it: the SHA-256 of the public key.
    pub signer: String,
}

impl PartMark {
    /// Of the part in this folder; none when it was never finished.
    pub(crate) fn load(location: &Path) -> Option<PartMark> {
        let text = file::read_text(&PartMark::path(location)).ok()?;
        serde_json::from_str(&text).ok()
    }

    pub(crate) fn is_there(location: &Path) -> bool {
        PartMark::path(location).exists()
    }

    /// Writes it, synced.
    pub(crate) fn save(&self, location: &Path) -> io::Result<()> {
        let path = PartMark::path(location);
        let text = format!("{}\n", serde_json::to_string(self)?);
        file::write_if_changed(&path, text.as_bytes(), 0o644)?;
        file::sync_all(&[path])
    }

    /// Whether a file of a part is this one, which is not of the part itself.
    pub(crate) fn is_name(name: &std::ffi::OsStr) -> bool {
        name == NAME
    }

    fn path(location: &Path) -> PathBuf {
        location.join(NAME)
    }
}

impl UsedSource {
    pub(crate) fn new(source: &Source, found: &Found) -> UsedSource {
        let url = source.urls.first().map_or("", String::as_str);
        UsedSource {
            url: slapos_cache::without_secrets(url),
            name: source.title().to_owned(),
            sha256: found.sha256.hex().to_owned(),
            bytes: fs_err::metadata(&found.path).map_or(0, |metadata| metadata.len()),
            pinned: found.pinned,
            licences: Vec::new(),
        }
    }
}
