//! Putting the shared parts of a build into a cache, signed, so that others need not build them.
//!
//! Done after a build and by itself: the key that signs is never near the steps of a build.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use slapos_cache::{Entry, RemoteCache, Signer};

use super::pack::pack;
use super::{FORM, KIND, Manifest, key, platform};
use crate::part_mark::PartMark;
use crate::record::Records;
use crate::software::io_error;
use crate::{BuildError, prune};

/// What became of one part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pushed {
    pub part: String,
    pub location: PathBuf,
    /// Of the archive; none for a part that was not put there.
    pub sha512: Option<String>,
    /// Of the files in it.
    pub bytes: u64,
    /// Whether it fits only where it was built, since its path occurs in it.
    pub is_bound: bool,
    /// Why it was not put there.
    pub skipped: Option<String>,
}

/// Puts every shared part that this folder's record names into a cache; tells of each as soon as it is there.
///
/// A part with a source that has no hash is not: nobody could tell what it was made of.
pub fn push_built(
    root: &Path,
    to: &RemoteCache,
    signer: &Signer,
    tell: &mut dyn FnMut(&Pushed),
) -> Result<Vec<Pushed>, BuildError> {
    let records = Records::of_installation(root)?;
    let shared = records.parts.values().flat_map(|record| &record.shared);
    let shared: BTreeSet<&PathBuf> = shared.collect();
    let mut all = Vec::new();
    for location in shared {
        let _held = match location.parent().and_then(Path::parent) {
            Some(folder) => Some(prune::hold(folder, nix::fcntl::FlockArg::LockShared)?),
            None => None,
        };
        if let Some(mark) = PartMark::load(location) {
            let pushed = push_one(location, &mark, to, signer)?;
            tell(&pushed);
            all.push(pushed);
        }
    }
    Ok(all)
}

fn push_one(
    location: &Path,
    mark: &PartMark,
    to: &RemoteCache,
    signer: &Signer,
) -> Result<Pushed, BuildError> {
    let folder = location.parent().unwrap_or(location);
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let mut pushed = Pushed {
        part: if mark.part.is_empty() {
            name.into_owned()
        } else {
            mark.part.clone()
        },
        location: location.to_owned(),
        sha512: None,
        bytes: 0,
        is_bound: false,
        skipped: why_not(mark),
    };
    if pushed.skipped.is_some() {
        return Ok(pushed);
    }
    let file = tempfile::NamedTempFile::new().map_err(io_error("packing", location))?;
    let writer = file.reopen().map_err(io_error("packing", location))?;
    let packed = pack(location, std::io::BufWriter::new(writer));
    let packed = packed.map_err(io_error("packing", location))?;
    (pushed.bytes, pushed.is_bound) = (packed.bytes, packed.is_bound);
    let manifest = Manifest {
        kind: KIND.to_owned(),
        form: FORM,
        part: pushed.part.clone(),
        signature: mark.signature.clone(),
        platform: platform::here(),
        prefix: location.to_string_lossy().into_owned(),
        is_bound: packed.is_bound,
        bytes: packed.bytes,
        sources: mark.sources.clone().unwrap_or_default(),
    };
    let failed = |error: &dyn std::fmt::Display| {
        BuildError::Request(format!("putting `{}` into the cache: {error}", pushed.part))
    };
    let fields = serde_json::to_value(&manifest).map_err(|error| failed(&error))?;
    let fields = fields.as_object().cloned().unwrap_or_default();
    let content = to.upload(file.path()).map_err(|error| failed(&error))?;
    let entry = Entry::signed(fields, &content, signer).map_err(|error| failed(&error))?;
    to.publish(&key(&manifest.signature, &manifest.platform), &entry)
        .map_err(|error| failed(&error))?;
    pushed.sha512 = Some(content.hex().to_owned());
    Ok(pushed)
}

fn why_not(mark: &PartMark) -> Option<String> {
    match &mark.sources {
        None => Some("it was built by a program that did not note its sources".to_owned()),
        Some(sources) => {
            let loose = sources.iter().find(|source| !source.pinned)?;
            Some(format!("its source {} has no hash", loose.name))
        }
    }
}
