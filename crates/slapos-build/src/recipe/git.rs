//! `slapos.recipe.build:gitclone`: a git repository at one revision.
//!
//! A branch is looked up when the part is constructed and becomes a revision, so that a branch that moved is another
//! installation and one that did not is none. Where the site does not answer, the revision of before stays.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use fs_err as fs;
use slapos_buildout::{PartOptions, RecipeError};

use super::{Construction, Installed, Part, World, options};
use crate::egg::environment;
use crate::process::{self, ShellStep, StepFailure};
use crate::record::Record;
use crate::work::{PartFailure, Work, failing, safe_name};
use crate::{Step, file, limits};

/// In the record: that this is a clone, and of which program.
const KEPT: &str = "git";

struct Clone {
    repository: String,
    revision: Option<String>,
    branch: Option<String>,
    location: PathBuf,
    git: String,
    sparse: Option<String>,
    depth: Option<u32>,
    /// A folder where somebody works: made once, never touched again.
    develop: bool,
    shared: bool,
    with_submodules: bool,
    ignores_certificate: bool,
    path: String,
}

pub(super) fn construct(
    construction: &Construction<'_>,
    part: &mut PartOptions<'_, '_>,
) -> Result<Box<dyn Part>, RecipeError> {
    let world = construction.world;
    let location = match options::text(part, "location")? {
        Some(location) => location,
        None => {
            let parts = part.other("buildout", "parts-directory")?.into_text();
            let location = Path::new(&parts).join(safe_name(&construction.name));
            let location = location.to_string_lossy().into_owned();
            part.set("location", options::literal(&location))?;
            location
        }
    };
    let mut clone = Clone {
        repository: options::needed(part, "repository")?,
        revision: options::text(part, "revision")?,
        branch: options::text(part, "branch")?,
        location: world.directory.join(location),
        git: options::text_or(part, "git-executable", "git")?,
        sparse: options::text(part, "sparse-checkout")?,
        depth: options::text(part, "depth")?
            .map(|_| options::number(part, "depth", 1))
            .transpose()?,
        develop: options::says_yes(part, "develop", false)?,
        shared: options::says_yes(part, "shared", false)?,
        with_submodules: !options::says_yes(part, "ignore-cloning-submodules", false)?,
        ignores_certificate: options::says_yes(part, "ignore-ssl-certificate", false)?,
        path: world.path.to_owned(),
    };
    for text in [
        &clone.repository,
        clone.revision.as_ref().unwrap_or(&clone.repository),
    ] {
        if text.starts_with('-') {
            return Err(format!("`{text}` would be an option of git").into());
        }
    }
    if clone.revision.is_none() && !clone.develop {
        let kept = world.records.parts.get(&construction.name);
        let kept = kept.and_then(|record| record.kept.get("revision").cloned());
        let revision = match (clone.remote_revision(world), kept) {
            (Ok(revision), _) => revision,
            (Err(_), Some(kept)) => kept,
            (Err(reason), None) => return Err(reason.into()),
        };
        part.set("revision", revision.clone())?;
        clone.revision = Some(revision);
    }
    Ok(Box::new(clone))
}

impl Clone {
    /// What the branch, or the repository's own choice of one, is at.
    fn remote_revision(&self, world: &World<'_>) -> Result<String, String> {
        let what = self.branch.as_deref().unwrap_or("HEAD");
        let refs = match &self.branch {
            Some(branch) => vec![
                format!("refs/heads/{branch}"),
                format!("refs/tags/{branch}"),
            ],
            None => vec!["HEAD".to_owned()],
        };
        let mut arguments = vec!["ls-remote", "--", &self.repository];
        arguments.extend(refs.iter().map(String::as_str));
        let (command, environment) = (command_line(&self.git, &arguments), self.environment());
        let question = ShellStep {
            timeout: limits::QUESTION_TIMEOUT,
            ..ShellStep::new(&command, &world.directory, &environment)
        };
        let (ended, said) = process::ask(&question, &|| !world.cancel.is_raised());
        if let Err(failure) = ended {
            return Err(format!(
                "asking {} for `{what}`: git {failure}\n{}",
                self.repository,
                said.join("\n")
            ));
        }
        // Warnings may stand between the lines `revision<tab>name`.
        let is_revision =
            |text: &str| text.len() >= 40 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let mut revisions = said.iter().filter_map(|line| line.split_once('\t'));
        let first = revisions.find(|(revision, _)| is_revision(revision));
        first
            .map(|(revision, _)| revision.to_owned())
            .ok_or_else(|| format!("{} has no branch `{what}`", self.repository))
    }

    fn environment(&self) -> BTreeMap<String, String> {
        let mut environment = environment(&self.path);
        environment.retain(|name, _| !name.starts_with("PIP_"));
        if let Ok(trust) = std::env::var("GIT_SSL_CAINFO") {
            environment.insert("GIT_SSL_CAINFO".to_owned(), trust);
        }
        // Nobody is there to type a password, and a site that sends nothing is given up.
        for (name, value) in [
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_HTTP_LOW_SPEED_LIMIT", "1"),
            ("GIT_HTTP_LOW_SPEED_TIME", "60"),
        ] {
            environment.insert(name.to_owned(), value.to_owned());
        }
        environment
    }

    fn git(
        &self,
        arguments: &[&str],
        directory: &Path,
        work: &mut Work<'_>,
    ) -> Result<(), PartFailure> {
        let command = command_line(&self.git, arguments);
        work.run(Step::Download, &command, directory, &self.environment())
    }

    fn clone_into(&self, folder: &Path, work: &mut Work<'_>) -> Result<(), PartFailure> {
        let depth = self.depth.map(|depth| format!("--depth={depth}"));
        let target = folder.to_string_lossy().into_owned();
        let mut arguments = vec!["-c", "protocol.file.allow=always", "clone", "--no-checkout"];
        if self.shared {
            arguments.push("--shared");
        }
        if let Some(branch) = &self.branch {
            arguments.extend(["--branch", branch]);
        }
        arguments.extend(depth.as_deref());
        if self.ignores_certificate {
            arguments.extend(["--config", "http.sslVerify=false"]);
        }
        if self.sparse.is_some() {
            arguments.extend(["--config", "core.sparseCheckout=true"]);
        }
        arguments.extend(["--", &self.repository, &target]);
        self.git(&arguments, work.site.directory, work)?;
        if let Some(patterns) = &self.sparse {
            let info = folder.join(".git/info");
            fs::create_dir_all(&info)
                .and_then(|()| fs::write(info.join("sparse-checkout"), format!("{patterns}\n")))
                .map_err(failing("writing the patterns of", folder))?;
        }
        self.check_out(folder, work)
    }

    fn check_out(&self, folder: &Path, work: &mut Work<'_>) -> Result<(), PartFailure> {
        let revision = self.revision.as_deref().unwrap_or("HEAD");
        let reset = self.git(&["reset", "--hard", revision, "--"], folder, work);
        if reset.is_err() && self.depth.is_some() {
            // The revision is older than what a shallow clone holds.
            self.git(&["fetch", "--depth=1", "origin", revision], folder, work)?;
            self.git(&["reset", "--hard", "FETCH_HEAD"], folder, work)?;
        } else {
            reset?;
        }
        if self.with_submodules && folder.join(".gitmodules").exists() {
            let update = [
                "-c",
                "protocol.file.allow=always",
                "submodule",
                "update",
                "--init",
                "--recursive",
            ];
            self.git(&update, folder, work)?;
        }
        Ok(())
    }
}

impl Part for Clone {
    fn inputs(&self) -> Vec<String> {
        // What the branch is at is no option that the profile has.
        self.revision.iter().cloned().collect()
    }

    fn kept(&self) -> BTreeMap<String, String> {
        let mut kept = BTreeMap::from([(KEPT.to_owned(), self.git.clone())]);
        kept.extend(
            self.revision
                .iter()
                .map(|revision| ("revision".to_owned(), revision.clone())),
        );
        kept
    }

    fn install(&self, work: &mut Work<'_>) -> Result<Installed, PartFailure> {
        let location = &self.location;
        if self.develop && location.join(".git").exists() {
            return Ok(Installed {
                shared: vec![location.clone()],
                ..Installed::default()
            });
        }
        let folder = location.parent().unwrap_or(location);
        work.make_folder(folder)?;
        let name = location
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let fresh = folder.join(format!(".{name}.new"));
        file::remove_tree(&fresh).map_err(failing("removing", &fresh))?;
        self.clone_into(&fresh, work)?;
        let done = fs::File::open(&fresh).and_then(|opened| {
            nix::unistd::syncfs(opened.file())?;
            file::remove_tree(location)?;
            fs::rename(&fresh, location)
        });
        done.map_err(failing("putting in place", location))?;
        let unpinned = self
            .branch
            .iter()
            .map(|branch| format!("{} at the branch {branch}", self.repository));
        let (owned, shared) = match self.develop {
            true => (Vec::new(), vec![location.clone()]),
            false => (vec![location.clone()], Vec::new()),
        };
        Ok(Installed {
            owned,
            shared,
            unpinned: unpinned.collect(),
        })
    }
}

fn command_line(git: &str, arguments: &[&str]) -> String {
    let words = std::iter::once(git).chain(arguments.iter().copied());
    let words: Vec<String> = words.map(options::shell_quote).collect();
    words.join(" ")
}

/// Whether a recorded clone has work in it that is nowhere else: then it stays when its part goes.
pub(crate) fn has_unsaved_work(record: &Record) -> bool {
    let (Some(git), Some(location)) = (record.kept.get(KEPT), record.owned.first()) else {
        return false;
    };
    let environment = environment(&std::env::var("PATH").unwrap_or_else(|_| crate::default_path()));
    let says_something = |arguments: &[&str]| {
        let command = format!("{} 2>/dev/null", command_line(git, arguments));
        let question = ShellStep {
            timeout: limits::QUESTION_TIMEOUT,
            ..ShellStep::new(&command, location, &environment)
        };
        match process::ask(&question, &|| true) {
            (Ok(()), said) => said.iter().any(|line| !line.trim().is_empty()),
            (Err(StepFailure::TimedOut(_)), _) => true,
            // A folder that git does not know, or no git: nothing can be said, so nothing is kept.
            (Err(_), _) => false,
        }
    };
    says_something(&["status", "--short"])
        || says_something(&["log", "--branches", "--not", "--remotes", "--oneline"])
}
