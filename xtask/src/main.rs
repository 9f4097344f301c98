//! Chores of the repository: `cargo xtask test | tidy | generate | bench | compat | fuzz | drill`.
//!
//! Never shipped, and never needed to use SlapOS. Start with [`Task`].

mod bench;
mod command;
mod compat;
mod drill;
mod fuzz;
mod generate;
mod install;
mod served;
mod test;
mod tidy;
mod venv;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Chores of the SlapOS repository.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Pass all tests, after installing what they need (Debian packages, cargo-nextest).
    Test {
        /// Install nothing: what is missing makes its test fail.
        #[arg(long)]
        no_install: bool,
    },
    /// Check what no compiler checks: crate graph, module heads, sizes, documents.
    Tidy {
        /// Write today's sizes down, where they fell.
        #[arg(long)]
        update: bool,
    },
    /// Make the generated files again: openapi/v1.json, docs/cli.md.
    Generate,
    /// Measure, beside the goals and the limits of this machine in the same run.
    Bench(bench::Arguments),
    /// Answer as the programs do that are replaced: random inputs, side by side.
    Compat(compat::Arguments),
    /// Look for inputs that make the profile language or the wire panic, hang or fill the memory.
    Fuzz(fuzz::Arguments),
    /// Break things at random, and see that nothing acknowledged is lost.
    Drill(drill::Arguments),
}

/// What went wrong, as one sentence.
type Outcome = Result<(), String>;

fn main() -> ExitCode {
    let outcome = match Arguments::parse().task {
        Task::Test { no_install } => test::run(!no_install),
        Task::Tidy { update } => tidy::run(update),
        Task::Generate => generate::run(),
        Task::Bench(arguments) => bench::run_suite(arguments),
        Task::Compat(arguments) => compat::run(arguments),
        Task::Fuzz(arguments) => fuzz::run(&arguments),
        Task::Drill(arguments) => drill::run(arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            command::say(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}
