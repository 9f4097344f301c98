//! Profiles from files and from the web.
//!
//! A profile changes where it is, so a URL is fetched each time and its copy is not kept.
//! A page that somebody serves in place of a profile is named as such.

use std::io::ErrorKind;
use std::path::Path;

use slapos_buildout::{Fetch, FetchFailure};
use slapos_cache::{Cache, EnsureError, Source, Store, UrlOrigin};

use crate::limits::REMOTE_BYTES_MAX;

/// Reads paths from the disk and URLs over HTTP or HTTPS.
#[derive(Debug, Clone, Copy, Default)]
pub struct Disk;

impl Fetch for Disk {
    fn fetch(&self, location: &str) -> Result<String, FetchFailure> {
        let (location, hash) = split_hash(location);
        if hash.is_none() && !location.contains("://") {
            return read(location);
        }
        match location.strip_prefix("file://") {
            Some(path) if hash.is_none() => read(path.strip_prefix("localhost").unwrap_or(path)),
            _ => fetch_url(location, hash),
        }
    }
}

/// `https://…/a.cfg#md5=…`: only URLs have a fragment, a file may be called `a#b`.
fn split_hash(location: &str) -> (&str, Option<&str>) {
    if !location.contains("://") {
        return (location, None);
    }
    match location.split_once('#') {
        Some((url, hash)) if !hash.is_empty() => (url, Some(hash)),
        Some((url, _)) => (url, None),
        None => (location, None),
    }
}

fn read(path: &str) -> Result<String, FetchFailure> {
    let bytes = fs_err::read(Path::new(path)).map_err(|error| match error.kind() {
        ErrorKind::NotFound => FetchFailure::NotFound,
        _ => FetchFailure::Failed(error.to_string()),
    })?;
    text(bytes)
}

fn text(bytes: Vec<u8>) -> Result<String, FetchFailure> {
    String::from_utf8(bytes).map_err(|error| {
        let line = error.as_bytes()[..error.utf8_error().valid_up_to()]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count();
        FetchFailure::Failed(format!(
            "it is no UTF-8 text, line {} has other bytes; convert it to UTF-8",
            line + 1
        ))
    })
}

fn fetch_url(url: &str, hash: Option<&str>) -> Result<String, FetchFailure> {
    let failed = |error: &dyn std::fmt::Display| FetchFailure::Failed(error.to_string());
    let folder = tempfile::tempdir().map_err(|error| failed(&error))?;
    let cache = Cache::new(Store::new(folder.path())).with(UrlOrigin::default());
    let hashes = match hash {
        None => Vec::new(),
        Some(written) => {
            let hex = written.split_once('=').map_or(written, |(_, hex)| hex);
            vec![hex.parse().map_err(|error| failed(&error))?]
        }
    };
    let source = Source {
        unpinned: true,
        ..Source::new(url, hashes)
    };
    let found = cache.ensure_watched(&source, &mut |bytes| bytes <= REMOTE_BYTES_MAX);
    match found {
        Ok(found) => {
            let bytes = fs_err::read(&found.path).map_err(|error| failed(&error))?;
            let text = text(bytes)?;
            refuse_page(&text)?;
            Ok(text)
        }
        Err(error) if answered_not_found(&error) => Err(FetchFailure::NotFound),
        Err(EnsureError::Stopped { .. }) => Err(FetchFailure::Failed(format!(
            "it is larger than {REMOTE_BYTES_MAX} bytes, which no profile is"
        ))),
        Err(error) => Err(failed(&error)),
    }
}

/// The origin tells the status only in its sentence.
fn answered_not_found(error: &EnsureError) -> bool {
    let EnsureError::Nowhere { misses, .. } = error else {
        return false;
    };
    misses
        .iter()
        .any(|(_, said)| said.contains("answered 404") || said.contains("answered 410"))
}

/// Sites answer "200 OK" with a page to log in, or one that says that nothing is here.
fn refuse_page(text: &str) -> Result<(), FetchFailure> {
    let start: String = text.trim_start().chars().take(15).collect();
    let start = start.to_ascii_lowercase();
    if !start.starts_with("<!doctype html") && !start.starts_with("<html") {
        return Ok(());
    }
    let is_login = text.contains("type=\"password\"") || text.contains("type='password'");
    let what = if is_login {
        "the site answered with a page to log in; use a URL that needs no login, such as that of the raw file"
    } else {
        "the site answered with an HTML page, not a profile; use the URL of the raw file"
    };
    Err(FetchFailure::Failed(what.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn split_hash_is_of_urls_only() {
        assert_eq!(split_hash("/a#b"), ("/a#b", None));
        assert_eq!(
            split_hash("http://h/a#md5=1"),
            ("http://h/a", Some("md5=1"))
        );
        assert_eq!(split_hash("http://h/a"), ("http://h/a", None));
    }

    #[test]
    fn text_of_other_bytes_names_the_line() {
        let Err(FetchFailure::Failed(reason)) = text(b"a\nb\xff".to_vec()) else {
            panic!("it is no text");
        };
        assert!(reason.contains("line 2"), "{reason}");
    }

    #[test]
    fn refuse_page_tells_a_login_from_another_page() {
        let Err(FetchFailure::Failed(reason)) = refuse_page("<html><input type=\"password\">")
        else {
            panic!("it is a page");
        };
        assert!(reason.contains("log in"), "{reason}");
        assert!(refuse_page("\n<!DOCTYPE HTML><p>no").is_err());
        assert!(refuse_page("[buildout]\n").is_ok());
    }

    #[test]
    fn fetch_of_a_missing_file_is_not_found() {
        assert_eq!(Disk.fetch("/no/such.cfg"), Err(FetchFailure::NotFound));
    }
}
