//! Profiles from a site on loopback: copies, hashes, and what is said when no profile comes.

use std::time::Duration;

use slapos_cache::{Digests, Freshness, ProfileFetcher, ProfileMiss};

use crate::site::Site;

const PROFILE: &str = "[buildout]\nparts =\n";

fn at(folder: &tempfile::TempDir, freshness: Freshness) -> ProfileFetcher {
    ProfileFetcher::new(folder.path().join("copies"), freshness)
}

fn answer(head: &str, body: &str) -> Site {
    let length = body.len();
    Site::answering(format!(
        "HTTP/1.1 {head}\r\nContent-Length: {length}\r\n\r\n{body}"
    ))
}

/// What is said of an answer for which there is no copy.
#[track_caller]
fn miss(site: &Site) -> String {
    let folder = tempfile::tempdir().unwrap();
    let fetched = at(&folder, Freshness::Newest).fetch(&site.url);
    fetched.unwrap_err().to_string()
}

fn sha256(text: &str) -> String {
    let mut digests = Digests::default();
    digests.update(text.as_bytes());
    digests.finish()[2].hex().to_owned()
}

#[test]
fn profile_that_was_fetched_once_is_there_offline() {
    let (folder, site) = (
        tempfile::tempdir().unwrap(),
        Site::serving(PROFILE.as_bytes()),
    );
    let fetched = at(&folder, Freshness::Newest).fetch(&site.url).unwrap();
    assert_eq!((fetched.text.as_str(), fetched.warning), (PROFILE, None));
    let offline = at(&folder, Freshness::Offline);
    assert_eq!(offline.fetch(&site.url).unwrap().text, PROFILE);
    assert_eq!(site.requests(), 1);
    let other = offline.fetch("http://127.0.0.1:9/other.cfg");
    assert!(matches!(other, Err(ProfileMiss::NoCopy)));
}

#[test]
fn profile_is_asked_for_again_unless_a_copy_is_enough() {
    let (folder, site) = (
        tempfile::tempdir().unwrap(),
        Site::serving(PROFILE.as_bytes()),
    );
    for (freshness, requests) in [
        (Freshness::Newest, 1),
        (Freshness::Newest, 2),
        (Freshness::Kept, 2),
    ] {
        at(&folder, freshness).fetch(&site.url).unwrap();
        assert_eq!(site.requests(), requests);
    }
}

#[test]
fn profile_of_a_site_that_fails_comes_from_the_copy_with_a_warning() {
    let (folder, site) = (tempfile::tempdir().unwrap(), answer("500 No", "broken"));
    // The name that buildout gives a copy: the MD5 of the URL.
    let mut digests = Digests::default();
    digests.update(site.url.as_bytes());
    let copies = folder.path().join("copies");
    std::fs::create_dir(&copies).unwrap();
    std::fs::write(copies.join(digests.finish()[0].hex()), PROFILE).unwrap();
    let fetched = at(&folder, Freshness::Newest).fetch(&site.url).unwrap();
    assert_eq!(fetched.text, PROFILE);
    let warning = fetched.warning.unwrap();
    assert!(
        warning.contains("500") && warning.contains("copy"),
        "{warning}"
    );
}

#[test]
fn profile_with_a_hash_is_checked_and_then_never_asked_for_again() {
    let (folder, site) = (
        tempfile::tempdir().unwrap(),
        Site::serving(PROFILE.as_bytes()),
    );
    let pinned = format!("{}#sha256={}", site.url, sha256(PROFILE));
    for _ in 0..2 {
        let fetched = at(&folder, Freshness::Newest).fetch(&pinned).unwrap();
        assert_eq!(fetched.text, PROFILE);
    }
    assert_eq!(site.requests(), 1);
}

#[test]
fn profile_with_another_hash_is_refused_and_leaves_no_copy() {
    let (folder, site) = (
        tempfile::tempdir().unwrap(),
        Site::serving(PROFILE.as_bytes()),
    );
    let pinned = format!("{}#sha256={}", site.url, sha256("another"));
    let miss = at(&folder, Freshness::Newest).fetch(&pinned).unwrap_err();
    assert!(miss.to_string().contains(&sha256(PROFILE)), "{miss}");
    assert!(!folder.path().join("copies").exists());
}

#[test]
fn log_in_page_and_missing_file_are_named_as_such() {
    let page = "\n<!DOCTYPE html><html><head><title>Sign in · Forge</title></head></html>";
    let said = miss(&Site::serving(page.as_bytes()));
    assert!(
        said.contains("web page (\"Sign in · Forge\")") && said.contains("log-in"),
        "{said}"
    );
    let said = miss(&answer("404 Not Found", page));
    assert!(said.contains("no such file (404)"), "{said}");
    let said = miss(&answer("403 Forbidden", page));
    assert!(said.contains("log-in (403)"), "{said}");
}

#[test]
fn redirects_without_end_are_bounded() {
    let head = "302 Found\r\nConnection: close\r\nLocation: /again";
    let said = miss(&answer(head, ""));
    assert!(said.contains("redirects more than 5 times"), "{said}");
}

#[test]
fn profile_that_is_too_large_or_no_text_is_refused() {
    let said = miss(&Site::serving(&vec![b'#'; (4 << 20) + 1]));
    assert!(said.contains("more than 4194304 bytes"), "{said}");
    let said = miss(&Site::serving(&[0xff, 0xfe, b'[']));
    assert!(said.contains("not UTF-8"), "{said}");
}

#[test]
fn site_that_says_nothing_is_given_up_in_time() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/a.cfg", listener.local_addr().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let fetcher = at(&folder, Freshness::Newest).patience(Duration::from_millis(200));
    let start = std::time::Instant::now();
    assert!(matches!(fetcher.fetch(&url), Err(ProfileMiss::Failed(_))));
    assert!(start.elapsed() < Duration::from_secs(5));
}
