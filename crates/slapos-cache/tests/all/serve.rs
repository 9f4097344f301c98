//! A cache that serves, and readers and writers of it, over loopback.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use slapos_cache::serve::{CacheService, Ending, Writers, run};
use slapos_cache::{
    Cache, CacheTimeouts, Entry, Hash, HashKind, KeyPair, Origin, RemoteCache, RemoteError, Signer,
    Source, Store, Trusted, Wire, generate, key_of_url,
};

use crate::site::Site;

static OURS: LazyLock<KeyPair> = LazyLock::new(|| with_old(include_str!("keys/ours.pem")));
static THEIRS: LazyLock<KeyPair> = LazyLock::new(|| with_old(include_str!("keys/theirs.pem")));

/// A pair of ours, and the RSA key and its certificate that OpenSSL made.
fn with_old(old: &str) -> KeyPair {
    let ours = generate().unwrap();
    KeyPair {
        private_pem: format!("{}{old}", ours.private_pem),
        public_pem: format!("{}{old}", ours.public_pem),
    }
}

fn trusted() -> Trusted {
    Trusted::parse(&OURS.public_pem).unwrap()
}

fn signer(pair: &KeyPair) -> Signer {
    Signer::parse(&pair.private_pem).unwrap()
}

struct Server {
    url: String,
    folder: tempfile::TempDir,
    ending: Ending,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ending.raise();
    }
}

impl Server {
    fn start(writers: Writers, bytes_max: u64) -> Server {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path());
        let service = CacheService::new(store, trusted(), writers, bytes_max).unwrap();
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", socket.local_addr().unwrap());
        let ending = Ending::default();
        let same = ending.clone();
        std::thread::spawn(move || run(socket, service, &same).unwrap());
        Server {
            url,
            folder,
            ending,
        }
    }

    fn writable() -> Server {
        let near = Writers {
            addresses: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
            ..Writers::default()
        };
        Server::start(near, 1 << 20)
    }

    fn native(&self) -> Wire {
        Wire::Native(self.url.clone())
    }

    fn shacache(&self) -> Wire {
        Wire::Shacache {
            contents: format!("{}/shacache", self.url),
            entries: format!("{}/shadir", self.url),
        }
    }

    fn wires(&self) -> [Wire; 2] {
        [self.native(), self.shacache()]
    }
}

fn file(folder: &Path, bytes: &[u8]) -> PathBuf {
    let path = folder.join("file");
    fs::write(&path, bytes).unwrap();
    path
}

fn entry(content: &Hash, pair: &KeyPair) -> Entry {
    let fields = serde_json::Map::from_iter([("url".to_owned(), "http://h/a.tar.gz".into())]);
    Entry::signed(fields, content, &signer(pair)).unwrap()
}

fn local_cache(folder: &Path, origin: impl Origin + 'static) -> Cache {
    Cache::new(Store::new(folder)).with(origin)
}

#[test]
fn upload_is_found_by_each_hash_and_by_its_url_on_both_wires() {
    let server = Server::writable();
    let work = tempfile::tempdir().unwrap();
    for (number, wire) in server.wires().into_iter().enumerate() {
        let bytes = format!("content {number}").into_bytes();
        let url = format!("http://127.0.0.1:1/{number}/a.tar.gz");
        let cache = RemoteCache::new(wire.clone(), trusted());
        let sha512 = cache.upload(&file(work.path(), &bytes)).unwrap();
        // Again: it is there.
        assert_eq!(cache.upload(&file(work.path(), &bytes)).unwrap(), sha512);
        cache
            .publish(&key_of_url(&url), &entry(&sha512, &OURS))
            .unwrap();

        for kind in HashKind::ALL {
            let folder = tempfile::tempdir().unwrap();
            let local = local_cache(folder.path(), cache.clone());
            let source = Source::new(url.as_str(), [Hash::of(kind, &bytes)]);
            let found = local.ensure(&source).unwrap();
            assert_eq!(fs::read(found.path).unwrap(), bytes, "{kind:?} {wire:?}");
        }
        let folder = tempfile::tempdir().unwrap();
        let source = Source {
            unpinned: true,
            ..Source::new(url.as_str(), [])
        };
        let found = local_cache(folder.path(), cache).ensure(&source).unwrap();
        assert_eq!(fs::read(found.path).unwrap(), bytes);
    }
}

#[test]
fn entry_counts_only_when_a_trusted_key_signed_it() {
    let server = Server::writable();
    let work = tempfile::tempdir().unwrap();
    for wire in server.wires() {
        let cache = RemoteCache::new(wire.clone(), trusted());
        let sha512 = cache.upload(&file(work.path(), b"x")).unwrap();
        let refused = cache.publish("k", &entry(&sha512, &THEIRS)).unwrap_err();
        assert!(matches!(refused, RemoteError::Status(403, _)), "{refused}");
        cache.publish("k", &entry(&sha512, &OURS)).unwrap();
        assert_eq!(cache.entries("k").unwrap().len(), 1);
        let strangers = Trusted::parse(&THEIRS.public_pem).unwrap();
        for nobody in [strangers, Trusted::default()] {
            let reader = RemoteCache::new(wire.clone(), nobody);
            assert_eq!(reader.entries("k").unwrap(), []);
        }
    }
}

#[test]
fn write_without_a_right_is_refused() {
    let token = Hash::of(HashKind::Sha256, b"secret");
    let writers = Writers {
        tokens: vec![token],
        ..Writers::default()
    };
    let server = Server::start(writers, 1 << 20);
    let work = tempfile::tempdir().unwrap();
    let path = file(work.path(), b"x");
    for wire in server.wires() {
        let cache = RemoteCache::new(wire, trusted());
        let sha512 = Hash::of(HashKind::Sha512, b"x");
        for cache in [cache.clone(), cache.clone().with_token("guess")] {
            let refused = cache.upload(&path).unwrap_err();
            assert!(matches!(refused, RemoteError::Status(403, _)), "{refused}");
            let refused = cache.publish("k", &entry(&sha512, &OURS)).unwrap_err();
            assert!(matches!(refused, RemoteError::Status(403, _)), "{refused}");
        }
        cache.clone().with_token("secret").upload(&path).unwrap();
        fs::remove_dir_all(server.folder.path().join("sha256")).unwrap();
    }
}

#[test]
fn upload_beyond_the_room_is_refused_and_leaves_nothing() {
    let near = Server::writable();
    let work = tempfile::tempdir().unwrap();
    let cache = RemoteCache::new(near.native(), trusted());
    let large = file(work.path(), &vec![0; (1 << 20) + 1]);
    let refused = cache.upload(&large).unwrap_err();
    assert!(matches!(refused, RemoteError::Status(507, _)), "{refused}");
    assert_eq!(Store::new(near.folder.path()).bytes().unwrap(), 0);
    cache.upload(&file(work.path(), &vec![0; 1 << 20])).unwrap();
    let refused = cache.upload(&file(work.path(), b"one more")).unwrap_err();
    assert!(matches!(refused, RemoteError::Status(507, _)), "{refused}");
}

#[test]
fn content_that_was_changed_in_the_cache_is_not_taken() {
    let server = Server::writable();
    let work = tempfile::tempdir().unwrap();
    let cache = RemoteCache::new(server.native(), trusted());
    cache.upload(&file(work.path(), b"good")).unwrap();
    let sha256 = Hash::of(HashKind::Sha256, b"good");
    let folder = server.folder.path().join("sha256").join(&sha256.hex()[..2]);
    let place = folder.join(sha256.hex());
    fs::remove_file(&place).unwrap();
    fs::write(&place, "evil").unwrap();
    let local = tempfile::tempdir().unwrap();
    let source = Source::new("http://127.0.0.1:1/a", [sha256]);
    let error = local_cache(local.path(), cache)
        .ensure(&source)
        .unwrap_err();
    assert!(error.to_string().contains("in place of"), "{error}");
}

#[test]
fn cache_that_is_silent_slow_or_down_costs_seconds_and_then_rests() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_url = format!("http://{}", silent.local_addr().unwrap());
    let html = Site::serving(b"<html>log in</html>");
    let half = Site::answering(*b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    let origin = |site: &str| site.trim_end_matches("/thing-1.0.tar.gz").to_owned();
    let sha256 = Hash::of(HashKind::Sha256, b"x");
    for url in [
        silent_url,
        origin(&html.url),
        origin(&half.url),
        "http://127.0.0.1:1".to_owned(),
    ] {
        let cache = RemoteCache::new(Wire::Native(url.clone()), trusted());
        let cache = cache.with_timeouts(CacheTimeouts {
            read: Duration::from_millis(500),
            ..CacheTimeouts::default()
        });
        let source = Source::new("http://127.0.0.1:1/a", [sha256.clone()]);
        let folder = tempfile::tempdir().unwrap();
        let local = local_cache(folder.path(), cache);
        let start = Instant::now();
        for _ in 0..5 {
            local.ensure(&source).unwrap_err();
        }
        // Two failures, and then it is not asked.
        assert!(start.elapsed() < Duration::from_secs(20), "{url}");
        let error = local.ensure(&source).unwrap_err().to_string();
        assert!(error.contains("left alone"), "{url}: {error}");
    }
}

#[test]
fn shacache_answers_as_libnetworkcache_expects() {
    let server = Server::writable();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::blocking::Client::new();
    let contents = format!("{}/shacache", server.url);
    let sha512 = Hash::of(HashKind::Sha512, b"hello cache\n");
    // K09
    let url = format!("{contents}/{}", sha512.hex());
    assert_eq!(client.get(&url).send().unwrap().status(), 404);
    let dir = format!("{}/shadir/pypi:hello=1.0", server.url);
    assert_eq!(client.get(&dir).send().unwrap().status(), 404);
    // K01
    let answer = client.post(&contents).body("hello cache\n").send().unwrap();
    assert_eq!(answer.status(), 201);
    assert_eq!(answer.text().unwrap(), sha512.hex());
    // K06
    let answer = client.get(&url).header("range", "bytes=6-").send().unwrap();
    assert_eq!(answer.status(), 206);
    assert_eq!(answer.headers()["accept-ranges"], "bytes");
    assert_eq!(answer.text().unwrap(), "cache\n");
    // K07
    let wrong = format!("{contents}/{}", Hash::of(HashKind::Sha512, b"").hex());
    let answer = client.put(&wrong).body("hello").send().unwrap();
    assert_eq!(answer.status(), 400);
    assert_eq!(answer.text().unwrap().trim(), "Checksum mismatch");
    // K08
    for body in ["{}", "\"a\"", "[\"a\", \"b\", \"c\"]"] {
        let answer = client.put(&dir).body(body).send().unwrap();
        assert_eq!(answer.status(), 400, "{body}");
    }
    // Under the names that a proxy gives them, too.
    let proxy = format!("{}/shacache/cache/{}", server.url, sha512.hex());
    assert_eq!(client.get(&proxy).send().unwrap().status(), 200);
}
