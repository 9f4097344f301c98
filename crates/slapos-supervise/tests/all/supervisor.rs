//! A supervisor process for the tests: `run` needs a process with one thread, which no test has.
//!
//! Arguments: `when-possible` or `never` (cgroups), and the folder to work in. Not shipped.

use std::path::PathBuf;
use std::process::ExitCode;

use slapos_supervise::{CgroupUse, SuperviseConfig, run};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let cgroups = match arguments.next() {
        Some(word) if word == "never" => CgroupUse::Never,
        _ => CgroupUse::WhenPossible,
    };
    let folder = arguments.next().map(PathBuf::from).unwrap_or_default();
    let config = SuperviseConfig {
        dir: folder.join("private"),
        log_dir: folder.join("log"),
        jitter_seed: u64::from(std::process::id()),
        cgroups,
    };
    match run(&config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("supervisor: {error}");
            ExitCode::FAILURE
        }
    }
}
