//! The engine: what to install, in which order, several at once, and what is recorded when.
//!
//! Start at [`run`]. A part whose signature is recorded and whose files are there is left alone. Of every other its
//! record is dropped before it is touched and written when it is whole, so a kill at any moment costs only the parts
//! that were being installed. Parts that are no longer wanted go last, in reverse order.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use crate::evaluate::Wanted;
use crate::part_log::PartLog;
use crate::recipe::Installed;
use crate::record::{Record, Records};
use crate::work::{PartFailure, Site, Work, safe_name};
use crate::{BuildError, Progress, Step, file, limits};

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
    let mut run = Run {
        wanted,
        place,
        records,
        old,
        written: Vec::new(),
        done,
        saved: Instant::now(),
        is_unsaved: false,
    };
    run.install_all(&todo, progress);
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
        // What they owned and chose must not be forgotten if this run is killed: an empty signature fits nothing.
        let mut marked = records.clone();
        for (name, record) in &old {
            let record = Record {
                signature: String::new(),
                ..record.clone()
            };
            marked.parts.insert(name.clone(), record);
        }
        save(&marked, place)?;
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

struct Run<'r> {
    wanted: &'r Wanted,
    place: &'r Place<'r>,
    records: Records,
    old: BTreeMap<String, Record>,
    /// Files of parts that are recorded with the next save.
    written: Vec<PathBuf>,
    done: Done,
    /// When the record was last written.
    saved: Instant,
    /// Whether a part was installed since then.
    is_unsaved: bool,
}

impl Run<'_> {
    /// Starts whatever is ready, as many at once as allowed, until all is done or something failed.
    fn install_all(&mut self, todo: &[usize], progress: &mut dyn FnMut(Progress)) {
        let (sender, receiver) = channel();
        let (wanted, place) = (self.wanted, self.place);
        let at_once = (place.site.jobs as usize).max(1);
        std::thread::scope(|scope| {
            let mut waiting: Vec<usize> = todo.to_vec();
            let mut running: BTreeSet<usize> = BTreeSet::new();
            loop {
                while running.len() < at_once && self.done.failure.is_none() {
                    let Some(at) = self.next_ready(&waiting, &running) else {
                        break;
                    };
                    let index = waiting.remove(at);
                    running.insert(index);
                    let sender = sender.clone();
                    scope.spawn(move || {
                        let begun = Instant::now();
                        let result = install_one(wanted, place, index, &sender);
                        // The receiver lives until every worker is heard.
                        let _ = sender.send(News::Ended(index, begun.elapsed(), result));
                    });
                }
                if running.is_empty() {
                    return;
                }
                match self.next_news(&receiver) {
                    Some(News::Progress(news)) => progress(news),
                    Some(News::Ended(index, took, result)) => {
                        running.remove(&index);
                        self.take((index, took), result, progress);
                    }
                    None => {}
                }
            }
        });
    }

    /// The next news; none after a while of silence, in which parts that are done were recorded.
    fn next_news(&mut self, receiver: &Receiver<News>) -> Option<News> {
        let limit = match self.is_unsaved && self.place.saving == Saving::Soon {
            true => limits::SAVE_QUIET,
            false => limits::SAVE_PERIOD,
        };
        let news = receiver.recv_timeout(limit).ok();
        if news.is_none() && self.is_unsaved && self.place.saving == Saving::Soon {
            let saved = self.save();
            self.done.failure = self.done.failure.take().or(saved.err());
        }
        news
    }

    /// A waiting part none of whose predecessors waits or runs.
    fn next_ready(&self, waiting: &[usize], running: &BTreeSet<usize>) -> Option<usize> {
        let ahead: BTreeSet<&str> = waiting
            .iter()
            .chain(running)
            .map(|index| self.wanted.order[*index].as_str())
            .collect();
        waiting.iter().position(|index| {
            let before = self.wanted.before.get(&self.wanted.order[*index]);
            before.is_none_or(|names| !names.iter().any(|name| ahead.contains(name.as_str())))
        })
    }

    fn take(
        &mut self,
        (index, took): (usize, Duration),
        result: Result<Ready, Failed>,
        progress: &mut dyn FnMut(Progress),
    ) {
        let name = self.wanted.order[index].clone();
        let recorded = match result {
            Ok(ready) => self
                .record(index, &name, ready)
                .and_then(|()| self.save_soon(took)),
            Err(failed) => Err(self.error(&name, failed)),
        };
        self.done.took.insert(name.clone(), took);
        match recorded {
            Ok(()) => progress(Progress {
                part: name,
                index: index + 1,
                total: self.wanted.order.len(),
                step: Step::Done,
                elapsed_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
                bytes: None,
                line: None,
            }),
            Err(error) => {
                if !matches!(error, BuildError::Cancelled) {
                    self.done.failed.push(name);
                }
                self.done.failure.get_or_insert(error);
            }
        }
    }

    /// Removes what the part owned before and no longer does, then records it.
    fn record(&mut self, index: usize, name: &str, ready: Ready) -> Result<(), BuildError> {
        let Some(one) = self.wanted.parts.get(name) else {
            return Ok(());
        };
        if let Some(old) = self.old.remove(name) {
            let gone = old
                .owned
                .iter()
                .filter(|path| !ready.installed.owned.contains(path));
            remove_paths(gone.map(PathBuf::as_path))?;
        }
        let unpinned = ready.installed.unpinned.iter();
        self.done
            .unpinned
            .extend(unpinned.map(|url| format!("{name}: {url}")));
        self.done.installed.push(name.to_owned());
        self.written.extend(ready.written);
        let record = Record {
            recipe: one.recipe.clone(),
            signature: one.signature.clone(),
            index,
            owned: ready.installed.owned,
            shared: ready.installed.shared,
            kept: one.part.kept(),
            unpinned: ready.installed.unpinned,
        };
        self.records.parts.insert(name.to_owned(), record);
        self.is_unsaved = true;
        Ok(())
    }

    /// A part that took a while is recorded at once; many quick ones together, since each record costs two syncs.
    fn save_soon(&mut self, took: Duration) -> Result<(), BuildError> {
        let is_due = took >= limits::SAVE_QUIET || self.saved.elapsed() >= limits::SAVE_PERIOD;
        match self.place.saving {
            Saving::Soon if is_due => self.save(),
            _ => Ok(()),
        }
    }

    /// Files first, then the record that tells of them.
    fn save(&mut self) -> Result<(), BuildError> {
        let written = std::mem::take(&mut self.written);
        file::sync_all(&written).map_err(|source| BuildError::Io {
            doing: "syncing the files of",
            path: self.place.site.directory.to_owned(),
            source,
        })?;
        // Parts that failed keep what they owned and chose, under a signature that fits nothing.
        let mut records = self.records.clone();
        for (name, record) in &self.old {
            let record = Record {
                signature: String::new(),
                ..record.clone()
            };
            records.parts.insert(name.clone(), record);
        }
        save(&records, self.place)?;
        (self.saved, self.is_unsaved) = (Instant::now(), false);
        Ok(())
    }

    fn error(&self, name: &str, failed: Failed) -> BuildError {
        let reason = match failed.failure {
            PartFailure::Cancelled => return BuildError::Cancelled,
            PartFailure::MissingTool(text) => return BuildError::MissingTool(text),
            PartFailure::Failed(reason) => reason,
        };
        let recipe = self
            .wanted
            .parts
            .get(name)
            .map_or("", |one| one.recipe.as_str());
        BuildError::Part {
            part: name.to_owned(),
            recipe: recipe.to_owned(),
            reason,
            log: failed.log,
            tail: failed.tail,
        }
    }

    /// Removes parts that are not wanted, and records the end. After a failure nothing is removed.
    fn finish(mut self) -> Done {
        if self.done.failure.is_none() && !self.wanted.is_some_parts_only {
            self.done.failure = self.remove_unwanted().err();
        }
        if self.is_unsaved || !self.done.removed.is_empty() {
            let saved = self.save();
            self.done.failure = self.done.failure.take().or(saved.err());
        }
        self.sort_done();
        for (name, record) in &self.records.parts {
            if let Some(place) = record.owned.iter().chain(&record.shared).next() {
                self.done.places.insert(name.clone(), place.clone());
            }
        }
        self.done
    }

    fn remove_unwanted(&mut self) -> Result<(), BuildError> {
        let is_wanted = |name: &str| self.wanted.parts.contains_key(name);
        let mut unwanted: Vec<(usize, String)> = self
            .records
            .parts
            .iter()
            .filter(|(name, _)| !is_wanted(name))
            .map(|(name, record)| (record.index, name.clone()))
            .collect();
        unwanted.sort_by(|a, b| b.cmp(a));
        // A path may have moved to another part: then it stays.
        let owned: BTreeSet<PathBuf> = self
            .records
            .parts
            .iter()
            .filter(|(name, _)| is_wanted(name))
            .flat_map(|(_, record)| record.owned.clone())
            .collect();
        for (_, name) in unwanted {
            if let Some(record) = self.records.parts.remove(&name) {
                let gone = record.owned.iter().filter(|path| !owned.contains(*path));
                remove_paths(gone.map(PathBuf::as_path))?;
            }
            self.done.removed.push(name);
        }
        Ok(())
    }

    /// Parts that ran at once ended in any order; people read them in the order of the profile.
    fn sort_done(&mut self) {
        let place = |name: &String| self.wanted.order.iter().position(|other| other == name);
        self.done.installed.sort_by_key(place);
        let kept = self
            .done
            .kept
            .iter()
            .filter_map(|name| self.records.parts.get_key_value(name));
        for (name, record) in kept {
            self.done
                .unpinned
                .extend(record.unpinned.iter().map(|url| format!("{name}: {url}")));
        }
    }
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
    index: usize,
    sender: &Sender<News>,
) -> Result<Ready, Failed> {
    let name = &wanted.order[index];
    let tell = |news| {
        // The receiver lives until every worker is heard.
        let _ = sender.send(News::Progress(news));
    };
    let mut work = Work {
        site: &place.site,
        name,
        log: PartLog::new(place.logs.join(format!("{}.log", safe_name(name)))),
        written: Vec::new(),
        tell: &tell,
        index: index + 1,
        total: wanted.order.len(),
    };
    let result = match wanted.parts.get(name) {
        _ if place.site.cancel.is_raised() => Err(PartFailure::Cancelled),
        Some(one) => one.part.install(&mut work),
        None => Err(PartFailure::Failed(
            "the part was never constructed".to_owned(),
        )),
    };
    match result {
        Ok(installed) => Ok(Ready {
            installed,
            written: work.written,
        }),
        Err(failure) => {
            let log = work.log.is_used().then(|| work.log.path().to_owned());
            Err(Failed {
                failure,
                log,
                tail: work.log.tail(),
            })
        }
    }
}
