//! The Debian source archive, asked for a hash through apt as a plain user.
//!
//! Everything apt needs is a private folder; where the archive is follows from the machine's own apt, so
//! no host name is written anywhere. Each suite's index is read once into a [`Table`](table::Table).
//! A file that is listed and refused at one place is looked for at every other: that is usual there.

mod apt;
mod suite;
mod table;

use std::fmt;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::time::{Instant, SystemTime};

use fs_err as fs;
use nix::fcntl::{Flock, FlockArg};

use crate::hash::{Hash, HashKind};
use crate::{Fetched, Origin, OriginMiss, Sink, Source, limits};

use apt::{Apt, AptError, FetchOutcome};
use suite::Suite;
use table::Table;

/// Asks the Debian source archive. It knows files by their MD5 and SHA-256.
pub struct DebianOrigin {
    dir: PathBuf,
}

impl fmt::Debug for DebianOrigin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("DebianOrigin")
            .field("dir", &self.dir)
            .finish()
    }
}

impl DebianOrigin {
    /// Keeps its private apt state and its tables in this folder (a few MB a suite).
    pub fn new(dir: impl Into<PathBuf>) -> DebianOrigin {
        DebianOrigin { dir: dir.into() }
    }

    /// Tries every suite, the machine's own first, in the tables there are; then makes those that are missing
    /// or old, one at a time.
    fn search(&self, hash: &Hash, source: &Source, sink: &mut Sink<'_>) -> Search {
        let mut search = Search::new();
        let suites = match suite::of_this_machine(&mut |received| sink.tell(received)) {
            Ok(suites) => suites,
            Err(error) => {
                search.refusals.push(error.to_string());
                return search;
            }
        };
        for make in [false, true] {
            for suite in &suites {
                let fetched = self.look_in_suite(suite, make, &mut search, hash, source, sink);
                if fetched.is_some() || sink.is_stopped() {
                    search.fetched = fetched;
                    return search;
                }
            }
        }
        search
    }

    fn look_in_suite(
        &self,
        suite: &Suite,
        make: bool,
        search: &mut Search,
        hash: &Hash,
        source: &Source,
        sink: &mut Sink<'_>,
    ) -> Option<Fetched> {
        let table_path = self.dir.join(format!("{}.table", suite.name));
        if make {
            if !is_old(&table_path) || !search.has_time() {
                return None;
            }
            if !sink.say(&format!("reading the index of Debian {}", suite.name)) {
                return None;
            }
            if let Err(error) = self.make_table_alone(suite, &table_path, sink) {
                search
                    .refusals
                    .push(format!("the index of {}: {error}", suite.name));
                return None;
            }
        } else if !table_path.exists() {
            return None;
        }
        let locations = match Table::open(&table_path).and_then(|mut table| table.find(hash.hex()))
        {
            Ok(locations) => locations,
            Err(error) => {
                search
                    .refusals
                    .push(format!("the table of {}: {error}", suite.name));
                // It is made again the next time.
                let _ = fs::remove_file(&table_path);
                return None;
            }
        };
        search.suites += 1;
        locations
            .into_iter()
            .find_map(|uri| self.fetch_at(&uri, hash, source, search, sink))
    }

    fn fetch_at(
        &self,
        uri: &str,
        hash: &Hash,
        source: &Source,
        search: &mut Search,
        sink: &mut Sink<'_>,
    ) -> Option<Fetched> {
        if search.tried.len() >= limits::LOCATIONS_MAX || search.tried.iter().any(|t| t == uri) {
            return None;
        }
        search.tried.push(uri.to_owned());
        match self.fetch_into(uri, hash, sink) {
            Ok(()) => match sink.mismatch(source) {
                None => {
                    return Some(Fetched {
                        location: "the Debian source archive".to_owned(),
                    });
                }
                Some((expected, found)) => {
                    search
                        .refusals
                        .push(format!("expected {expected}, found {found}"));
                }
            },
            Err(reason) => search.refusals.push(reason),
        }
        None
    }

    fn fetch_into(&self, uri: &str, hash: &Hash, sink: &mut Sink<'_>) -> Result<(), String> {
        let apt = Apt::new(self.dir.join("fetch"));
        apt.prepare(&[]).map_err(|e| e.to_string())?;
        let folder = tempfile::Builder::new()
            .prefix("file-")
            .tempdir_in(apt.dir())
            .map_err(|e| format!("making a folder for apt: {e}"))?;
        let out = folder.path().join("source");
        match apt.fetch(uri, &out, hash, &mut |received| sink.tell(received)) {
            Ok(FetchOutcome::Fetched) => {}
            Ok(FetchOutcome::Refused(reason)) => return Err(reason),
            Err(error) => return Err(error.to_string()),
        }
        sink.restart().map_err(|e| e.to_string())?;
        let mut file = fs::File::open(&out).map_err(|e| e.to_string())?;
        let mut chunk = vec![0; limits::CHUNK_BYTES];
        loop {
            match file.read(&mut chunk).map_err(|e| e.to_string())? {
                0 => return Ok(()),
                n => sink.write_all(&chunk[..n]).map_err(|e| e.to_string())?,
            }
        }
    }

    /// Two builders that lack the same table would meet in apt's own lock, which does not wait.
    fn make_table_alone(
        &self,
        suite: &Suite,
        path: &std::path::Path,
        sink: &mut Sink<'_>,
    ) -> Result<(), AptError> {
        let lock = self.dir.join(format!("{}.lock", suite.name));
        let locked = fs::create_dir_all(&self.dir)
            .and_then(|()| fs::OpenOptions::new().create(true).append(true).open(&lock))
            .and_then(|file| {
                Flock::lock(file.into_file(), FlockArg::LockExclusive)
                    .map_err(|(_, errno)| errno.into())
            });
        let _lock = locked.map_err(|source| AptError::Io {
            doing: "locking",
            path: lock,
            source,
        })?;
        match is_old(path) {
            true => self.make_table(suite, path, sink),
            // Somebody else made it while this one waited.
            false => Ok(()),
        }
    }

    fn make_table(
        &self,
        suite: &Suite,
        path: &std::path::Path,
        sink: &mut Sink<'_>,
    ) -> Result<(), AptError> {
        let apt = Apt::new(self.dir.join(format!("update-{}", suite.name)));
        apt.prepare(&suite.lines)?;
        let made = apt
            .update(&mut |received| sink.tell(received))
            .and_then(|()| apt.source_indexes())
            .and_then(|indexes| table::make(&apt, &indexes, path));
        // The index itself is ten times its table and not needed any more.
        apt.discard();
        made
    }
}

impl Origin for DebianOrigin {
    fn name(&self) -> &str {
        "the Debian source archive"
    }

    fn fetch(&self, source: &Source, sink: &mut Sink<'_>) -> Result<Fetched, OriginMiss> {
        let known = |hash: &&Hash| matches!(hash.kind(), HashKind::Md5 | HashKind::Sha256);
        let Some(hash) = source
            .hashes
            .iter()
            .filter(known)
            .max_by_key(|hash| hash.kind())
        else {
            let reason = "it finds files by sha256 or md5, and the profile gives neither";
            return Err(OriginMiss::NotHere(reason.to_owned()));
        };
        if !apt::is_here() {
            return Err(OriginMiss::NotHere("this machine has no apt".to_owned()));
        }
        let hash = hash.clone();
        let search = self.search(&hash, source, sink);
        match search.fetched {
            Some(fetched) => Ok(fetched),
            None if sink.is_stopped() => Err(OriginMiss::Stopped),
            None => Err(search.miss()),
        }
    }
}

/// What a search found and met.
#[derive(Debug)]
struct Search {
    begun: Instant,
    /// Whether indexes were left unread because it took too long.
    is_cut: bool,
    fetched: Option<Fetched>,
    /// How many suites' tables were looked at.
    suites: usize,
    tried: Vec<String>,
    refusals: Vec<String>,
}

impl Search {
    fn new() -> Search {
        Search {
            begun: Instant::now(),
            is_cut: false,
            fetched: None,
            suites: 0,
            tried: Vec::new(),
            refusals: Vec::new(),
        }
    }

    /// Whether one more index may be read.
    fn has_time(&mut self) -> bool {
        let has_time = self.begun.elapsed() < limits::DEBIAN_SEARCH_TIMEOUT;
        self.is_cut |= !has_time;
        has_time
    }

    fn miss(self) -> OriginMiss {
        let places = self.tried.len();
        let mut text = match (self.suites, places) {
            (0, _) => "no index could be read".to_owned(),
            (suites, 0) => format!("no file with this hash in {suites} suites"),
            (_, places) => format!("listed at {places} places and served at none"),
        };
        if self.is_cut {
            let limit = limits::DEBIAN_SEARCH_TIMEOUT.as_secs();
            text = format!(
                "{text}; further indexes were not read after {limit} s, the next try goes on there"
            );
        }
        if let Some(last) = self.refusals.last() {
            text = format!("{text} ({last})");
        }
        match self.refusals.is_empty() || places > 0 {
            true => OriginMiss::NotHere(text),
            false => OriginMiss::Failed(text),
        }
    }
}

fn is_old(path: &std::path::Path) -> bool {
    let modified = fs::metadata(path).and_then(|metadata| metadata.modified());
    match modified {
        // A table from the future means a clock that was set back: it counts as fresh.
        Ok(modified) => SystemTime::now()
            .duration_since(modified)
            .is_ok_and(|age| age > limits::TABLE_AGE_MAX),
        Err(_) => true,
    }
}
