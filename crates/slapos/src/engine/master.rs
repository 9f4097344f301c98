//! Starting the master.

use super::child_line::ChildLine;
use super::{ChildArgs, ending};
use crate::command::master::RunArgs;
use crate::failure::{Exit, Failure, Outcome};
use crate::folder::Folder;
use crate::log_file::start_logging;
use crate::print;
use crate::sys::give_back_memory_once_settled;
use crate::system::{SystemClock, SystemRandom};
use slapos_master::{Database, MasterConfig, MasterError, Shutdown};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

/// Runs the master until it is told to end.
pub(crate) fn run_master(folder: &Folder, args: &RunArgs) -> Outcome {
    let log = folder.log_dir().join("master.log");
    run_configured(&config(folder, args)?, &log, &args.child)
}

/// Runs a master of that configuration until it is told to end.
pub(crate) fn run_configured(config: &MasterConfig, log: &Path, child: &ChildArgs) -> Outcome {
    let signals = ending::block_signals(&[])?;
    start_logging(log)?;
    let shutdown = Shutdown::default();
    let handle = shutdown.clone();
    ending::on_ending(signals, child, move || handle.trigger());
    let is_child = child.child;
    let ready = Box::new(move |address| say_ready(is_child, address));
    let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
    match slapos_master::run(config, clock, random, ready, &shutdown) {
        Ok(()) => Ok(Exit::Done),
        Err(error) => {
            tracing::error!(%error, "the master ended");
            let failure = failure_of(&error);
            if is_child {
                print::json(&ChildLine::of(&failure))?;
                return Ok(Exit::Failed);
            }
            Err(failure)
        }
    }
}

fn failure_of(error: &MasterError) -> Failure {
    let failure = Failure::new(error.to_string());
    match error {
        MasterError::Listen { .. } => {
            failure.with_hint("choose another address or port with --listen ADDR")
        }
        MasterError::Dir { .. } => {
            failure.with_hint("run as the owner of that folder, or choose another with --root DIR")
        }
        MasterError::NotLoopback(_) => failure.with_hint(
            "set `host = 127.0.0.1`, or run a master with certificates: `slapos master run`",
        ),
        _ => failure,
    }
}

fn config(folder: &Folder, args: &RunArgs) -> Result<MasterConfig, Failure> {
    Ok(MasterConfig {
        dir: folder.master_dir(),
        listen: args.listen,
        database: match &args.database {
            Some(url) => Database::Postgres(url.clone()),
            None => Database::Sqlite(folder.master_dir().join("master.sqlite")),
        },
        proxy: None,
        beside: args.beside.routes()?,
    })
}

fn say_ready(is_child: bool, address: SocketAddr) {
    tracing::info!(%address, "the master listens");
    give_back_memory_once_settled();
    // Whoever does not read it any more does not need it.
    let _ = if is_child {
        print::json(&ChildLine::Ready {
            listen: Some(address),
        })
    } else {
        print::line(format!("listening on {address}"))
    };
}
