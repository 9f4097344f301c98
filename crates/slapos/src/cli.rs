//! The command line: every command and the options that all of them share.
//!
//! Add a new command as a variant here and a file in `command/`. Parsing never ends the process:
//! help and usage errors come back as an exit code like everything else.

use crate::command;
use crate::failure::{Exit, Failure, Outcome};
use crate::folder::Folder;
use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

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
    /// The folder that holds everything of this SlapOS [default: SLAPOS_ROOT, else /srv/slapos as
    /// root, else ~/.local/share/slapos].
    #[arg(long, global = true, value_name = "DIR")]
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
    Up(command::up::Args),
    Down(command::down::Args),
    Request(command::request::Args),
    Service(command::service::Args),
    Why(command::why::Args),
    Catalog(command::catalog::Args),
    Software(command::software::Args),
    Status(command::status::Args),
    Supply(command::supply::SupplyArgs),
    Remove(command::supply::RemoveArgs),
    Node(command::node::Args),
    Master(command::master::Args),
    Build(Box<command::build::Args>),
    Profile(command::profile::Args),
    Proxy(command::proxy::Args),
    Cache(command::cache::Args),
    Completion(command::completion::Args),
    #[command(hide = true)]
    Internal(command::internal::Args),
}

/// Parses and runs one command line.
pub(crate) fn run(words: impl IntoIterator<Item = OsString>) -> Outcome {
    let words: Vec<OsString> = words.into_iter().collect();
    if let Some(root) = root_to_supervise(&words) {
        return command::internal::supervise(root);
    }
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

/// The supervisor's words as the agent says them. They are read without the tree of all commands,
/// whose pages it would keep as long as it lives.
fn root_to_supervise(words: &[OsString]) -> Option<&Path> {
    let [_, internal, supervise, option, root] = words else {
        return None;
    };
    let is_it = internal == "internal" && supervise == "supervise" && option == "--root";
    is_it.then_some(Path::new(root))
}

fn dispatch(cli: Cli) -> Outcome {
    match cli.command {
        // These need no folder: a job runs with hardly any environment, as a user without a home.
        Command::Completion(args) => command::completion::run(&args),
        Command::Build(args) => command::build::run(*args, cli.shared.root, cli.shared.json),
        Command::Profile(args) => command::profile::run(args, cli.shared.json),
        Command::Proxy(args) => command::proxy::run(args),
        Command::Software(args) => {
            command::software::run(&args, cli.shared.root.as_deref(), cli.shared.json)
        }
        Command::Cache(args) => {
            command::cache::run(args, cli.shared.root.as_deref(), cli.shared.json)
        }
        Command::Internal(args) if args.is_without_folder() => command::internal::run_bare(&args),
        other => dispatch_in(&context(&cli.shared)?, other),
    }
}

fn dispatch_in(context: &Context, command: Command) -> Outcome {
    match command {
        Command::Up(args) => command::up::run(context, args),
        Command::Down(_) => command::down::run(context),
        Command::Request(args) => command::request::run(context, args),
        Command::Service(args) => command::service::run(context, args),
        Command::Why(args) => command::why::run(context, &args),
        Command::Catalog(args) => command::catalog::run(context, args),
        Command::Status(_) => command::status::run(context),
        Command::Supply(args) => command::supply::run(context, args),
        Command::Remove(args) => command::supply::run_remove(context, args),
        Command::Node(args) => command::node::run(context, args),
        Command::Master(args) => command::master::run(context, args),
        Command::Build(args) => {
            command::build::run(*args, Some(context.folder.root().to_owned()), context.json)
        }
        Command::Profile(args) => command::profile::run(args, context.json),
        Command::Proxy(args) => command::proxy::run(args),
        Command::Software(args) => command::software::run(&args, None, context.json),
        Command::Cache(args) => command::cache::run(args, None, context.json),
        Command::Completion(args) => command::completion::run(&args),
        Command::Internal(_) => command::internal::run(context),
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

    #[test]
    fn supervisors_words_mean_the_same_with_and_without_the_tree() {
        let words = ["slapos", "internal", "supervise", "--root", "/srv/x"];
        let words = words.map(OsString::from);
        let parsed = Cli::try_parse_from(&words).unwrap();
        assert_eq!(root_to_supervise(&words), parsed.shared.root.as_deref());
        assert!(matches!(parsed.command, Command::Internal(args) if !args.is_without_folder()));
        assert_eq!(root_to_supervise(&words[..4]), None);
    }
}
