//! A running master on a free port, and a node of it that says what the test wants.

use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};
use slapos_api::wire::log::{LogAnswer, LogChunk, LogWanted};
use slapos_api::wire::node::{
    DesiredInstance, InstanceReport, NodeFormat, NodeRegister, NodeReport, PartitionOffer,
    ProcessReport, PromiseReport, SoftwareReport,
};
use slapos_api::{Client, Credential};
use slapos_master::{Database, MasterConfig, MasterError, Shutdown};
use slapos_model::{Clock, RandomSource};
use slapos_testkit::{SeededRandom, SystemClock, wait_until};
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;
use tempfile::TempDir;

/// A master.
pub(crate) struct World {
    dir: TempDir,
    address: SocketAddr,
    shutdown: Shutdown,
    thread: Option<JoinHandle<Result<(), MasterError>>>,
}

impl World {
    /// Starts a master with nothing but what ships.
    pub(crate) fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = MasterConfig {
            dir: dir.path().to_owned(),
            listen: "127.0.0.1:0".parse().unwrap(),
            database: Database::Sqlite(dir.path().join("master.sqlite")),
            proxy: None,
            beside: None,
        };
        let shutdown = Shutdown::default();
        let (send, receive) = mpsc::channel();
        let ends = shutdown.clone();
        let thread = std::thread::spawn(move || {
            let clock: Arc<dyn Clock> = Arc::new(SystemClock);
            let random: Arc<dyn RandomSource> =
                Arc::new(SeededRandom::new(std::process::id().into()));
            let ready = move |address| send.send(address).unwrap();
            slapos_master::run(&config, clock, random, ready, &ends)
        });
        let address = receive
            .recv_timeout(Duration::from_secs(60))
            .expect("the master starts");
        Self {
            dir,
            address,
            shutdown,
            thread: Some(thread),
        }
    }

    /// The address of a page.
    pub(crate) fn page(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The link that `slapos up` prints.
    pub(crate) fn link(&self) -> String {
        self.page(&format!("/?token={}", self.token()))
    }

    fn token(&self) -> String {
        let path = self.dir.path().join("owner.token");
        std::fs::read_to_string(path).unwrap().trim().to_owned()
    }

    /// The owner, as a program.
    pub(crate) fn owner(&self) -> Client {
        let token = Credential::Token(self.token());
        Client::new(&self.page(""), token, None).unwrap()
    }

    /// A node that joined, listens, and sends the logs that are wanted.
    pub(crate) fn node(&self) -> Node {
        let key = KeyPair::generate().unwrap();
        let csr = CertificateParams::default()
            .serialize_request(&key)
            .unwrap();
        let ask = NodeRegister {
            name: "local".to_owned(),
            project: None,
            csr_pem: csr.pem().unwrap(),
        };
        let joined = self.owner().register_node(&ask).unwrap();
        let credential = Credential::Certificate {
            certificate_pem: joined.certificate_pem,
            key_pem: key.serialize_pem(),
        };
        let url = format!("https://{}", self.address);
        let client = Client::new(&url, credential, Some(&joined.ca_pem)).unwrap();
        client.format_node(&offer()).unwrap();
        send_logs(client.clone());
        Node { client }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.shutdown.trigger();
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn offer() -> NodeFormat {
    let facts = json!({"machine": "x86_64", "kernel": "6.1.0", "cpu_count": 8,
        "memory_bytes": 16_777_216_000_u64, "isolation": ["user", "cgroup v2", "landlock"]});
    NodeFormat {
        version: "0.1.0".to_owned(),
        facts: facts.as_object().unwrap().clone(),
        partitions: (0..8)
            .map(|index| PartitionOffer {
                name: format!("slappart{index}"),
                addresses: vec!["127.0.0.1".to_owned()],
            })
            .collect(),
    }
}

/// Answers each wanted log until the master goes.
fn send_logs(client: Client) {
    let mut watch = client.watch(None).unwrap();
    std::thread::spawn(move || {
        while let Ok(event) = watch.next_event() {
            if event.kind != "log.wanted" {
                continue;
            }
            let wanted: LogWanted = serde_json::from_value(Value::Object(event.data)).unwrap();
            let text = match (&wanted.after, &wanted.software) {
                (Some(_), _) => "one line more\n",
                (None, Some(_)) => "cc -O2 -o redis-server server.c\n",
                (None, None) => "Ready to accept connections <tcp>\n",
            };
            let chunk = LogChunk {
                text: text.to_owned(),
                cursor: "1".to_owned(),
            };
            let answer = LogAnswer {
                chunk: Some(chunk),
                error: None,
            };
            // Nobody waits any more when the page was left.
            drop(client.answer_log(&wanted.request, &answer));
        }
    });
}

/// A node.
pub(crate) struct Node {
    client: Client,
}

impl Node {
    /// What it is asked to run under that name.
    pub(crate) fn wanted(&self, name: &str) -> DesiredInstance {
        wait_until(
            &format!("{name} on the node"),
            Duration::from_secs(30),
            || {
                let desired = self.client.read_desired().unwrap();
                desired
                    .instances
                    .into_iter()
                    .find(|known| known.name == name)
            },
        )
    }

    /// Waits until a service is asked to be in that state, as a node does before it acts.
    pub(crate) fn wait_asked(&self, name: &str, state: &str) {
        let what = format!("{name} to be asked {state}");
        wait_until(&what, Duration::from_secs(30), || {
            (self.wanted(name).state == state).then_some(())
        });
    }

    /// Says how the build of a service's release goes.
    pub(crate) fn says_software(&self, name: &str, report: Value) {
        let url = self.wanted(name).software;
        let mut report = report;
        report["url"] = json!(url);
        let report: SoftwareReport = serde_json::from_value(report).unwrap();
        self.send(NodeReport {
            software: vec![report],
            ..NodeReport::default()
        });
    }

    /// Says the state of a service alone.
    pub(crate) fn says(&self, name: &str, state: &str) {
        self.report(name, |report| report.state = Some(state.to_owned()));
    }

    /// Says that it runs, with one of three promises in that state.
    pub(crate) fn says_running(&self, name: &str, port: (&str, &str)) {
        self.report(name, |report| {
            report.state = Some("started".to_owned());
            let connection = json!({"url": "redis://:hunter2@127.0.0.1:6379/0",
                "host": "127.0.0.1", "port": 6379, "password": "hunter2",
                "web": "http://127.0.0.1:8080/"});
            report.connection = connection.as_object().cloned();
            report.promises = Some(vec![
                promise("answers-ping", "kept", "PONG"),
                promise("port-listening", port.0, port.1),
                promise("disk-free", "kept", "71 % free"),
            ]);
            report.processes = Some(vec![ProcessReport {
                name: "redis".to_owned(),
                kind: "service".to_owned(),
                state: "running".to_owned(),
                pid: Some(4711),
                restarts: 0,
                last_exit: None,
            }]);
        });
    }

    fn report(&self, name: &str, fill: impl FnOnce(&mut InstanceReport)) {
        let wanted = self.wanted(name);
        let mut report = InstanceReport {
            id: wanted.id,
            generation: wanted.generation,
            state: None,
            message: None,
            connection: None,
            promises: None,
            processes: None,
        };
        fill(&mut report);
        self.send(NodeReport {
            instances: vec![report],
            ..NodeReport::default()
        });
    }

    fn send(&self, report: NodeReport) {
        self.client.report(&report).unwrap();
    }
}

fn promise(name: &str, state: &str, message: &str) -> PromiseReport {
    PromiseReport {
        name: name.to_owned(),
        state: state.to_owned(),
        message: message.to_owned(),
        checked_at_us: SystemClock.now().as_micros(),
    }
}
