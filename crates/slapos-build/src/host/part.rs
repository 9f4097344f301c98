//! A part whose recipe lives in the host: installed, updated and uninstalled by a fork of it.

use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::{Value as Json, json};

use super::Host;
use super::ask::{Wanted, wanted};
use super::channel::{Channel, Lost};
use crate::process::{drain, read_output};
use crate::recipe::{Installed, Part};
use crate::record::Record;
use crate::work::{PartFailure, Work, failing};
use crate::{Step, file, limits};

/// In the record of such a part: what its uninstallation needs when nothing else is known of it any more.
const KEPT: &str = "recipe-host";

/// A constructed part.
pub(super) struct HostPart {
    pub(super) host: Arc<Host>,
    pub(super) name: String,
    /// What its constructor printed.
    pub(super) log: Vec<u8>,
    pub(super) inputs: Vec<String>,
    pub(super) unpinned: Vec<String>,
    /// What is recorded of it so far.
    pub(super) old: Option<Record>,
    pub(super) updates: bool,
    /// The entry point of its uninstallation, if it has one.
    pub(super) uninstall: Option<String>,
    pub(super) python: PathBuf,
    pub(super) paths: Vec<PathBuf>,
    /// All options as the constructor left them.
    pub(super) options: Json,
    /// Silence of an installation; a step's time if none.
    pub(super) timeout: Option<Duration>,
}

impl Part for HostPart {
    fn inputs(&self) -> Vec<String> {
        self.inputs.clone()
    }

    fn kept(&self) -> BTreeMap<String, String> {
        let Some(entry) = &self.uninstall else {
            return BTreeMap::new();
        };
        let kept = json!({
            "entry": entry, "python": self.python, "paths": self.paths, "options": self.options,
            "path": self.host.path,
        });
        BTreeMap::from([(KEPT.to_owned(), kept.to_string())])
    }

    fn install(&self, work: &mut Work<'_>) -> Result<Installed, PartFailure> {
        work.log.add(&self.log);
        if let Some(old) = &self.old {
            // As the original does: recipes expect that nothing of the old installation is in the way.
            let keeps = uninstall_with(&self.host, old, work)?;
            for path in old.owned.iter().filter(|_| !keeps) {
                file::remove_tree(path).map_err(failing("removing", path))?;
            }
        }
        let mut unpinned = self.unpinned.clone();
        let done = self.call(work, "install", &mut unpinned)?;
        self.installed(work, &done, unpinned)
    }

    fn updates(&self) -> bool {
        self.updates
    }

    fn update(&self, work: &mut Work<'_>) -> Result<Installed, PartFailure> {
        let mut unpinned = self.unpinned.clone();
        let done = self.call(work, "update", &mut unpinned)?;
        let mut installed = self.installed(work, &done, unpinned)?;
        if let Some(old) = &self.old {
            // What an update gives comes to what is owned already.
            let known = old
                .owned
                .iter()
                .filter(|path| !installed.owned.contains(path))
                .cloned();
            let known: Vec<PathBuf> = known.collect();
            installed.owned.extend(known);
            installed.shared.extend(old.shared.iter().cloned());
            installed.shared.sort();
            installed.shared.dedup();
        }
        Ok(installed)
    }
}

impl HostPart {
    fn call(
        &self,
        work: &mut Work<'_>,
        what: &str,
        unpinned: &mut Vec<String>,
    ) -> Result<Json, PartFailure> {
        let message = json!({"do": "fork", "part": self.name, "call": what});
        let call = Call {
            host: &self.host,
            message,
            timeout: self.timeout,
        };
        call.run(work, unpinned)
    }

    fn installed(
        &self,
        work: &Work<'_>,
        done: &Json,
        unpinned: Vec<String>,
    ) -> Result<Installed, PartFailure> {
        let directory = work.site.directory;
        let paths = done["paths"].as_array().into_iter().flatten();
        let paths = paths
            .filter_map(Json::as_str)
            .filter(|path| !path.is_empty());
        let mut installed = Installed {
            unpinned,
            ..Installed::default()
        };
        for path in paths.map(|path| directory.join(path)) {
            if !may_own(directory, &path) {
                return Err(format!(
                    "the recipe says that it owns {}, which no part can",
                    path.display()
                )
                .into());
            }
            if !installed.owned.contains(&path) {
                installed.owned.push(path);
            }
        }
        // A shared part outlives this one, yet must be there for it to count as installed.
        let location = self.options["location"].as_str().map(Path::new);
        if let Some(location) = location.filter(|path| installed.owned.is_empty() && path.exists())
        {
            installed.shared.push(location.to_owned());
        }
        let folder = fs_err::File::open(directory).map_err(failing("opening", directory))?;
        nix::unistd::syncfs(folder.file())
            .map_err(|errno| failing("syncing", directory)(errno.into()))?;
        Ok(installed)
    }
}

/// What a part owns is removed with it: never the folder of everything, nor one above it.
fn may_own(directory: &Path, path: &Path) -> bool {
    let has_dots = path.components().any(|part| part.as_os_str() == "..");
    !has_dots && !directory.starts_with(path)
}

/// Runs the uninstallation of a recorded part whose recipe has one; gives whether it wants its files kept.
fn uninstall_with(host: &Host, record: &Record, work: &mut Work<'_>) -> Result<bool, PartFailure> {
    let Some(kept) = record.kept.get(KEPT) else {
        return Ok(false);
    };
    let kept: Json = serde_json::from_str(kept)
        .map_err(|error| format!("reading the record of the part: {error}"))?;
    let strings = |name: &str| {
        let all = kept[name].as_array().into_iter().flatten();
        all.filter_map(Json::as_str)
            .map(PathBuf::from)
            .collect::<Vec<_>>()
    };
    let paths = strings("paths");
    if paths.iter().any(|path| !path.exists()) {
        work.log
            .add(b"the eggs of the recipe are gone: its uninstallation is left out\n");
        return Ok(false);
    }
    let paths: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
    host.load(
        Path::new(kept["python"].as_str().unwrap_or_default()),
        &paths,
    )?;
    let mut options = kept["options"].clone();
    let owned: Vec<String> = record
        .owned
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    options["__buildout_installed__"] = owned.join("\n").into();
    let message = json!({
        "do": "fork", "part": work.name, "call": "uninstall", "entry": kept["entry"], "options": options,
    });
    let call = Call {
        host,
        message,
        timeout: None,
    };
    let done = call.run(work, &mut Vec::new())?;
    Ok(done["keeps"] == true)
}

/// Whether a recorded part has an uninstallation of its own.
pub(crate) fn has_uninstall(record: &Record) -> bool {
    record.kept.contains_key(KEPT)
}

/// The uninstallation of a part that the profile no longer has; gives whether its files are to stay.
pub(crate) fn uninstall(record: &Record, work: &mut Work<'_>) -> Result<bool, PartFailure> {
    let path = record.kept.get(KEPT).and_then(|kept| {
        let kept: Json = serde_json::from_str(kept).ok()?;
        kept["path"].as_str().map(str::to_owned)
    });
    let host = Host::new(
        work.site.directory,
        &path.unwrap_or_else(crate::default_path),
        work.site.cancel.clone(),
    );
    uninstall_with(&host, record, work)
}

/// A call of a recipe in a fork of the host.
struct Call<'c> {
    host: &'c Host,
    message: Json,
    timeout: Option<Duration>,
}

/// The fork, as seen from here.
struct Fork {
    channel: Channel,
    output: Receiver<Vec<u8>>,
    group: Option<Pid>,
}

impl Call<'_> {
    fn run(&self, work: &mut Work<'_>, unpinned: &mut Vec<String>) -> Result<Json, PartFailure> {
        let mut fork = self
            .start()
            .map_err(|error| format!("starting the recipe: {error}"))?;
        let result = self.follow(&mut fork, work, unpinned);
        if let Some(group) = fork.group {
            // Whatever it left behind.
            let _ = killpg(group, Signal::SIGKILL);
            self.host.guard.remove(group);
        }
        drain(&fork.output, &mut work.log);
        result
    }

    fn start(&self) -> std::io::Result<Fork> {
        let (mine, theirs) = UnixStream::pair()?;
        let (reader, writer) = std::io::pipe()?;
        let mut running = self.host.lock();
        let gone = || std::io::Error::other("the recipe host is gone");
        let host = running.as_mut().ok_or_else(gone)?;
        host.channel
            .send_with(&self.message, &[theirs.as_fd(), writer.as_fd()])?;
        Ok(Fork {
            channel: Channel::new(mine),
            output: read_output(reader),
            group: None,
        })
    }

    fn follow(
        &self,
        fork: &mut Fork,
        work: &mut Work<'_>,
        unpinned: &mut Vec<String>,
    ) -> Result<Json, PartFailure> {
        let begun = Instant::now();
        let limit = self.timeout.unwrap_or(limits::STEP_TIMEOUT);
        let mut told = begun;
        work.report(Step::Install, begun, None);
        loop {
            while let Ok(chunk) = fork.output.try_recv() {
                work.log.add(&chunk);
            }
            match fork.channel.receive(limits::STEP_POLL) {
                Ok(Some(message)) => {
                    if let Some(done) = self.take(fork, &message, work, unpinned)? {
                        return Ok(done);
                    }
                }
                Ok(None) => {}
                Err(lost) => return Err(lost_in_install(&lost)),
            }
            if work.site.cancel.is_raised() {
                return Err(PartFailure::Cancelled);
            }
            if begun.elapsed() > limit {
                return Err(format!("the recipe was killed after {} s", limit.as_secs()).into());
            }
            if told.elapsed() >= limits::PROGRESS_PERIOD {
                told = Instant::now();
                work.report(Step::Install, begun, None);
            }
        }
    }

    /// Takes one message; gives the last one.
    fn take(
        &self,
        fork: &mut Fork,
        message: &Json,
        work: &mut Work<'_>,
        unpinned: &mut Vec<String>,
    ) -> Result<Option<Json>, PartFailure> {
        if let Some(pid) = message["pid"]
            .as_i64()
            .and_then(|pid| i32::try_from(pid).ok())
            .filter(|pid| *pid > 1)
        {
            let group = Pid::from_raw(pid);
            self.host.guard.add(group);
            fork.group = Some(group);
        } else if let Some(how) = message["died"].as_str() {
            return Err(format!("the recipe's process {how}").into());
        } else if message["ask"] == "download" {
            let answer = download(message, work, unpinned)?;
            fork.channel
                .send(&answer)
                .map_err(|error| format!("answering the recipe: {error}"))?;
        } else if message["done"].is_string() {
            return match message["error"].as_str() {
                None => Ok(Some(message.clone())),
                // The traceback is in the log.
                Some(error) => Err(error.to_owned().into()),
            };
        }
        Ok(None)
    }
}

fn lost_in_install(lost: &Lost) -> PartFailure {
    let why = match lost {
        Lost::Gone | Lost::Stopped => "the recipe's process ended before it was done",
        Lost::Flood | Lost::Silent => {
            "the recipe said more than any recipe needs to and was killed"
        }
        Lost::Garbage => "the recipe wrote into the engine's channel and was killed",
    };
    PartFailure::Failed(why.to_owned())
}

/// A source for a recipe; a failure is the recipe's to handle, but for the end of the build.
fn download(
    message: &Json,
    work: &mut Work<'_>,
    unpinned: &mut Vec<String>,
) -> Result<Json, PartFailure> {
    let source = match wanted(message) {
        Ok(Wanted::Local(path)) => return Ok(json!({ "value": path })),
        Ok(Wanted::Source(source)) => source,
        Err(text) => return Ok(json!({ "error": text })),
    };
    match work.fetch(&source) {
        Ok(found) => {
            if !found.pinned {
                unpinned.extend(source.urls.first().cloned());
            }
            Ok(json!({ "value": found.path }))
        }
        Err(PartFailure::Failed(text)) => Ok(json!({ "error": text })),
        Err(other) => Err(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn may_own_is_never_the_folder_of_everything() {
        let directory = Path::new("/srv/software/a");
        for good in ["/srv/software/a/parts/x", "/srv/shared/x"] {
            assert!(may_own(directory, Path::new(good)), "{good}");
        }
        for bad in [
            "/",
            "/srv",
            "/srv/software/a",
            "/srv/software/a/parts/../..",
        ] {
            assert!(!may_own(directory, Path::new(bad)), "{bad}");
        }
    }
}
