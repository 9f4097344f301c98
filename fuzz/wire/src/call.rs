//! Any call of a master, without a socket: what it is answered, and that it is answered.
//!
//! A feature of its own, since a master with a sanitizer takes long to build. Start with [`call`].

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use slapos_master::{Database, MasterConfig, ProxyConfig, bootstrap, router};
use slapos_model::{Clock, RandomSource};
use slapos_testkit::{FakeClock, SeededRandom};
use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;
use tower_service::Service;

/// Calls to one master; then comes a new one, so that what a call met is not too far away.
const CALLS_A_MASTER: usize = 2000;

/// A master in the proxy's dialect, which believes everybody, so that a call comes far.
struct World {
    runtime: tokio::runtime::Runtime,
    router: Router,
    clock: Arc<FakeClock>,
    token: String,
    calls: usize,
    _dir: tempfile::TempDir,
}

thread_local! {
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
}

/// Makes a call: a line `METHOD path?query`, then the body. It is answered, and not by a fault of the master.
pub fn call(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n');
    let (head, body) = data.split_at(end.unwrap_or(data.len()));
    let Some((method, path)) = std::str::from_utf8(head)
        .ok()
        .and_then(|head| head.split_once(' '))
    else {
        return;
    };
    // A stream never ends.
    if path.contains("watch") {
        return;
    }
    let body = body.get(1..).unwrap_or_default().to_vec();
    WORLD.with_borrow_mut(|world| {
        if world
            .as_ref()
            .is_some_and(|world| world.calls >= CALLS_A_MASTER)
        {
            *world = None;
        }
        world
            .get_or_insert_with(World::start)
            .call(method, path, body);
    });
}

impl World {
    fn start() -> Self {
        // In memory, where there is such a place: nothing here is to be kept.
        let place = std::path::Path::new("/dev/shm");
        let dir = match place.is_dir() {
            true => tempfile::tempdir_in(place),
            false => tempfile::tempdir(),
        };
        let dir = dir.expect("a folder");
        let config = MasterConfig {
            dir: dir.path().to_owned(),
            listen: "127.0.0.1:0".parse().expect("an address"),
            database: Database::Sqlite(dir.path().join("master.sqlite")),
            beside: None,
            proxy: Some(ProxyConfig {
                computer_id: "C".to_owned(),
                products: [("demo".to_owned(), "/sr".to_owned())].into(),
                ..ProxyConfig::default()
            }),
        };
        let clock = Arc::new(FakeClock::new());
        let time: Arc<dyn Clock> = Arc::<FakeClock>::clone(&clock);
        let random: Arc<dyn RandomSource> = Arc::new(SeededRandom::new(1));
        let prepared = bootstrap(&config, &time, &random).expect("a master");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        let router = runtime
            .block_on(router(prepared, time, random))
            .expect("a router");
        let token = std::fs::read_to_string(dir.path().join("owner.token")).expect("a token");
        let mut world = Self {
            runtime,
            router,
            clock,
            token: token.trim().to_owned(),
            calls: 0,
            _dir: dir,
        };
        for seed in [
            include_str!("../seeds/call/format"),
            include_str!("../seeds/call/request"),
        ] {
            let (head, body) = seed.split_once('\n').expect("a head and a body");
            let (method, path) = head.split_once(' ').expect("a method and a path");
            let status = world.call(method, path, body.as_bytes().to_vec());
            assert_eq!(status, Some(200), "{head}");
        }
        world
    }

    fn call(&mut self, method: &str, path: &str, body: Vec<u8>) -> Option<u16> {
        self.calls += 1;
        self.clock.advance(Duration::from_millis(10));
        let kind = match path.starts_with("/slapos.") || path.starts_with("/v1/") {
            true => "application/json",
            false => "application/x-www-form-urlencoded",
        };
        let mut request = Request::builder().method(method).uri(path);
        if path.starts_with("/v1/") {
            request = request.header("authorization", format!("Bearer {}", self.token));
        }
        let request = request
            .header("host", "localhost")
            .header("content-type", kind);
        let request = request.body(Body::from(body)).ok()?;
        let mut router = self.router.clone();
        let (status, text) = self.runtime.block_on(async move {
            let response = router.call(request).await.expect("an answer");
            let status = response.status().as_u16();
            let body = to_bytes(response.into_body(), 64 << 20).await;
            (status, body.expect("a body that ends"))
        });
        // 501 and 503 are said on purpose.
        assert!(
            !matches!(status, 500 | 502 | 504),
            "{method} {path} is answered {status}: {}",
            String::from_utf8_lossy(&text)
        );
        Some(status)
    }
}
