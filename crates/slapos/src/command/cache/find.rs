//! `slapos cache find`: where a source still is.

use super::Place;
use crate::failure::{Exit, Failure, Outcome};
use crate::print;
use serde_json::{Value, json};
use slapos_cache::{Cache, DebianOrigin, Hash, Presence, RemoteCache, Source, UrlOrigin};
use std::path::{Path, PathBuf};

/// Tell where a source still is: here, in caches, at its site, in the Debian source archive.
///
/// A hash (MD5, SHA-1, SHA-256 or SHA-512 in hexadecimal) is found wherever it is; a URL alone at
/// its site, or in a cache where somebody trusted signed it. Nothing is kept, unless with --get.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A hash or a URL, or both: `URL#HASH`.
    #[arg(value_name = "HASH_OR_URL")]
    what: String,
    #[command(flatten)]
    place: Place,
    /// A cache to ask: one URL, or `SHACACHE_URL,SHADIR_URL`. Repeatable.
    #[arg(long, value_name = "URL")]
    cache: Vec<String>,
    /// Keys or certificates (PEM) whose word counts. Repeatable.
    #[arg(long, value_name = "FILE")]
    trust: Vec<PathBuf>,
    /// Do not look in the Debian source archive.
    #[arg(long)]
    no_debian: bool,
    /// Fetch it from the first place that has it, into the cache.
    #[arg(long)]
    get: bool,
}

pub(super) fn run(args: &Args, root: Option<&Path>, json: bool) -> Outcome {
    let source = source_of(&args.what)?;
    let store = args.place.store(root);
    let trusted = super::trusted(&args.trust)?;
    let debian = store.dir().join("debian");
    let mut cache = Cache::new(store);
    for words in &args.cache {
        cache = cache.with(RemoteCache::new(words.as_str().into(), trusted.clone()));
    }
    cache = cache.with(UrlOrigin::default());
    if !args.no_debian {
        cache = cache.with(DebianOrigin::new(debian));
    }
    match args.get {
        true => get(&cache, &source, json),
        false => look(&cache, &source, json),
    }
}

fn source_of(what: &str) -> Result<Source, Failure> {
    if let Ok(hash) = what.parse::<Hash>() {
        return Ok(Source {
            urls: Vec::new(),
            hashes: vec![hash],
            ..Source::default()
        });
    }
    let (url, hash) = match what.split_once('#') {
        None => (what, None),
        Some((url, hash)) => {
            let hash = hash.rsplit_once('=').map_or(hash, |(_, hash)| hash);
            let parsed = hash.parse::<Hash>();
            let parsed = parsed.map_err(|e| Failure::usage(format!("`{hash}`: {e}")))?;
            (url, Some(parsed))
        }
    };
    if !url.contains("://") && !url.starts_with('/') {
        let told = format!("`{what}` is neither a hash nor a URL");
        return Err(Failure::usage(told));
    }
    Ok(Source {
        unpinned: hash.is_none(),
        ..Source::new(url, hash)
    })
}

fn get(cache: &Cache, source: &Source, json: bool) -> Outcome {
    let found = cache
        .ensure(source)
        .map_err(|error| Failure::new(error.to_string()))?;
    let text = format!("{}", found.path.display());
    let value = json!({"path": found.path, "sha256": found.sha256.hex(), "origin": found.origin});
    super::told(&value, &text, json)
}

fn look(cache: &Cache, source: &Source, json: bool) -> Outcome {
    let mut is_somewhere = false;
    let mut places = Vec::new();
    cache.look(source, &mut |place, presence| {
        is_somewhere |= matches!(presence, Presence::There(_));
        places.push(shown(place, presence));
    });
    if json {
        print::json(&json!({"found": is_somewhere, "places": places}))?;
    } else {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let row = |place: &Value| {
            let word = if place["there"] == true { "yes" } else { "no" };
            vec![
                word.to_owned(),
                text(&place["place"]),
                text(&place["detail"]),
            ]
        };
        let rows: Vec<Vec<String>> = places.iter().map(row).collect();
        print::table(&["THERE", "PLACE", "DETAIL"], &rows)?;
    }
    match is_somewhere {
        true => Ok(Exit::Done),
        false => Ok(Exit::Failed),
    }
}

fn shown(place: &str, presence: Presence) -> Value {
    let (there, detail) = match presence {
        Presence::There(detail) => (true, detail),
        Presence::NotThere(detail) => (false, detail),
    };
    json!({"place": place, "there": there, "detail": detail})
}
