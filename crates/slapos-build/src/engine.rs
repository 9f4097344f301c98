//! The engine: what to install, in which order, several at once, and what is recorded when.
//!
//! Start at [`run`]. A part whose signature is recorded and whose files are there is left alone. Of every other its
//! record is dropped before it is touched and written when it is whole, so a kill at any moment costs only the parts
//! that were being installed. Parts that are no longer wanted go last, in reverse order.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};

use crate::evaluate::Wanted;
use crate::part_log::PartLog;
use crate::recipe::Installed;
use crate::record::{Record, Records};
use crate::work::{PartFailure, Site, Work, safe_name};
use crate::{BuildError, Progress, Step, file, host};

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
    /// After each part: each is worth minutes.
    EachPart,
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
}

/// News from a worker.
enum News {
    Progress(Progress),
    Ended(usize, Result<Ready, Failed>),
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
) -> Result<Done, BuildError> {
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
    let old = drop_records(wanted, place, &mut records, &todo)?;
    let mut run = Run {
        wanted,
        place,
        records,
        old,
        written: Vec::new(),
        done,
        failure: None,
        is_changed: false,
        updating,
    };
    let turns: BTreeSet<usize> = stale.union(&run.updating).copied().collect();
    run.install_all(&turns.into_iter().collect::<Vec<_>>(), progress);
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
    failure: Option<BuildError>,
    /// Whether an update changed what is recorded.
    is_changed: bool,
    /// Parts that are installed and have something to do at every run.
    updating: BTreeSet<usize>,
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
                while running.len() < at_once && self.failure.is_none() {
                    let Some(at) = self.next_ready(&waiting, &running) else {
                        break;
                    };
                    let index = waiting.remove(at);
                    running.insert(index);
                    let sender = sender.clone();
                    let turn = (index, self.updating.contains(&index));
                    scope.spawn(move || {
                        let result = install_one(wanted, place, turn, &sender);
                        // The receiver lives until every worker is heard.
                        let _ = sender.send(News::Ended(index, result));
                    });
                }
                if running.is_empty() {
                    return;
                }
                match receiver.recv() {
                    Ok(News::Progress(news)) => progress(news),
                    Ok(News::Ended(index, result)) => {
                        running.remove(&index);
                        self.take(index, result, progress);
                    }
                    Err(_) => return,
                }
            }
        });
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
        index: usize,
        result: Result<Ready, Failed>,
        progress: &mut dyn FnMut(Progress),
    ) {
        let name = self.wanted.order[index].clone();
        let recorded = match result {
            Ok(ready) => self.record(index, &name, ready),
            Err(failed) => Err(self.error(&name, failed)),
        };
        match recorded {
            Ok(()) => progress(Progress {
                part: name,
                index: index + 1,
                total: self.wanted.order.len(),
                step: Step::Done,
                elapsed_ms: 0,
                bytes: None,
            }),
            Err(error) => {
                self.failure.get_or_insert(error);
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
        let is_update = self.updating.contains(&index);
        if !is_update {
            let unpinned = ready.installed.unpinned.iter();
            self.done
                .unpinned
                .extend(unpinned.map(|url| format!("{name}: {url}")));
            self.done.installed.push(name.to_owned());
        }
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
        if is_update && self.records.parts.get(name) == Some(&record) {
            return Ok(());
        }
        self.is_changed = true;
        self.records.parts.insert(name.to_owned(), record);
        match self.place.saving {
            Saving::EachPart => self.save(),
            Saving::Once => Ok(()),
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
        save(&records, self.place)
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
    fn finish(mut self) -> Result<Done, BuildError> {
        let is_whole = self.failure.is_none();
        if is_whole {
            self.remove_unwanted()?;
        }
        let has_changed = self.is_changed || !self.done.removed.is_empty();
        if has_changed && (self.place.saving == Saving::Once || !self.done.removed.is_empty()) {
            self.save()?;
        }
        match self.failure {
            Some(failure) => Err(failure),
            None => {
                self.sort_done();
                Ok(self.done)
            }
        }
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
                let keeps = self.uninstall(&name, &record)?;
                let gone = record.owned.iter();
                let gone = gone.filter(|path| !keeps && !owned.contains(*path));
                remove_paths(gone.map(PathBuf::as_path))?;
            }
            self.done.removed.push(name);
        }
        Ok(())
    }

    /// What a recipe does when its part goes; gives whether its files stay.
    fn uninstall(&self, name: &str, record: &Record) -> Result<bool, BuildError> {
        if crate::recipe::has_unsaved_work(record) {
            return Ok(true);
        }
        if !host::has_uninstall(record) {
            return Ok(false);
        }
        let mut work = work_on(self.place, name, &|_| {});
        host::uninstall(record, &mut work).map_err(|failure| {
            let failed = failed(failure, &work);
            self.error(name, failed)
        })
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
    let result = match wanted.parts.get(name) {
        _ if place.site.cancel.is_raised() => Err(PartFailure::Cancelled),
        Some(one) if is_update => one.part.update(&mut work),
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
