//! Profiles from files and from the web, and what conditions ask of this machine's disk.
//!
//! Files are read as they are now. Texts from the web leave a copy, which serves when the site does not.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};
use slapos_buildout::{Fetch, FetchFailure, Probe};

use super::{Freshness, ProfileFetcher, ProfileMiss};
use crate::hash::{Hash, sha256_of};
use crate::http::without_secrets;
use crate::limits;

/// Reads paths from the disk and URLs over HTTP or HTTPS.
#[derive(Debug)]
pub struct Disk {
    web: ProfileFetcher,
    warnings: RefCell<Vec<String>>,
    /// What alone may come from the web, by URL.
    pins: Option<BTreeMap<String, Hash>>,
    used: RefCell<BTreeMap<String, Hash>>,
}

impl Disk {
    /// With copies of what came from the web in `copies`, which is made when it is needed.
    pub fn new(copies: impl Into<PathBuf>, freshness: Freshness) -> Disk {
        Disk {
            web: ProfileFetcher::new(copies, freshness),
            warnings: RefCell::default(),
            pins: None,
            used: RefCell::default(),
        }
    }

    /// The same, giving no text from the web but those with these SHA-256, by URL.
    #[must_use]
    pub fn with_pins(mut self, pins: BTreeMap<String, Hash>) -> Disk {
        self.pins = Some(pins);
        self
    }

    /// The SHA-256 of every text that came from the web, by URL.
    pub fn used(&self) -> BTreeMap<String, Hash> {
        self.used.borrow().clone()
    }

    /// What a person should know of how texts were had; each is told once.
    pub fn take_warnings(&self) -> Vec<String> {
        self.warnings.take()
    }

    fn fetch_url(&self, url: &str) -> Result<String, FetchFailure> {
        let name = without_secrets(url.split('#').next().unwrap_or(url));
        let asked = match &self.pins {
            None => url.to_owned(),
            Some(pins) => match pins.get(&name) {
                // A copy with this hash serves without asking the site.
                Some(sha256) => format!(
                    "{}#sha256={}",
                    url.split('#').next().unwrap_or(url),
                    sha256.hex()
                ),
                None => {
                    let told = "it is not in the lock file; if the change is meant, write the lock file anew";
                    return Err(FetchFailure::Failed(told.to_owned()));
                }
            },
        };
        match self.web.fetch(&asked) {
            Ok(found) => {
                let sha256 = sha256_of(found.text.as_bytes());
                self.used.borrow_mut().insert(name, sha256);
                self.warnings.borrow_mut().extend(found.warning);
                Ok(found.text)
            }
            Err(ProfileMiss::NotFound(_)) => Err(FetchFailure::NotFound),
            Err(miss) => Err(FetchFailure::Failed(miss.to_string())),
        }
    }
}

impl Fetch for Disk {
    fn fetch(&self, location: &str) -> Result<String, FetchFailure> {
        match location.strip_prefix("file://") {
            Some(path) => read(path.strip_prefix("localhost").unwrap_or(path)),
            None if location.contains("://") => self.fetch_url(location),
            None => read(location),
        }
    }

    fn probe(&self, path: &str) -> Probe {
        let metadata = fs_err::metadata(path);
        let may = |flags| access(path, flags).is_ok();
        Probe {
            is_file: metadata.as_ref().is_ok_and(std::fs::Metadata::is_file),
            is_folder: metadata.as_ref().is_ok_and(std::fs::Metadata::is_dir),
            is_readable: may(AccessFlags::R_OK),
            is_writable: may(AccessFlags::W_OK),
            is_executable: may(AccessFlags::X_OK),
        }
    }

    fn open(&self, path: &str) -> Option<String> {
        // Files of /proc say that they have no length, so what is read is bounded instead.
        let mut text = String::new();
        let file = fs_err::File::open(path).ok()?;
        let is_file = file.metadata().is_ok_and(|metadata| metadata.is_file());
        let mut bounded = file.take(limits::OPENED_BYTES_MAX);
        (is_file && bounded.read_to_string(&mut text).is_ok()).then_some(text)
    }
}

fn read(path: &str) -> Result<String, FetchFailure> {
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => FetchFailure::NotFound,
        _ => FetchFailure::Failed(error.to_string()),
    };
    let metadata = fs_err::metadata(Path::new(path)).map_err(failed)?;
    if !metadata.is_file() {
        // A pipe would be waited for.
        return Err(FetchFailure::Failed("it is not a regular file".to_owned()));
    }
    // The language says what is too long; a byte more than it takes is enough for that.
    let bound = u64::try_from(limits::PROFILE_BYTES_MAX).unwrap_or(u64::MAX) + 1;
    let mut bytes = Vec::new();
    let file = fs_err::File::open(path).map_err(failed)?;
    file.take(bound).read_to_end(&mut bytes).map_err(failed)?;
    text(bytes)
}

fn text(bytes: Vec<u8>) -> Result<String, FetchFailure> {
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = good.iter().filter(|byte| **byte == b'\n').count() + 1;
        FetchFailure::Failed(format!(
            "it is no UTF-8 text, line {line} has other bytes; convert it to UTF-8"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_other_bytes_names_the_line() {
        let Err(FetchFailure::Failed(reason)) = text(b"a\nb\xff".to_vec()) else {
            panic!("it is no text");
        };
        assert!(reason.contains("line 2"), "{reason}");
    }

    #[test]
    fn fetch_tells_what_is_not_there_from_what_is_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::new(folder.path(), Freshness::Offline);
        assert_eq!(disk.fetch("/no/such.cfg"), Err(FetchFailure::NotFound));
        let path = folder.path().to_string_lossy().into_owned();
        assert!(matches!(disk.fetch(&path), Err(FetchFailure::Failed(_))));
        let probe = disk.probe(&path);
        assert!(probe.is_folder && probe.is_readable && !probe.is_file);
    }

    #[test]
    fn fetch_from_the_web_without_a_network_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::new(folder.path(), Freshness::Offline);
        let Err(FetchFailure::Failed(reason)) = disk.fetch("https://example.org/a.cfg") else {
            panic!("there is no copy");
        };
        assert!(reason.contains("while online"), "{reason}");
    }
}
