//! Requests that are durable before they are answered, beside a bare group commit on the same disk.
//!
//! Each round has a node of its own that offers as many partitions as there are requests. That
//! node is a certificate and a list, nobody runs it, so that the master alone is measured. All
//! answers are checked: status, an id of its own, and that the node is then told to run it.

use super::figure::{Figure, Goal, Spread};
use super::load::{Answer, Load, play, request};
use super::world::World;
use super::{Bench, limit, process};
use serde_json::Value;
use slapos_api::wire::node::{NodeFormat, NodeRegister, PartitionOffer};
use slapos_api::{Client, Credential};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

/// Connections, and new requests of a round.
const CASES: [Case; 3] = [
    Case {
        connections: 1,
        requests: 1000,
        id: "durable.request_new_c1",
        same_id: "durable.request_same_c1",
    },
    Case {
        connections: 8,
        requests: 3000,
        id: "durable.request_new_c8",
        same_id: "durable.request_same_c8",
    },
    Case {
        connections: 64,
        requests: 6000,
        id: "durable.request_new_c64",
        same_id: "durable.request_same_c64",
    },
];

const ROUNDS: usize = 3;

/// Of one measure of the bare group commit.
const BARE: Duration = Duration::from_secs(1);

struct Case {
    connections: usize,
    requests: usize,
    id: &'static str,
    same_id: &'static str,
}

#[derive(Default)]
struct Measured {
    bare: Vec<f64>,
    new: Vec<f64>,
    same: Vec<f64>,
    p50_ms: Vec<f64>,
    p99_ms: Vec<f64>,
    cpu_ms: Vec<f64>,
    generator: Vec<f64>,
}

/// Alternates bare commits and requests, three rounds.
pub(super) fn measure(bench: &mut Bench) -> Result<(), String> {
    let world = World::start(&bench.program, &bench.place, "sld", 1)?;
    let mut measured: [Measured; 3] = Default::default();
    for round in 0..ROUNDS {
        for (case, measured) in CASES.iter().zip(&mut measured) {
            one_round(&world, case, round, measured)?;
        }
    }
    let partitions: usize = CASES.iter().map(|case| case.requests * ROUNDS).sum();
    for (case, measured) in CASES.iter().zip(measured) {
        report(bench, case, measured, partitions);
    }
    Ok(())
}

fn report(bench: &mut Bench, case: &Case, measured: Measured, partitions: usize) {
    let (bare, new) = (Spread::of(measured.bare), Spread::of(measured.new));
    let middle = |values: Vec<f64>| Spread::of(values).median;
    let what = format!(
        "new requests, {} connections, {ROUNDS} rounds of {}, up to {partitions} partitions \
         registered; 0 lost; p50 {:.2} ms, p99 {:.2} ms, master CPU {:.2} ms each, generator \
         {:.2} of a core",
        case.connections,
        case.requests,
        middle(measured.p50_ms),
        middle(measured.p99_ms),
        middle(measured.cpu_ms),
        middle(measured.generator),
    );
    let goal = Goal::Limit {
        what: format!("bare group commit, {} writers", case.connections),
        ratio: bare.median / new.median,
        value: bare,
        at_most: 3.0,
    };
    bench.report(Figure::new(case.id, what, new).unit("/s").goal(goal));
    let what = format!(
        "the same requests again, {} connections, same answers",
        case.connections
    );
    bench.report(Figure::new(case.same_id, what, Spread::of(measured.same)).unit("/s"));
}

fn one_round(
    world: &World,
    case: &Case,
    round: usize,
    measured: &mut Measured,
) -> Result<(), String> {
    let bare = limit::group_commit(world.root(), case.connections, BARE)?;
    measured.bare.push(bare);
    let name = format!("node-{}-{round}", case.connections);
    let node = FakeNode::join(&world.client, world.address, &name, case.requests)?;
    let requests: Vec<Vec<u8>> = (0..case.requests)
        .map(|index| ask(world, &name, index))
        .collect();
    let master = world.pids()?.master;
    let cpu_before = process::cpu_us(master);
    let load = play(world.address, &requests, case.connections)?;
    let cpu_us = process::cpu_us(master).saturating_sub(cpu_before);
    let ids = check(&load, case.requests)?;
    node.check_told(&ids)?;
    measured.keep(&load, cpu_us);
    let again = play(world.address, &requests, case.connections)?;
    if check(&again, case.requests)? != ids {
        return Err("a repeated request was answered with another instance".to_owned());
    }
    measured.same.push(again.rate());
    Ok(())
}

impl Measured {
    fn keep(&mut self, load: &Load, cpu_us: u64) {
        let times: Vec<f64> = load
            .answers
            .iter()
            .map(|answer| answer.milliseconds)
            .collect();
        self.p50_ms.push(Spread::of(times.clone()).median);
        self.p99_ms.push(Spread::percentile(times, 99).median);
        let cpu_ms = f64::from(u32::try_from(cpu_us).unwrap_or(u32::MAX)) / 1000.0;
        self.cpu_ms.push(cpu_ms / (load.rate() * load.seconds));
        self.new.push(load.rate());
        self.generator.push(load.generator_share);
    }
}

fn ask(world: &World, node: &str, index: usize) -> Vec<u8> {
    let body = serde_json::json!({
        "name": format!("{node}-{index}"),
        "software": "helloworld",
        "parameters": {"greeting": format!("Hello from {index}")},
        "filter": {"node": node},
    });
    request(
        world.address,
        &world.token,
        "/v1/instances",
        &body.to_string(),
    )
}

/// All answered with 200, each with a partition and an id of its own: the ids.
fn check(load: &Load, wanted: usize) -> Result<BTreeSet<String>, String> {
    let ids = load
        .answers
        .iter()
        .map(check_answer)
        .collect::<Result<BTreeSet<_>, _>>()?;
    match wanted - ids.len() {
        0 => Ok(ids),
        twice => Err(format!("{twice} of {wanted} requests share an instance")),
    }
}

fn check_answer(answer: &Answer) -> Result<String, String> {
    let text = || String::from_utf8_lossy(&answer.body).into_owned();
    if answer.status != 200 {
        return Err(format!(
            "a request was answered with {}: {}",
            answer.status,
            text()
        ));
    }
    let view: Value =
        serde_json::from_slice(&answer.body).map_err(|error| format!("{error}: {}", text()))?;
    match (view["id"].as_str(), view["partition"].as_str()) {
        (Some(id), Some(_)) => Ok(id.to_owned()),
        _ => Err(format!("an answer without id or partition: {view}")),
    }
}

/// A node that nobody runs.
pub(super) struct FakeNode {
    client: Client,
}

impl FakeNode {
    /// Registers it as the owner and lets it offer so many partitions.
    pub(super) fn join(
        owner: &Client,
        address: SocketAddr,
        name: &str,
        partitions: usize,
    ) -> Result<Self, String> {
        let key = rcgen::KeyPair::generate().map_err(|error| error.to_string())?;
        let csr_pem = rcgen::CertificateParams::default()
            .serialize_request(&key)
            .and_then(|request| request.pem())
            .map_err(|error| error.to_string())?;
        let failed = |error: slapos_api::ClientError| format!("{name} cannot join: {error}");
        let joined = owner
            .register_node(&NodeRegister {
                name: name.to_owned(),
                project: None,
                csr_pem,
            })
            .map_err(failed)?;
        let credential = Credential::Certificate {
            certificate_pem: joined.certificate_pem,
            key_pem: key.serialize_pem(),
        };
        let url = format!("https://{address}");
        let client = Client::new(&url, credential, Some(&joined.ca_pem)).map_err(failed)?;
        let offer = NodeFormat {
            version: "bench".to_owned(),
            partitions: (0..partitions)
                .map(|index| PartitionOffer {
                    name: format!("slappart{index}"),
                    addresses: vec!["127.0.0.1".to_owned()],
                })
                .collect(),
            ..NodeFormat::default()
        };
        client.format_node(&offer).map_err(failed)?;
        Ok(Self { client })
    }

    /// What was acknowledged is what the node is told to run.
    pub(super) fn check_told(&self, acknowledged: &BTreeSet<String>) -> Result<(), String> {
        let desired = self
            .client
            .read_desired()
            .map_err(|error| error.to_string())?;
        let told: BTreeSet<String> = desired.instances.into_iter().map(|one| one.id).collect();
        let lost = acknowledged.difference(&told).count();
        if lost > 0 {
            return Err(format!(
                "{lost} of {} acknowledged requests are lost",
                acknowledged.len()
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(bodies: &[&str]) -> Load {
        let answers = bodies.iter().map(|body| Answer {
            status: 200,
            body: body.as_bytes().to_vec(),
            milliseconds: 1.0,
        });
        Load {
            seconds: 1.0,
            answers: answers.collect(),
            generator_share: 0.0,
        }
    }

    #[test]
    fn check_of_one_instance_for_two_requests_fails() {
        let one = r#"{"id": "SOFTINST-1", "partition": "slappart0"}"#;
        let two = r#"{"id": "SOFTINST-2", "partition": "slappart1"}"#;
        assert_eq!(check(&load(&[one, two]), 2).unwrap().len(), 2);
        assert!(check(&load(&[one, one]), 2).unwrap_err().contains("share"));
    }

    #[test]
    fn check_of_an_instance_without_a_place_fails() {
        let waiting = r#"{"id": "SOFTINST-1"}"#;
        assert!(check(&load(&[waiting]), 1).is_err());
    }

    #[test]
    fn check_of_a_refusal_shows_it() {
        let mut refused = load(&["no room"]);
        refused.answers[0].status = 503;
        let error = check(&refused, 1).unwrap_err();
        assert!(error.contains("503: no room"), "{error}");
    }
}
