//! `cargo xtask tidy`: what no compiler checks.
//!
//! Each check gives sentences that say what is wrong and where; all are shown, then it fails.

mod documents;
mod graph;
mod locks;
mod sizes;
mod texts;

use crate::Outcome;
use crate::command::{say, top};
use std::path::{Path, PathBuf};

/// Runs every check.
pub(crate) fn run(update: bool) -> Outcome {
    let sources = sources(&top())?;
    let mut faults = graph::check()?;
    faults.extend(texts::check(&sources));
    faults.extend(documents::check(&sources)?);
    faults.extend(locks::check()?);
    faults.extend(sizes::check(&sources, update)?);
    for fault in &faults {
        say(fault);
    }
    match faults.len() {
        0 => {
            say("tidy: nothing to say");
            Ok(())
        }
        count => Err(format!("tidy has {count} things to say")),
    }
}

/// A source file of ours.
pub(crate) struct Source {
    /// Which crate: the folder's name.
    pub(crate) krate: String,
    /// From the top of the repository.
    pub(crate) path: PathBuf,
    /// What is in it.
    pub(crate) text: String,
}

fn sources(top: &Path) -> Result<Vec<Source>, String> {
    let mut roots = vec![("xtask".to_owned(), top.join("xtask"))];
    let crates = std::fs::read_dir(top.join("crates")).map_err(|error| error.to_string())?;
    for entry in crates.flatten() {
        roots.push((
            entry.file_name().to_string_lossy().into_owned(),
            entry.path(),
        ));
    }
    let mut sources = Vec::new();
    for (krate, root) in roots {
        collect(top, &krate, &root, &mut sources);
    }
    sources.sort_by(|left, right| left.path.cmp(&right.path));
    Ok(sources)
}

fn collect(top: &Path, krate: &str, dir: &Path, sources: &mut Vec<Source>) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(top, krate, &path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && let Ok(text) = std::fs::read_to_string(&path)
        {
            let path = path.strip_prefix(top).unwrap_or(&path).to_owned();
            sources.push(Source {
                krate: krate.to_owned(),
                path,
                text,
            });
        }
    }
}
