//! The `slapos` program: command line, wiring, and `up`.
//!
//! It decides nothing about services: what is asked goes to a master through `slapos-api`, and the
//! master, the node agent and the supervisor are libraries that are started here. Start with
//! [`cli`] for the commands (one file each in `command/`) and [`launcher`] for `slapos up`.

mod ask;
mod atomic_file;
mod cli;
mod client_file;
mod command;
mod engine;
mod failure;
mod folder;
mod follow;
mod launcher;
mod limits;
mod log_file;
mod order;
mod parameter_text;
mod present;
mod print;
mod story;
mod sys;
mod system;

use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::run(std::env::args_os()) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            if !failure.message.is_empty() {
                report(&failure);
            }
            failure.exit.into()
        }
    }
}

fn report(failure: &failure::Failure) {
    use std::io::Write;
    // When even standard error is gone, the exit code is all that is left to say.
    let _ = writeln!(std::io::stderr(), "{failure}");
}
