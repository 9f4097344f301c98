//! The command line: every command and the options that all of them share.
//!
//! Add a new command as a variant here and a file in `command/`. Parsing never ends the process:
//! help and usage errors come back as an exit code like everything else.

use crate::command;
use crate::failure::{Exit, Failure, Outcome};
use crate::folder::Folder;
use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  slapos up --request redis my_db      Start everything here and ask for a Redis
  slapos request redis my_db           Create or get the same, from another terminal
  slapos service list                  What there is, and how it stands
  slapos why my_db                     Why it is as it is
  slapos down                          Stop everything; `slapos up` goes on where it was

Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 no master answers, 4 not yet (time-out).";

/// Ask for a service, get a URL back. SlapOS builds it from source, runs it, and checks that it
/// keeps its promises.
#[derive(Debug, Parser)]
#[command(name = "slapos", version, after_help = EXAMPLES, propagate_version = false)]
#[command(arg_required_else_help = true, subcommand_required = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    shared: Shared,
    #[command(subcommand)]
    command: Command,
}

/// Options of every command.
#[derive(Debug, clap::Args)]
pub(crate) struct Shared {
    /// The folder that holds everything of this SlapOS [default: /srv/slapos as root, otherwise
    /// ~/.local/share/slapos].
    #[arg(
        long,
        global = true,
        env = "SLAPOS_ROOT",
        value_name = "DIR",
        hide_env_values = true
    )]
    root: Option<PathBuf>,
    /// Print JSON instead of text.
    #[arg(long, global = true)]
    json: bool,
}

/// What every command is given besides its own options.
#[derive(Debug)]
pub(crate) struct Context {
    /// Where everything is.
    pub(crate) folder: Folder,
    /// Print JSON.
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    Request(command::request::Args),
}

/// Parses and runs one command line.
pub(crate) fn run(words: impl IntoIterator<Item = OsString>) -> Outcome {
    match Cli::try_parse_from(words) {
        Ok(cli) => dispatch(cli),
        Err(error) => {
            // Writing fails only when the reader is gone, and then there is nobody to tell.
            let _ = error.print();
            Ok(if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Done
            })
        }
    }
}

fn dispatch(cli: Cli) -> Outcome {
    let context = context(&cli.shared)?;
    match cli.command {
        Command::Request(args) => command::request::run(&context, args),
    }
}

fn context(shared: &Shared) -> Result<Context, Failure> {
    Ok(Context {
        folder: Folder::find(shared.root.as_deref())?,
        json: shared.json,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn cli_has_no_contradiction() {
        Cli::command().debug_assert();
    }
}
