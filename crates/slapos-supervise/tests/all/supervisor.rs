//! A supervisor process for the tests: `run` needs a process with one thread, which no test has.
//!
//! Arguments: `when-possible` or `never` (cgroups) and the folder to work in; or `ask` and the private
//! folder of another supervisor, for its status. Not shipped.

use std::path::PathBuf;
use std::process::ExitCode;

use slapos_supervise::{CgroupUse, Client, SuperviseConfig, run};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let word = arguments.next().unwrap_or_default();
    let folder = arguments.next().map(PathBuf::from).unwrap_or_default();
    if word == "ask" {
        let asked = Client::connect(&folder).and_then(|mut client| client.status());
        return report(asked);
    }
    let cgroups = if word == "never" {
        CgroupUse::Never
    } else {
        CgroupUse::WhenPossible
    };
    let config = SuperviseConfig {
        dir: folder.join("private"),
        log_dir: folder.join("log"),
        jitter_seed: u64::from(std::process::id()),
        cgroups,
    };
    report(run(&config))
}

fn report<T, E: std::fmt::Display>(result: Result<T, E>) -> ExitCode {
    match result {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
