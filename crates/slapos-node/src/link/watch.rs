//! Follows the master: joins, offers the partitions, listens to the watch stream.
//!
//! After each connection everything wanted is read again, since what happened in between is not
//! known. Pauses between attempts grow and differ between nodes, so that a master that comes back
//! is not run over.

use super::identity::{self, JoinError};
use super::master::Master;
use super::old_wire::OldMaster;
use super::outbox::{Errand, Outbox};
use crate::limits;
use crate::node::Node;
use crate::shutdown::Shutdown;
use slapos_api::wire::log::LogWanted;
use slapos_api::wire::node::{Desired, NodeFormat, NodeReport};
use slapos_api::{Client, ClientError, ErrorCode};
use std::sync::Arc;
use std::time::Duration;

/// What the link brings to the agent.
pub(crate) trait Mail: Send + Sync {
    /// What the master wants now.
    fn desired(&self, desired: Desired);
    /// The master took a report.
    fn acknowledged(&self, report: NodeReport);
    /// The master wants a log.
    fn log_wanted(&self, client: &Client, wanted: LogWanted);
    /// What the node offers.
    fn offer(&self) -> NodeFormat;
}

/// Starts the threads of the link; they end with the process or some time after `shutdown`.
pub(crate) fn follow_master(
    node: &Arc<Node>,
    outbox: &Arc<Outbox>,
    mail: &Arc<dyn Mail>,
    shutdown: &Shutdown,
) -> std::io::Result<()> {
    let (one, two) = (
        Link {
            node: Arc::clone(node),
            outbox: Arc::clone(outbox),
            mail: Arc::clone(mail),
            shutdown: shutdown.clone(),
        },
        Link {
            node: Arc::clone(node),
            outbox: Arc::clone(outbox),
            mail: Arc::clone(mail),
            shutdown: shutdown.clone(),
        },
    );
    let spawn = |name: &str, body: Box<dyn FnOnce() + Send>| {
        std::thread::Builder::new()
            .name(name.to_owned())
            .stack_size(512 << 10)
            .spawn(body)
    };
    spawn("watch", Box::new(move || one.watch_always()))?;
    spawn("report", Box::new(move || two.deliver_always()))?;
    Ok(())
}

struct Link {
    node: Arc<Node>,
    outbox: Arc<Outbox>,
    mail: Arc<dyn Mail>,
    shutdown: Shutdown,
}

impl Link {
    fn watch_always(&self) {
        let mut pause = limits::RECONNECT_FIRST;
        while !self.shutdown.is_requested() {
            let mut connected = None;
            let ended = self.watch_once(&mut connected);
            self.outbox.set_watching(false);
            pause = connected.map_or(pause, |_| limits::RECONNECT_FIRST);
            if let Err(error) = ended {
                self.note(&error);
            }
            let spread = connected.unwrap_or_default().max(pause);
            if self.shutdown.wait(pause + self.node.jitter(spread)) {
                return;
            }
            pause = (pause * 2).min(limits::RECONNECT_MAX);
        }
    }

    fn note(&self, error: &JoinError) {
        match error {
            JoinError::NoMaster(_) => tracing::debug!(%error, "no master"),
            _ => tracing::warn!(%error, "master not reached"),
        }
        // A master that does not know this certificate (restored from an old backup, or another
        // one) is joined again with the same key.
        if let JoinError::Master(ClientError::Refused(body)) = error
            && body.code == ErrorCode::Unauthenticated
            && let Err(error) = identity::forget_certificate(&self.node.layout)
        {
            tracing::error!(%error, "certificate not forgotten");
        }
    }

    /// `connected` is none until the master was reached; then how long its nodes are to spread their
    /// coming back.
    fn watch_once(&self, connected: &mut Option<Duration>) -> Result<(), JoinError> {
        match Master::connect(&self.node)? {
            Master::Native(client) => self.watch_native(client, connected),
            Master::Old(master) => self.ask_always(master, connected),
        }
    }

    /// A master of the old wire is asked again and again: it tells nothing by itself.
    fn ask_always(
        &self,
        master: OldMaster,
        connected: &mut Option<Duration>,
    ) -> Result<(), JoinError> {
        master.join(&self.node, &self.mail.offer())?;
        self.mail.desired(master.read_desired()?);
        *connected = Some(Duration::ZERO);
        self.outbox.set_client(Some(Master::Old(master.clone())));
        self.outbox.set_watching(true);
        tracing::info!(url = master.url(), "master of the old wire reached");
        loop {
            let pause = master.pause();
            if self.shutdown.wait(pause + self.node.jitter(pause / 4)) {
                return Ok(());
            }
            self.mail.desired(master.read_desired()?);
        }
    }

    fn watch_native(
        &self,
        client: Client,
        connected: &mut Option<Duration>,
    ) -> Result<(), JoinError> {
        client.format_node(&self.mail.offer())?;
        let mut watch = client.watch(None)?;
        // Read after the stream stands, so that nothing falls between the two.
        self.mail.desired(client.read_desired()?);
        *connected = Some(Duration::ZERO);
        self.outbox.set_client(Some(Master::Native(client.clone())));
        self.outbox.set_watching(true);
        tracing::info!(url = client.url(), "master reached");
        loop {
            let event = watch.next_event();
            *connected = Some(watch.spread());
            let event = event?;
            if self.shutdown.is_requested() {
                return Ok(());
            }
            match event.kind.as_str() {
                "log.wanted" => {
                    let data = serde_json::Value::Object(event.data);
                    match serde_json::from_value(data) {
                        Ok(wanted) => self.mail.log_wanted(&client, wanted),
                        Err(error) => tracing::warn!(%error, "log request not understood"),
                    }
                }
                // What this node said itself comes back as well; it changes nothing wanted.
                "instance.reported" | "instance.green" | "supply.progress" => {}
                kind if kind.starts_with("promise.") || kind.starts_with("node.") => {}
                _ => self.mail.desired(client.read_desired()?),
            }
        }
    }

    /// Delivers a report. What the master will never take is dropped, so that it does not hold up
    /// the rest for ever.
    fn deliver(&self, client: &Master, report: NodeReport) -> Result<(), ClientError> {
        let is_one = report.instances.len() + report.software.len() == 1;
        match client.report(&report) {
            Ok(()) => {
                self.outbox.acknowledge(&report);
                self.mail.acknowledged(report);
                Ok(())
            }
            Err(error) if is_final(&error) && is_one => {
                tracing::error!(%error, "report refused by the master");
                self.outbox.acknowledge(&report);
                Ok(())
            }
            Err(error) if is_final(&error) => {
                let mut parts = one_by_one(&report).into_iter();
                parts.try_for_each(|part| self.deliver(client, part))
            }
            Err(error) => Err(error),
        }
    }

    fn deliver_always(&self) {
        let mut pause = limits::RECONNECT_FIRST;
        loop {
            match self.outbox.next_errand(self.node.jitter(limits::POLL / 4)) {
                Errand::End => return,
                Errand::Poll(client) => match client.read_desired() {
                    Ok(desired) => self.mail.desired(desired),
                    Err(error) => tracing::debug!(%error, "poll failed"),
                },
                Errand::Deliver(client, report) => match self.deliver(&client, report) {
                    Ok(()) => pause = limits::RECONNECT_FIRST,
                    Err(error) => {
                        tracing::warn!(%error, "report waits");
                        if self.shutdown.wait(pause + self.node.jitter(pause)) {
                            return;
                        }
                        pause = next_pause(pause);
                    }
                },
            }
        }
    }
}

/// Whether saying the same again can never succeed.
fn is_final(error: &ClientError) -> bool {
    let refusal = error.refusal();
    refusal.is_some_and(|body| matches!(body.code, ErrorCode::Invalid | ErrorCode::TooLarge))
}

/// One report for each thing in it.
fn one_by_one(report: &NodeReport) -> Vec<NodeReport> {
    let instances = report.instances.iter().map(|instance| NodeReport {
        sequence: report.sequence,
        instances: vec![instance.clone()],
        ..NodeReport::default()
    });
    let software = report.software.iter().map(|software| NodeReport {
        sequence: report.sequence,
        software: vec![software.clone()],
        ..NodeReport::default()
    });
    instances.chain(software).collect()
}

fn next_pause(pause: Duration) -> Duration {
    (pause * 2).min(limits::RECONNECT_MAX)
}
