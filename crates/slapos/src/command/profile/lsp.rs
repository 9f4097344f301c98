//! `slapos profile lsp`: the language server, for editors to start.

use super::Reading;
use crate::failure::{Exit, Failure, Outcome};

const EXAMPLES: &str = "\
Examples:
  slapos profile lsp                   An editor starts it and talks over standard input and output

Neovim:  vim.lsp.start({ name = 'slapos', cmd = { 'slapos', 'profile', 'lsp' } })
Helix:   [language-server.slapos]  command = \"slapos\"  args = [\"profile\", \"lsp\"]

It has problems as you type, go to definition, hover with the resolved value and its origin,
completion, rename of a section, the outline, and formatting. Unsaved text counts. No recipe runs.";

/// Serve an editor: the language server protocol over standard input and output.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    reading: Reading,
    /// What some editors add; standard input and output are the only way.
    #[arg(long, hide = true)]
    stdio: bool,
}

pub(super) fn run(args: &Args) -> Outcome {
    let (disk, machine) = (args.reading.disk(), args.reading.machine()?);
    slapos_profile::lsp::serve_stdio(Box::new(disk), machine)
        .map_err(|error| Failure::new(error.to_string()))?;
    Ok(Exit::Done)
}
