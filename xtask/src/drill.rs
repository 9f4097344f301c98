//! `cargo xtask drill …`: long checks of the whole on a private SlapOS, beyond what tests have time
//! for.
//!
//! Each drill is a file in `drill/` and a variant of [`Drill`].

mod catalog;
mod client;
mod kill;
pub(crate) mod luck;

use crate::Outcome;

/// What is drilled.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    drill: Drill,
}

#[derive(Debug, clap::Subcommand)]
enum Drill {
    /// Kill services, agent, supervisor and master with signal 9 at random moments.
    Kill(kill::Kill),
    /// Build each release of the catalogue from its sources and talk to it.
    Catalog(catalog::Catalog),
}

/// Runs a drill.
pub(crate) fn run(arguments: Arguments) -> Outcome {
    match arguments.drill {
        Drill::Kill(kill) => kill::run(kill),
        Drill::Catalog(catalog) => catalog::run(catalog),
    }
}
