//! Before anything is measured: the nodes join, offer partitions, and every partition is asked for.

use super::super::load::{Answer, play, request};
use super::host::Hosts;
use super::life::{Node, Tls, World};
use crate::command::say;
use slapos_api::tls::client_config;
use slapos_api::wire::node::{NodeRegister, NodeRegistered};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio_rustls::TlsConnector;

/// Connections of the persons who register and ask, and nodes that join at once.
const CONNECTIONS: usize = 32;

/// Requests whose answers are held in memory at once.
const BATCH: usize = 5000;

/// So many nodes, spread over the masters.
pub(super) fn join(
    hosts: &Hosts,
    world: &Arc<World>,
    (runtime, count): (&Runtime, usize),
) -> Result<Vec<Arc<Node>>, String> {
    let mut nodes = Vec::new();
    for first in (0..count).step_by(BATCH) {
        let indexes = first..count.min(first + BATCH);
        let keys = indexes.map(Key::new).collect::<Result<Vec<_>, _>>()?;
        let bodies = keys.iter().map(Key::register);
        let answers = ask(hosts, "/v1/nodes", bodies.collect::<Result<Vec<_>, _>>()?)?;
        for (key, answer) in keys.iter().zip(answers) {
            nodes.push(Arc::new(key.node(hosts, world, &answer)?));
        }
        say(&format!("  {} of {count} nodes registered", nodes.len()));
    }
    runtime.block_on(offer(&nodes))?;
    Ok(nodes)
}

async fn offer(nodes: &[Arc<Node>]) -> Result<(), String> {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut joining = tokio::task::JoinSet::new();
    for node in nodes {
        let (node, places) = (Arc::clone(node), Arc::clone(&places));
        joining.spawn(async move {
            let _place = places.acquire_owned().await;
            node.join().await.map(drop)
        });
    }
    while let Some(joined) = joining.join_next().await {
        joined.map_err(|error| error.to_string())??;
    }
    Ok(())
}

/// An instance for each partition; the name of one is `n<node>-<number>`.
pub(super) fn fill(hosts: &Hosts, (nodes, partitions): (usize, usize)) -> Result<(), String> {
    let all = nodes * partitions;
    for first in (0..all).step_by(BATCH) {
        let bodies = (first..all.min(first + BATCH)).map(|index| {
            let (node, number) = (index / partitions, index % partitions);
            serde_json::json!({"name": instance_name(node, number), "software": "helloworld",
                "parameters": {"greeting": "hello"}, "filter": {"node": format!("node-{node}")}})
            .to_string()
        });
        ask(hosts, "/v1/instances", bodies.collect())?;
        if (first / BATCH).is_multiple_of(5) {
            say(&format!("  {first} of {all} instances asked for"));
        }
    }
    Ok(())
}

pub(super) fn instance_name(node: usize, number: usize) -> String {
    format!("n{node}-{number}")
}

fn ask(hosts: &Hosts, path: &str, bodies: Vec<String>) -> Result<Vec<Answer>, String> {
    let address = hosts.masters[0].address;
    let requests: Vec<Vec<u8>> = bodies
        .iter()
        .map(|body| request(address, &hosts.token, path, body))
        .collect();
    let load = play(address, &requests, CONNECTIONS)?;
    match load.answers.iter().find(|answer| answer.status != 200) {
        None => Ok(load.answers),
        Some(bad) => Err(format!(
            "{path} is answered {}: {}",
            bad.status,
            String::from_utf8_lossy(&bad.body)
        )),
    }
}

struct Key {
    index: usize,
    pair: rcgen::KeyPair,
}

impl Key {
    fn new(index: usize) -> Result<Self, String> {
        let pair = rcgen::KeyPair::generate().map_err(|error| error.to_string())?;
        Ok(Self { index, pair })
    }

    fn register(&self) -> Result<String, String> {
        let csr_pem = rcgen::CertificateParams::default()
            .serialize_request(&self.pair)
            .and_then(|request| request.pem())
            .map_err(|error| error.to_string())?;
        let ask = NodeRegister {
            name: format!("node-{}", self.index),
            project: None,
            csr_pem,
        };
        serde_json::to_string(&ask).map_err(|error| error.to_string())
    }

    fn node(&self, hosts: &Hosts, world: &Arc<World>, answer: &Answer) -> Result<Node, String> {
        let joined: NodeRegistered =
            serde_json::from_slice(&answer.body).map_err(|error| error.to_string())?;
        let key_pem = self.pair.serialize_pem();
        let identity = Some((joined.certificate_pem.as_str(), key_pem.as_str()));
        let mut tls = client_config(&joined.ca_pem, identity).map_err(|error| error.to_string())?;
        // The real node makes a client anew when it connects again: it resumes nothing.
        tls.resumption = tokio_rustls::rustls::client::Resumption::disabled();
        Ok(Node {
            world: Arc::clone(world),
            index: self.index,
            master: hosts.masters[self.index % hosts.masters.len()].address,
            tls: Tls(TlsConnector::from(Arc::new(tls))),
            banged_at: AtomicU64::new(0),
            bangs: AtomicUsize::new(0),
            acknowledged: AtomicI64::new(-1),
            turn: AtomicI64::new(0),
        })
    }
}
