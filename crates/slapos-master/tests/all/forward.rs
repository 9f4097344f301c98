//! Two proxies of ours, one of which serves what the other is asked: of the checks.

use slapos_api::slap::{SlapCallError, SlapClient, SlapRequest, SlapTrust, Value, write};
use slapos_master::{Database, MasterConfig, MasterError, OtherMaster, ProxyConfig, Shutdown};
use slapos_model::{Clock, RandomSource};
use slapos_testkit::{SeededRandom, SystemClock, wait_until};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

const FAR_RELEASE: &str = "http://far.example.org/software.cfg";
static STARTED: AtomicU64 = AtomicU64::new(0);
const LIMIT: Duration = Duration::from_secs(60);

struct Proxy {
    address: SocketAddr,
    shutdown: Shutdown,
    thread: Option<std::thread::JoinHandle<Result<(), MasterError>>>,
}

impl Proxy {
    fn start(dir: &Path, listen: SocketAddr, masters: BTreeMap<String, OtherMaster>) -> Self {
        let config = MasterConfig {
            dir: dir.to_owned(),
            listen,
            database: Database::Sqlite(dir.join("proxy.sqlite")),
            proxy: Some(ProxyConfig {
                computer_id: "comp".to_owned(),
                masters,
                ..ProxyConfig::default()
            }),
        };
        let shutdown = Shutdown::default();
        let (send, receive) = mpsc::channel();
        let ends = shutdown.clone();
        // Both must not have the same run id.
        let seed = STARTED.fetch_add(1, Ordering::SeqCst) + u64::from(std::process::id());
        let thread = std::thread::spawn(move || {
            let clock: Arc<dyn Clock> = Arc::new(SystemClock);
            let random: Arc<dyn RandomSource> = Arc::new(SeededRandom::new(seed));
            let ready = move |at| send.send(at).unwrap();
            slapos_master::run(&config, clock, random, ready, &ends)
        });
        let address = receive.recv_timeout(LIMIT).unwrap();
        Self {
            address,
            shutdown,
            thread: Some(thread),
        }
    }

    fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    fn client(&self) -> SlapClient {
        SlapClient::new(&self.url(), SlapTrust::default()).unwrap()
    }

    /// Partitions part0, part1…
    fn offer(&self, count: usize) {
        let partition = |index: usize| {
            Value::dict([
                ("reference", Value::text(format!("part{index}"))),
                ("address_list", Value::List(vec![])),
            ])
        };
        let document = Value::dict([
            ("reference", Value::text("comp")),
            (
                "partition_list",
                Value::List((0..count).map(partition).collect()),
            ),
        ]);
        self.client().offer(&document).unwrap();
    }

    /// All about the node, as text.
    fn told(&self) -> String {
        let read = self.client().read_node("comp", None).unwrap();
        write(&read.unwrap().0).unwrap()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shutdown.trigger();
        self.thread.take().unwrap().join().unwrap().unwrap();
    }
}

fn any_port() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

fn ask(title: &str, greeting: &str, state: &str) -> SlapRequest {
    SlapRequest {
        release: FAR_RELEASE.to_owned(),
        title: title.to_owned(),
        parameters: vec![("_".to_owned(), greeting.to_owned())],
        state: state.to_owned(),
        ..SlapRequest::default()
    }
}

/// Of the master that the filter names.
fn named(title: &str, url: &str) -> SlapRequest {
    SlapRequest {
        release: "http://any.example.org/software.cfg".to_owned(),
        filter: vec![("master_url".to_owned(), url.to_owned())],
        ..ask(title, "x", "started")
    }
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.find(key).and_then(Value::as_text).unwrap_or_default()
}

fn serves(releases: &[&str]) -> OtherMaster {
    OtherMaster {
        releases: releases.iter().map(|&url| url.to_owned()).collect(),
        ..OtherMaster::default()
    }
}

/// Two of them: the far one has three partitions, the near one sends it its release.
struct Two {
    far_dir: tempfile::TempDir,
    near_dir: tempfile::TempDir,
    far: Option<Proxy>,
    near: Proxy,
    far_url: String,
}

impl Two {
    fn start() -> Self {
        let (far_dir, near_dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let far = Proxy::start(far_dir.path(), any_port(), BTreeMap::new());
        far.offer(3);
        let far_url = far.url();
        let masters = BTreeMap::from([(far_url.clone(), serves(&[FAR_RELEASE]))]);
        let near = Proxy::start(near_dir.path(), any_port(), masters);
        near.offer(1);
        Self {
            far_dir,
            near_dir,
            far: Some(far),
            near,
            far_url,
        }
    }

    /// The near one again, with one more master that it may be told to ask.
    fn listing(mut self, url: &str) -> Self {
        let masters = BTreeMap::from([
            (self.far_url.clone(), serves(&[FAR_RELEASE])),
            (url.to_owned(), OtherMaster::default()),
        ]);
        let dir = tempfile::tempdir().unwrap();
        self.near = Proxy::start(dir.path(), any_port(), masters);
        self.near_dir = dir;
        self.near.offer(1);
        self
    }

    fn far(&self) -> &Proxy {
        self.far.as_ref().unwrap()
    }

    fn waiting(&self) -> Vec<String> {
        let connection = rusqlite::Connection::open(self.near_dir.path().join("proxy.sqlite"));
        let connection = connection.unwrap();
        let sql = "SELECT title || ' ' || is_pending FROM forward ORDER BY title, is_pending";
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    }
}

#[test]
fn x1_release_of_another_master_is_served_there_to_its_end() {
    let two = Two::start();
    let near = two.near.client();
    let exact = "{\"n\": 9007199254740993, \"u\": \"é<&\"}";
    let answer = near.request_instance(&ask("db", exact, "started")).unwrap();
    assert_eq!(text(&answer, "_master_url"), two.far_url);
    assert_eq!(text(&answer, "_software_release_document"), FAR_RELEASE);
    assert_eq!(text(&answer, "slap_computer_partition_id"), "part0");
    let given = answer.find("_parameter_dict").unwrap();
    assert_eq!(text(given, "_"), exact);
    assert!(two.far().told().contains(">user_db<"));
    assert!(!two.near.told().contains("user_db"));
    let values = write(&Value::dict([("url", Value::text("http://x/"))])).unwrap();
    let form = [
        ("computer_id", "comp"),
        ("computer_partition_id", "part0"),
        ("connection_xml", &values),
    ];
    two.far()
        .client()
        .post("setComputerPartitionConnectionXml", &form)
        .unwrap();
    let answer = near.request_instance(&ask("db", exact, "stopped")).unwrap();
    assert_eq!(
        text(answer.find("_connection_dict").unwrap(), "url"),
        "http://x/"
    );
    assert_eq!(text(&answer, "_requested_state"), "stopped");
    assert_eq!(two.waiting(), ["user_db 0"]);
    let answer = near
        .request_instance(&ask("db", exact, "destroyed"))
        .unwrap();
    assert_eq!(text(&answer, "_requested_state"), "destroyed");
    assert_eq!(two.waiting(), Vec::<String>::new());
    assert!(two.far().told().contains("<string>destroyed</string>"));
}

#[test]
fn x4_silent_master_is_told_and_asked_again_until_it_took_the_last_word() {
    let mut two = Two::start();
    let near = two.near.client();
    near.request_instance(&ask("old", "1", "started")).unwrap();
    let listen = two.far().address;
    two.far = None;
    let said = |answer: Result<Value, SlapCallError>| match answer {
        Err(SlapCallError::Status { status, text, .. }) => (status, text),
        other => panic!("{other:?}"),
    };
    let (status, words) = said(near.request_instance(&ask("new", "first", "started")));
    assert_eq!(status, 523, "{words}");
    assert!(words.contains("asked again"), "{words}");
    assert_eq!(
        said(near.request_instance(&ask("new", "last", "started"))).0,
        523
    );
    assert_eq!(
        said(near.request_instance(&ask("old", "1", "destroyed"))).0,
        523
    );
    assert_eq!(two.waiting(), ["user_new 1", "user_old 1"]);
    two.far = Some(Proxy::start(two.far_dir.path(), listen, BTreeMap::new()));
    wait_until("the far proxy to take what waited", LIMIT, || {
        (two.waiting() == ["user_new 0"]).then_some(())
    });
    let told = two.far().told();
    assert!(
        told.contains(">user_new<") && told.contains(">last<"),
        "{told}"
    );
    assert!(!told.contains(">first<"), "{told}");
    assert!(told.contains("<string>destroyed</string>"), "{told}");
}

#[test]
fn x2_x5_named_master_is_asked_when_it_is_listed_and_another() {
    let two = Two::start();
    let near = two.near.client();
    let answer = near.request_instance(&named("a", &two.far_url)).unwrap();
    assert_eq!(text(&answer, "_master_url"), two.far_url);
    let own = near.request_instance(&named("b", &two.near.url())).unwrap();
    assert!(own.find("_master_url").is_none());
    assert!(two.near.told().contains(">b<"));
    let error = near
        .request_instance(&named("c", "http://127.0.0.1:1/"))
        .unwrap_err();
    assert_eq!(error.status(), Some(404));
    assert!(
        error
            .to_string()
            .contains("is not listed in multimaster list"),
        "{error}"
    );
    // Forwarded once, it goes on to be, though the filter is gone.
    let again = SlapRequest {
        filter: vec![],
        ..named("a", "")
    };
    let answer = near.request_instance(&again).unwrap();
    assert_eq!(text(&answer, "_master_url"), two.far_url);
}

#[test]
fn x5_proxy_that_lists_itself_serves_it_itself() {
    let dir = tempfile::tempdir().unwrap();
    let address = Proxy::start(dir.path(), any_port(), BTreeMap::new()).address;
    // By another name than it is reached by, so that only its run id tells.
    let url = format!("http://localhost:{}/", address.port());
    let masters = BTreeMap::from([(url, serves(&[FAR_RELEASE]))]);
    let proxy = Proxy::start(dir.path(), address, masters);
    proxy.offer(1);
    let answer = proxy.client().request_instance(&ask("db", "x", "started"));
    assert!(answer.unwrap().find("_master_url").is_none());
    assert!(proxy.told().contains(">db<"));
}

#[test]
fn x3_https_master_without_a_key_is_refused_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let masters = BTreeMap::from([(
        "https://far.example.org/".to_owned(),
        serves(&[FAR_RELEASE]),
    )]);
    let proxy = Proxy::start(dir.path(), any_port(), masters);
    let error = proxy
        .client()
        .request_instance(&ask("db", "x", "started"))
        .unwrap_err();
    assert_eq!(error.status(), Some(404));
    assert!(
        error
            .to_string()
            .contains("did not specify key or certificate"),
        "{error}"
    );
}

#[test]
fn no_room_at_the_other_master_is_handed_on_and_not_kept() {
    let two = Two::start();
    let near = two.near.client();
    for index in 0..3 {
        near.request_instance(&ask(&format!("i{index}"), "x", "started"))
            .unwrap();
    }
    let error = near
        .request_instance(&ask("more", "x", "started"))
        .unwrap_err();
    assert_eq!(error.status(), Some(404), "{error}");
    assert_eq!(two.waiting().len(), 3);
}

#[test]
fn x4_what_waits_for_one_master_is_taken_there_though_another_was_asked_since() {
    let third_dir = tempfile::tempdir().unwrap();
    let third = Proxy::start(third_dir.path(), any_port(), BTreeMap::new());
    third.offer(1);
    let (listen, url) = (third.address, third.url());
    drop(third);
    let two = Two::start().listing(&url);
    let near = two.near.client();
    let silent = near.request_instance(&named("db", &url)).unwrap_err();
    assert_eq!(silent.status(), Some(523), "{silent}");
    near.request_instance(&named("db", &two.far_url)).unwrap();
    assert_eq!(two.waiting(), ["user_db 0", "user_db 1"]);
    let third = Proxy::start(third_dir.path(), listen, BTreeMap::new());
    wait_until("the third proxy to take what waited", LIMIT, || {
        (two.waiting() == ["user_db 0", "user_db 0"]).then_some(())
    });
    assert!(third.told().contains(">user_db<"));
}

#[test]
fn request_that_breaks_a_rule_is_refused_here_and_not_handed_on() {
    let two = Two::start();
    let near = two.near.client();
    for broken in [
        ask("two\nlines", "x", "started"),
        ask("db", "x", "flying"),
        SlapRequest {
            software_type: "t".repeat(1000),
            ..ask("db", "x", "started")
        },
    ] {
        let error = near.request_instance(&broken).unwrap_err();
        assert_eq!(error.status(), Some(400), "{error}");
    }
    assert_eq!(two.waiting(), Vec::<String>::new());
    assert!(!two.far().told().contains(">user_"));
}
