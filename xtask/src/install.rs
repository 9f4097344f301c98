//! What the tests need on the machine, and installing what is missing.

use crate::Outcome;
use crate::command::{has_program, run, run_with, say};
use std::path::Path;
use std::process::Command;

/// A Debian package, and how to tell that it is there.
struct Package {
    name: &'static str,
    is_there: fn() -> bool,
    what_for: &'static str,
}

/// Add a new one here.
const PACKAGES: &[Package] = &[
    Package {
        name: "build-essential",
        is_there: || has_program("cc") && has_program("make"),
        what_for: "software releases are built from source",
    },
    Package {
        name: "postgresql",
        is_there: || Path::new("/usr/lib/postgresql").exists(),
        what_for: "the store is tested on a real PostgreSQL",
    },
    Package {
        name: "chromium",
        is_there: || has_program("chromium"),
        what_for: "the panel is tested in a real browser",
    },
    Package {
        name: "chromium-driver",
        is_there: || has_program("chromedriver"),
        what_for: "the panel is tested in a real browser",
    },
    Package {
        name: "redis-tools",
        is_there: || has_program("redis-cli"),
        what_for: "services are spoken to by a client that is not ours",
    },
];

/// Installs what is missing.
pub(crate) fn run_all() -> Outcome {
    install_packages()?;
    if !has_program("cargo-nextest") {
        run("cargo", &["install", "cargo-nextest", "--locked"])?;
    }
    Ok(())
}

fn install_packages() -> Outcome {
    let missing: Vec<&Package> = PACKAGES
        .iter()
        .filter(|package| !(package.is_there)())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    for package in &missing {
        say(&format!("missing: {} ({})", package.name, package.what_for));
    }
    let names: Vec<&str> = missing.iter().map(|package| package.name).collect();
    if !has_program("apt-get") {
        return Err(format!(
            "this machine has no apt-get; install by hand: {}",
            names.join(" ")
        ));
    }
    apt_get(&["update"])?;
    let mut arguments = vec!["install", "--yes", "--no-install-recommends"];
    arguments.extend(names);
    apt_get(&arguments)
}

fn apt_get(arguments: &[&str]) -> Outcome {
    let is_root = std::fs::metadata("/proc/self")
        .is_ok_and(|data| std::os::unix::fs::MetadataExt::uid(&data) == 0);
    let mut command = if is_root {
        Command::new("apt-get")
    } else {
        let mut command = Command::new("sudo");
        command.arg("apt-get");
        command
    };
    command
        .args(["-q", "-o", "DPkg::Lock::Timeout=300"])
        .args(arguments);
    run_with(command.env("DEBIAN_FRONTEND", "noninteractive"))
}
