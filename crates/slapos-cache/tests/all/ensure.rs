//! What `Cache::ensure` gives, keeps and refuses.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use slapos_cache::{
    Cache, Digests, EnsureError, Fetched, Hash, Origin, OriginMiss, Sink, Source, SourceNews, Store,
};

/// An origin that gives these bytes, and counts how often.
struct Giving(&'static [u8], Arc<AtomicUsize>);

impl Origin for Giving {
    fn name(&self) -> &str {
        "giving"
    }
    fn fetch(&self, _: &Source, sink: &mut Sink<'_>) -> Result<Fetched, OriginMiss> {
        self.1.fetch_add(1, Ordering::SeqCst);
        sink.write_all(self.0)
            .map_err(|e| OriginMiss::Failed(e.to_string()))?;
        Ok(Fetched {
            location: "here".to_owned(),
        })
    }
}

struct Lacking;

impl Origin for Lacking {
    fn name(&self) -> &str {
        "lacking"
    }
    fn fetch(&self, _: &Source, _: &mut Sink<'_>) -> Result<Fetched, OriginMiss> {
        Err(OriginMiss::NotHere("never heard of it".to_owned()))
    }
}

fn hashes_of(bytes: &[u8]) -> [Hash; 4] {
    let mut digests = Digests::default();
    digests.update(bytes);
    digests.finish()
}

fn counter() -> Arc<AtomicUsize> {
    Arc::new(AtomicUsize::new(0))
}

/// Everything in a store that is neither a lock nor an empty folder.
fn files_below(dir: &std::path::Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() && !path.is_symlink() {
                true => folders.push(path),
                false => found.push(path.strip_prefix(dir).unwrap().display().to_string()),
            }
        }
    }
    found.retain(|path| !path.starts_with("lock/"));
    found.sort();
    found
}

#[test]
fn ensure_fetches_once_and_then_serves_by_any_hash() {
    let dir = tempfile::tempdir().unwrap();
    let count = counter();
    let cache = Cache::new(Store::new(dir.path()))
        .with(Lacking)
        .with(Giving(b"bytes", Arc::clone(&count)));
    let first = cache
        .ensure(&Source::new("u", [hashes_of(b"bytes")[2].clone()]))
        .unwrap();
    assert_eq!(first.origin.as_deref(), Some("giving"));
    assert_eq!(std::fs::read(&first.path).unwrap(), b"bytes");
    for hash in hashes_of(b"bytes") {
        let again = cache.ensure(&Source::new("other", [hash])).unwrap();
        assert_eq!((again.path, again.origin), (first.path.clone(), None));
    }
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[test]
fn ensure_with_a_wrong_hash_keeps_nothing_and_names_both() {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::new(Store::new(dir.path()))
        .with(Giving(b"bytes", counter()))
        .with(Lacking);
    let wanted = hashes_of(b"other bytes")[2].clone();
    let error = cache
        .ensure(&Source::new("http://h/a.tar", [wanted.clone()]))
        .unwrap_err();
    let text = error.to_string();
    for part in [
        "a.tar",
        "giving: here gave 5 bytes with the wrong hash",
        wanted.hex(),
        hashes_of(b"bytes")[2].hex(),
        "lacking: never heard of it",
    ] {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
    assert_eq!(files_below(dir.path()), Vec::<String>::new());
}

#[test]
fn ensure_needs_every_hash_to_hold() {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::new(Store::new(dir.path())).with(Giving(b"bytes", counter()));
    let right = hashes_of(b"bytes")[2].clone();
    let wrong = hashes_of(b"other")[0].clone();
    cache.ensure(&Source::new("u", [right.clone()])).unwrap();
    assert!(matches!(
        cache.ensure(&Source::new("u", [right, wrong])),
        Err(EnsureError::Nowhere { .. })
    ));
}

#[test]
fn ensure_without_a_hash_is_refused_unless_allowed() {
    let dir = tempfile::tempdir().unwrap();
    let count = counter();
    let cache = Cache::new(Store::new(dir.path())).with(Giving(b"bytes", Arc::clone(&count)));
    let source = Source::new("http://h/a.tar", []);
    assert!(matches!(
        cache.ensure(&source),
        Err(EnsureError::NoHash { .. })
    ));
    let unpinned = Source {
        unpinned: true,
        ..source
    };
    assert!(!cache.ensure(&unpinned).unwrap().pinned);
    assert!(!cache.ensure(&unpinned).unwrap().pinned);
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[test]
fn ensure_of_a_damaged_file_fetches_it_again() {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::new(Store::new(dir.path())).with(Giving(b"bytes", counter()));
    let source = Source::new("u", [hashes_of(b"bytes")[0].clone()]);
    let path = cache.ensure(&source).unwrap().path;
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, b"bytez").unwrap();
    assert_eq!(
        std::fs::read(cache.ensure(&source).unwrap().path).unwrap(),
        b"bytes"
    );
}

#[test]
fn ensure_of_one_source_by_many_threads_downloads_once() {
    let dir = tempfile::tempdir().unwrap();
    let count = counter();
    let cache = Cache::new(Store::new(dir.path())).with(Giving(b"bytes", Arc::clone(&count)));
    let source = Source::new("u", [hashes_of(b"bytes")[3].clone()]);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| cache.ensure(&source).unwrap());
        }
    });
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[test]
fn ensure_stops_when_the_watch_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::new(Store::new(dir.path()))
        .with(Giving(b"bytes", counter()))
        .with(Lacking);
    let source = Source::new("u", [hashes_of(b"bytes")[2].clone()]);
    let error = cache.ensure_watched(&source, &mut |_| false).unwrap_err();
    assert!(matches!(error, EnsureError::Stopped { .. }), "{error}");
    assert_eq!(files_below(dir.path()), Vec::<String>::new());
}

#[test]
fn ensure_in_a_store_that_cannot_be_written_says_where() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let cache = Cache::new(Store::new(file.join("store"))).with(Giving(b"bytes", counter()));
    let error = cache
        .ensure(&Source::new("u", [hashes_of(b"bytes")[2].clone()]))
        .unwrap_err();
    assert!(error.to_string().contains("in the store"), "{error}");
}

#[test]
fn ensure_tells_a_wrong_hash_before_it_asks_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let count = counter();
    let cache = Cache::new(Store::new(dir.path()))
        .with(Giving(b"wrong", counter()))
        .with(Giving(b"bytes", Arc::clone(&count)));
    let wanted = hashes_of(b"bytes")[0].clone();
    let mut said = Vec::new();
    let source = Source::new("u", [wanted.clone()]);
    let found = cache.ensure_watched(&source, &mut |news| {
        if let SourceNews::Said(text) = news {
            said.push((count.load(Ordering::SeqCst), text.to_owned()));
        }
        true
    });
    assert_eq!(std::fs::read(found.unwrap().path).unwrap(), b"bytes");
    let [(asked_before, text)] = &said[..] else {
        panic!("{said:?}");
    };
    assert_eq!(*asked_before, 0);
    for part in [wanted.hex(), hashes_of(b"wrong")[0].hex(), "asking giving"] {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
}
