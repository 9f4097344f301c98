//! What a recipe may use while it installs: sources, a build folder, child processes, a log, progress.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use slapos_cache::{Cache, EnsureError, Found, Source, SourceNews};

use crate::jobserver::JobserverWhenNeeded;
use crate::network::NetworkCut;
use crate::part_environment::PartEnvironment;
use crate::part_log::PartLog;
use crate::process::{Guard, ShellStep, StepFailure, run_shell};
use crate::recipe::NO_DOWNLOADS;
use crate::{Cancel, Progress, Step, file, limits};

/// What is the same for all parts of a run.
pub(crate) struct Site<'s> {
    pub(crate) cache: Option<&'s Cache>,
    /// Parts at once; also the processes of all of them, when there is a jobserver.
    pub(crate) jobs: u32,
    pub(crate) jobserver: JobserverWhenNeeded<'s>,
    /// For steps that need no network.
    pub(crate) network: NetworkCut,
    pub(crate) cancel: &'s Cancel,
    pub(crate) guard: &'s Guard,
    /// Where build folders are.
    pub(crate) builds: &'s Path,
    /// `buildout:directory`.
    pub(crate) directory: &'s Path,
}

/// One part's installation.
pub(crate) struct Work<'w> {
    pub(crate) site: &'w Site<'w>,
    pub(crate) name: &'w str,
    pub(crate) log: PartLog,
    /// Files written, to be synced before the part is recorded.
    pub(crate) written: Vec<PathBuf>,
    pub(crate) tell: &'w dyn Fn(Progress),
    pub(crate) index: usize,
    pub(crate) total: usize,
}

/// Why a part could not be installed.
#[derive(Debug)]
pub(crate) enum PartFailure {
    /// One sentence, lower case.
    Failed(String),
    MissingTool(String),
    Cancelled,
}

impl From<String> for PartFailure {
    fn from(reason: String) -> PartFailure {
        PartFailure::Failed(reason)
    }
}

impl Site<'_> {
    /// `MAKEFLAGS` of a step.
    pub(crate) fn make_flags(&self) -> String {
        match self.jobserver.get() {
            Some(server) => server.flags(),
            None => format!("-j{}", self.jobs),
        }
    }
}

impl Work<'_> {
    /// Tells that a step began, or goes on.
    pub(crate) fn report(&self, step: Step, since: Instant, bytes: Option<u64>) {
        (self.tell)(Progress {
            bytes,
            ..self.news(step, since)
        });
    }

    /// Tells what is being done in a step, in words.
    fn say(&self, step: Step, since: Instant, line: String) {
        (self.tell)(Progress {
            line: Some(line),
            ..self.news(step, since)
        });
    }

    fn news(&self, step: Step, since: Instant) -> Progress {
        Progress {
            part: self.name.to_owned(),
            index: self.index,
            total: self.total,
            step,
            elapsed_ms: milliseconds(since),
            bytes: None,
            line: None,
        }
    }

    /// A source, from wherever it is.
    pub(crate) fn fetch(&mut self, source: &Source) -> Result<Found, PartFailure> {
        let cache = self.site.cache.ok_or_else(|| NO_DOWNLOADS.to_owned())?;
        let begun = Instant::now();
        self.report(Step::Download, begun, None);
        let mut told = begun;
        let found = cache.ensure_watched(source, &mut |news| {
            match news {
                SourceNews::Said(text) => {
                    self.log.add(format!("{text}\n").as_bytes());
                    self.say(Step::Download, begun, text.to_owned());
                }
                SourceNews::Received(bytes) if told.elapsed() >= limits::PROGRESS_PERIOD => {
                    told = Instant::now();
                    self.report(Step::Download, begun, Some(bytes));
                }
                SourceNews::Received(_) => {}
            }
            !self.site.cancel.is_raised()
        });
        match found {
            Ok(found) => {
                let from = found.origin.as_deref().unwrap_or("the local store");
                let line = format!("source {} ({}) from {from}\n", source.title(), found.sha256);
                self.log.add(line.as_bytes());
                Ok(found)
            }
            Err(EnsureError::Stopped { .. }) => Err(PartFailure::Cancelled),
            Err(error) => Err(PartFailure::Failed(error.to_string())),
        }
    }

    /// An empty build folder, `<builds>/<part>`; kept when the part fails.
    pub(crate) fn fresh_build_folder(&self) -> Result<PathBuf, PartFailure> {
        let folder = self.site.builds.join(safe_name(self.name));
        file::remove_tree(&folder)
            .and_then(|()| fs_err::create_dir_all(&folder))
            .map_err(|e| format!("making the build folder: {e}"))?;
        Ok(folder)
    }

    /// Runs a shell command to its good end.
    pub(crate) fn run(
        &mut self,
        step: Step,
        command: &str,
        directory: &Path,
        environment: &BTreeMap<String, String>,
    ) -> Result<(), PartFailure> {
        self.run_step(step, &ShellStep::new(command, directory, environment))
    }

    /// The same without a network, for a step whose sources are there.
    pub(crate) fn run_cut(
        &mut self,
        step: Step,
        command: &str,
        directory: &Path,
        environment: &BTreeMap<String, String>,
    ) -> Result<(), PartFailure> {
        let shell = ShellStep {
            cut: self.site.network.words(),
            ..ShellStep::new(command, directory, environment)
        };
        self.run_step(step, &shell)
    }

    /// Keeps what the steps run with for `slapos build shell`. Without it a build works too.
    pub(crate) fn keep_environment(&mut self, environment: &PartEnvironment) {
        if let Err(error) = environment.save(self.site.directory, self.name) {
            self.log
                .add(format!("the environment is not kept: {error}\n").as_bytes());
        }
    }

    fn run_step(&mut self, step: Step, shell: &ShellStep<'_>) -> Result<(), PartFailure> {
        let begun = Instant::now();
        self.report(step, begun, None);
        let command = shell.command;
        let (site, tell) = (self.site, self.tell);
        let mut news = self.news(step, begun);
        let mut told = begun;
        let mut go_on = |log: &PartLog| {
            if told.elapsed() >= limits::PROGRESS_PERIOD {
                told = Instant::now();
                news.elapsed_ms = milliseconds(begun);
                news.line = log.last_line().map(str::to_owned);
                tell(news.clone());
            }
            !site.cancel.is_raised()
        };
        match run_shell(shell, &mut self.log, site.guard, &mut go_on) {
            Ok(()) => Ok(()),
            Err(StepFailure::Cancelled) => Err(PartFailure::Cancelled),
            Err(failure) => {
                let (step, command) = (step.as_str(), brief(command));
                Err(format!("the step {step} failed: `{command}` {failure}").into())
            }
        }
    }

    /// Writes a file if it differs, and has it synced before the part counts.
    pub(crate) fn write(
        &mut self,
        path: &Path,
        bytes: &[u8],
        mode: u32,
    ) -> Result<(), PartFailure> {
        match file::write_if_changed(path, bytes, mode) {
            Ok(true) => self.written.push(path.to_owned()),
            Ok(false) => {}
            Err(error) => return Err(format!("writing {}: {error}", path.display()).into()),
        }
        Ok(())
    }

    /// Makes a folder and its parents.
    pub(crate) fn make_folder(&mut self, path: &Path) -> Result<(), PartFailure> {
        if path.is_dir() {
            return Ok(());
        }
        fs_err::create_dir_all(path).map_err(|e| format!("making a folder: {e}"))?;
        self.written.push(path.to_owned());
        Ok(())
    }
}

/// A failing operation on a path as a sentence.
pub(crate) fn failing(doing: &str, path: &Path) -> impl FnOnce(io::Error) -> PartFailure {
    let text = format!("{doing} {}", path.display());
    move |error| PartFailure::Failed(format!("{text}: {error}"))
}

/// A part's name as a file name. Profiles may use any character in it.
pub(crate) fn safe_name(name: &str) -> String {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+');
    let text: String = name
        .chars()
        .map(|c| if is_safe(c) { c } else { '_' })
        .collect();
    if text == name && !text.starts_with('.') && !text.is_empty() {
        return text;
    }
    format!(
        "{}-{}",
        text.trim_start_matches('.'),
        &file::sha256(name.as_bytes())[..8]
    )
}

fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// The beginning of a command, on one line.
fn brief(command: &str) -> String {
    let line = command.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(100) {
        Some((cut, _)) => format!("{} …", &line[..cut]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn safe_name_never_leaves_its_folder() {
        assert_eq!(safe_name("redis-7.0"), "redis-7.0");
        for name in ["..", "a/b", ".", "", "a b", "../x"] {
            let safe = safe_name(name);
            assert!(
                !safe.contains('/') && !safe.starts_with('.') && safe.len() >= 8,
                "{safe}"
            );
        }
        assert_ne!(safe_name("a b"), safe_name("a_b"));
    }
}
