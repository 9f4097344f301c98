//! A small world to load profiles from: files in memory, in one folder.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use slapos_buildout::{Fetch, FetchFailure, Machine, Profile, Report};
use slapos_profile::Question;

/// The folder that the files are in.
pub(crate) const FOLDER: &str = "/srv/case";

/// Files by location.
#[derive(Debug, Default, Clone)]
pub(crate) struct Files {
    pub(crate) texts: BTreeMap<String, String>,
}

impl Files {
    pub(crate) fn of(files: &[(&str, &str)]) -> Files {
        let texts = files
            .iter()
            .map(|(name, text)| (format!("{FOLDER}/{name}"), (*text).to_owned()));
        Files {
            texts: texts.collect(),
        }
    }
}

impl Fetch for Files {
    fn fetch(&self, location: &str) -> Result<String, FetchFailure> {
        let found = self.texts.get(location).cloned();
        found.ok_or(FetchFailure::NotFound)
    }
}

/// A question about `main.cfg`.
pub(crate) fn question() -> Question {
    let machine = Machine::linux("x86_64");
    Question::new("main.cfg", Path::new(FOLDER), machine)
}

/// Loads `main.cfg` of these files.
pub(crate) fn load(files: &[(&str, &str)]) -> Result<Profile, Report> {
    question().load(&Files::of(files))
}

/// What a test asks of the processor; the time of a busy machine is not counted.
pub(crate) struct Work {
    before: Duration,
}

impl Work {
    pub(crate) fn start() -> Work {
        let before = processor_time();
        Work { before }
    }

    pub(crate) fn time(&self) -> Duration {
        processor_time().saturating_sub(self.before)
    }
}

/// Of this thread.
fn processor_time() -> Duration {
    let used = getrusage(UsageWho::RUSAGE_THREAD).unwrap();
    let parts = [used.user_time(), used.system_time()];
    let parts = parts.map(|part| {
        let seconds = Duration::from_secs(part.tv_sec().try_into().unwrap());
        seconds + Duration::from_micros(part.tv_usec().try_into().unwrap())
    });
    parts.iter().sum()
}
