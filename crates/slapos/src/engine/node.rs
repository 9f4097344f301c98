//! Starting the node agent and its one-shot steps.

use super::child_line::ChildLine;
use super::{ChildArgs, ending};
use crate::failure::{Exit, Failure, Outcome};
use crate::folder::Folder;
use crate::log_file::start_logging;
use crate::print;
use crate::sys::give_back_memory_once_settled;
use crate::system::{SystemClock, SystemRandom};
use slapos_node::{Mode, NodeConfig, NodeError, Settings, Shutdown, StepOptions};
use std::path::Path;
use std::sync::Arc;

/// Runs the agent until it is told to end.
pub(crate) fn run_node(folder: &Folder, cfg: Option<&Path>, child: &ChildArgs) -> Outcome {
    let signals = ending::block_signals(&[])?;
    let config = node_config(folder, cfg)?;
    start_logging(&folder.log_dir().join("node.log"))?;
    let shutdown = Shutdown::new();
    let handle = shutdown.clone();
    ending::on_ending(signals, child, move || handle.request());
    let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
    give_back_memory_once_settled();
    match slapos_node::run(&config, clock, random, &shutdown) {
        Ok(()) => Ok(Exit::Done),
        Err(error) => {
            tracing::error!(%error, "the agent ended");
            let failure = node_failure(error);
            if child.child {
                print::json(&ChildLine::of(&failure))?;
                return Ok(Exit::Failed);
            }
            Err(failure)
        }
    }
}

/// What the agent and its steps are told: by `<root>/etc/node.json`, or by a file of the original.
pub(crate) fn node_config(folder: &Folder, cfg: Option<&Path>) -> Result<NodeConfig, Failure> {
    let program = std::env::current_exe()
        .map_err(|error| Failure::new(format!("cannot find the slapos program: {error}")))?;
    let settings = match cfg {
        Some(path) => {
            let cfg = crate::command::node::cfg::read(path)?;
            crate::command::proxy::note_all(&cfg.notes);
            cfg.settings
        }
        None => Settings::load(folder.root()).map_err(|error| Failure::new(error.to_string()))?,
    };
    Ok(NodeConfig {
        root: folder.root().to_owned(),
        program,
        settings,
    })
}

/// How a step is asked.
pub(crate) fn step_options(mode: Mode, only: Vec<String>) -> StepOptions {
    StepOptions {
        mode,
        only,
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
    }
}

/// The agent's error for people.
pub(crate) fn node_failure(error: NodeError) -> Failure {
    let failure = Failure::new(error.to_string());
    match error {
        NodeError::AlreadyRuns { .. } => {
            failure.with_hint("`slapos status` shows what it does; `slapos down` stops it")
        }
        _ => failure,
    }
}
