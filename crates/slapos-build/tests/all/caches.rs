//! Builds that get their sources and profiles from caches, with every site gone.

use std::net::TcpListener;
use std::path::Path;

use slapos_cache::bundle::{export, import};
use slapos_cache::serve::{CacheService, Ending, Writers, run};
use slapos_cache::{
    Cache, Entry, Hash, HashKind, Index, Signer, Source, Store, Trusted, UrlOrigin, generate,
    key_of_url,
};

use crate::world::{World, site_for_once};

const BYTES: &[u8] = b"the source";
/// Nobody listens there.
const DEAD: &str = "http://127.0.0.1:9/source-1.0";
const UNPINNED: &str =
    "[a]\nrecipe = slapos.recipe.build:download\nurl = http://127.0.0.1:9/source-1.0\n";

/// A part that is this source.
fn part() -> String {
    let md5 = Hash::of(HashKind::Md5, BYTES);
    format!("{UNPINNED}md5sum = {}\n", md5.hex())
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

/// Serves a store until the test ends; gives its URL.
fn serve(store: Store, trusted: Trusted) -> String {
    let service = CacheService::new(store, trusted, Writers::default(), 1 << 20).unwrap();
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", socket.local_addr().unwrap());
    std::thread::spawn(move || run(socket, service, &Ending::default()).unwrap());
    url
}

#[test]
fn build_from_a_served_cache_needs_no_site() {
    let mut world = World::new();
    world.software(&format!("[buildout]\nparts = a\n{}", part()));
    let failure = world.build().unwrap_err().to_string();
    assert!(failure.contains("no origin has it"), "{failure}");

    let url = serve(fill(&world.at("other")), Trusted::default());
    world.build.origins.caches = vec!["http://127.0.0.1:9".to_owned(), url.clone()];
    let built = world.build().unwrap();
    assert_eq!((built.installed.len(), built.unpinned.len()), (1, 0));
    let log = world.read("software/.slapos/log/a.log");
    assert!(log.contains(&format!("from the cache {url}")), "{log}");
}

#[test]
fn build_without_a_hash_believes_trusted_keys_only() {
    let mut world = World::new();
    world.software(&format!("[buildout]\nparts = a\n{UNPINNED}"));
    let pair = generate().unwrap();
    let store = fill(&world.at("other"));
    let signer = Signer::parse(&pair.private_pem).unwrap();
    let sha256 = Hash::of(HashKind::Sha256, BYTES);
    let entry = Entry::signed(serde_json::Map::new(), &sha256, &signer).unwrap();
    let trusted = Trusted::parse(&pair.public_pem).unwrap();
    Index::new(store.clone())
        .add(&key_of_url(DEAD), entry)
        .unwrap();
    world.build.origins.caches = vec![serve(store, trusted)];

    world.build.origins.trusted = generate().unwrap().public_pem;
    let failure = world.build().unwrap_err().to_string();
    assert!(failure.contains("no origin has it"), "{failure}");
    world.build.origins.trusted = "no key".to_owned();
    let failure = world.build().unwrap_err().to_string();
    assert!(failure.contains("keys that are trusted"), "{failure}");
    world.build.origins.trusted = pair.public_pem;
    assert_eq!(world.build().unwrap().installed, ["a"]);
}
