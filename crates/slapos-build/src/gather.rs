//! All that a release needs, fetched into the cache without building anything.
//!
//! Start with [`gather`]. A profile is evaluated as for a build, so that recipes say what they fetch; what a script
//! inside a profile fetches while it is installed is known only after a build, from the records that it left.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use slapos_cache::{Cache, Found, Hash, HashKind, Source};

use crate::evaluate::Wanted;
use crate::lock::{Lock, LockedSource};
use crate::part_mark::UsedSource;
use crate::record::Records;
use crate::software::{self, SoftwareBuild, io_error};
use crate::{BuildError, Cancel, origins, own};

/// What happens meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gathered {
    pub part: String,
    pub source: String,
    pub bytes: u64,
    /// Where it came from; none when it was there.
    pub origin: Option<String>,
}

/// Fetches every source of a release that is not in the cache yet, and tells all that it needs.
///
/// What an earlier build into the same root recorded counts too.
pub fn gather(build: &SoftwareBuild, tell: &mut dyn FnMut(&Gathered)) -> Result<Lock, BuildError> {
    let root = software::absolute(&build.root)?;
    let records = own::records(&root);
    let records = Records::load(&records).map_err(io_error("reading", &records))?;
    let remotes = origins::remotes(&build.origins)?;
    let cache = origins::cache_of(build, &remotes)?;
    let wanted = software::want(build, &root, &cache, (&records, None))?;
    for (part, source) in named(&wanted, &records) {
        tell(&fetch(&cache, &build.cancel, (part, &source))?);
    }
    Ok(Lock::new(wanted.profiles, look_into(&cache)?))
}

/// What recipes say that they fetch, and what was fetched for the same parts before.
fn named(wanted: &Wanted, records: &Records) -> Vec<(String, Source)> {
    let mut all = Vec::new();
    for (name, one) in &wanted.parts {
        let before = records.parts.get(name).map(|record| &record.sources);
        let before = before.into_iter().flatten().map(source_of);
        let sources = one.part.sources().into_iter().chain(before);
        all.extend(sources.map(|source| (name.clone(), source)));
    }
    all
}

fn fetch(
    cache: &Cache,
    cancel: &Cancel,
    (part, source): (String, &Source),
) -> Result<Gathered, BuildError> {
    let found = cache.ensure_watched(source, &mut |_| !cancel.is_raised());
    let found = found.map_err(|error| match cancel.is_raised() {
        true => BuildError::Cancelled,
        false => BuildError::Request(format!("{part}: {error}")),
    })?;
    Ok(Gathered {
        part,
        source: source.title().to_owned(),
        bytes: UsedSource::new(source, &found).bytes,
        origin: found.origin,
    })
}

/// Everything that the cache gave, unpacked and looked at.
fn look_into(cache: &Cache) -> Result<Vec<LockedSource>, BuildError> {
    let scratch = tempfile::tempdir();
    let scratch = scratch.map_err(io_error("making a folder in", &std::env::temp_dir()))?;
    let used: BTreeMap<_, (UsedSource, PathBuf)> = cache.used().into_iter().map(keyed).collect();
    let named = used.values().filter(|(one, _)| !one.url.is_empty());
    let named: BTreeSet<&String> = named.map(|(one, _)| &one.sha256).collect();
    let mut sources = Vec::new();
    for (one, path) in used.values() {
        // What a record knows by its hash alone, a recipe knows by its URL too.
        if one.url.is_empty() && named.contains(&one.sha256) {
            continue;
        }
        sources.push(LockedSource::of(one, path, scratch.path())?);
    }
    Ok(sources)
}

fn keyed((source, found): (Source, Found)) -> ((String, String), (UsedSource, PathBuf)) {
    let used = UsedSource::new(&source, &found);
    ((used.sha256.clone(), used.url.clone()), (used, found.path))
}

/// As a record has it.
fn source_of(used: &UsedSource) -> Source {
    Source {
        urls: Some(used.url.clone())
            .filter(|url| !url.is_empty())
            .into_iter()
            .collect(),
        filename: used.name.clone(),
        hashes: Hash::new(HashKind::Sha256, &used.sha256)
            .into_iter()
            .collect(),
        ..Source::default()
    }
}
