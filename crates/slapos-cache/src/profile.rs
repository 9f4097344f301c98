//! Profiles from the web: the text behind a URL in `extends`, with copies that work when the site does not.
//!
//! Start with [`ProfileFetcher::fetch`]. Copies lie under the MD5 of their URL, the name that buildout's
//! `extends-cache` gives them, so a folder of the original can be used as it is. A hash behind `#` is checked on
//! what came and on every copy. [`Disk`] reads paths as well and answers conditions. Never in here: what a profile says, and sources, which are the other modules' matter.

mod disk;
mod host;

pub use disk::Disk;
pub use host::host_machine;

use std::io::{self, Read};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use fs_err as fs;
use reqwest::blocking::Response;
use thiserror::Error;

use crate::hash::{Hash, HashKind};
use crate::http::{Downgrade, Http, told, without_secrets};
use crate::limits;

/// Fetches profiles over http and https.
#[derive(Debug, Clone)]
pub struct ProfileFetcher {
    folder: PathBuf,
    freshness: Freshness,
    patience: Duration,
    http: Http,
}

/// When the site is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Freshness {
    /// Always; the copy serves when that fails.
    #[default]
    Newest,
    /// Only where there is no copy.
    Kept,
    /// Never.
    Offline,
}

/// The text of a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedProfile {
    pub text: String,
    /// Why a copy serves though the site was asked; one sentence for people.
    pub warning: Option<String>,
}

/// Why there is no text.
#[derive(Debug, Error)]
pub enum ProfileMiss {
    /// The site says that there is no such thing.
    #[error("the site has no such file ({0})")]
    NotFound(u16),
    #[error("the site wants a log-in ({0}); give a URL that is open, or a file")]
    LogIn(u16),
    #[error(
        "the site answered with a web page{title} in place of a profile; it may want a log-in, or the URL is of a page about the file"
    )]
    WebPage {
        /// Its title in brackets, or nothing.
        title: String,
    },
    #[error("the site answered {0}")]
    Status(u16),
    #[error("the hash in `{fragment}` is of no known kind; write #md5=… or #sha256=…")]
    BadFragment { fragment: String },
    #[error(
        "it has the hash {found}, but the URL asks for {wanted}; the file was changed, or the hash is of another one"
    )]
    WrongHash { wanted: Hash, found: Hash },
    #[error(
        "it has more than {} bytes; this is no profile",
        limits::PROFILE_BYTES_MAX
    )]
    TooLarge,
    #[error("it is not UTF-8 text")]
    NotText,
    #[error("there is no copy of it, and nothing may be fetched; fetch it once while online")]
    NoCopy,
    /// The network failed.
    #[error("{0}")]
    Failed(String),
    /// The folder of copies failed.
    #[error("the copies in {folder} failed: {error}", folder = .0.display(), error = .1)]
    Folder(PathBuf, #[source] io::Error),
}

impl ProfileFetcher {
    /// With copies in this folder, which is made when the first one is kept.
    pub fn new(folder: impl Into<PathBuf>, freshness: Freshness) -> ProfileFetcher {
        let patience = limits::PROFILE_TIMEOUT;
        ProfileFetcher {
            folder: folder.into(),
            freshness,
            patience,
            http: http(patience),
        }
    }

    /// With another bound on the time that one fetch may take in all.
    #[must_use]
    pub fn patience(self, patience: Duration) -> ProfileFetcher {
        ProfileFetcher {
            patience,
            http: http(patience),
            ..self
        }
    }

    /// The text of the profile at `url`. A hash may follow: `…/software.cfg#sha256=…`.
    ///
    /// A copy with the hash asked for serves without asking the site: it cannot have changed.
    pub fn fetch(&self, url: &str) -> Result<FetchedProfile, ProfileMiss> {
        let (address, wanted) = split_fragment(url)?;
        let copy = self.copy(address, wanted.as_ref())?;
        let is_enough = wanted.is_some() || self.freshness != Freshness::Newest;
        if let Some(text) = copy.as_ref().filter(|_| is_enough) {
            return Ok(FetchedProfile {
                text: text.clone(),
                warning: None,
            });
        }
        if self.freshness == Freshness::Offline {
            return Err(ProfileMiss::NoCopy);
        }
        match (self.ask(address, wanted.as_ref()), copy) {
            (Ok(text), copy) => {
                if copy.as_ref() != Some(&text) {
                    self.keep(address, &text)
                        .map_err(|error| ProfileMiss::Folder(self.folder.clone(), error))?;
                }
                Ok(FetchedProfile {
                    text,
                    warning: None,
                })
            }
            (Err(miss), Some(text)) => Ok(FetchedProfile {
                text,
                warning: Some(format!(
                    "{}: {miss}; the copy of before is used",
                    without_secrets(address)
                )),
            }),
            (Err(miss), None) => Err(miss),
        }
    }

    fn place(&self, address: &str) -> PathBuf {
        self.folder
            .join(Hash::of(HashKind::Md5, address.as_bytes()).hex())
    }

    /// None also for a copy that is damaged or of another hash; it is then fetched as if it were not there.
    fn copy(&self, address: &str, wanted: Option<&Hash>) -> Result<Option<String>, ProfileMiss> {
        let file = match fs::File::open(self.place(address)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(ProfileMiss::Folder(self.folder.clone(), error)),
        };
        let bytes = read_bounded(file, None)?;
        Ok(judged(bytes, wanted).ok())
    }

    fn keep(&self, address: &str, text: &str) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        crate::file::replace(&self.place(address), |file| file.write_all(text.as_bytes()))
    }

    fn ask(&self, address: &str, wanted: Option<&Hash>) -> Result<String, ProfileMiss> {
        let deadline = Instant::now() + self.patience;
        let answer = self
            .http
            .client()
            .and_then(|client| client.get(address).send())
            .map_err(|error| ProfileMiss::Failed(told(error)))?;
        let is_page = is_html(&answer);
        match answer.status().as_u16() {
            200 => {}
            status @ (404 | 410) => return Err(ProfileMiss::NotFound(status)),
            status @ (401 | 403 | 407) => return Err(ProfileMiss::LogIn(status)),
            status => return Err(ProfileMiss::Status(status)),
        }
        let bytes = read_bounded(answer, Some(deadline))?;
        let start = bytes.trim_ascii_start();
        if start.starts_with(b"<") && (is_page || looks_like_a_page(start)) {
            let title = title(&bytes);
            return Err(ProfileMiss::WebPage { title });
        }
        judged(bytes, wanted)
    }
}

fn http(patience: Duration) -> Http {
    let connect = limits::CONNECT_TIMEOUT.min(patience);
    Http::new(
        connect,
        limits::READ_TIMEOUT.min(patience),
        Downgrade::Refused,
    )
}

/// The URL without its fragment, and the hash that the fragment asks for. Another fragment is no hash and is cut off.
fn split_fragment(url: &str) -> Result<(&str, Option<Hash>), ProfileMiss> {
    let Some((address, fragment)) = url.split_once('#') else {
        return Ok((url, None));
    };
    let bad = || ProfileMiss::BadFragment {
        fragment: fragment.to_owned(),
    };
    let hash = match fragment.split_once('=') {
        Some((kind, hex)) => {
            let kind = HashKind::ALL.into_iter().find(|k| k.as_str() == kind);
            Hash::new(kind.ok_or_else(bad)?, hex).map_err(|_| bad())?
        }
        None => fragment.parse().map_err(|_| bad())?,
    };
    Ok((address, Some(hash)))
}

fn judged(bytes: Vec<u8>, wanted: Option<&Hash>) -> Result<String, ProfileMiss> {
    if let Some(wanted) = wanted {
        let found = Hash::of(wanted.kind(), &bytes);
        if found != *wanted {
            let wanted = wanted.clone();
            return Err(ProfileMiss::WrongHash { wanted, found });
        }
    }
    String::from_utf8(bytes).map_err(|_| ProfileMiss::NotText)
}

fn read_bounded(mut from: impl Read, deadline: Option<Instant>) -> Result<Vec<u8>, ProfileMiss> {
    let (mut bytes, mut chunk) = (Vec::new(), vec![0; limits::CHUNK_BYTES]);
    loop {
        if deadline.is_some_and(|deadline| Instant::now() > deadline) {
            return Err(ProfileMiss::Failed("it took too long in all".to_owned()));
        }
        match from.read(&mut chunk) {
            Ok(0) => return Ok(bytes),
            Ok(n) => bytes.extend_from_slice(&chunk[..n]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(ProfileMiss::Failed(format!("the transfer broke: {error}"))),
        }
        if bytes.len() > limits::PROFILE_BYTES_MAX {
            return Err(ProfileMiss::TooLarge);
        }
    }
}

fn is_html(answer: &Response) -> bool {
    let kind = answer.headers().get(reqwest::header::CONTENT_TYPE);
    kind.and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| {
            kind.trim_start()
                .to_ascii_lowercase()
                .starts_with("text/html")
        })
}

fn looks_like_a_page(start: &[u8]) -> bool {
    let head = start[..start.len().min(limits::HEAD_BYTES)].to_ascii_lowercase();
    let has = |mark: &[u8]| head.windows(mark.len()).any(|window| window == mark);
    has(b"<!doctype html") || has(b"<html") || has(b"<head")
}

/// ` ("Sign in")`, or nothing.
fn title(page: &[u8]) -> String {
    const CHARS_MAX: usize = 80;
    let text = String::from_utf8_lossy(page);
    let lower = text.to_ascii_lowercase();
    let inside = lower.find("<title").and_then(|at| {
        let start = at + lower[at..].find('>')? + 1;
        Some(start..start + lower[start..].find('<')?)
    });
    let words = inside.and_then(|range| text.get(range)).unwrap_or_default();
    let words: Vec<&str> = words.split_whitespace().collect();
    match words.is_empty() {
        true => String::new(),
        false => {
            let title: String = words.join(" ").chars().take(CHARS_MAX).collect();
            format!(" (\"{title}\")")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn split_fragment_reads_both_spellings_of_a_hash() {
        let md5 = "900150983cd24fb0d6963f7d28e17f72";
        for url in [format!("http://h/a#md5={md5}"), format!("http://h/a#{md5}")] {
            let (address, hash) = split_fragment(&url).unwrap();
            assert_eq!((address, hash.unwrap().hex()), ("http://h/a", md5));
        }
        assert!(split_fragment("http://h/a").unwrap().1.is_none());
    }

    #[test]
    fn split_fragment_of_an_unknown_kind_is_refused() {
        for url in ["http://h/a#crc=12", "http://h/a#md5=12", "http://h/a#top"] {
            let error = split_fragment(url).unwrap_err().to_string();
            assert!(error.contains("#sha256="), "{error}");
        }
    }

    #[test]
    fn title_is_cut_out_of_a_page() {
        assert_eq!(
            title(b"<html><TITLE a=1> Sign\n in </TITLE>"),
            " (\"Sign in\")"
        );
        assert_eq!(title(b"<html>"), "");
        assert_eq!(title("<title>\u{130}".as_bytes()), "");
    }
}
