//! Virtual environments of Python below the target folder, each made once and used by every chore that needs it.
//!
//! Never in here: what runs in them. Start with [`ensure`].

use crate::command::{say, top};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where cargo builds, and where what the chores install stays between runs.
pub(crate) fn target_folder() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    // A relative folder is meant from the top of the repository, where cargo runs.
    top().join(target.unwrap_or_else(|| "target".into()))
}

/// The folder of an environment with these packages from PyPI, made now if it is not there as wanted.
pub(crate) fn ensure(name: &str, python: &Path, packages: &[&str]) -> Result<PathBuf, String> {
    let folder = target_folder().join("peers").join(name);
    // Written last: an interrupted installation is begun again.
    let mark = folder.join("installed");
    let wanted = packages.join("\n");
    if std::fs::read_to_string(&mark).is_ok_and(|text| text == wanted) {
        return Ok(folder);
    }
    say(&format!(
        "installing {name} from PyPI into {}",
        folder.display()
    ));
    quiet(Command::new(python).args(["-m", "venv"]).arg(&folder))?;
    let mut pip = Command::new(folder.join("bin/python"));
    quiet(pip.args(["-m", "pip", "install", "--quiet"]).args(packages))?;
    std::fs::write(&mark, wanted).map_err(|error| format!("{}: {error}", mark.display()))?;
    Ok(folder)
}

fn quiet(command: &mut Command) -> Result<(), String> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("cannot run {command:?}: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(format!("{command:?} failed: {said}"))
        }
    }
}
