//! `slapos node …`: the agent of this machine, its steps one by one, and the nodes of the master.

pub(crate) mod cfg;

use crate::cli::Context;
use crate::client_file::connect;
use crate::engine;
use crate::failure::{Exit, Failure, Outcome};
use crate::print;
use clap::Subcommand;
use serde::Serialize;
use slapos_node::{InstanceStatus, Mode, PromiseSummary, SoftwareStatus};
use std::path::{Path, PathBuf};

mod prune;

const EXAMPLES: &str = "\
Examples:
  slapos node list                     The nodes that the master knows
  slapos node status                   This node, also when no master answers
  slapos node instance --dry-run       What the agent would do now
  slapos node prune --dry-run          Shared parts that nothing needs any more
  slapos node promise slappart0        Check the promises of one partition now
  slapos node run --cfg slapos.cfg     Run on a Python `slapos proxy`, by its own file

`slapos up` runs the agent; the steps are for when it does not run.";

/// Run the agent of this machine, or one of its steps; list the nodes of the master.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The configuration of a Python SlapOS node: its master is spoken to in the old wire.
    #[arg(long, global = true, value_name = "FILE")]
    cfg: Option<PathBuf>,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the nodes that the master knows.
    List,
    /// Run the agent until SIGTERM; services go on after it.
    Run(engine::ChildArgs),
    /// Join a master: say where it is and which token to show, then `slapos node run`.
    Register(super::register::Args),
    /// Make users, folders and addresses of the partitions.
    Format(Step),
    /// Build and remove software as asked.
    Software(Step),
    /// Install, start, stop and remove instances as asked.
    Instance(Step),
    /// Check promises now.
    Promise(Step),
    Prune(prune::Args),
    /// Show how this node stands, also when no master answers.
    Status,
}

/// Options of a step.
#[derive(Debug, clap::Args)]
struct Step {
    /// Only these: partitions or service names, for software its URL. All when left out.
    only: Vec<String>,
    /// Print what would be done, and do nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Runs it.
pub(crate) fn run(context: &Context, args: Args) -> Outcome {
    let cfg = args.cfg.as_deref();
    match args.action {
        Action::List => list(context),
        Action::Run(child) => engine::run_node(&context.folder, cfg, &child),
        Action::Register(args) => super::register::run(context, &args),
        Action::Format(step) => format(context, cfg, step),
        Action::Software(step) => software(context, cfg, step),
        Action::Instance(step) => instance(context, cfg, step),
        Action::Promise(step) => promise(context, cfg, step),
        Action::Prune(args) => prune::run(context, cfg, &args),
        Action::Status => status(context, cfg),
    }
}

fn list(context: &Context) -> Outcome {
    let list = connect(&context.folder)?.list_nodes()?;
    if context.json {
        print::json(&list)?;
    } else {
        super::status::print_nodes(&list.items)?;
    }
    Ok(Exit::Done)
}

fn format(context: &Context, cfg: Option<&Path>, step: Step) -> Outcome {
    let config = engine::node_config(&context.folder, cfg)?;
    let summary = slapos_node::format(&config, &step.options()).map_err(engine::node_failure)?;
    let warnings: Vec<String> = summary.warnings.clone();
    show(context, &summary, || {
        let mut lines = plan_lines(&summary.actions);
        lines.extend(warnings.iter().map(|text| format!("warning: {text}")));
        lines.extend(summary.partitions.iter().map(|slot| {
            let error = slot.error.as_deref().unwrap_or("ready");
            format!("{}: user {}, {error}", slot.name, slot.user)
        }));
        lines
    })?;
    let is_broken = summary.partitions.iter().any(|slot| slot.error.is_some());
    Ok(if is_broken { Exit::Failed } else { Exit::Done })
}

fn software(context: &Context, cfg: Option<&Path>, step: Step) -> Outcome {
    let config = engine::node_config(&context.folder, cfg)?;
    let summary = slapos_node::software(&config, &step.options()).map_err(engine::node_failure)?;
    show(context, &summary, || {
        let mut lines = plan_lines(&summary.plan);
        lines.extend(summary.software.iter().map(software_line));
        lines
    })?;
    Ok(exit_of(&summary.failures))
}

fn instance(context: &Context, cfg: Option<&Path>, step: Step) -> Outcome {
    let config = engine::node_config(&context.folder, cfg)?;
    let summary = slapos_node::instance(&config, &step.options()).map_err(engine::node_failure)?;
    show(context, &summary, || {
        let mut lines = plan_lines(&summary.plan);
        lines.extend(summary.instances.iter().map(instance_line));
        lines
    })?;
    Ok(exit_of(&summary.failures))
}

fn promise(context: &Context, cfg: Option<&Path>, step: Step) -> Outcome {
    let config = engine::node_config(&context.folder, cfg)?;
    let summary = slapos_node::promise(&config, &step.options()).map_err(engine::node_failure)?;
    show(context, &summary, || promise_lines(&summary))?;
    Ok(exit_of(&summary.failures))
}

fn status(context: &Context, cfg: Option<&Path>) -> Outcome {
    let config = engine::node_config(&context.folder, cfg)?;
    let status = slapos_node::status(&config).map_err(engine::node_failure)?;
    show(context, &status, || {
        let runs = |is_running| if is_running { "runs" } else { "does not run" };
        let mut lines = vec![
            format!("node: {}", status.name),
            format!("agent: {}", runs(status.is_agent_running)),
            format!("supervisor: {}", runs(status.is_supervisor_running)),
        ];
        lines.extend(status.software.iter().map(software_line));
        lines.extend(status.instances.iter().map(instance_line));
        lines
    })?;
    Ok(Exit::Done)
}

impl Step {
    fn options(self) -> slapos_node::StepOptions {
        let mode = if self.dry_run {
            Mode::DryRun
        } else {
            Mode::Act
        };
        engine::step_options(mode, self.only)
    }
}

fn show(
    context: &Context,
    summary: &impl Serialize,
    lines: impl FnOnce() -> Vec<String>,
) -> Result<(), Failure> {
    if context.json {
        return print::json(summary);
    }
    lines().iter().try_for_each(print::line)
}

fn exit_of(failures: &[slapos_node::Failure]) -> Exit {
    if failures.is_empty() {
        Exit::Done
    } else {
        Exit::Failed
    }
}

fn plan_lines(plan: &[String]) -> Vec<String> {
    if plan.is_empty() {
        return vec!["nothing to do".to_owned()];
    }
    plan.to_vec()
}

fn software_line(software: &SoftwareStatus) -> String {
    with_message(
        format!("{}: {}", software.url, software.state),
        software.message.as_deref(),
    )
}

fn instance_line(instance: &InstanceStatus) -> String {
    with_message(
        format!(
            "{} in {}: {}",
            instance.name, instance.partition, instance.state
        ),
        instance.message.as_deref(),
    )
}

fn promise_lines(summary: &PromiseSummary) -> Vec<String> {
    let of_instance = |instance: &InstanceStatus| {
        let line = |promise: &slapos_api::wire::node::PromiseReport| {
            format!(
                "{}: {} {}: {}",
                instance.partition, promise.state, promise.name, promise.message
            )
        };
        instance.promises.iter().map(line).collect::<Vec<_>>()
    };
    summary.instances.iter().flat_map(of_instance).collect()
}

fn with_message(text: String, message: Option<&str>) -> String {
    match message {
        Some(message) => format!("{text}: {}", message.trim_end()),
        None => text,
    }
}
