//! The engine: what to install, in which order, several at once, and what is recorded when.
//!
//! Start at [`run`]. A part whose signature is recorded and whose files are there is left alone. Of every other its
//! record is dropped before it is touched and written when it is whole, so a kill at any moment costs only the parts
//! that were being installed. Parts that are no longer wanted go last, in reverse order.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::time::Duration;

use crate::evaluate::Wanted;
use crate::part_log::PartLog;
use crate::recipe::Installed;
use crate::record::{Record, Records};
use crate::work::{PartFailure, Site, Work, safe_name};
use crate::{BuildError, Progress, file};

/// Where the engine keeps things, and how.
pub(crate) struct Place<'p> {
    pub(crate) site: Site<'p>,
    pub(crate) records: PathBuf,
    pub(crate) logs: PathBuf,
    pub(crate) saving: Saving,
}

/// When the record is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Saving {
    /// Soon after each part, and at once after one that took a while; see [`limits::SAVE_QUIET`].
    Soon,
    /// Once at the end: all together are worth milliseconds.
    Once,
}

/// What a run did.
#[derive(Debug, Default)]
pub(crate) struct Done {
    pub(crate) installed: Vec<String>,
    pub(crate) kept: Vec<String>,
    pub(crate) removed: Vec<String>,
    pub(crate) unpinned: Vec<String>,
    /// What each part that is there owns or shares, the first of it.
    pub(crate) places: BTreeMap<String, PathBuf>,
    /// Parts that were tried and not installed.
    pub(crate) failed: Vec<String>,
    /// How long each part that was tried took.
    pub(crate) took: BTreeMap<String, Duration>,
    /// Why not all is as wanted.
    pub(crate) failure: Option<BuildError>,
}

impl Done {
    /// All as wanted, or the reason why not.
    pub(crate) fn whole(mut self) -> Result<Done, BuildError> {
        match self.failure.take() {
            Some(failure) => Err(failure),
            None => Ok(self),
        }
    }
}

mod run;
use run::Run;

/// News from a worker.
enum News {
    Progress(Progress),
    Ended(usize, Duration, Result<Ready, Failed>),
}

/// A part that is installed, with what to sync before it is recorded.
struct Ready {
    installed: Installed,
    written: Vec<PathBuf>,
}

struct Failed {
    failure: PartFailure,
    log: Option<PathBuf>,
    tail: Vec<String>,
}

/// Makes what is installed what is wanted.
pub(crate) fn run(
    wanted: &Wanted,
    place: &Place<'_>,
    mut records: Records,
    progress: &mut dyn FnMut(Progress),
) -> Done {
    wanted.take_over(&mut records);
    let todo: Vec<usize> = (0..wanted.order.len())
        .filter(|i| is_stale(wanted, *i, &records))
        .collect();
    let mut done = Done::default();
    let stale: BTreeSet<usize> = todo.iter().copied().collect();
    let updates = |index: &usize| {
        let one = wanted.parts.get(&wanted.order[*index]);
        !stale.contains(index) && one.is_some_and(|one| one.part.updates())
    };
    let updating: BTreeSet<usize> = (0..wanted.order.len()).filter(updates).collect();
    done.kept = (0..wanted.order.len())
        .filter(|index| !stale.contains(index))
        .map(|index| wanted.order[index].clone())
        .collect();
    let old = match drop_records(wanted, place, &mut records, &todo) {
        Ok(old) => old,
        Err(failure) => {
            done.failure = Some(failure);
            return done;
        }
    };
    let turns: BTreeSet<usize> = stale.union(&updating).copied().collect();
    let mut run = Run::new((wanted, place), records, old, (done, updating));
    run.install_all(turns.into_iter().collect(), progress);
    run.finish()
}

/// Whether a part has to be installed.
fn is_stale(wanted: &Wanted, index: usize, records: &Records) -> bool {
    let name = &wanted.order[index];
    match (records.parts.get(name), wanted.parts.get(name)) {
        (Some(record), Some(one)) => record.signature != one.signature || !record.is_present(),
        _ => true,
    }
}

/// Takes the records of parts that are about to be touched out of the file; gives what they owned and kept.
fn drop_records(
    wanted: &Wanted,
    place: &Place<'_>,
    records: &mut Records,
    todo: &[usize],
) -> Result<BTreeMap<String, Record>, BuildError> {
    let mut old = BTreeMap::new();
    for index in todo {
        let name = &wanted.order[*index];
        if let Some(record) = records.parts.remove(name) {
            old.insert(name.clone(), record);
        }
    }
    if !old.is_empty() {
        // What they owned and chose must not be forgotten if this run is killed.
        save(&records.with_unfinished(&old), place)?;
    }
    Ok(old)
}

fn save(records: &Records, place: &Place<'_>) -> Result<(), BuildError> {
    records
        .save(&place.records)
        .map_err(|source| BuildError::Io {
            doing: "recording what is installed in",
            path: place.records.clone(),
            source,
        })
}

fn remove_paths<'a>(paths: impl Iterator<Item = &'a Path>) -> Result<(), BuildError> {
    for path in paths {
        file::remove_tree(path).map_err(|source| BuildError::Io {
            doing: "removing what a part no longer owns,",
            path: path.to_owned(),
            source,
        })?;
    }
    Ok(())
}

/// On a worker's thread.
fn install_one(
    wanted: &Wanted,
    place: &Place<'_>,
    (index, is_update): (usize, bool),
    sender: &Sender<News>,
) -> Result<Ready, Failed> {
    let name = &wanted.order[index];
    let tell = |news| {
        // The receiver lives until every worker is heard.
        let _ = sender.send(News::Progress(news));
    };
    let mut work = Work {
        index: index + 1,
        total: wanted.order.len(),
        ..work_on(place, name, &tell)
    };
    let go_on = || !place.site.cancel.is_raised();
    let token = place.site.jobserver.get().map(|server| server.take(&go_on));
    let result = match wanted.parts.get(name) {
        _ if !go_on() => Err(PartFailure::Cancelled),
        Some(one) if is_update => one.part.update(&mut work),
        Some(one) => one.part.install(&mut work),
        None => Err(PartFailure::Failed(
            "the part was never constructed".to_owned(),
        )),
    };
    drop(token);
    match result {
        Ok(installed) => Ok(Ready {
            installed,
            written: work.written,
        }),
        Err(failure) => Err(failed(failure, &work)),
    }
}

fn work_on<'w>(place: &'w Place<'_>, name: &'w str, tell: &'w dyn Fn(Progress)) -> Work<'w> {
    Work {
        site: &place.site,
        name,
        log: PartLog::new(place.logs.join(format!("{}.log", safe_name(name)))),
        written: Vec::new(),
        tell,
        index: 0,
        total: 0,
    }
}

fn failed(failure: PartFailure, work: &Work<'_>) -> Failed {
    let log = work.log.is_used().then(|| work.log.path().to_owned());
    Failed {
        failure,
        log,
        tail: work.log.tail(),
    }
}
