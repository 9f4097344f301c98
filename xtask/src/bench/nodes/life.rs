//! The life of a simulated node: what `slapos-node`'s link does towards its master, and nothing on
//! the machine.
//!
//! It joins, holds a watch stream, polls and reports on a second connection that it closes after,
//! and after a loss comes back with pauses that grow and differ, as `slapos_node::limits` has them.
//! It polls and reports more often than the real one, so that a minute shows what five would.

use super::line::{Line, Said};
use super::record::{Record, What};
use crate::drill::luck::Luck;
use slapos_api::limits::WATCH_TIMEOUT;
use slapos_api::wire::node::{Desired, InstanceReport, NodeFormat, NodeReport, PartitionOffer};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_rustls::TlsConnector;

/// `slapos_node::limits::RECONNECT_FIRST` and `RECONNECT_MAX`.
const RECONNECT_FIRST: Duration = Duration::from_millis(250);
const RECONNECT_MAX: Duration = Duration::from_secs(30);

/// What all nodes share.
#[derive(Debug)]
pub(super) struct World {
    pub(super) record: Record,
    /// Streams that stand.
    pub(super) watching: AtomicUsize,
    /// Between two polls of a node, each with a report.
    pub(super) period: Duration,
    pub(super) is_over: AtomicBool,
    pub(super) partitions: usize,
}

/// A node.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) world: Arc<World>,
    pub(super) index: usize,
    pub(super) master: SocketAddr,
    pub(super) tls: Tls,
    /// When a bang for it was sent, in microseconds of the record; 0 when none is awaited.
    pub(super) banged_at: AtomicU64,
    /// Bangs that its stream told.
    pub(super) bangs: AtomicUsize,
    /// The last turn whose report was acknowledged.
    pub(super) acknowledged: AtomicI64,
    pub(super) turn: AtomicI64,
}

/// The way to the master as a node of its own.
#[derive(Clone)]
pub(super) struct Tls(pub(super) TlsConnector);

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

impl Node {
    /// Lives until the world is over; begins after `delay`.
    pub(super) async fn live(self: Arc<Self>, delay: Duration) {
        sleep(delay).await;
        let seed = u64::try_from(self.index).unwrap_or_default();
        let mut luck = Luck::new(seed);
        let mut pause = RECONNECT_FIRST;
        while !self.world.is_over.load(SeqCst) {
            let mut connected = None;
            let ended = self.watch_once(&mut luck, &mut connected).await;
            if connected.is_some() {
                pause = RECONNECT_FIRST;
            }
            if let Err(text) = ended {
                self.world.record.failed(text);
            }
            let spread = connected.unwrap_or_default().max(pause);
            sleep(pause + up_to(&mut luck, spread)).await;
            pause = (pause * 2).min(RECONNECT_MAX);
        }
    }

    /// Offers the partitions: a connection that can go on.
    pub(super) async fn join(&self) -> Result<Line, String> {
        let mut line = self.dial().await?;
        let offer = NodeFormat {
            version: "bench".to_owned(),
            partitions: (0..self.world.partitions)
                .map(|index| PartitionOffer {
                    name: format!("slappart{index}"),
                    addresses: vec!["127.0.0.1".to_owned()],
                })
                .collect(),
            ..NodeFormat::default()
        };
        line.call(("PUT", "/v1/node/format"), Some(&offer)).await?;
        Ok(line)
    }

    async fn dial(&self) -> Result<Line, String> {
        let host = u8::try_from(self.index % 100 + 2).unwrap_or(2);
        Line::dial(Ipv4Addr::new(127, 0, 0, host), self.master, &self.tls.0).await
    }

    async fn watch_once(
        &self,
        luck: &mut Luck,
        connected: &mut Option<Duration>,
    ) -> Result<(), String> {
        let record = &self.world.record;
        record.dials();
        let begun = record.now();
        let mut watch = self.join().await?;
        record.done(What::Join, begun);
        let begun = record.now();
        watch.watch().await?;
        record.done(What::Watch, begun);
        // Read after the stream stands, so that nothing falls between the two.
        self.take_turn().await?;
        let spread = connected.insert(Duration::ZERO);
        self.world.watching.fetch_add(1, SeqCst);
        let ended = self.follow(luck, watch, spread).await;
        self.world.watching.fetch_sub(1, SeqCst);
        ended
    }

    async fn follow(
        &self,
        luck: &mut Luck,
        mut watch: Line,
        spread: &mut Duration,
    ) -> Result<(), String> {
        let period = self.world.period;
        // The first at any moment of a period, as nodes that did not start together.
        let mut next = Instant::now() + up_to(luck, period);
        let mut silent_at = Instant::now() + WATCH_TIMEOUT;
        while !self.world.is_over.load(SeqCst) {
            tokio::select! {
                said = watch.listen() => {
                    silent_at = Instant::now() + WATCH_TIMEOUT;
                    match said? {
                        Said::Alive => {}
                        Said::Spread(told) => *spread = told,
                        Said::Event(kind) => self.hear(&kind).await,
                    }
                }
                () = sleep_until(silent_at) => return Err("watch: silence".to_owned()),
                () = sleep_until(next) => {
                    if let Err(text) = self.take_turn().await {
                        self.world.record.failed(text);
                    }
                    next = Instant::now() + period * 7 / 8 + up_to(luck, period / 4);
                }
            }
        }
        Ok(())
    }

    async fn hear(&self, kind: &str) {
        if kind != "instance.bang" {
            return;
        }
        let sent = self.banged_at.swap(0, SeqCst);
        self.bangs.fetch_add(1, SeqCst);
        self.world
            .record
            .done(What::Bang, Duration::from_micros(sent));
        if let Err(text) = self.poll().await {
            self.world.record.failed(text);
        }
    }

    async fn poll(&self) -> Result<(Line, Desired), String> {
        let begun = self.world.record.now();
        let mut line = self.dial().await?;
        let body = line.call::<()>(("GET", "/v1/node/desired"), None).await?;
        self.world.record.done(What::Poll, begun);
        let desired: Desired = serde_json::from_slice(&body).map_err(|error| error.to_string())?;
        match desired.instances.len() == self.world.partitions {
            true => Ok((line, desired)),
            false => Err(format!("told of {} instances", desired.instances.len())),
        }
    }

    /// Reads what is wanted and tells something new of one instance; of all the first time.
    async fn take_turn(&self) -> Result<(), String> {
        let (mut line, desired) = self.poll().await?;
        let turn = self.turn.fetch_add(1, SeqCst);
        let chosen = usize::try_from(turn).unwrap_or_default() % self.world.partitions;
        let chosen = super::settle::instance_name(self.index, chosen);
        let said = desired.instances.into_iter();
        let said = said.filter(|wanted| turn == 0 || wanted.name == chosen);
        let instances = said.map(|wanted| InstanceReport {
            id: wanted.id,
            generation: wanted.generation,
            state: Some("started".to_owned()),
            message: Some(format!("turn {turn}")),
            connection: None,
            promises: None,
            processes: None,
        });
        let report = NodeReport {
            sequence: turn,
            instances: instances.collect(),
            ..NodeReport::default()
        };
        let begun = self.world.record.now();
        line.call(("POST", "/v1/node/report"), Some(&report))
            .await?;
        self.world.record.done(What::Report, begun);
        self.acknowledged.store(turn, SeqCst);
        Ok(())
    }
}

fn up_to(luck: &mut Luck, length: Duration) -> Duration {
    let micros = u64::try_from(length.as_micros()).unwrap_or(u64::MAX);
    Duration::from_micros(luck.up_to(micros))
}
