//! Parts that somebody else built: found by signature and platform, taken when a trusted key says what they are.
//!
//! Start at [`BuiltParts::take`]; who puts parts there is [`push_built`]. A part is one archive in a cache of
//! `slapos-cache` and a signed [`Manifest`] under the key of its signature and [`platform`]. An archive in which the
//! path of the part occurs fits that path only; any other goes wherever it is wanted. Nothing is ever rewritten.
//! Whatever is wrong with a cache, or with what it has, the part is built.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use slapos_cache::{Cache, Entry, RemoteCache, Source, Store, Trusted};

use crate::origins::Origins;
use crate::part_mark::{Given, PartMark, UsedSource};
use crate::work::{PartFailure, Work, failing, safe_name};
use crate::{BuildError, Step, file};

mod pack;
mod platform;
mod push;

pub use push::{Pushed, push_built};

/// Says what a text is, so that nobody's signature under something else is taken for one under this.
const KIND: &str = "slapos-built-part";
/// Changes when older programs could not read an archive.
const FORM: u32 = 1;

/// What is signed of a built part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Manifest {
    kind: String,
    form: u32,
    part: String,
    signature: String,
    platform: String,
    /// Where it was installed.
    prefix: String,
    /// Whether that path occurs in it.
    is_bound: bool,
    /// Unpacked.
    bytes: u64,
    sources: Vec<UsedSource>,
}

/// The caches to take parts from.
pub(crate) struct BuiltParts {
    caches: Vec<(String, RemoteCache)>,
    trusted: Trusted,
    platform: String,
}

impl BuiltParts {
    /// Those that are named; none when there are none.
    pub(crate) fn of(
        origins: &Origins,
        remotes: &BTreeMap<&str, RemoteCache>,
    ) -> Result<Option<BuiltParts>, BuildError> {
        let caches = origins.built.iter().filter_map(|words| {
            let remote = remotes.get(words.as_str())?;
            let url = words.split(',').next().unwrap_or(words);
            Some((slapos_cache::without_secrets(url), remote.clone()))
        });
        let caches: Vec<_> = caches.collect();
        let trusted = origins.keys()?;
        if caches.is_empty() {
            return Ok(None);
        }
        if trusted.is_empty() {
            return Err(BuildError::Request(
                "built parts are taken on somebody's word only: name the keys that are trusted"
                    .to_owned(),
            ));
        }
        Ok(Some(BuiltParts {
            caches,
            trusted,
            platform: platform::here(),
        }))
    }

    /// Puts the part of this signature into its place, unmarked; none when it has to be built.
    pub(crate) fn take(
        &self,
        work: &mut Work<'_>,
        signature: &str,
        location: &Path,
    ) -> Result<Option<PartMark>, PartFailure> {
        for (url, cache) in &self.caches {
            if work.site.cancel.is_raised() {
                return Err(PartFailure::Cancelled);
            }
            match self.take_from(cache, work, (signature, location)) {
                Ok(Some((manifest, signer))) => {
                    work.log
                        .add(format!("taken as built from {url}, signed by {signer}\n").as_bytes());
                    return Ok(Some(PartMark {
                        signature: signature.to_owned(),
                        part: work.name.to_owned(),
                        sources: Some(manifest.sources),
                        given: Some(Given {
                            cache: url.clone(),
                            signer,
                        }),
                    }));
                }
                Ok(None) => {}
                Err(reason) => {
                    let line = format!("not taken as built from {url}: {reason}");
                    work.log.add(format!("{line}\n").as_bytes());
                    work.say(Step::Download, Instant::now(), line);
                }
            }
        }
        Ok(None)
    }

    fn take_from(
        &self,
        cache: &RemoteCache,
        work: &mut Work<'_>,
        (signature, location): (&str, &Path),
    ) -> Result<Option<(Manifest, String)>, String> {
        let entries = cache
            .entries(&key(signature, &self.platform))
            .map_err(|error| error.to_string())?;
        let mut reason = None;
        for entry in entries {
            let Some((manifest, signer)) = self.fitting(&entry, signature, location) else {
                continue;
            };
            match fetch(cache, work, (&entry, location, &manifest)) {
                Ok(()) => return Ok(Some((manifest, signer))),
                Err(error) => reason = Some(error),
            }
            // A part that is half there must not be taken for anything.
            file::remove_tree(location).map_err(|error| error.to_string())?;
        }
        match reason {
            Some(reason) => Err(reason),
            None => Ok(None),
        }
    }

    /// What the entry says, if it is of this very part and fits its place; and who signed it.
    fn fitting(
        &self,
        entry: &Entry,
        signature: &str,
        location: &Path,
    ) -> Option<(Manifest, String)> {
        let signer = entry.signer(&self.trusted)?.to_string();
        let manifest: Manifest = serde_json::from_str(&entry.text).ok()?;
        // The key under which a cache has it is the cache's word; only what is signed counts.
        let is_it = manifest.kind == KIND
            && manifest.form == FORM
            && manifest.signature == signature
            && manifest.platform == self.platform;
        let fits = !manifest.is_bound || Path::new(&manifest.prefix) == location;
        (is_it && fits).then_some((manifest, signer))
    }
}

/// The archive, checked by its hash, unpacked into the part's place. It is not kept.
fn fetch(
    cache: &RemoteCache,
    work: &mut Work<'_>,
    (entry, location, manifest): (&Entry, &Path, &Manifest),
) -> Result<(), String> {
    let told = |failure: PartFailure| match failure {
        PartFailure::Failed(text) | PartFailure::MissingTool(text) => text,
        PartFailure::Cancelled => "stopped as asked".to_owned(),
    };
    let folder = work
        .site
        .builds
        .join(format!("{}.built", safe_name(work.name)));
    let hash = entry.content().map_err(|error| error.to_string())?;
    let source = Source {
        filename: format!("{} as built", work.name),
        hashes: vec![hash],
        ..Source::default()
    };
    let begun = Instant::now();
    work.report(Step::Download, begun, None);
    let store = Cache::new(Store::new(&folder)).with(cache.clone());
    let cancel = work.site.cancel.clone();
    let found = store.ensure_watched(&source, &mut |_| !cancel.is_raised());
    let unpacked = found.map_err(|error| error.to_string()).and_then(|found| {
        work.report(Step::Unpack, Instant::now(), None);
        file::remove_tree(location)
            .and_then(|()| pack::unpack(&found.path, location, manifest.bytes))
            .map_err(|error| told(failing("unpacking into", location)(error)))
    });
    file::remove_tree(&folder).map_err(|error| error.to_string())?;
    unpacked
}

/// This machine, for who tells where something was built.
pub(crate) fn platform_here() -> String {
    platform::here()
}

fn key(signature: &str, platform: &str) -> String {
    format!("slapos-part:{signature}:{platform}")
}
