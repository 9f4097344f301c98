//! From a profile's location to everything that is wanted: load, evaluate, construct.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use slapos_buildout::{LoadOptions, Override, Report, Session, load};
use slapos_cache::{Disk, Freshness, Hash, host_machine};

use crate::lock::Lock;
use crate::original::{self, Sections};
use crate::recipe::{Constructed, RecipeBook, World};
use crate::{BuildError, own};

/// Everything that is wanted.
pub(crate) struct Wanted {
    /// Names in the order to install.
    pub(crate) order: Vec<String>,
    pub(crate) parts: BTreeMap<String, Constructed>,
    /// Of each part, the parts that are installed before it.
    pub(crate) before: BTreeMap<String, Vec<String>>,
    /// The option `location` of each part that has one.
    pub(crate) locations: BTreeMap<String, PathBuf>,
    /// Whether parts that are not in here stay as they are.
    pub(crate) is_some_parts_only: bool,
    /// What a person should know of how the profile was had.
    pub(crate) warnings: Vec<String>,
    /// SHA-256 of every profile that came from the web, by URL.
    pub(crate) profiles: BTreeMap<String, Hash>,
    /// Parts that the original installed just as they are wanted.
    pub(crate) taken_over: Vec<String>,
}

/// Loads a profile, with assignments above it, and constructs its parts; says which the original installed the same.
/// With a lock no other profile is taken from the web.
pub(crate) fn evaluate(
    entry: &str,
    overrides: Vec<Override>,
    world: World<'_>,
    (original, lock): (Option<&Sections>, Option<&Lock>),
) -> Result<Wanted, BuildError> {
    let options = LoadOptions {
        overrides,
        machine: host_machine(),
        ..LoadOptions::default()
    };
    // A profile on the web may change, so its site is asked; when that fails, the copy of before serves. Copies are
    // kept with the sources, so that a cache that is moved elsewhere has all that a build needs.
    let copies = match world.cache {
        Some(cache) => cache.store().profiles(),
        None => own::folder(&world.directory).join("profiles"),
    };
    let mut disk = Disk::new(copies, Freshness::Newest);
    if let Some(lock) = lock {
        disk = disk.with_pins(lock.profile_pins());
    }
    let profile = load(entry, &disk, &options)?;
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
    book.freeze(&session, &order)?;
    let mut locations = BTreeMap::new();
    for part in &order {
        if let Some(location) = session.find(part, "location")? {
            locations.insert(part.clone(), PathBuf::from(location.into_text()));
        }
    }
    drop(session);
    Ok(Wanted {
        warnings: disk.take_warnings(),
        profiles: disk.used(),
        order,
        parts: book.into_parts(),
        before,
        locations,
        is_some_parts_only: false,
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
