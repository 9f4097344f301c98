//! Parts that are taken as others built them, from a real cache, and from caches that lie, break and dawdle.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use slapos_build::{PartState, Pushed, push_built};
use slapos_cache::serve::{CacheService, Ending, Writers, run};
use slapos_cache::{KeyPair, RemoteCache, Signer, Store, Trusted, generate};

use crate::world::World;

/// `FILE` is what is compiled.
const PROFILE: &str = "[buildout]
parts = a
[a]
recipe = slapos.recipe.cmmi
shared = true
path = ${:_profile_base_location_}/package
configure-command = true
make-options = PREFIX=@@LOCATION@@
make-targets = install
";

/// A world where the part was built and put into a cache of its own.
struct Cached {
    world: World,
    keys: KeyPair,
    /// The real cache.
    url: String,
    pushed: Vec<Pushed>,
}

impl Cached {
    /// `what` is what the part installs, with `$(PREFIX)` for its place.
    fn of(what: &str) -> Cached {
        let mut world = World::new();
        world.software(PROFILE);
        world.write(
            "profile/package/Makefile",
            &format!(
                "all:\n\ninstall:\n\techo built >> {}\n\tmkdir -p $(PREFIX)/bin\n\techo '{what}' > $(PREFIX)/bin/a\n",
                world.at("count").display()
            ),
        );
        let built = world.build().unwrap();
        assert_eq!(built.parts["a"].state, PartState::Installed);
        let keys = generate().unwrap();
        let trusted = Trusted::parse(&keys.public_pem).unwrap();
        let near = Writers {
            addresses: vec!["127.0.0.1".parse().unwrap()],
            ..Writers::default()
        };
        let store = Store::new(world.at("served"));
        let service = CacheService::new(store, trusted.clone(), near, 1 << 24).unwrap();
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", socket.local_addr().unwrap());
        std::thread::spawn(move || run(socket, service, &Ending::default()).unwrap());
        let remote = RemoteCache::new(url.as_str().into(), trusted);
        let signer = Signer::parse(&keys.private_pem).unwrap();
        let pushed = push_built(&world.build.root, &remote, &signer, &mut |_| {}).unwrap();
        world.build.origins.trusted.clone_from(&keys.public_pem);
        Cached {
            world,
            keys,
            url,
            pushed,
        }
    }

    /// How often the part was really built.
    fn builds(&self) -> usize {
        self.world.read("count").lines().count()
    }

    /// Builds into new folders, with this cache of built parts.
    fn build_elsewhere(&mut self, cache: &str) -> slapos_build::PartOutcome {
        self.move_on();
        self.build_again(cache)
    }

    fn build_again(&mut self, cache: &str) -> slapos_build::PartOutcome {
        self.world.build.origins.built = vec![cache.to_owned()];
        let built = self.world.build().unwrap();
        built.parts["a"].clone()
    }

    fn move_on(&mut self) {
        let next = self.builds();
        for (place, name) in [
            (&mut self.world.build.root, "root"),
            (self.world.build.shared.as_mut().unwrap(), "shared"),
        ] {
            *place = place.with_file_name(format!(
                "{name}-{next}-{}",
                place.display().to_string().len()
            ));
        }
    }

    fn installed(&self, part: &slapos_build::PartOutcome) -> String {
        std::fs::read_to_string(part.location.as_ref().unwrap().join("bin/a")).unwrap()
    }
}

#[test]
fn part_that_a_trusted_key_signed_is_taken_and_not_built() {
    let mut cached = Cached::of("hello");
    assert!(!cached.pushed[0].is_bound && cached.pushed[0].skipped.is_none());
    let url = cached.url.clone();
    // No compiler and no make: it could not be built.
    cached.world.build.path = "/nowhere".to_owned();
    let part = cached.build_elsewhere(&url);
    assert_eq!(
        (cached.builds(), cached.installed(&part).as_str()),
        (1, "hello\n")
    );
    let given = part.given.clone().unwrap();
    let id = Trusted::parse(&cached.keys.public_pem).unwrap();
    assert_eq!(given.cache, url);
    assert_eq!(given.signer, id.ids().next().unwrap().to_string());
    // It is recorded as any other, and nothing is done the next time.
    let again = cached.build_again("http://127.0.0.1:9");
    assert_eq!((again.state, again.given), (PartState::Kept, Some(given)));
}

#[test]
fn part_that_holds_its_path_is_taken_for_that_path_only() {
    let mut cached = Cached::of("$(PREFIX)/lib");
    assert!(cached.pushed[0].is_bound);
    let url = cached.url.clone();
    // Elsewhere it is built.
    let first = (
        cached.world.build.root.clone(),
        cached.world.build.shared.clone(),
    );
    let part = cached.build_elsewhere(&url);
    assert_eq!((cached.builds(), part.given), (2, None));
    // In the same place on another machine it is taken.
    (cached.world.build.root, cached.world.build.shared) = first;
    for place in [
        &cached.world.build.root,
        cached.world.build.shared.as_ref().unwrap(),
    ] {
        std::fs::remove_dir_all(place).unwrap();
    }
    let part = cached.build_again(&url);
    assert!(part.given.is_some());
    assert_eq!(cached.builds(), 2);
}

#[test]
fn part_that_a_stranger_signed_is_built() {
    let mut cached = Cached::of("hello");
    let url = cached.url.clone();
    cached.world.build.origins.trusted = generate().unwrap().public_pem;
    let part = cached.build_elsewhere(&url);
    assert_eq!((cached.builds(), part.given), (2, None));
    cached.world.build.origins.trusted = String::new();
    cached.move_on();
    let failure = cached.world.build().unwrap_err().to_string();
    assert!(failure.contains("name the keys"), "{failure}");
}

/// What a cache does to what the real one answers.
#[derive(Clone, Copy, Debug)]
enum Malice {
    /// Changes a byte of the archive.
    Tampers,
    /// Ends an archive early, with the length of the whole.
    Truncates,
    /// Ends an archive early, and says that this is all.
    Shortens,
    /// Changes what was signed.
    Forges,
    /// Answers every question with what it has of another key.
    Mixes,
    Breaks,
    Babbles,
    /// Takes the question and says nothing.
    Hangs,
    /// Sends a byte now and then.
    Trickles,
}

impl Malice {
    /// Stands before the real cache.
    fn before(self, real: &str) -> String {
        let real = real.trim_start_matches("http://").to_owned();
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", socket.local_addr().unwrap());
        std::thread::spawn(move || {
            for stream in socket.incoming() {
                let (stream, real) = (stream.unwrap(), real.clone());
                // Who asks goes away in the middle of some answers.
                std::thread::spawn(move || drop(self.answer(stream, &real)));
            }
        });
        url
    }

    fn answer(self, mut stream: TcpStream, real: &str) -> std::io::Result<()> {
        let mut request = [0; 8192];
        let count = stream.read(&mut request)?;
        let text = String::from_utf8_lossy(&request[..count]).into_owned();
        let path = text.split(' ').nth(1).unwrap_or_default().to_owned();
        let is_content = path.contains("/content/");
        let path = match self {
            Malice::Mixes => path.replacen("slapos-part:", "slapos-part:other", 1),
            _ => path,
        };
        let mut upstream = TcpStream::connect(real)?;
        write!(
            upstream,
            "GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
        )?;
        let mut answer = Vec::new();
        upstream.read_to_end(&mut answer)?;
        let end = answer
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .unwrap()
            + 4;
        let body = answer.split_off(end);
        let middle = body.len() / 2;
        match (self, is_content) {
            (Malice::Tampers, true) => {
                let mut body = body;
                body[middle] ^= 1;
                answer.extend(body);
            }
            (Malice::Truncates, true) => answer.extend(&body[..middle]),
            (Malice::Shortens, true) => {
                answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {middle}\r\n\r\n").into();
                answer.extend(&body[..middle]);
            }
            (Malice::Forges, false) => {
                let text = String::from_utf8_lossy(&body)
                    .replace("\\\"is_bound\\\":false", "\\\"is_bound\\\":true ");
                answer.extend(text.into_bytes());
            }
            (Malice::Breaks, _) => answer = b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n".into(),
            (Malice::Babbles, _) => {
                answer = b"HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n<html>log in</ht".into();
            }
            (Malice::Hangs, _) => {
                // Until who asked is gone.
                let _ = stream.read(&mut request)?;
                return Ok(());
            }
            (Malice::Trickles, _) => {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")?;
                loop {
                    stream.write_all(b" ")?;
                    std::thread::park_timeout(Duration::from_millis(100));
                }
            }
            _ => answer.extend(body),
        }
        stream.write_all(&answer)
    }
}

#[test]
fn cache_of_parts_that_lies_or_breaks_costs_no_build() {
    for malice in [
        Malice::Tampers,
        Malice::Truncates,
        Malice::Shortens,
        Malice::Forges,
        Malice::Mixes,
        Malice::Breaks,
        Malice::Babbles,
    ] {
        let mut cached = Cached::of("hello");
        let url = malice.before(&cached.url);
        let begun = Instant::now();
        let part = cached.build_elsewhere(&url);
        assert!(part.given.is_none(), "{malice:?}");
        assert_eq!(
            (cached.builds(), cached.installed(&part).as_str()),
            (2, "hello\n")
        );
        assert!(begun.elapsed() < Duration::from_secs(20), "{malice:?}");
        let left: Vec<PathBuf> = std::fs::read_dir(cached.world.build.root.join(".slapos/build"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        assert!(left.is_empty(), "{malice:?} left {left:?}");
    }
}

#[test]
fn cache_of_parts_that_hangs_or_dawdles_costs_seconds() {
    let tries = [Malice::Hangs, Malice::Trickles].map(|malice| {
        std::thread::spawn(move || {
            let mut cached = Cached::of("hello");
            let url = malice.before(&cached.url);
            let begun = Instant::now();
            let part = cached.build_elsewhere(&url);
            assert_eq!((cached.builds(), part.given), (2, None), "{malice:?}");
            begun.elapsed()
        })
    });
    for elapsed in tries.map(|one| one.join().unwrap()) {
        // 8 s of silence, or of hardly anything.
        assert!(elapsed < Duration::from_secs(20), "{elapsed:?}");
    }
}
