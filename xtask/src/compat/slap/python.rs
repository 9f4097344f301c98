//! The genuine package in a virtual environment below the target folder, made once.

use crate::venv;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is installed: the package that was measured, and a recipe for the test's release.
const PACKAGES: &[&str] = &[
    "slapos.core==1.26.1",
    "slapos.libnetworkcache==0.30",
    "slapos.recipe.build==0.66",
    "mock",
    "httmock",
];

/// A virtual environment with the package.
pub(crate) struct Python {
    bin: PathBuf,
}

impl Python {
    /// Makes it, or finds it made.
    pub(crate) fn ensure() -> Result<Self, String> {
        let folder = venv::ensure("slapos.core", &find_interpreter()?, PACKAGES)?;
        Ok(Self {
            bin: folder.join("bin"),
        })
    }

    /// A program of the environment.
    pub(crate) fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.bin.join(name));
        command.env("PYTHONWARNINGS", "ignore");
        command
    }

    /// The genuine `slapos`, as nobody in particular: the node refuses to build as root.
    pub(crate) fn unprivileged(&self, name: &str) -> Command {
        let program = self.bin.join(name);
        let mut command = if nix::unistd::geteuid().is_root() {
            let mut command = Command::new("unshare");
            command
                .args(["--user", "--map-user=1000", "--map-group=1000"])
                .arg(program);
            command
        } else {
            Command::new(program)
        };
        command.env("PYTHONWARNINGS", "ignore");
        command
    }
}

/// Python 3.12 or later: with older ones the package's node commands do not exist.
fn find_interpreter() -> Result<PathBuf, String> {
    let home = std::env::var_os("HOME")
        .map(PathBuf::from)
        .unwrap_or_default();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let named = std::env::split_paths(&path)
        .flat_map(|dir| ["python3.13", "python3.12", "python3"].map(|name| dir.join(name)));
    let versions = std::fs::read_dir(home.join(".pyenv/versions"))
        .into_iter()
        .flatten();
    let pyenv = versions
        .filter_map(Result::ok)
        .map(|entry| entry.path().join("bin/python3"));
    let mut found: Vec<PathBuf> = pyenv
        .chain(named)
        .filter(|path| is_new_enough(path))
        .collect();
    found.sort();
    found
        .pop()
        .ok_or_else(|| "slapos.core needs Python 3.12 or later; none is there".to_owned())
}

fn is_new_enough(path: &Path) -> bool {
    let test = "import sys; sys.exit(sys.version_info < (3, 12))";
    path.is_file()
        && Command::new(path)
            .args(["-c", test])
            .status()
            .is_ok_and(|status| status.success())
}
