//! Building a software release: its profile, evaluated and installed into one folder.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fs_err as fs;
use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};
use slapos_buildout::Override;
use slapos_cache::Cache;

use crate::built::BuiltParts;
use crate::engine::{self, Done, Place, Saving};
use crate::evaluate::{Wanted, evaluate};
use crate::jobserver::JobserverWhenNeeded;
use crate::network::NetworkCut;
use crate::original::{self, Sections};
use crate::origins::{Origins, cache_of, remotes};
use crate::part_mark::Given;
use crate::process::Guard;
use crate::recipe::World;
use crate::record::Records;
use crate::work::Site;
use crate::{BuildError, Cancel, Progress, limits, memory, own, prune, sbom};

/// The order to build a software release.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SoftwareBuild {
    /// Path or URL of the profile: what the supply asks for.
    pub profile: String,
    /// The release's own folder, `<root>/software/<md5 of its URL>`; made if it is not there.
    pub root: PathBuf,
    /// Where shared parts live, `<root>/shared`; without it parts are never shared.
    #[serde(default)]
    pub shared: Option<PathBuf>,
    /// The store of sources (see `slapos-cache`).
    pub cache: PathBuf,
    /// How many parts are built at once, and how many processes each of them may start; 0 is taken as 1.
    pub jobs: u32,
    /// Assignments above the profile, `section:option=value`.
    #[serde(default)]
    pub overrides: Vec<String>,
    /// Only these parts and what they need, and nothing is removed; empty is all that the profile asks for.
    #[serde(default)]
    pub only: Vec<String>,
    /// Folders of programs for the steps of a build; the default is the system's.
    #[serde(default = "default_path")]
    pub path: String,
    /// Whether the steps of a build may reach the network; else it is cut off where the kernel can do so.
    #[serde(default)]
    pub network: bool,
    /// Where else sources may come from.
    #[serde(default)]
    pub origins: Origins,
    /// Raised by the caller to stop.
    #[serde(skip)]
    pub cancel: Cancel,
}

/// How many processes may compile at once: one for each processor that there is memory for.
#[must_use]
pub fn default_jobs() -> u32 {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let cores = u32::try_from(cores).unwrap_or(limits::JOBS_MAX);
    cores.clamp(1, jobs_in(memory::available_bytes()))
}

/// How many compilers fit into this memory; when it cannot be told, any number.
fn jobs_in(bytes: Option<u64>) -> u32 {
    let fit = bytes.map(|bytes| bytes / limits::JOB_BYTES);
    let fit = fit.and_then(|fit| u32::try_from(fit).ok());
    fit.unwrap_or(limits::JOBS_MAX).clamp(1, limits::JOBS_MAX)
}

/// PATH of the steps of a build and of a partition's programs.
#[must_use]
pub fn default_path() -> String {
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned()
}

/// What was built.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SoftwareOutcome {
    /// Parts installed or rebuilt in this run, in order.
    pub installed: Vec<String>,
    /// Parts that were there already.
    pub kept: Vec<String>,
    /// Parts that the profile no longer has.
    pub removed: Vec<String>,
    /// Each part of the above by itself, and those that failed.
    #[serde(default)]
    pub parts: BTreeMap<String, PartOutcome>,
    /// Sources without a hash, as `part: url`.
    pub unpinned: Vec<String>,
    /// Profiles whose site did not answer, so that a copy of before was used; a sentence each.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// Wall time of this run.
    pub elapsed_ms: u64,
}

/// How one part stands after a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PartOutcome {
    pub state: PartState,
    /// Where it is installed: its `location`, or the first file that it owns.
    pub location: Option<PathBuf>,
    /// Wall time that this run spent on it.
    pub seconds: f64,
    /// Who built it, when it was not built here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given: Option<Given>,
}

/// What a run did with a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartState {
    /// Installed or rebuilt in this run.
    Installed,
    /// It was there already.
    Kept,
    /// The profile no longer has it.
    Removed,
    /// It was tried and is not there.
    Failed,
}

/// What a run did, also when it failed.
#[derive(Debug, Default)]
pub struct SoftwareReport {
    pub outcome: SoftwareOutcome,
    /// Parts that were not reached because of the failure.
    pub waiting: Vec<String>,
    pub failure: Option<BuildError>,
}

/// Builds what is not built yet. Run again after any failure, it goes on from what was finished.
pub fn build_software(
    build: &SoftwareBuild,
    progress: &mut dyn FnMut(Progress),
) -> Result<SoftwareOutcome, BuildError> {
    let report = report_software(build, progress);
    match report.failure {
        Some(failure) => Err(failure),
        None => Ok(report.outcome),
    }
}

/// The same, telling after a failure too how each part stands.
pub fn report_software(
    build: &SoftwareBuild,
    progress: &mut dyn FnMut(Progress),
) -> SoftwareReport {
    let begun = Instant::now();
    let mut report = run(build, progress).unwrap_or_else(|failure| SoftwareReport {
        failure: Some(failure),
        ..SoftwareReport::default()
    });
    report.outcome.elapsed_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    report
}

fn run(
    build: &SoftwareBuild,
    progress: &mut dyn FnMut(Progress),
) -> Result<SoftwareReport, BuildError> {
    let root = absolute(&build.root)?;
    let own = own::folder(&root);
    fs::create_dir_all(&own).map_err(io_error("making the folder", &own))?;
    let _lock = lock(&own.join("lock"))?;
    // What it uses stays for as long as it runs.
    let _shared = match &build.shared {
        Some(shared) => {
            fs::create_dir_all(shared).map_err(io_error("making the folder", shared))?;
            prune::hold(shared, FlockArg::LockShared)?
        }
        None => None,
    };
    let (records, original) = recorded(&own::records(&root), &root)?;
    let remotes = remotes(&build.origins)?;
    let cache = cache_of(build, &remotes)?;
    let built = BuiltParts::of(&build.origins, &remotes)?;
    let mut wanted = want(build, &root, &cache, (&records, original.as_ref()))?;
    wanted.is_some_parts_only = !build.only.is_empty();
    install(
        build,
        (&root, &records),
        (wanted, &cache, built.as_ref()),
        progress,
    )
}

/// What the profile asks for in this root, where `records` says what is installed, and `original` what the original
/// program installed there.
pub(crate) fn want(
    build: &SoftwareBuild,
    root: &Path,
    cache: &Cache,
    (records, original): (&Records, Option<&Sections>),
) -> Result<Wanted, BuildError> {
    let world = World {
        directory: root.to_owned(),
        shared: build.shared.as_deref(),
        path: &build.path,
        cache: Some(cache),
        instance: None,
        records,
        ports: RefCell::default(),
        cancel: build.cancel.clone(),
    };
    let (entry, overrides) = (entry(&build.profile)?, overrides(build, root)?);
    let lock = build.origins.lock.as_ref();
    evaluate(&entry, overrides, world, (original, lock)).map_err(|error| {
        match build.cancel.is_raised() {
            // Whatever was given up for it is no error of the profile.
            true => BuildError::Cancelled,
            false => error,
        }
    })
}

/// Installs what is wanted and tells; `records` is what was installed before.
fn install(
    build: &SoftwareBuild,
    (root, records): (&Path, &Records),
    (mut wanted, cache, built): (Wanted, &Cache, Option<&BuiltParts>),
    progress: &mut dyn FnMut(Progress),
) -> Result<SoftwareReport, BuildError> {
    let own = own::folder(root);
    let guard = Guard::default();
    let builds = own.join("build");
    let jobs = build.jobs.clamp(1, limits::JOBS_MAX);
    let place = Place {
        site: Site {
            cache: Some(cache),
            built,
            jobs,
            jobserver: JobserverWhenNeeded::new(&own, jobs),
            network: NetworkCut::new(!build.network),
            cancel: &build.cancel,
            guard: &guard,
            builds: &builds,
            directory: root,
        },
        records: own::records(root),
        logs: own.join("log"),
        saving: Saving::Soon,
    };
    let done = engine::run(&wanted, &place, records.clone(), progress);
    wanted.warnings.extend(place.site.network.warning());
    if done.failure.is_none() && !wanted.is_some_parts_only {
        sbom::write(&own, &build.profile, (&wanted, &done.records))?;
    }
    Ok(told(wanted, done))
}

/// Assignments above the profile: where it is built, and what the caller wants.
fn overrides(build: &SoftwareBuild, root: &Path) -> Result<Vec<Override>, BuildError> {
    let buildout = |option: &str, value: &str| Override::new("buildout", option, value);
    let mut overrides = vec![buildout("directory", &root.to_string_lossy())];
    if let Some(shared) = &build.shared {
        overrides.push(buildout("shared-part-list", &shared.to_string_lossy()));
    }
    for text in &build.overrides {
        overrides.push(Override::parse(text).map_err(|e| BuildError::Request(e.to_string()))?);
    }
    if !build.only.is_empty() {
        overrides.push(buildout("parts", &build.only.join(" ")));
    }
    Ok(overrides)
}

fn told(mut wanted: Wanted, done: Done) -> SoftwareReport {
    let mut parts = BTreeMap::new();
    for (state, names) in [
        (PartState::Installed, &done.installed),
        (PartState::Kept, &done.kept),
        (PartState::Removed, &done.removed),
        (PartState::Failed, &done.failed),
    ] {
        for name in names {
            let part = PartOutcome {
                state,
                location: wanted
                    .locations
                    .remove(name)
                    .or_else(|| done.places.get(name).cloned()),
                seconds: done.took.get(name).map_or(0.0, Duration::as_secs_f64),
                given: done.records.get(name).and_then(|one| one.given.clone()),
            };
            parts.insert(name.clone(), part);
        }
    }
    let is_waiting = |name: &String| !parts.contains_key(name);
    SoftwareReport {
        waiting: wanted.order.into_iter().filter(is_waiting).collect(),
        outcome: SoftwareOutcome {
            installed: done.installed,
            kept: done.kept,
            removed: done.removed,
            parts,
            unpinned: done.unpinned,
            warnings: wanted.warnings,
            elapsed_ms: 0,
        },
        failure: done.failure,
    }
}

/// What is installed: by our own record, or else by the original's, which is taken over.
pub(crate) fn recorded(
    path: &Path,
    folder: &Path,
) -> Result<(Records, Option<Sections>), BuildError> {
    let mut records =
        Records::load(path).map_err(io_error("reading what is installed in", path))?;
    if !records.is_empty() || path.exists() {
        return Ok((records, None));
    }
    let original = original::read(folder);
    let original = original.map_err(io_error("reading what the original installed in", folder))?;
    if let Some(sections) = &original {
        records.parts = original::leftovers(sections);
    }
    Ok((records, original))
}

/// The profile's location: a URL, or an absolute path.
fn entry(profile: &str) -> Result<String, BuildError> {
    if profile.contains("://") {
        return Ok(profile
            .strip_prefix("file://")
            .unwrap_or(profile)
            .to_owned());
    }
    Ok(absolute(Path::new(profile))?.to_string_lossy().into_owned())
}

pub(crate) fn absolute(path: &Path) -> Result<PathBuf, BuildError> {
    std::path::absolute(path).map_err(io_error("finding the place of", path))
}

/// One builder at a time in one folder; a second one is told at once and not made to wait.
pub(crate) fn lock(path: &Path) -> Result<Flock<std::fs::File>, BuildError> {
    let file = fs::OpenOptions::new().create(true).append(true).open(path);
    let file = file.map_err(io_error("opening the lock", path))?;
    Flock::lock(file.into_file(), FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| match errno
    {
        nix::errno::Errno::EWOULDBLOCK => BuildError::Request(format!(
            "another process is installing in {}; wait for its end",
            path.parent()
                .and_then(Path::parent)
                .unwrap_or(path)
                .display()
        )),
        other => io_error("locking", path)(other.into()),
    })
}

pub(crate) fn io_error(
    doing: &'static str,
    path: &Path,
) -> impl FnOnce(std::io::Error) -> BuildError {
    let path = path.to_owned();
    move |source| BuildError::Io {
        doing,
        path,
        source,
    }
}
