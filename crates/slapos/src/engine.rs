//! The libraries that do the work, as the commands start them.
//!
//! The only place that names the functions of `slapos-master`, `slapos-node` and
//! `slapos-supervise` which run for long. It adds the clock, the randomness, the signals and the
//! paths of this machine, nothing else. Start with [`run_master`] and [`run_node`]; how `up` and
//! its children speak is in `child_line.rs`.

mod child_line;
mod ending;
mod master;
mod node;

pub(crate) use child_line::ChildLine;
pub(crate) use ending::{block_signals, on_interrupt};
pub(crate) use master::{run_configured, run_master};
pub(crate) use node::{node_config, node_failure, run_node, step_options};

use crate::failure::{Exit, Failure, Outcome};
use crate::folder::Folder;
use crate::sys::give_back_memory;
use crate::system::SystemRandom;
use slapos_model::RandomSource;
use slapos_supervise::SuperviseConfig;

/// What `up` tells a child besides its work.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct ChildArgs {
    /// Started by `up`: say on standard output when it is ready, and end when standard input ends.
    #[arg(long, hide = true)]
    pub(crate) child: bool,
}

/// The supervisor of this folder, until it is told to end.
pub(crate) fn supervise(folder: &Folder) -> Outcome {
    let mut seed = [0; 8];
    SystemRandom.fill(&mut seed);
    let config = SuperviseConfig {
        dir: folder.supervise_dir(),
        log_dir: folder.log_dir().join("instance"),
        jitter_seed: u64::from_le_bytes(seed),
        cgroups: slapos_supervise::CgroupUse::WhenPossible,
    };
    give_back_memory();
    slapos_supervise::run(&config).map_err(|error| Failure::new(error.to_string()))?;
    Ok(Exit::Done)
}

/// One build or installation.
pub(crate) fn run_job() -> Outcome {
    let input = std::io::stdin();
    let mut output = std::io::stdout();
    match slapos_node::run_job(input, &mut output) {
        0 => Ok(Exit::Done),
        _ => Err(Failure::new("the job ended without an outcome")),
    }
}
