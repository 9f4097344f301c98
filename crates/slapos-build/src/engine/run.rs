//! One run of the engine: which part is next, what is recorded when, what is removed at the end.
//!
//! Parts are installed on threads of their own, which only send news; everything is decided and recorded here.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use super::{
    Done, Failed, News, Place, Ready, Saving, failed, install_one, remove_paths, save, work_on,
};
use crate::evaluate::Wanted;
use crate::record::{Record, Records};
use crate::work::PartFailure;
use crate::{BuildError, Progress, Step, file, host, limits, memory};

/// Parts that wait, each for those before it.
struct Queue {
    /// Ready to be started, in the order of the profile.
    ready: BTreeSet<usize>,
    /// How many parts each that waits still waits for.
    missing: BTreeMap<usize, usize>,
    /// The parts that wait for a part.
    after: BTreeMap<usize, Vec<usize>>,
    running: usize,
}

impl Queue {
    fn new(wanted: &Wanted, todo: &[usize]) -> Queue {
        let names: HashMap<&str, usize> = todo
            .iter()
            .map(|index| (wanted.order[*index].as_str(), *index))
            .collect();
        let mut queue = Queue {
            ready: BTreeSet::new(),
            missing: BTreeMap::new(),
            after: BTreeMap::new(),
            running: 0,
        };
        for index in todo {
            let before = wanted.before.get(&wanted.order[*index]);
            let before: BTreeSet<usize> = before
                .into_iter()
                .flatten()
                .filter_map(|name| names.get(name.as_str()).copied())
                .filter(|before| before != index)
                .collect();
            match before.len() {
                0 => drop(queue.ready.insert(*index)),
                count => drop(queue.missing.insert(*index, count)),
            }
            for one in before {
                queue.after.entry(one).or_default().push(*index);
            }
        }
        queue
    }

    /// The first that is ready; it counts as running from then on.
    fn next(&mut self) -> Option<usize> {
        let index = self.ready.pop_first()?;
        self.running += 1;
        Some(index)
    }

    /// A part ended, well or not: after a failure nothing is started any more.
    fn end(&mut self, index: usize) {
        self.running -= 1;
        for next in self.after.remove(&index).unwrap_or_default() {
            if let Some(count) = self.missing.get_mut(&next) {
                *count -= 1;
                if *count == 0 {
                    self.missing.remove(&next);
                    self.ready.insert(next);
                }
            }
        }
    }
}

/// A run that goes on.
pub(super) struct Run<'r> {
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
    /// Parts that are installed and have something to do at every run.
    updating: BTreeSet<usize>,
}

impl<'r> Run<'r> {
    pub(super) fn new(
        (wanted, place): (&'r Wanted, &'r Place<'r>),
        records: Records,
        old: BTreeMap<String, Record>,
        (done, updating): (Done, BTreeSet<usize>),
    ) -> Run<'r> {
        Run {
            wanted,
            place,
            records,
            old,
            written: Vec::new(),
            done,
            saved: Instant::now(),
            is_unsaved: false,
            updating,
        }
    }

    /// Starts whatever is ready, as many at once as allowed, until all is done or something failed.
    pub(super) fn install_all(&mut self, todo: Vec<usize>, progress: &mut dyn FnMut(Progress)) {
        let (sender, receiver) = channel();
        let (wanted, place) = (self.wanted, self.place);
        let at_once = (place.site.jobs as usize).max(1);
        let mut queue = Queue::new(wanted, &todo);
        std::thread::scope(|scope| {
            loop {
                while queue.running < at_once && self.may_start(queue.running == 0) {
                    let Some(index) = queue.next() else {
                        break;
                    };
                    let sender = sender.clone();
                    let turn = (index, self.updating.contains(&index));
                    scope.spawn(move || {
                        let begun = Instant::now();
                        let result = install_one(wanted, place, turn, &sender);
                        // The receiver lives until every worker is heard.
                        let _ = sender.send(News::Ended(index, begun.elapsed(), result));
                    });
                }
                if queue.running == 0 {
                    return;
                }
                match self.next_news(&receiver) {
                    Some(News::Progress(news)) => progress(news),
                    Some(News::Ended(index, took, result)) => {
                        queue.end(index);
                        self.take((index, took), result, progress);
                    }
                    None => {}
                }
            }
        });
    }

    /// Not after a failure; and beside another part only while there is memory for both.
    fn may_start(&self, is_alone: bool) -> bool {
        let has_room =
            || memory::available_bytes().is_none_or(|free| free >= limits::MEMORY_FREE_MIN);
        self.done.failure.is_none() && (is_alone || has_room())
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
        self.records.parts.insert(name.to_owned(), record);
        self.is_unsaved = true;
        Ok(())
    }

    /// A part that took a while is recorded at once; many quick ones together, since each record costs two syncs.
    fn save_soon(&mut self, took: Duration) -> Result<(), BuildError> {
        let is_due = took >= limits::SAVE_QUIET || self.saved.elapsed() >= limits::SAVE_PERIOD;
        match self.place.saving {
            Saving::Soon if is_due && self.is_unsaved => self.save(),
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
        // Parts that failed keep what they owned and chose.
        save(&self.records.with_unfinished(&self.old), self.place)?;
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
    pub(super) fn finish(mut self) -> Done {
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
        let place = |name: &String| self.records.parts.get(name).map(|record| record.index);
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
