//! A store that goes to another place in one file.

use std::fs;
use std::io::Write;
use std::path::Path;

use slapos_cache::bundle::{BundleError, export, import};
use slapos_cache::{
    Cache, Entry, Freshness, Hash, HashKind, Index, ProfileFetcher, Signer, Source, Store,
    UrlOrigin, generate,
};

use crate::site::Site;

/// A store with a pinned and an unpinned source, an entry, and a profile.
fn filled(folder: &Path) -> (Store, Source, Source, Entry, String) {
    let store = Store::new(folder.join("store"));
    let cache = Cache::new(store.clone()).with(UrlOrigin::default());
    let pinned_file = folder.join("pinned");
    fs::write(&pinned_file, "pinned").unwrap();
    let hash = Hash::of(HashKind::Md5, b"pinned");
    let pinned = Source::new(pinned_file.to_str().unwrap(), [hash.clone()]);
    cache.ensure(&pinned).unwrap();
    let unpinned_file = folder.join("unpinned");
    fs::write(&unpinned_file, "unpinned").unwrap();
    let unpinned = Source {
        unpinned: true,
        ..Source::new(unpinned_file.to_str().unwrap(), [])
    };
    cache.ensure(&unpinned).unwrap();
    let signer = Signer::parse(&generate().unwrap().private_pem).unwrap();
    let sha256 = Hash::of(HashKind::Sha256, b"pinned");
    let entry = Entry::signed(serde_json::Map::new(), &sha256, &signer).unwrap();
    Index::new(store.clone()).add("key", entry.clone()).unwrap();
    let site = Site::serving(b"[buildout]\nparts =\n");
    let fetcher = ProfileFetcher::new(store.profiles(), Freshness::Kept);
    fetcher.fetch(&site.url).unwrap();
    for path in [pinned_file, unpinned_file] {
        fs::remove_file(path).unwrap();
    }
    (store, pinned, unpinned, entry, site.url)
}

#[test]
fn import_gives_what_export_took() {
    let folder = tempfile::tempdir().unwrap();
    let (store, pinned, unpinned, entry, url) = filled(folder.path());

    let archive = folder.path().join("all.tar");
    let moved = export(&store, &archive).unwrap();
    assert_eq!((moved.contents, moved.bytes), (2, 14));
    assert_eq!((moved.profiles, moved.keys), (1, 1));
    let again = folder.path().join("again.tar");
    export(&store, &again).unwrap();
    assert!(fs::read(&archive).unwrap() == fs::read(again).unwrap());

    let other = Store::new(folder.path().join("other"));
    assert_eq!(import(&other, &archive).unwrap(), moved);
    let cache = Cache::new(other.clone());
    let found = cache.ensure(&pinned).unwrap();
    assert_eq!(fs::read(found.path).unwrap(), b"pinned");
    let found = cache.ensure(&unpinned).unwrap();
    assert_eq!(fs::read(found.path).unwrap(), b"unpinned");
    assert_eq!(Index::new(other.clone()).find("key").unwrap(), [entry]);
    let fetcher = ProfileFetcher::new(other.profiles(), Freshness::Offline);
    assert!(fetcher.fetch(&url).unwrap().text.starts_with("[buildout]"));
    // Again: all is known.
    let moved = import(&other, &archive).unwrap();
    assert_eq!((moved.contents, moved.known), (0, 2));
}

#[test]
fn import_of_a_changed_archive_takes_nothing_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let (store, ..) = filled(folder.path());
    let archive = folder.path().join("all.tar");
    export(&store, &archive).unwrap();
    let bytes = fs::read(&archive).unwrap();
    let at = bytes
        .windows(8)
        .position(|window| window == b"unpinned")
        .unwrap();
    let mut evil = bytes.clone();
    evil[at] = b'U';
    fs::write(&archive, &evil).unwrap();
    let other = Store::new(folder.path().join("other"));
    let error = import(&other, &archive).unwrap_err();
    assert!(matches!(error, BundleError::Damaged { .. }), "{error}");
    let found =
        Cache::new(other).ensure(&Source::new("", [Hash::of(HashKind::Sha256, b"Unpinned")]));
    assert!(found.is_err());
    // The end of an archive is two empty blocks, of which nothing is missed.
    for cut in (0..bytes.len() - 1024).step_by(256) {
        fs::write(&archive, &bytes[..cut]).unwrap();
        let other = Store::new(folder.path().join(cut.to_string()));
        assert!(
            import(&other, &archive).is_err(),
            "{cut} of {}",
            bytes.len()
        );
    }
}

#[test]
fn import_of_what_is_no_archive_of_a_cache_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("a.tar");
    let store = Store::new(folder.path().join("store"));
    fs::write(&archive, "text").unwrap();
    import(&store, &archive).unwrap_err();
    for name in ["content/../../x", "other", "slapos-cache.json"] {
        let mut builder = tar::Builder::new(Vec::new());
        let mut head = tar::Header::new_gnu();
        head.set_size(1);
        head.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        head.set_cksum();
        builder.append(&head, &b"x"[..]).unwrap();
        let mut file = fs::File::create(&archive).unwrap();
        file.write_all(&builder.into_inner().unwrap()).unwrap();
        let error = import(&store, &archive).unwrap_err();
        assert!(matches!(error, BundleError::NotOne { .. }), "{error}");
    }
}

#[test]
fn verify_removes_what_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let (store, pinned, ..) = filled(folder.path());
    let place = Cache::new(store.clone()).ensure(&pinned).unwrap().path;
    fs::remove_file(&place).unwrap();
    fs::write(&place, "Pinned").unwrap();
    let seen = store.verify(true).unwrap();
    assert_eq!((seen.contents, seen.damaged.len()), (2, 1));
    assert!(place.exists());
    store.verify(false).unwrap();
    assert!(!place.exists());
    assert_eq!(store.verify(false).unwrap().contents, 1);
}
