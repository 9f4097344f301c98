//! What a partition runs and promises, read from its folders.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use fs_err as fs;

use crate::instance::{InstanceOutcome, Program};
use crate::promise::{Check, PromiseSpec};
use crate::software::io_error;
use crate::{BuildError, file, limits};

/// Reads `etc/run`, `etc/service` and `etc/promise`. A folder that is not there is empty.
pub(crate) fn read(partition: &Path) -> Result<InstanceOutcome, BuildError> {
    let mut outcome = InstanceOutcome {
        run: programs(&partition.join("etc/run"))?,
        service: programs(&partition.join("etc/service"))?,
        ..InstanceOutcome::default()
    };
    let folder = partition.join("etc/promise");
    for (name, path) in files(&folder)? {
        match promise(&name, &path) {
            Ok(Some(spec)) => outcome.promises.push(spec),
            Ok(None) => {}
            Err(reason) => {
                outcome.broken_promises.insert(name, reason);
            }
        }
    }
    Ok(outcome)
}

fn programs(folder: &Path) -> Result<Vec<Program>, BuildError> {
    let mut programs = Vec::new();
    for (name, path) in files(folder)? {
        if is_executable(&path) {
            let digest = file::digest_tree(&path).map_err(io_error("hashing", &path))?;
            programs.push(Program { name, path, digest });
        }
    }
    Ok(programs)
}

/// The promise in a file; none if it is neither a program nor a built-in check.
fn promise(name: &str, path: &Path) -> Result<Option<PromiseSpec>, String> {
    if let Some(short) = name.strip_suffix(".json") {
        let text = file::read_text(path).map_err(|e| e.to_string())?;
        return PromiseSpec::parse(short, &text)
            .map(Some)
            .map_err(|e| e.to_string());
    }
    let check = Check::Executable {
        path: path.to_owned(),
    };
    Ok(is_executable(path).then(|| PromiseSpec::new(name, check)))
}

/// Files and links to files, sorted by name; hidden ones are somebody's temporary files.
fn files(folder: &Path) -> Result<Vec<(String, PathBuf)>, BuildError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(io_error("reading the folder", folder)(error)),
        Ok(entries) => entries,
    };
    let mut files = Vec::new();
    for entry in entries.take(limits::PARTITION_FILES_MAX) {
        let entry = entry.map_err(io_error("reading the folder", folder))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') && entry.path().is_file() {
            files.push((name, entry.path()));
        }
    }
    files.sort();
    Ok(files)
}

fn is_executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o111 != 0)
}
