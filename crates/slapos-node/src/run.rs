//! The resident agent: puts its parts together and runs them.

use crate::agent::{Agent, AgentParts, Notice, Scope, follow_supervisor};
use crate::config::NodeConfig;
use crate::error::NodeError;
use crate::format::{self, Formatted, closed_parents, format_node, probe_facts};
use crate::limits;
use crate::link::{Mail, Outbox, follow_master};
use crate::lock::RootLock;
use crate::logs::LogReader;
use crate::node::Node;
use crate::record::Records;
use crate::release::ReadRelease;
use crate::shutdown::Shutdown;
use crate::system::System;
use crate::system::real::Host;
use slapos_api::Client;
use slapos_api::wire::log::LogWanted;
use slapos_api::wire::node::{Desired, NodeFormat, NodeReport, PartitionOffer};
use slapos_model::{Clock, RandomSource};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};

/// Runs the agent until `shutdown` is requested. Services go on after it.
///
/// # Errors
/// When another agent works in the same root, or its folders cannot be used.
pub fn run(
    config: &NodeConfig,
    clock: Arc<dyn Clock>,
    random: Arc<dyn RandomSource>,
    shutdown: &Shutdown,
) -> Result<(), NodeError> {
    let (node, _lock) = open(config, clock, random)?;
    warn_about(&node);
    let outbox = Arc::new(Outbox::default());
    let (sender, notices) = sync_channel(limits::NOTICES_MAX);
    let mut agent = Agent::new(AgentParts {
        node: Arc::clone(&node),
        outbox: Arc::clone(&outbox),
        master: Arc::clone(&outbox) as Arc<dyn ReadRelease>,
        sender: sender.clone(),
        scope: Scope {
            has_software: true,
            has_instances: true,
            has_promises: true,
            ..Scope::default()
        },
    })
    .map_err(NodeError::doing("read the agent's state"))?;
    let threads = |doing: &str| NodeError::doing(format!("start the thread that {doing}"));
    follow_supervisor(&node, &sender, shutdown).map_err(threads("follows the supervisor"))?;
    let mail: Arc<dyn Mail> = Arc::new(Letterbox {
        node: Arc::clone(&node),
        sender: sender.clone(),
        logs: LogReader::new(&node.layout),
    });
    follow_master(&node, &outbox, &mail, shutdown).map_err(threads("follows the master"))?;
    let (wake, ended) = (sender, Arc::clone(&outbox));
    shutdown.on_request(move || {
        // A full queue wakes the agent as well.
        let _ = wake.try_send(Notice::Wake);
        ended.end();
    });
    tracing::info!(root = %config.root.display(), "agent started");
    agent.run(&notices, shutdown);
    tracing::info!("agent ended");
    Ok(())
}

/// Takes the lock and formats.
pub(crate) fn open(
    config: &NodeConfig,
    clock: Arc<dyn Clock>,
    random: Arc<dyn RandomSource>,
) -> Result<(Arc<Node>, RootLock), NodeError> {
    let layout = config.layout();
    let root = config.root.display();
    format::ensure_root(&config.root).map_err(NodeError::doing(format!("make {root}")))?;
    crate::atomic_file::make_folders(&layout.state(), 0o700)
        .map_err(NodeError::doing("make the agent's folder"))?;
    let lock = RootLock::take(&layout)?;
    let system: Arc<dyn System> = Arc::new(Host::new(&config.program, &layout.supervise()));
    let formatted = format_node(&*system, &config.settings, &layout)
        .map_err(|why| NodeError::NotReady(format!("cannot format this node: {why}")))?;
    let node = build(config, system, formatted, (clock, random))?;
    Ok((Arc::new(node), lock))
}

pub(crate) fn build(
    config: &NodeConfig,
    system: Arc<dyn System>,
    formatted: Formatted,
    (clock, random): (Arc<dyn Clock>, Arc<dyn RandomSource>),
) -> Result<Node, NodeError> {
    let layout = config.layout();
    let records = Records::open(&layout).map_err(NodeError::doing("open the agent's records"))?;
    Ok(Node {
        layout,
        program: config.program.clone(),
        settings: config.settings.clone(),
        system,
        records,
        formatted,
        clock,
        random,
        snapshots: std::sync::Mutex::default(),
    })
}

fn warn_about(node: &Node) {
    for action in &node.formatted.actions {
        tracing::info!(action, "formatted");
    }
    for (partition, made) in &node.formatted.partitions {
        if let Some(error) = &made.error {
            tracing::error!(partition, error, "partition cannot be used");
        }
    }
    for sentence in strange_content(node) {
        tracing::warn!(sentence, "partition left alone");
    }
    if node.system.is_root() {
        for sentence in closed_parents(node.layout.root()) {
            tracing::error!(sentence, "root cannot be entered");
        }
    }
}

/// Partitions with files that this agent did not put there: they are never removed by it.
pub(crate) fn strange_content(node: &Node) -> Vec<String> {
    let Ok((known, _)) = node.records.list_instances() else {
        return Vec::new();
    };
    let unknown = node
        .formatted
        .partitions
        .keys()
        .filter(|name| !known.contains_key(*name));
    let folders = unknown.map(|name| node.layout.partition(name));
    let full = folders.filter(|folder| {
        fs_err::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some())
    });
    full.map(|folder| {
        format!(
            "{} holds files that this node did not put there; look at them, and move them away",
            folder.display()
        )
    })
    .collect()
}

/// What the node offers to its master.
pub(crate) fn offer_of(node: &Node) -> NodeFormat {
    let usable = node
        .formatted
        .partitions
        .iter()
        .filter(|(_, made)| made.error.is_none());
    NodeFormat {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        facts: probe_facts(&*node.system, &node.layout),
        partitions: usable
            .map(|(name, _)| PartitionOffer {
                name: name.clone(),
                addresses: node.settings.addresses.clone(),
            })
            .collect(),
    }
}

/// Hands what comes from the master to who works on it.
struct Letterbox {
    node: Arc<Node>,
    sender: SyncSender<Notice>,
    logs: LogReader,
}

impl Mail for Letterbox {
    fn desired(&self, desired: Desired) {
        // An agent that is gone needs nothing more.
        let _ = self.sender.send(Notice::Desired(desired));
    }

    fn acknowledged(&self, report: NodeReport) {
        let _ = self.sender.send(Notice::Acknowledged(report));
    }

    fn log_wanted(&self, client: &Client, wanted: LogWanted) {
        self.logs.answer(client.clone(), wanted);
    }

    fn offer(&self) -> NodeFormat {
        offer_of(&self.node)
    }
}
