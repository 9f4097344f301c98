//! The steps of the agent one by one, for `slapos node format | software | instance | promise |
//! status`.
//!
//! Each works without the resident agent and returns what the command line prints. All but
//! [`status`] take the agent's lock.

use crate::agent::{Agent, AgentParts, Notice, Scope, follow_supervisor};
use crate::config::NodeConfig;
use crate::desire::DesiredFile;
use crate::error::NodeError;
use crate::format::{Formatted, closed_parents, observe_format, plan_format, probe_facts, wish};
use crate::layout::Layout;
use crate::link::{Master, Outbox, identity};
use crate::lock::RootLock;
use crate::node::{Node, Snapshot};
use crate::run::{offer_of, open, strange_content};
use crate::shutdown::Shutdown;
use crate::system::System;
use crate::system::real::Host;
use serde::Serialize;
use slapos_api::wire::JsonMap;
use slapos_api::wire::node::{ProcessReport, PromiseReport};
use slapos_model::{Clock, RandomSource};
use slapos_supervise::GroupStatus;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};

/// Do it, or only say what would be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Do it.
    Act,
    /// Print the plan.
    DryRun,
}

/// How a step is asked.
#[derive(Clone)]
#[allow(missing_debug_implementations)] // Clock and randomness show nothing.
pub struct StepOptions {
    /// Do it, or only say what would be done.
    pub mode: Mode,
    /// Only these: partition or service names for instance and promise, URLs or their MD5 for
    /// software. Empty means all.
    pub only: Vec<String>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where randomness comes from.
    pub random: Arc<dyn RandomSource>,
}

/// What `format` found and did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FormatSummary {
    /// What was, or with a dry run would be, changed; empty when all was as it should be.
    pub actions: Vec<String>,
    /// What is not as it should be and was not changed: one sentence each, with what to do.
    pub warnings: Vec<String>,
    /// The partitions.
    pub partitions: Vec<PartitionSummary>,
    /// What was found on the machine.
    pub facts: JsonMap,
    /// Whether the master was told.
    pub is_reported: bool,
}

/// One partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartitionSummary {
    /// `slappart0`.
    pub name: String,
    /// The user that its programs run as.
    pub user: String,
    /// What it may bind.
    pub addresses: Vec<String>,
    /// Why it cannot be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Something that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// URL, partition, or partition and promise.
    pub subject: String,
    /// What went wrong, with the end of the log.
    pub message: String,
}

/// What `software` did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SoftwareSummary {
    /// The plan, one action a line.
    pub plan: Vec<String>,
    /// All releases that are wanted or there.
    pub software: Vec<SoftwareStatus>,
    /// What failed; empty in a dry run.
    pub failures: Vec<Failure>,
}

/// One release on this node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SoftwareStatus {
    /// The release's identity.
    pub url: String,
    /// Its folder.
    pub path: std::path::PathBuf,
    /// `available` or `destroyed`.
    pub requested_state: String,
    /// `waiting`, `building`, `available`, `failed`, `destroyed`.
    pub state: String,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// What `instance` did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InstanceSummary {
    /// The plan, one action a line.
    pub plan: Vec<String>,
    /// All instances that are wanted or there.
    pub instances: Vec<InstanceStatus>,
    /// What failed; empty in a dry run.
    pub failures: Vec<Failure>,
}

/// One instance on this node.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InstanceStatus {
    /// Where.
    pub partition: String,
    /// Reference.
    pub id: String,
    /// The requester's name for it.
    pub name: String,
    /// The release's identity.
    pub software: String,
    /// `started`, `stopped`, `destroyed`.
    pub requested_state: String,
    /// `building`, `installing`, `started`, `stopped`, `failed`, `destroyed`, `unknown`.
    pub state: String,
    /// Why it is not as asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Its processes, from the supervisor.
    pub processes: Vec<ProcessReport>,
    /// Its promises, as they were checked last.
    pub promises: Vec<PromiseReport>,
}

/// What `promise` found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PromiseSummary {
    /// What would be, or was, checked: partition and promise.
    pub plan: Vec<String>,
    /// Instances with the promises that were checked now.
    pub instances: Vec<InstanceStatus>,
    /// The promises that are not kept.
    pub failures: Vec<Failure>,
}

/// How the node is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NodeStatus {
    /// The node's name.
    pub name: String,
    /// Its reference, once it joined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Does the resident agent run?
    pub is_agent_running: bool,
    /// Does the supervisor answer?
    pub is_supervisor_running: bool,
    /// Master epoch and generation of what is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub master_epoch: Option<String>,
    /// See `master_epoch`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
    /// Releases.
    pub software: Vec<SoftwareStatus>,
    /// Instances.
    pub instances: Vec<InstanceStatus>,
}

/// Makes users, groups and folders of the partitions, probes the machine, tells the master.
///
/// # Errors
/// When the agent runs, or the root cannot be used.
pub fn format(config: &NodeConfig, options: &StepOptions) -> Result<FormatSummary, NodeError> {
    if options.mode == Mode::DryRun {
        return Ok(plan_of_format(config));
    }
    let (node, _lock) = open(
        config,
        Arc::clone(&options.clock),
        Arc::clone(&options.random),
    )?;
    let offer = offer_of(&node);
    let told = Master::connect(&node).and_then(|master| master.join(&node, &offer));
    let mut warnings = warnings_of(config, &*node.system);
    warnings.extend(strange_content(&node));
    if let Err(error) = &told {
        warnings.push(format!("the master was not told: {error}"));
    }
    let partitions = node.formatted.partitions.iter();
    Ok(FormatSummary {
        actions: node.formatted.actions.clone(),
        warnings,
        partitions: partitions
            .map(|(name, made)| PartitionSummary {
                name: name.clone(),
                user: made
                    .account
                    .as_ref()
                    .map_or_else(current_user, |user| user.name.clone()),
                addresses: node.settings.addresses.clone(),
                error: made.error.clone(),
            })
            .collect(),
        facts: offer.facts,
        is_reported: told.is_ok(),
    })
}

fn plan_of_format(config: &NodeConfig) -> FormatSummary {
    let layout = config.layout();
    let system = Host::new(&config.program, &layout.supervise());
    let wanted = wish(&config.settings, &layout, system.is_root());
    let observed = observe_format(&system, &wanted);
    let actions = plan_format(&wanted, &observed);
    FormatSummary {
        actions: actions.iter().map(ToString::to_string).collect(),
        warnings: warnings_of(config, &system),
        partitions: Vec::new(),
        facts: probe_facts(&system, &layout),
        is_reported: false,
    }
}

fn warnings_of(config: &NodeConfig, system: &dyn System) -> Vec<String> {
    match system.is_root() {
        true => closed_parents(&config.root),
        false => vec![
            "without root all partitions share the current user; run it as root to give each its own"
                .to_owned(),
        ],
    }
}

fn current_user() -> String {
    let uid = nix::unistd::geteuid();
    match nix::unistd::User::from_uid(uid) {
        Ok(Some(user)) => user.name,
        _ => uid.to_string(),
    }
}

/// Builds and removes releases as asked.
///
/// # Errors
/// When the agent runs, or nothing was ever asked of this node.
pub fn software(config: &NodeConfig, options: &StepOptions) -> Result<SoftwareSummary, NodeError> {
    let scope = Scope {
        has_software: true,
        ..Scope::default()
    };
    let mut bench = Bench::set_up(config, options, scope)?;
    let plan = bench.agent.plan();
    let lines: Vec<String> = plan
        .software
        .iter()
        .map(|(url, step)| format!("{step} {url}"))
        .collect();
    bench.settle(options.mode);
    let software = bench.agent.software_statuses();
    let failed = software.iter().filter(|status| status.state == "failed");
    Ok(SoftwareSummary {
        plan: lines,
        failures: failed
            .map(|status| Failure {
                subject: status.url.clone(),
                message: status.message.clone().unwrap_or_default(),
            })
            .collect(),
        software,
    })
}

/// Installs, starts, stops and removes instances as asked.
///
/// # Errors
/// When the agent runs, or nothing was ever asked of this node.
pub fn instance(config: &NodeConfig, options: &StepOptions) -> Result<InstanceSummary, NodeError> {
    let scope = Scope {
        has_instances: true,
        ..Scope::default()
    };
    let mut bench = Bench::set_up(config, options, scope)?;
    bench.meet_supervisor(options.mode)?;
    let plan = bench.agent.plan();
    let only_partitions = crate::plan::Plan {
        partitions: plan.partitions,
        ..crate::plan::Plan::default()
    };
    bench.settle(options.mode);
    let instances = bench.agent.instance_statuses();
    let failed = instances.iter().filter(|status| status.state == "failed");
    Ok(InstanceSummary {
        plan: only_partitions.lines(),
        failures: failed
            .map(|status| Failure {
                subject: format!("{} ({})", status.partition, status.name),
                message: status.message.clone().unwrap_or_default(),
            })
            .collect(),
        instances,
    })
}

/// Checks all promises now.
///
/// # Errors
/// When the agent runs, or nothing was ever asked of this node.
pub fn promise(config: &NodeConfig, options: &StepOptions) -> Result<PromiseSummary, NodeError> {
    let scope = Scope {
        has_promises: true,
        ..Scope::default()
    };
    let mut bench = Bench::set_up(config, options, scope)?;
    bench.meet_supervisor(Mode::DryRun)?;
    let plan = bench.agent.promise_names();
    if options.mode == Mode::Act {
        bench.agent.check_all_promises();
    }
    let instances = bench.agent.instance_statuses();
    let promises = instances
        .iter()
        .flat_map(|status| status.promises.iter().map(move |promise| (status, promise)));
    let failures = promises
        .filter(|(_, promise)| options.mode == Mode::Act && promise.state != "kept")
        .map(|(status, promise)| Failure {
            subject: format!("{} {}", status.partition, promise.name),
            message: format!("{}: {}", promise.state, promise.message),
        })
        .collect();
    Ok(PromiseSummary {
        plan,
        instances,
        failures,
    })
}

/// How the node is; works beside the resident agent.
///
/// # Errors
/// When the root cannot be read.
pub fn status(config: &NodeConfig) -> Result<NodeStatus, NodeError> {
    let layout = config.layout();
    let groups = supervisor_groups(&layout);
    let asked = DesiredFile::new(&layout.state())
        .load()
        .map_err(NodeError::doing("read what was asked"))?;
    let bench = Bench::look(config, groups.clone())?;
    let mut agent = bench;
    Ok(NodeStatus {
        name: config.settings.name.clone(),
        id: identity::known_id(&layout),
        is_agent_running: RootLock::is_held(&layout),
        is_supervisor_running: groups.is_some(),
        master_epoch: asked.as_ref().map(|asked| asked.master_epoch.clone()),
        generation: asked.as_ref().map(|asked| asked.generation),
        software: agent.software_statuses(),
        instances: agent.instance_statuses_from_history(),
    })
}

fn supervisor_groups(layout: &Layout) -> Option<Vec<GroupStatus>> {
    let mut client = slapos_supervise::Client::connect(&layout.supervise()).ok()?;
    client.status().ok()
}

/// An agent without a link, for one step.
struct Bench {
    agent: Agent,
    notices: std::sync::mpsc::Receiver<Notice>,
    node: Arc<Node>,
    sender: SyncSender<Notice>,
    shutdown: Shutdown,
    _lock: RootLock,
}

impl Bench {
    fn set_up(
        config: &NodeConfig,
        options: &StepOptions,
        mut scope: Scope,
    ) -> Result<Self, NodeError> {
        scope.only = options.only.iter().cloned().collect();
        let (node, lock) = open(
            config,
            Arc::clone(&options.clock),
            Arc::clone(&options.random),
        )?;
        let outbox = Arc::new(Outbox::default());
        let client = Master::connect(&node).ok();
        let asked = client
            .as_ref()
            .and_then(|client| client.read_desired().ok());
        outbox.set_client(client);
        let (sender, notices) = sync_channel(crate::limits::NOTICES_MAX);
        let mut agent = Agent::new(AgentParts {
            node: Arc::clone(&node),
            outbox: Arc::clone(&outbox),
            master: outbox,
            sender: sender.clone(),
            scope,
        })
        .map_err(NodeError::doing("read the agent's state"))?;
        if let Some(asked) = asked {
            agent.accept(asked);
        }
        if !agent.was_asked() {
            return Err(NodeError::NotReady(
                "nothing was ever asked of this node and its master cannot be reached; start it with `slapos up`".to_owned(),
            ));
        }
        Ok(Self {
            agent,
            notices,
            node,
            sender,
            shutdown: Shutdown::new(),
            _lock: lock,
        })
    }

    /// Only to see what would be told; nothing is written, nobody is asked.
    fn look(config: &NodeConfig, groups: Option<Vec<GroupStatus>>) -> Result<Agent, NodeError> {
        let layout = config.layout();
        let node = Node {
            records: crate::record::Records::look(&layout),
            program: config.program.clone(),
            settings: config.settings.clone(),
            system: Arc::new(Host::new(&config.program, &layout.supervise())),
            formatted: Formatted::assumed(&config.settings),
            clock: Arc::new(NoClock),
            random: Arc::new(NoChance),
            snapshots: std::sync::Mutex::default(),
            layout,
        };
        let outbox = Arc::new(Outbox::default());
        let (sender, _) = sync_channel(1);
        let mut agent = Agent::new(AgentParts {
            node: Arc::new(node),
            outbox: Arc::clone(&outbox),
            master: outbox,
            sender,
            scope: Scope::default(),
        })
        .map_err(NodeError::doing("read the agent's state"))?;
        agent.handle(Notice::Groups(
            groups.map(|groups| Snapshot { number: 1, groups }),
        ));
        Ok(agent)
    }

    fn meet_supervisor(&mut self, mode: Mode) -> Result<(), NodeError> {
        if mode == Mode::Act {
            follow_supervisor(&self.node, &self.sender, &self.shutdown)
                .map_err(NodeError::doing("start a thread"))?;
            // The first notice is about the supervisor, whether it is there or not.
            self.agent.take_in(&self.notices, None);
        } else {
            let groups = self.node.take_snapshot().ok();
            self.agent.handle(Notice::Groups(groups));
        }
        Ok(())
    }

    fn settle(&mut self, mode: Mode) {
        if mode == Mode::Act {
            self.agent.settle(&self.notices);
        }
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.shutdown.request();
    }
}

/// Nothing that is only looked at depends on the time.
struct NoClock;

impl Clock for NoClock {
    fn now(&self) -> slapos_model::Timestamp {
        slapos_model::Timestamp::from_micros(0)
    }
}

/// Nothing that is only looked at depends on chance.
struct NoChance;

impl RandomSource for NoChance {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}
