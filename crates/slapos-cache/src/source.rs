//! What is looked for: a file by its hashes, with hints where it may be.

use crate::hash::{Hash, sha256_of};

/// A file that a build needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Source {
    /// Where its maker publishes it, tried in order: `http:`, `https:`, `file:` or an absolute path.
    pub urls: Vec<String>,
    /// The name to tell people; empty is the last segment of the first URL.
    pub filename: String,
    /// All of them must hold.
    pub hashes: Vec<Hash>,
    /// Whether a source without any hash is taken all the same. It is kept by its URL and reported as unpinned.
    pub unpinned: bool,
    /// Name of the software, for origins that look by name.
    pub name: Option<String>,
    /// Its version.
    pub version: Option<String>,
}

impl Source {
    /// A source at this URL, with these hashes.
    pub fn new(url: impl Into<String>, hashes: impl IntoIterator<Item = Hash>) -> Source {
        Source {
            urls: vec![url.into()],
            hashes: hashes.into_iter().collect(),
            ..Source::default()
        }
    }

    /// What to call it in a message.
    #[must_use]
    pub fn title(&self) -> &str {
        if !self.filename.is_empty() {
            return &self.filename;
        }
        let url = self
            .urls
            .first()
            .map_or("", |url| url.split(['?', '#']).next().unwrap_or(url));
        match url.trim_end_matches('/').rsplit('/').next() {
            Some(segment) if !segment.is_empty() => segment,
            _ => "source",
        }
    }

    /// The strongest hash.
    #[must_use]
    pub fn strongest(&self) -> Option<&Hash> {
        self.hashes.iter().max_by_key(|hash| hash.kind())
    }

    /// A key that is equal for equal sources and safe as a file name; one download at a time is made for it.
    pub(crate) fn key(&self) -> String {
        match self.strongest() {
            Some(hash) => hash.hex().to_owned(),
            None => self.url_key(),
        }
    }

    /// The key under which an unpinned source is kept.
    pub(crate) fn url_key(&self) -> String {
        sha256_of(self.urls.join("\n").as_bytes()).hex().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn title_is_the_last_segment_of_the_url() {
        assert_eq!(
            Source::new("http://h/a/b-1.tar.gz?x=/y#z", []).title(),
            "b-1.tar.gz"
        );
        assert_eq!(Source::new("http://h/dir/", []).title(), "dir");
        assert_eq!(Source::default().title(), "source");
        let named = Source {
            filename: "n".into(),
            ..Source::new("http://h/x", [])
        };
        assert_eq!(named.title(), "n");
    }

    #[test]
    fn key_is_the_strongest_hash() {
        let md5: Hash = "0".repeat(32).parse().unwrap();
        let sha256: Hash = "1".repeat(64).parse().unwrap();
        assert_eq!(Source::new("u", [sha256.clone(), md5]).key(), sha256.hex());
        assert_ne!(Source::new("u", []).key(), Source::new("v", []).key());
    }
}
