//! The REST face for real: a master on a free port, spoken to by the client of `slapos-api`.

use rcgen::{CertificateParams, KeyPair};
use serde_json::json;
use slapos_api::wire::instance::InstanceRequest;
use slapos_api::wire::log::{LogAnswer, LogChunk, LogWanted};
use slapos_api::wire::node::{
    InstanceReport, NodeFormat, NodeRegister, NodeReport, PartitionOffer,
};
use slapos_api::{Client, Credential, ErrorCode};
use slapos_master::limits::{HANDSHAKE_TIMEOUT, HANDSHAKES_MAX, RETURN_EACH};
use slapos_master::{Database, MasterConfig, MasterError, Shutdown};
use slapos_model::{Clock, RandomSource};
use slapos_testkit::{SeededRandom, SystemClock};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

/// A running master.
pub(crate) struct Server {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) address: SocketAddr,
    shutdown: Shutdown,
    thread: Option<std::thread::JoinHandle<Result<(), MasterError>>>,
}

fn config(dir: &Path, listen: SocketAddr) -> MasterConfig {
    let database = Database::Sqlite(dir.join("master.sqlite"));
    MasterConfig {
        dir: dir.to_owned(),
        listen,
        database,
        proxy: None,
        beside: None,
    }
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), "127.0.0.1:0".parse().unwrap())
    }

    fn start_in(dir: tempfile::TempDir, listen: SocketAddr) -> Self {
        let config = config(dir.path(), listen);
        Self::start_with(dir, config)
    }

    fn start_with(dir: tempfile::TempDir, config: MasterConfig) -> Self {
        let shutdown = Shutdown::default();
        let (send, receive) = mpsc::channel();
        let ends = shutdown.clone();
        let thread = std::thread::spawn(move || {
            let clock: Arc<dyn Clock> = Arc::new(SystemClock);
            let random: Arc<dyn RandomSource> =
                Arc::new(SeededRandom::new(std::process::id().into()));
            slapos_master::run(
                &config,
                clock,
                random,
                move |at| send.send(at).unwrap(),
                &ends,
            )
        });
        let address = receive
            .recv_timeout(Duration::from_secs(30))
            .expect("the master starts");
        Self {
            dir,
            address,
            shutdown,
            thread: Some(thread),
        }
    }

    fn stop(&mut self) {
        self.shutdown.trigger();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap().unwrap();
        }
    }

    pub(crate) fn owner(&self) -> Client {
        let token = std::fs::read_to_string(self.dir.path().join("owner.token")).unwrap();
        self.client(Credential::Token(token.trim().to_owned()))
    }

    pub(crate) fn client(&self, credential: Credential) -> Client {
        Client::new(&format!("http://{}", self.address), credential, None).unwrap()
    }

    /// A node that joined, by its certificate, with so many partitions.
    pub(crate) fn node(&self, name: &str, partitions: usize) -> Client {
        let key = KeyPair::generate().unwrap();
        let csr = CertificateParams::default()
            .serialize_request(&key)
            .unwrap();
        let ask = NodeRegister {
            name: name.to_owned(),
            project: None,
            csr_pem: csr.pem().unwrap(),
        };
        let joined = self.owner().register_node(&ask).unwrap();
        assert_eq!(
            self.owner().register_node(&ask).unwrap().id,
            joined.id,
            "asking twice is one"
        );
        let credential = Credential::Certificate {
            certificate_pem: joined.certificate_pem,
            key_pem: key.serialize_pem(),
        };
        let url = format!("https://{}", self.address);
        let node = Client::new(&url, credential, Some(&joined.ca_pem)).unwrap();
        let offer = NodeFormat {
            version: "0.1.0".to_owned(),
            partitions: (0..partitions)
                .map(|index| PartitionOffer {
                    name: format!("slappart{index}"),
                    addresses: vec!["127.0.0.1".to_owned()],
                })
                .collect(),
            ..NodeFormat::default()
        };
        node.format_node(&offer).unwrap();
        node
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shutdown.trigger();
    }
}

/// A service of a profile that needs no catalogue.
pub(crate) fn ask(name: &str) -> InstanceRequest {
    InstanceRequest {
        name: name.to_owned(),
        software: "/srv/profile/software.cfg".to_owned(),
        ..InstanceRequest::default()
    }
}

#[test]
fn server_whole_life_of_a_service() {
    let server = Server::start();
    let (owner, node) = (server.owner(), server.node("local", 1));
    let mut watch = node.watch(None).unwrap();
    let view = owner.request_instance(&ask("my_db")).unwrap();
    let event = watch.next_event().unwrap();
    // One node needs no time to come back in.
    assert_eq!(watch.spread(), RETURN_EACH);
    assert_eq!(event.kind, "instance.allocated");
    assert_eq!(event.instance.as_deref(), Some(view.id.as_str()));
    let desired = node.read_desired().unwrap();
    assert_eq!(desired.instances[0].id, view.id);
    let report = NodeReport {
        instances: vec![InstanceReport {
            id: view.id.clone(),
            generation: 1,
            state: Some("started".to_owned()),
            message: None,
            connection: Some(json!({"url": "redis://x"}).as_object().unwrap().clone()),
            promises: Some(vec![]),
            processes: None,
        }],
        ..NodeReport::default()
    };
    node.report(&report).unwrap();
    let green = owner.find_instance("my_db").unwrap();
    assert_eq!(
        (green.state.as_str(), green.connection["url"].as_str()),
        ("started", Some("redis://x"))
    );
    let kinds: Vec<_> = owner
        .list_events(0)
        .unwrap()
        .items
        .into_iter()
        .map(|event| event.kind)
        .collect();
    assert!(
        kinds.ends_with(&["instance.reported".to_owned(), "instance.green".to_owned()]),
        "{kinds:?}"
    );
}

#[test]
fn server_restarted_keeps_what_it_acknowledged() {
    let mut server = Server::start();
    let view = server.owner().request_instance(&ask("my_db")).unwrap();
    server.stop();
    let dir = std::mem::replace(&mut server.dir, tempfile::tempdir().unwrap());
    let again = Server::start_in(dir, "127.0.0.1:0".parse().unwrap());
    assert_eq!(again.owner().find_instance("my_db").unwrap().id, view.id);
}

#[test]
fn server_handshakes_that_stand_still_keep_no_node_out() {
    let server = Server::start();
    let silent: Vec<TcpStream> = (0..=HANDSHAKES_MAX)
        .map(|_| {
            let mut stream = TcpStream::connect(server.address).unwrap();
            // The first byte of a handshake, and nothing more.
            stream.write_all(&[22]).unwrap();
            stream
        })
        .collect();
    let begun = Instant::now();
    server.node("local", 1);
    assert!(begun.elapsed() < HANDSHAKE_TIMEOUT);
    drop(silent);
}

#[test]
fn server_port_taken_is_one_sentence() {
    let server = Server::start();
    let dir = tempfile::tempdir().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let random: Arc<dyn RandomSource> = Arc::new(SeededRandom::new(3));
    let error = slapos_master::run(
        &config(dir.path(), server.address),
        clock,
        random,
        |_| {},
        &Shutdown::default(),
    )
    .unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with(&format!("cannot listen on {}", server.address))
    );
}

#[test]
fn server_watch_resumes_without_loss() {
    let server = Server::start();
    let (owner, _node) = (server.owner(), server.node("local", 9));
    let before = owner.list_events(0).unwrap().items.last().unwrap().seq;
    for index in 0..5 {
        owner.request_instance(&ask(&format!("db{index}"))).unwrap();
    }
    let mut watch = owner.watch(Some(before)).unwrap();
    let mut requested = Vec::new();
    while requested.len() < 5 {
        let event = watch.next_event().unwrap();
        if event.kind == "instance.requested" {
            requested.push(event.data["name"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(requested, ["db0", "db1", "db2", "db3", "db4"]);
}

#[test]
fn server_log_comes_from_the_node() {
    let server = Server::start();
    let (owner, node) = (server.owner(), server.node("local", 1));
    owner.request_instance(&ask("my_db")).unwrap();
    let mut watch = node.watch(None).unwrap();
    let reader = std::thread::spawn(move || owner.read_logs("my_db", "lines=7&service=redis"));
    let event = watch.next_event().unwrap();
    assert_eq!(event.kind, "log.wanted");
    let wanted: LogWanted = serde_json::from_value(json!(event.data)).unwrap();
    assert_eq!(
        (wanted.partition.as_deref(), wanted.lines),
        (Some("slappart0"), 7)
    );
    let other = server.node("other", 1);
    let chunk = LogChunk {
        text: "hello".to_owned(),
        cursor: "1".to_owned(),
    };
    let answer = LogAnswer {
        chunk: Some(chunk.clone()),
        error: None,
    };
    let refused = other.answer_log(&wanted.request, &answer).unwrap_err();
    assert_eq!(refused.refusal().unwrap().code, ErrorCode::NotFound);
    node.answer_log(&wanted.request, &answer).unwrap();
    assert_eq!(reader.join().unwrap().unwrap(), chunk);
}

#[test]
fn server_bad_input_gets_a_clear_error() {
    let server = Server::start();
    let token = std::fs::read_to_string(server.dir.path().join("owner.token")).unwrap();
    let send = |method: &str, path: &str, body: &str| {
        let text = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            token.trim(),
            body.len()
        );
        exchange(server.address, text.as_bytes())
    };
    for (method, path, body, status, word) in [
        (
            "POST",
            "/v1/instances",
            "{",
            "400",
            "the body is not as expected",
        ),
        (
            "POST",
            "/v1/instances",
            r#"{"name":"a","software":"b","typo":1}"#,
            "400",
            "typo",
        ),
        (
            "GET",
            "/v1/nothing",
            "",
            "404",
            "there is no call /v1/nothing",
        ),
        ("DELETE", "/v1/health", "", "404", "with this method"),
        ("GET", "/v1/instances/nope", "", "404", "slapos request"),
        (
            "PUT",
            "/v1/instances/nope/state",
            r#"{"state":"up"}"#,
            "400",
            "is not a state",
        ),
    ] {
        let answer = send(method, path, body);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{path}: {answer}"
        );
        assert!(answer.contains(word), "{path}: {answer}");
    }
    let huge = send("POST", "/v1/instances", &"x".repeat(3 * 1024 * 1024));
    assert!(
        huge.is_empty() || huge.starts_with("HTTP/1.1 413"),
        "{huge}"
    );
}

#[test]
fn server_certificate_of_another_authority_is_refused() {
    let server = Server::start();
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::default().self_signed(&key).unwrap();
    let ca = std::fs::read_to_string(server.dir.path().join("pki/ca.pem")).unwrap();
    let credential = Credential::Certificate {
        certificate_pem: own.pem(),
        key_pem: key.serialize_pem(),
    };
    let url = format!("https://{}", server.address);
    let client = Client::new(&url, credential, Some(&ca)).unwrap();
    assert!(client.read_desired().is_err());
    // And a client believes no other master than its own.
    let stranger = Client::new(&url, Credential::None, Some(&own.pem())).unwrap();
    assert!(stranger.health().is_err());
    assert!(
        Client::new(&url, Credential::None, Some(&ca))
            .unwrap()
            .health()
            .is_ok()
    );
}

fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    // A server that refuses early may close while the body is still being written.
    drop(stream.write_all(bytes));
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer));
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn routes_beside_the_masters_are_answered_on_its_port() {
    let dir = tempfile::tempdir().unwrap();
    let beside = axum::Router::new().route("/shacache/x", axum::routing::get(|| async { "kept" }));
    let config = MasterConfig {
        beside: Some(beside),
        ..config(dir.path(), "127.0.0.1:0".parse().unwrap())
    };
    let server = Server::start_with(dir, config);
    let read = |path: &str| {
        use std::io::{Read, Write};
        let mut stream = std::net::TcpStream::connect(server.address).unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    };
    assert!(read("/shacache/x").ends_with("kept"));
    assert!(read("/v1/health").contains("\"ok\""));
    assert!(read("/shacache/y").starts_with("HTTP/1.1 404"));
}
