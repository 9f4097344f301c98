//! The old SLAP wire, check by check: each test bears the ids of the checks that it holds.
//!
//! A master in the proxy's dialect (and one in the master's own) without a socket, spoken to in
//! forms and JSON as the Python programs write them. What needs the genuine programs themselves is
//! in `cargo xtask compat slap`.

mod destroy;
mod format;
mod hostile;
mod instance;
mod json;
mod page;
mod publish;
mod rights;
mod supply;
mod transport;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request};
use serde_json::{Value as Json, json};
use slapos_api::slap::{Value, read, write};
use slapos_master::http::auth::Connection;
use slapos_master::{Database, MasterConfig, ProxyConfig, bootstrap, router};
use slapos_model::{Clock, RandomSource};
use slapos_testkit::{FakeClock, SeededRandom};
use std::sync::Arc;
use std::time::Duration;
use tower_service::Service;

pub(crate) const SR: &str = "http://sr.example.org/1.0/software.cfg";
pub(crate) const C: &str = "COMP-TEST";

/// A master and its old wire.
pub(crate) struct Wire {
    runtime: tokio::runtime::Runtime,
    router: Router,
    pub(crate) clock: Arc<FakeClock>,
    pub(crate) token: String,
    _dir: tempfile::TempDir,
}

/// What a call was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn value(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text);
        read(&self.text).unwrap()
    }

    pub(crate) fn json(&self) -> Json {
        serde_json::from_str(&self.text).unwrap()
    }

    pub(crate) fn ok(&self) -> &str {
        assert_eq!(self.status, 200, "{}", self.text);
        &self.text
    }
}

/// A request for an instance, as the client would write it.
#[derive(Clone)]
pub(crate) struct Req {
    pub(crate) fields: Vec<(&'static str, String)>,
    pub(crate) seat: Option<String>,
}

impl Req {
    pub(crate) fn new(title: &str) -> Self {
        let no_filter = Value::dict([("computer_guid", Value::text(C))]);
        Self {
            fields: vec![
                ("software_release", SR.to_owned()),
                ("software_type", "default".to_owned()),
                ("partition_reference", title.to_owned()),
                ("shared_xml", m(&Value::Bool(false))),
                ("partition_parameter_xml", m(&Value::Dict(vec![]))),
                ("filter_xml", m(&no_filter)),
                ("state", m(&Value::None)),
            ],
            seat: None,
        }
    }

    pub(crate) fn with(mut self, name: &'static str, text: impl Into<String>) -> Self {
        self.fields.retain(|(known, _)| *known != name);
        self.fields.push((name, text.into()));
        self
    }

    pub(crate) fn without(mut self, name: &'static str) -> Self {
        self.fields.retain(|(known, _)| *known != name);
        self
    }

    pub(crate) fn state(self, state: &str) -> Self {
        self.with("state", m(&Value::text(state)))
    }

    pub(crate) fn shared(self) -> Self {
        self.with("shared_xml", m(&Value::Bool(true)))
    }

    pub(crate) fn parameters(self, pairs: &[(&str, Value)]) -> Self {
        let pairs = pairs.iter().map(|(key, value)| (*key, value.clone()));
        self.with("partition_parameter_xml", m(&Value::dict(pairs)))
    }

    /// Asked by a partition, by header and by fields.
    pub(crate) fn from(mut self, partition: &str) -> Self {
        self.seat = Some(seat(C, partition));
        self.with("computer_id", C)
            .with("computer_partition_id", partition)
    }
}

async fn answer_of(response: axum::response::Response) -> Answer {
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap();
    Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        text: String::from_utf8(bytes.to_vec()).unwrap(),
    }
}

pub(crate) fn m(value: &Value) -> String {
    write(value).unwrap()
}

pub(crate) fn seat(computer: &str, partition: &str) -> String {
    format!("X-SlapPartition computer_id={computer}, computer_partition_id={partition}")
}

impl Wire {
    /// In the proxy's dialect.
    pub(crate) fn proxy() -> Self {
        let products = [("demo".to_owned(), SR.to_owned())];
        Self::start(Some(ProxyConfig {
            computer_id: C.to_owned(),
            products: products.into(),
            ..ProxyConfig::default()
        }))
    }

    /// In the proxy's dialect, with so many partitions part0, part1…
    pub(crate) fn formatted(partitions: usize) -> Self {
        let wire = Self::proxy();
        wire.format(C, partitions);
        wire
    }

    /// In the master's dialect.
    pub(crate) fn master() -> Self {
        Self::start(None)
    }

    fn start(proxy: Option<ProxyConfig>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = MasterConfig {
            dir: dir.path().to_owned(),
            listen: "127.0.0.1:0".parse().unwrap(),
            database: Database::Sqlite(dir.path().join("master.sqlite")),
            proxy,
            beside: None,
        };
        let clock = Arc::new(FakeClock::new());
        let random: Arc<dyn RandomSource> = Arc::new(SeededRandom::new(1));
        let time: Arc<dyn Clock> = Arc::<FakeClock>::clone(&clock);
        let prepared = bootstrap(&config, &time, &random).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let router = runtime.block_on(router(prepared, time, random)).unwrap();
        let token = std::fs::read_to_string(dir.path().join("owner.token")).unwrap();
        Self {
            runtime,
            router,
            clock,
            token: token.trim().to_owned(),
            _dir: dir,
        }
    }

    pub(crate) fn send(&self, request: Request<Body>) -> Answer {
        // Two changes are never at the same time.
        self.clock.advance(Duration::from_millis(10));
        let mut router = self.router.clone();
        self.runtime
            .block_on(async move { answer_of(router.call(request).await.unwrap()).await })
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        let request = Request::get(path).header("host", "localhost");
        self.send(request.body(Body::empty()).unwrap())
    }

    pub(crate) fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.post_as(path, fields, &[])
    }

    pub(crate) fn post_as(
        &self,
        path: &str,
        fields: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(fields);
        let mut request = Request::post(path)
            .header("host", "localhost")
            .header("content-type", "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(form.finish())).unwrap())
    }

    pub(crate) fn call(&self, method: &str, body: &Json) -> Answer {
        self.call_as(method, body, &[])
    }

    pub(crate) fn call_as(&self, method: &str, body: &Json, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::post(format!("/{method}"))
            .header("host", "localhost")
            .header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(body.to_string())).unwrap())
    }

    /// As the holder of a key, as if its connection had proved it.
    pub(crate) fn call_by(&self, key_hash: &str, mut request: Request<Body>) -> Answer {
        request.extensions_mut().insert(Connection {
            key_hash: Some(key_hash.to_owned()),
            is_tls: true,
        });
        self.send(request)
    }

    pub(crate) fn format(&self, computer: &str, partitions: usize) -> Answer {
        self.post(
            "/loadComputerConfigurationFromXML",
            &[("xml", &format_document(computer, partitions))],
        )
    }

    /// The same request so many times, none waiting for another.
    pub(crate) fn request_at_once(&self, req: &Req, count: usize) -> Vec<Answer> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(&req.fields);
        let form = form.finish();
        self.runtime.block_on(async {
            let mut calls = tokio::task::JoinSet::new();
            for _ in 0..count {
                let mut router = self.router.clone();
                let request = Request::post("/requestComputerPartition");
                let request = request.body(Body::from(form.clone())).unwrap();
                calls.spawn(async move { answer_of(router.call(request).await.unwrap()).await });
            }
            calls.join_all().await
        })
    }

    pub(crate) fn request(&self, req: &Req) -> Answer {
        let fields: Vec<(&str, &str)> = req.fields.iter().map(|(k, v)| (*k, v.as_str())).collect();
        let headers: Vec<(&str, &str)> = req
            .seat
            .iter()
            .map(|seat| ("authorization", seat.as_str()))
            .collect();
        self.post_as("/requestComputerPartition", &fields, &headers)
    }

    /// All that is on the node.
    pub(crate) fn full(&self) -> Value {
        self.get(&format!("/getFullComputerInformation?computer_id={C}"))
            .value()
    }

    /// One partition as the node sees it.
    pub(crate) fn partition(&self, name: &str) -> Value {
        let full = self.full();
        let list = full.find("_computer_partition_list").unwrap();
        let mut items = list.as_items().unwrap().iter();
        let found = items.find(|item| text(item, "_partition_id") == name);
        found.unwrap().clone()
    }

    /// What an instance is given.
    pub(crate) fn given(&self, partition: &str) -> Value {
        let seen = self.partition(partition);
        seen.find("_parameter_dict").unwrap().clone()
    }

    pub(crate) fn stamp(&self, partition: &str) -> f64 {
        text(&self.given(partition), "timestamp").parse().unwrap()
    }

    pub(crate) fn publish(&self, partition: &str, value: &Value, share: &str) -> Answer {
        self.post(
            "/setComputerPartitionConnectionXml",
            &[
                ("computer_id", C),
                ("computer_partition_id", partition),
                ("connection_xml", &m(value)),
                ("slave_reference", share),
            ],
        )
    }

    /// A call about one partition.
    pub(crate) fn about(&self, call: &str, partition: &str, more: &[(&str, &str)]) -> Answer {
        let mut fields = vec![("computer_id", C), ("computer_partition_id", partition)];
        fields.extend(more);
        self.post(&format!("/{call}"), &fields)
    }
}

pub(crate) fn format_document(computer: &str, partitions: usize) -> String {
    let partition = |index: usize| {
        let address = Value::dict([
            ("addr", Value::text(format!("10.9.0.{index}"))),
            ("netmask", Value::text("255.255.255.255")),
        ]);
        Value::dict([
            ("reference", Value::text(format!("part{index}"))),
            ("address_list", Value::List(vec![address])),
            (
                "tap",
                Value::dict([("name", Value::text(format!("tap{index}")))]),
            ),
        ])
    };
    m(&Value::dict([
        ("reference", Value::text(computer)),
        ("address", Value::text("127.0.0.1")),
        ("netmask", Value::text("255.255.255.255")),
        (
            "partition_list",
            Value::List((0..partitions).map(partition).collect()),
        ),
    ]))
}

/// A text of a dictionary or object.
pub(crate) fn text(value: &Value, key: &str) -> String {
    let found = value
        .find(key)
        .unwrap_or_else(|| panic!("no {key} in {value:?}"));
    found
        .as_text()
        .unwrap_or_else(|| panic!("{key}: {found:?}"))
        .to_owned()
}

/// A body for JSON-RPC's request.
pub(crate) fn ask(title: &str) -> Json {
    json!({"title": title, "software_release_uri": SR, "software_type": "default"})
}
