//! Where sources and built parts may come from.
//!
//! Start with [`Origins`]; [`cache_of`] makes of it what a build asks. Never in here: what is asked for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use slapos_cache::{Cache, DebianOrigin, RemoteCache, Store, Trusted, UrlOrigin};

use crate::lock::Lock;
use crate::{BuildError, SoftwareBuild};

/// Which origins of sources may be asked, in this order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origins {
    /// Caches of other machines: one URL each, or `SHACACHE_URL,SHADIR_URL` of the old wire.
    #[serde(default)]
    pub caches: Vec<String>,
    /// Caches of built parts, named in the same way: what one of the keys signed there is not built here.
    #[serde(default)]
    pub built: Vec<String>,
    /// The keys, PEM one after the other, whose word on the content of a URL and on built parts counts.
    #[serde(default)]
    pub trusted: String,
    /// Nothing but what is in here is used, wherever it comes from.
    #[serde(default)]
    pub lock: Option<Lock>,
    /// The URL in the profile.
    pub url: bool,
    /// The Debian source archive, through apt.
    pub debian: bool,
}

impl Default for Origins {
    fn default() -> Origins {
        Origins {
            caches: Vec::new(),
            built: Vec::new(),
            trusted: String::new(),
            lock: None,
            url: true,
            debian: true,
        }
    }
}

/// Every cache that is named, once: it is asked for sources and for parts, and left alone for both when it fails.
pub(crate) fn remotes(origins: &Origins) -> Result<BTreeMap<&str, RemoteCache>, BuildError> {
    let trusted = origins.keys()?;
    let words = origins.caches.iter().chain(&origins.built);
    let remote = |words: &str| RemoteCache::new(words.into(), trusted.clone());
    Ok(words.map(|words| (words.as_str(), remote(words))).collect())
}

pub(crate) fn cache_of(
    build: &SoftwareBuild,
    remotes: &BTreeMap<&str, RemoteCache>,
) -> Result<Cache, BuildError> {
    let origins = &build.origins;
    let mut cache = Cache::new(Store::new(&build.cache));
    for words in &origins.caches {
        if let Some(remote) = remotes.get(words.as_str()) {
            cache = cache.with(remote.clone());
        }
    }
    if origins.url {
        cache = cache.with(UrlOrigin::default());
    }
    if origins.debian {
        cache = cache.with(DebianOrigin::new(build.cache.join("debian")));
    }
    if let Some(lock) = &origins.lock {
        let pins = lock.pins();
        let pins = pins.map_err(|e| BuildError::Request(format!("reading the lock file: {e}")))?;
        cache = cache.with_pins(pins);
    }
    Ok(cache)
}

impl Origins {
    /// Those whose word counts.
    pub(crate) fn keys(&self) -> Result<Trusted, BuildError> {
        match self.trusted.as_str() {
            "" => Ok(Trusted::default()),
            text => Trusted::parse(text).map_err(|e| {
                BuildError::Request(format!("reading the keys that are trusted: {e}"))
            }),
        }
    }
}
