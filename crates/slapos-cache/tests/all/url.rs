//! The origin of URLs against sites that misbehave.

use std::time::Duration;

use slapos_cache::{Cache, Digests, Hash, HashKind, Source, Store, UrlOrigin, UrlTimeouts};

use crate::site::Site;

fn sha256(bytes: &[u8]) -> Hash {
    let mut digests = Digests::default();
    digests.update(bytes);
    let [_, _, sha256, _] = digests.finish();
    sha256
}

fn cache(dir: &tempfile::TempDir) -> Cache {
    let second = Duration::from_secs(1);
    let origin = UrlOrigin::new(UrlTimeouts {
        connect: second,
        read: second,
        total: second * 3,
    });
    Cache::new(Store::new(dir.path())).with(origin)
}

/// What is said when this source cannot be had.
fn said(source: &Source) -> String {
    let dir = tempfile::tempdir().unwrap();
    cache(&dir).ensure(source).unwrap_err().to_string()
}

#[test]
fn url_of_a_good_site_is_fetched_and_the_site_asked_once() {
    let dir = tempfile::tempdir().unwrap();
    let site = Site::serving(b"archive");
    let source = Source::new(&site.url, [sha256(b"archive")]);
    for _ in 0..2 {
        assert_eq!(
            std::fs::read(cache(&dir).ensure(&source).unwrap().path).unwrap(),
            b"archive"
        );
    }
    assert_eq!(site.requests(), 1);
}

#[test]
fn url_of_a_file_is_copied() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.tar");
    std::fs::write(&file, b"archive").unwrap();
    for url in [
        file.display().to_string(),
        format!("file://{}", file.display()),
    ] {
        let store = tempfile::tempdir().unwrap();
        let found = cache(&store)
            .ensure(&Source::new(url, [sha256(b"archive")]))
            .unwrap();
        assert_eq!(std::fs::read(found.path).unwrap(), b"archive");
    }
}

#[test]
fn url_that_gives_a_page_instead_of_an_archive_is_named_so() {
    let site = Site::serving(b"\n<!DOCTYPE html><html>parked</html>");
    let text = said(&Source::new(&site.url, [sha256(b"archive")]));
    assert!(text.contains("an HTML page instead of"), "{text}");
    let unpinned = Source {
        unpinned: true,
        ..Source::new(&site.url, [])
    };
    assert!(said(&unpinned).contains("an HTML page instead of"));
}

#[test]
fn url_whose_transfer_ends_early_is_named_so() {
    let site = Site::answering("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort");
    let text = said(&Source::new(&site.url, [sha256(b"archive")]));
    assert!(
        text.contains("the transfer broke") || text.contains("ended after"),
        "{text}"
    );
}

#[test]
fn url_that_answers_with_an_error_is_named_so() {
    let site = Site::answering("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    assert!(said(&Source::new(&site.url, [sha256(b"x")])).contains("404 Not Found"));
}

#[test]
fn url_that_redirects_for_ever_is_left() {
    let site = Site::answering(
        "HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    );
    let text = said(&Source::new(&site.url, [sha256(b"x")]));
    assert!(text.contains("redirect"), "{text}");
    assert!(site.requests() <= 7, "{} requests", site.requests());
}

#[test]
fn url_that_never_answers_is_left_after_the_time_out() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/a", listener.local_addr().unwrap());
    let text = said(&Source::new(url, [sha256(b"x")]));
    assert!(
        text.contains("timed out") || text.contains("timeout"),
        "{text}"
    );
}

#[test]
fn url_tried_second_serves_when_the_first_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let (bad, good) = (Site::serving(b"changed"), Site::serving(b"archive"));
    let source = Source {
        urls: vec![bad.url, good.url],
        ..Source::new("", [sha256(b"archive")])
    };
    assert_eq!(
        std::fs::read(cache(&dir).ensure(&source).unwrap().path).unwrap(),
        b"archive"
    );
}

#[test]
fn url_with_an_unknown_scheme_or_no_file_is_explained() {
    let hash = Hash::new(HashKind::Md5, &"0".repeat(32)).unwrap();
    assert!(said(&Source::new("/no/such/file", [hash.clone()])).contains("No such file"));
    assert!(said(&Source::new("gopher://h/a", [hash])).contains("gopher"));
}
