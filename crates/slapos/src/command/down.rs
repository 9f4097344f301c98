//! `slapos down`: stops what `slapos up` started.

use crate::cli::Context;
use crate::failure::{Exit, Failure, Outcome};
use crate::launcher::{stop, up_file};
use crate::limits::DOWN;
use crate::print;
use nix::sys::signal::Signal;
use serde_json::json;

const EXAMPLES: &str = "\
Examples:
  slapos down
  slapos up --detach                   Go on where it was";

/// Stop the services, the agent and the master of this folder. Nothing is lost.
///
/// Fine when nothing runs.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {}

/// Runs it.
pub(crate) fn run(context: &Context) -> Outcome {
    let folder = &context.folder;
    let mut stopped = Vec::new();
    if up_file::is_running(folder) {
        let file = up_file::load(folder).ok_or_else(|| {
            Failure::new("SlapOS is just starting or stopping here")
                .with_hint("wait a moment and try again")
        })?;
        file.up.signal(Signal::SIGTERM);
        if !stop::wait_end(file.up, DOWN, &mut || false) {
            return Err(Failure {
                exit: Exit::NotYet,
                ..Failure::new(format!(
                    "SlapOS (process {}) is still stopping after {} s.",
                    file.up.pid,
                    DOWN.as_secs()
                ))
                .with_hint("it goes on; run `slapos down` again to wait for it")
            });
        }
        stopped.push(format!(
            "up (process {}): services, node agent and master",
            file.up.pid
        ));
    }
    // An `up` that was killed leaves services behind, and for an instant its children.
    stop::end_leftovers(folder)?;
    let services = stop::stop_services(folder, &mut || false);
    if services != stop::ServicesEnd::NothingRan {
        stopped.push(services.told());
    }
    report(context, &stopped)?;
    Ok(if services.is_all() {
        Exit::Done
    } else {
        Exit::NotYet
    })
}

fn report(context: &Context, stopped: &[String]) -> Result<(), Failure> {
    let root = context.folder.root();
    if context.json {
        return print::json(&json!({"root": root, "stopped": stopped}));
    }
    if stopped.is_empty() {
        return print::line(format!("Nothing runs in {}.", root.display()));
    }
    for what in stopped {
        print::line(format!("stopped: {what}"))?;
    }
    Ok(())
}
