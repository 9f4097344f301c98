//! From a profile's location to everything that is wanted: load, evaluate, construct.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use slapos_buildout::{Fetch, FetchFailure, LoadOptions, Override, Report, Session, load};
use slapos_cache::{Cache, Source, Store, UrlOrigin};

use crate::BuildError;
use crate::file;
use crate::original::{self, Sections};
use crate::recipe::{Constructed, RecipeBook, World};

/// Everything that is wanted.
pub(crate) struct Wanted {
    /// Names in the order to install.
    pub(crate) order: Vec<String>,
    pub(crate) parts: BTreeMap<String, Constructed>,
    /// Of each part, the parts that are installed before it.
    pub(crate) before: BTreeMap<String, Vec<String>>,
    /// Parts that the original installed just as they are wanted.
    pub(crate) taken_over: Vec<String>,
}

/// Loads a profile, with assignments above it, and constructs its parts; says which the original installed the same.
pub(crate) fn evaluate(
    entry: &str,
    overrides: Vec<Override>,
    world: World<'_>,
    original: Option<&Sections>,
) -> Result<Wanted, BuildError> {
    let options = LoadOptions {
        overrides,
        ..LoadOptions::default()
    };
    let profile = load(entry, &Files, &options)?;
    let book = RecipeBook::new(world);
    let session = Session::new(&profile, &book)?;
    let order = session.parts()?;
    let mut before = BTreeMap::new();
    let parts: BTreeSet<&str> = order.iter().map(String::as_str).collect();
    for part in &order {
        before.insert(part.clone(), parts_behind(&session, part, &parts)?);
    }
    let taken_over = match original {
        Some(original) => original::unchanged(original, &order, &session)?,
        None => Vec::new(),
    };
    drop(session);
    Ok(Wanted {
        order,
        parts: book.into_parts(),
        before,
        taken_over,
    })
}

/// The parts that a section refers to, also through sections that are none.
fn parts_behind(
    session: &Session<'_>,
    section: &str,
    parts: &BTreeSet<&str>,
) -> Result<Vec<String>, Report> {
    let mut seen = BTreeSet::from([section.to_owned()]);
    let mut ahead = session.dependencies(section)?;
    let mut found = Vec::new();
    while let Some(next) = ahead.pop() {
        if !seen.insert(next.clone()) {
            continue;
        }
        if parts.contains(next.as_str()) {
            found.push(next);
        } else {
            ahead.extend(session.dependencies(&next)?);
        }
    }
    Ok(found)
}

/// Profiles from files and from the web.
struct Files;

impl Fetch for Files {
    fn fetch(&self, location: &str) -> Result<String, FetchFailure> {
        if location.contains("://") && !location.starts_with("file://") {
            return fetch_url(location);
        }
        let path = location.strip_prefix("file://").unwrap_or(location);
        match file::read_text(Path::new(path)) {
            Ok(text) => Ok(text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(FetchFailure::NotFound)
            }
            Err(error) => Err(FetchFailure::Failed(error.to_string())),
        }
    }
}

/// A profile changes where it is, so it is fetched each time and its copy is not kept.
fn fetch_url(url: &str) -> Result<String, FetchFailure> {
    let failed = |error: &dyn std::fmt::Display| FetchFailure::Failed(error.to_string());
    let folder = tempfile::tempdir().map_err(|e| failed(&e))?;
    let cache = Cache::new(Store::new(folder.path())).with(UrlOrigin::default());
    let source = Source {
        unpinned: true,
        ..Source::new(url, [])
    };
    match cache.ensure(&source) {
        Ok(found) => file::read_text(&found.path).map_err(|e| failed(&e)),
        Err(error) if error.to_string().contains("404") => Err(FetchFailure::NotFound),
        Err(error) => Err(failed(&error)),
    }
}
