//! Builds that get their sources and profiles from caches, with every site gone.

use std::path::Path;

use slapos_cache::bundle::{export, import};
use slapos_cache::{Cache, Hash, HashKind, Source, Store, UrlOrigin};

use crate::world::{World, site_for_once};

const BYTES: &[u8] = b"the source";
/// Nobody listens there.
const DEAD: &str = "http://127.0.0.1:9/source-1.0";

/// A part that is this source.
fn part() -> String {
    let md5 = Hash::of(HashKind::Md5, BYTES);
    format!(
        "[a]\nrecipe = slapos.recipe.build:download\nurl = {DEAD}\nmd5sum = {}\n",
        md5.hex()
    )
}

/// Puts the source into the store in this folder.
fn fill(folder: &Path) -> Store {
    let store = Store::new(folder);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), BYTES).unwrap();
    let source = Source::new(
        file.path().to_str().unwrap(),
        [Hash::of(HashKind::Md5, BYTES)],
    );
    let cache = Cache::new(store.clone()).with(UrlOrigin::default());
    cache.ensure(&source).unwrap();
    store
}

#[test]
fn build_elsewhere_needs_nothing_but_the_exported_cache() {
    let mut world = World::new();
    let store = fill(&world.build.cache);
    let (url, site) = site_for_once(part());
    world.software(&format!("[buildout]\nextends = {url}\nparts = a\n"));
    world.build().unwrap();
    site.join().unwrap();
    let archive = world.at("all.tar");
    let moved = export(&store, &archive).unwrap();
    assert_eq!((moved.contents, moved.profiles), (1, 1));

    let mut other = World::new();
    other.software(&world.read("profile/software.cfg"));
    import(&Store::new(&other.build.cache), &archive).unwrap();
    let built = other.build().unwrap();
    assert_eq!(built.installed, ["a"]);
    assert!(
        built.warnings[0].contains("the copy of before"),
        "{built:?}"
    );
}
