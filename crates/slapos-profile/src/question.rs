//! What is asked about: a profile, what is assigned above it, and the machine it is read for.

use std::path::Path;

use slapos_buildout::{
    Fetch, LoadOptions, Machine, Override, OverrideError, Profile, Report, load,
};
use thiserror::Error;

use crate::annotate::Nothing;
use crate::texts::Texts;
use crate::tree::Tree;

/// A profile as the command line names it. The same question over the same files has the same answer.
#[derive(Debug, Clone)]
pub struct Question {
    entry: String,
    /// The current folder, which is the `directory` of a profile that is no local file.
    folder: String,
    options: LoadOptions,
}

/// Why a question cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum QuestionError {
    #[error(transparent)]
    Assignment(#[from] OverrideError),
    #[error("reading the Python version `{0}`: it is not like 3.11 or 3.11.7")]
    Python(String),
}

impl Question {
    /// About `file`, a path in `folder` or a URL. `folder` is absolute.
    pub fn new(file: &str, folder: &Path, machine: Machine) -> Question {
        Question {
            entry: absolute(file, folder),
            folder: folder.to_string_lossy().into_owned(),
            options: LoadOptions {
                machine,
                ..LoadOptions::default()
            },
        }
    }

    /// The same with assignments above all files, `section:option=value`; of two for one option the later wins.
    pub fn with_assignments(mut self, assignments: &[String]) -> Result<Question, QuestionError> {
        for text in assignments {
            self.options.overrides.push(Override::parse(text)?);
        }
        Ok(self)
    }

    /// The same above the user's defaults, such as `~/.buildout/default.cfg`.
    pub fn with_user_defaults(mut self, file: &str) -> Question {
        let file = absolute(file, Path::new(&self.folder));
        self.options.user_defaults = Some(file);
        self
    }

    /// The path or URL.
    pub fn entry(&self) -> &str {
        &self.entry
    }

    /// The machine it is read for.
    pub fn machine(&self) -> &Machine {
        &self.options.machine
    }

    /// Locations that an assignment of `buildout:extends` names, which are above the profile; the one that wins first.
    pub(crate) fn tops(&self) -> Vec<String> {
        let mut tops = self.options.extended(&self.entry);
        tops.reverse();
        tops
    }

    pub(crate) fn user_defaults(&self) -> Option<&str> {
        self.options.user_defaults.as_deref()
    }

    /// Loads the profile. Every file is read once through `fetch`.
    pub fn load(&self, fetch: &dyn Fetch) -> Result<Profile, Report> {
        match self.entry.contains("://") {
            true => self.load_from(&Texts::new(fetch)),
            // A local profile has a folder, so its files need not be kept for being loaded once more.
            false => self.load_from(fetch),
        }
    }

    /// Loads the profile and what is written in its files.
    pub(crate) fn explain(&self, fetch: &dyn Fetch) -> Result<(Profile, Tree), Report> {
        let texts = Texts::new(fetch);
        let profile = self.load_from(&texts)?;
        Ok((profile, Tree::read(self, &texts)))
    }

    /// `[buildout]` as it is before any file says something.
    pub(crate) fn without_files(&self) -> Option<Profile> {
        let options = LoadOptions {
            machine: self.options.machine.clone(),
            ..LoadOptions::default()
        };
        load(&self.entry, &Nothing, &options).ok()
    }

    pub(crate) fn load_from(&self, fetch: &dyn Fetch) -> Result<Profile, Report> {
        let profile = load(&self.entry, fetch, &self.options)?;
        if profile.raw("buildout", "directory").is_some() {
            return Ok(profile);
        }
        // A profile from a URL has no folder of its own; it is built where the person is.
        let mut options = self.options.clone();
        let here = Override::new("buildout", "directory", &self.folder);
        options.overrides.push(here);
        load(&self.entry, fetch, &options)
    }
}

/// Reads `3.11` or `3.11.7`.
pub fn parse_python(text: &str) -> Result<(u32, u32, u32), QuestionError> {
    let bad = || QuestionError::Python(text.to_owned());
    let numbers: Vec<u32> = text
        .split('.')
        .map(|part| part.parse().map_err(|_| bad()))
        .collect::<Result<_, _>>()?;
    match numbers[..] {
        [major, minor] => Ok((major, minor, 0)),
        [major, minor, micro] => Ok((major, minor, micro)),
        _ => Err(bad()),
    }
}

/// `file` as an absolute path without `.` and `..`, or the URL that it is. Links are not followed, as in the original.
pub fn absolute(file: &str, folder: &Path) -> String {
    if file.contains("://") {
        return file.to_owned();
    }
    let mut parts: Vec<&str> = Vec::new();
    let joined = folder.join(file);
    let joined = joined.to_string_lossy();
    for part in joined.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absolute_of_a_relative_path_is_in_the_folder() {
        let here = Path::new("/srv/x");
        assert_eq!(absolute("../a/./b.cfg", here), "/srv/a/b.cfg");
        assert_eq!(absolute("/a//b.cfg", here), "/a/b.cfg");
        assert_eq!(absolute("http://h/../b", here), "http://h/../b");
    }

    #[test]
    fn tops_are_what_the_last_assignment_of_extends_names_however_it_is_spelled() {
        let question = Question::new("a.cfg", Path::new("/srv"), Machine::default());
        let asked = |all: &[&str]| {
            let all: Vec<String> = all.iter().map(|text| (*text).to_owned()).collect();
            let question = question.clone().with_assignments(&all).unwrap();
            // Once more changes nothing.
            question.with_assignments(&[]).unwrap().tops()
        };
        assert_eq!(asked(&["buildout : extends = x ../y"]), ["/y", "/srv/x"]);
        assert_eq!(asked(&["extends=x", " extends =z"]), ["/srv/z"]);
        assert_eq!(asked(&["a:extends=x", "extends+=y"]), [""; 0]);
    }

    #[test]
    fn parse_python_takes_two_or_three_numbers() {
        assert_eq!(parse_python("3.12"), Ok((3, 12, 0)));
        assert_eq!(parse_python("2.7.18"), Ok((2, 7, 18)));
        assert!(parse_python("3").is_err() && parse_python("3.x").is_err());
    }
}
