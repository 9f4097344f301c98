//! Parts that are nothing but small files: what several recipes of `slapos.cookbook` install.

use std::path::{Path, PathBuf};

use fs_err as fs;

use super::{Installed, Part, options};
use crate::file;
use crate::work::{PartFailure, Work, failing};

/// Files and links to write; all are owned.
#[derive(Debug, Default)]
pub(super) struct Texts {
    pub(super) files: Vec<(PathBuf, String, u32)>,
    /// Link and where it leads.
    pub(super) links: Vec<(PathBuf, PathBuf)>,
    /// Files that are made if they are not there, and outlive the part.
    pub(super) kept: Vec<(PathBuf, String, u32)>,
}

impl Texts {
    pub(super) fn file(mut self, path: impl Into<PathBuf>, text: String, mode: u32) -> Texts {
        self.files.push((path.into(), text, mode));
        self
    }

    /// An executable that becomes the command.
    pub(super) fn wrapper(self, path: impl Into<PathBuf>, words: &[String]) -> Texts {
        let words: Vec<String> = words
            .iter()
            .map(|word| options::shell_quote(word))
            .collect();
        let text = format!("#!/bin/sh -e\nexec {} \"$@\"\n", words.join(" "));
        self.file(path, text, 0o700)
    }
}

impl Part for Texts {
    fn install(&self, work: &mut Work<'_>) -> Result<Installed, PartFailure> {
        for (path, text, mode) in &self.files {
            work.write(path, text.as_bytes(), *mode)?;
        }
        for (path, text, mode) in &self.kept {
            if !path.exists() {
                work.write(path, text.as_bytes(), *mode)?;
            }
        }
        for (link, target) in &self.links {
            put_link(link, target, work)?;
        }
        let files = self.files.iter().map(|(path, ..)| path.clone());
        let links = self.links.iter().map(|(link, _)| link.clone());
        Ok(Installed {
            owned: files.chain(links).collect(),
            shared: self.kept.iter().map(|(path, ..)| path.clone()).collect(),
            ..Installed::default()
        })
    }
}

fn put_link(link: &Path, target: &Path, work: &mut Work<'_>) -> Result<(), PartFailure> {
    match fs::symlink_metadata(link) {
        Ok(_) if fs::read_link(link).is_ok_and(|there| there == target) => return Ok(()),
        // What somebody put there by hand is not thrown away.
        Ok(there) if !there.is_symlink() => {
            return Err(format!("{} is there already and is no link", link.display()).into());
        }
        _ => {}
    }
    work.make_folder(link.parent().unwrap_or(link))?;
    file::remove_tree(link)
        .and_then(|()| fs::os::unix::fs::symlink(target, link))
        .map_err(failing("linking", link))?;
    work.written.push(link.to_owned());
    Ok(())
}
