//! A small master for the tests: TLS, the calls of a node, a watch stream.
//!
//! It believes everybody and keeps what it is told; what it wants is set by the test.

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use slapos_api::wire::node::{Desired, InstanceReport, NodeReport, SoftwareReport};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

type Tls = StreamOwned<ServerConnection, TcpStream>;

/// What the master knows.
#[derive(Default)]
pub(crate) struct Known {
    pub(crate) desired: Desired,
    pub(crate) instances: BTreeMap<String, InstanceReport>,
    pub(crate) software: BTreeMap<String, SoftwareReport>,
    pub(crate) format: Value,
    pub(crate) logs: Vec<Value>,
    pub(crate) reads: u32,
    watchers: Vec<Sender<String>>,
    connections: Vec<TcpStream>,
}

pub(crate) struct Master {
    pub(crate) known: Arc<Mutex<Known>>,
    pub(crate) port: u16,
    root: PathBuf,
    ca_pem: String,
}

impl Master {
    /// Starts it, and writes what `slapos up` would write.
    pub(crate) fn start(root: &Path) -> Self {
        let mut parameters = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        parameters.not_after = rcgen::date_time_ymd(4000, 1, 1);
        let ca_key = rcgen::KeyPair::generate().unwrap();
        let ca = parameters.self_signed(&ca_key).unwrap();
        let issuer = rcgen::Issuer::from_params(&parameters, &ca_key);
        let mut server = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        server.not_after = rcgen::date_time_ymd(4000, 1, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = server.signed_by(&key, &issuer).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from(certificate.der().to_vec())],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let master = Self {
            known: Arc::default(),
            port: listener.local_addr().unwrap().port(),
            root: root.to_path_buf(),
            ca_pem: ca.pem(),
        };
        master.write_client();
        let (known, root, ca_pem) = (
            Arc::clone(&master.known),
            master.root.clone(),
            master.ca_pem.clone(),
        );
        let config = Arc::new(config);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                known
                    .lock()
                    .unwrap()
                    .connections
                    .push(stream.try_clone().unwrap());
                let server = ServerConnection::new(Arc::clone(&config)).unwrap();
                let mut talk = Talk {
                    known: Arc::clone(&known),
                    root: root.clone(),
                    ca_pem: ca_pem.clone(),
                    stream: BufReader::new(StreamOwned::new(server, stream)),
                };
                std::thread::spawn(move || while talk.answer().is_some() {});
            }
        });
        master
    }

    fn write_client(&self) {
        let etc = self.root.join("etc");
        fs_err::create_dir_all(&etc).unwrap();
        fs_err::write(etc.join("token"), "secret\n").unwrap();
        fs_err::write(etc.join("ca.pem"), &self.ca_pem).unwrap();
        let client = json!({"url": format!("http://127.0.0.1:{}", self.port),
            "token_file": etc.join("token"), "ca_file": etc.join("ca.pem")});
        fs_err::write(etc.join("client.json"), client.to_string()).unwrap();
    }

    /// Changes what is wanted and says so on the watch streams.
    pub(crate) fn want(&self, change: impl FnOnce(&mut Desired)) {
        let mut known = self.known.lock().unwrap();
        change(&mut known.desired);
        known.tell("instance.requested", &json!({}));
    }

    pub(crate) fn tell(&self, kind: &str, data: &Value) {
        self.known.lock().unwrap().tell(kind, data);
    }

    pub(crate) fn is_watched(&self) -> bool {
        !self.known.lock().unwrap().watchers.is_empty()
    }

    /// Breaks every connection.
    pub(crate) fn cut(&self) {
        let mut known = self.known.lock().unwrap();
        known.watchers.clear();
        for connection in known.connections.drain(..) {
            let _ = connection.shutdown(std::net::Shutdown::Both);
        }
    }
}

impl Drop for Master {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Ok(known) = self.known.lock()
        {
            eprintln!("told: {:#?} {:#?}", known.instances, known.software);
            eprintln!("offered: {}", known.format);
        }
    }
}

impl Known {
    fn tell(&mut self, kind: &str, data: &Value) {
        let event = json!({"seq": 0, "at": "2026-01-01T00:00:00Z", "kind": kind, "data": data});
        self.watchers
            .retain(|watcher| watcher.send(format!("data: {event}\n\n")).is_ok());
    }
}

struct Talk {
    known: Arc<Mutex<Known>>,
    root: PathBuf,
    ca_pem: String,
    stream: BufReader<Tls>,
}

impl Talk {
    /// Answers one call; none when the line is dead.
    fn answer(&mut self) -> Option<()> {
        let mut line = String::new();
        self.stream
            .read_line(&mut line)
            .ok()
            .filter(|count| *count > 0)?;
        let mut length = 0;
        loop {
            let mut header = String::new();
            self.stream.read_line(&mut header).ok()?;
            let header = header.trim().to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).ok()?;
        let mut words = line.split(' ');
        let (method, path) = (words.next()?, words.next()?);
        if path.starts_with("/v1/watch") {
            return self.watch();
        }
        let answer = self.handle(method, path, &body).to_string();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n",
            answer.len()
        );
        let stream = self.stream.get_mut();
        stream.write_all(head.as_bytes()).ok()?;
        stream.write_all(answer.as_bytes()).ok()?;
        stream.flush().ok()
    }

    fn handle(&self, method: &str, path: &str, body: &[u8]) -> Value {
        let mut known = self.known.lock().unwrap();
        match (method, path) {
            ("POST", "/v1/nodes") => {
                // A real master signs the request; any certificate of that key will do here.
                let key = fs_err::read_to_string(self.root.join("var/node/identity/node.key"));
                let key = rcgen::KeyPair::from_pem(&key.unwrap()).unwrap();
                let certificate = rcgen::CertificateParams::default()
                    .self_signed(&key)
                    .unwrap();
                json!({"id": "COMP-1", "certificate_pem": certificate.pem(), "ca_pem": self.ca_pem})
            }
            ("PUT", "/v1/node/format") => {
                known.format = serde_json::from_slice(body).unwrap();
                json!({"id": "COMP-1", "name": "local", "project": "default", "online": true,
                    "version": "", "facts": {}, "partitions": []})
            }
            ("GET", "/v1/node/desired") => {
                known.reads += 1;
                json!(known.desired)
            }
            ("POST", "/v1/node/report") => {
                let report: NodeReport = serde_json::from_slice(body).unwrap();
                for said in report.instances {
                    known.instances.insert(said.id.clone(), said);
                }
                for said in report.software {
                    known.software.insert(said.url.clone(), said);
                }
                json!({})
            }
            (_, path) if path.starts_with("/v1/node/logs/") => {
                known.logs.push(serde_json::from_slice(body).unwrap());
                json!({})
            }
            _ => json!({"code": "not_found", "message": path}),
        }
    }

    fn watch(&mut self) -> Option<()> {
        let (sender, events) = channel();
        let stream = self.stream.get_mut();
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
            .ok()?;
        stream.flush().ok()?;
        self.known.lock().unwrap().watchers.push(sender);
        while let Ok(event) = events.recv_timeout(Duration::from_secs(600)) {
            stream.write_all(event.as_bytes()).ok()?;
            stream.flush().ok()?;
        }
        None
    }
}
