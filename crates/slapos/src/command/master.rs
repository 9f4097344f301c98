//! `slapos master run`: the master alone, for a machine that runs no services; `slapos master
//! import`: what a Python `slapos proxy` knew, taken over.

mod import;

use crate::cli::Context;
use crate::command::cache::BesideArgs;
use crate::engine::{self, ChildArgs};
use crate::failure::Outcome;
use clap::Subcommand;
use std::net::SocketAddr;

const EXAMPLES: &str = "\
Examples:
  slapos master run
  slapos master run --listen 0.0.0.0:4321
  slapos master run --cache /srv/cache --cache-trust ours.pub
  slapos master import --from-proxy proxy.db --dry-run
  SLAPOS_DATABASE=postgres://… slapos master run";

/// Run the master alone, or take over a proxy. `slapos up` runs it together with the node agent.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Run the master until SIGTERM.
    Run(RunArgs),
    /// Take over the state of a Python `slapos proxy`.
    Import(import::ImportArgs),
}

/// How the master runs.
#[derive(Debug, clap::Args)]
pub(crate) struct RunArgs {
    /// Address and port to listen on. Plain HTTP is answered on loopback only.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4321")]
    pub(crate) listen: SocketAddr,
    /// PostgreSQL instead of the SQLite file in the folder. From the environment only, since a
    /// command line can be read by everybody.
    #[arg(skip = std::env::var("SLAPOS_DATABASE").ok())]
    pub(crate) database: Option<String>,
    #[command(flatten)]
    pub(crate) beside: BesideArgs,
    #[command(flatten)]
    pub(crate) child: ChildArgs,
}

/// Runs it.
pub(crate) fn run(context: &Context, args: Args) -> Outcome {
    match args.action {
        Action::Run(args) => engine::run_master(&context.folder, &args),
        Action::Import(args) => import::run(context, args),
    }
}
