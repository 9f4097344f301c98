//! `cargo xtask compat slap`: genuine programs of SlapOS beside ours.
//!
//! One file for each thing that is put side by side. Start with [`run`].

mod slap;

use crate::Outcome;

/// What is compared.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// The client, the node and the proxy tests of slapos.core from PyPI, on our master.
    Slap(slap::Arguments),
}

/// Compares.
pub(crate) fn run(arguments: Arguments) -> Outcome {
    match arguments.what {
        What::Slap(asked) => slap::run(asked),
    }
}
