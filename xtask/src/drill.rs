//! `cargo xtask drill …`: long checks of the whole on a private SlapOS, beyond what tests have time
//! for.
//!
//! Each drill is a file in `drill/` and a variant of [`Drill`].

mod binary;
mod build;
mod catalog;
mod client;
mod kill;
pub(crate) mod luck;
mod sources;
mod vanish;

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
    /// Install redis on a second root from a cache of built parts, without a compiler.
    Binary(binary::Binary),
    /// Kill builds with signal 9 at random moments, and build on a disk that is too small.
    Build(build::Build),
    /// Build components whose site is gone from what the Debian source archive has by their md5.
    Sources(sources::Sources),
    /// Build releases again from one file, ten years ahead and with no network.
    Vanish(vanish::Vanish),
}

/// Runs a drill.
pub(crate) fn run(arguments: Arguments) -> Outcome {
    match arguments.drill {
        Drill::Kill(kill) => kill::run(kill),
        Drill::Catalog(catalog) => catalog::run(catalog),
        Drill::Binary(binary) => binary::run(binary),
        Drill::Build(build) => build::run(build),
        Drill::Sources(sources) => sources::run(sources),
        Drill::Vanish(vanish) => vanish::run(vanish),
    }
}
