//! `slapos completion`: words for the Tab key.

use crate::cli::Cli;
use crate::failure::{Exit, Outcome};
use crate::print;
use clap::CommandFactory;
use clap_complete::Shell;

const EXAMPLES: &str = "\
Examples:
  slapos completion bash > ~/.local/share/bash-completion/completions/slapos
  slapos completion zsh > \"${fpath[1]}/_slapos\"
  slapos completion fish > ~/.config/fish/completions/slapos.fish";

/// Print the completion script for a shell.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Which shell.
    shell: Shell,
}

/// Runs it.
pub(crate) fn run(args: &Args) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "slapos", &mut script);
    print::raw(&script)?;
    Ok(Exit::Done)
}
