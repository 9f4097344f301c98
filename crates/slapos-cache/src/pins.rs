//! What alone may be used: the sources that somebody wrote down before.
//!
//! Start with [`Pins::pin`]: it makes a source stricter, so that one without a hash has one too, or says that it is
//! none of these.

use std::collections::{BTreeMap, BTreeSet};

use crate::Source;
use crate::hash::{Hash, HashKind};

/// Sources by every hash that they have, and by their URL.
#[derive(Debug, Clone, Default)]
pub struct Pins {
    /// Of any kind, to the SHA-256 of the same content.
    hashes: BTreeMap<Hash, Hash>,
    urls: BTreeMap<String, BTreeSet<Hash>>,
}

impl Pins {
    /// One more. `others` are hashes of the same content; an empty URL is none.
    pub fn add(&mut self, url: &str, sha256: &Hash, others: impl IntoIterator<Item = Hash>) {
        self.hashes.insert(sha256.clone(), sha256.clone());
        for hash in others {
            self.hashes.insert(hash, sha256.clone());
        }
        if !url.is_empty() {
            let of_url = self.urls.entry(url.to_owned()).or_default();
            of_url.insert(sha256.clone());
        }
    }

    /// The same source with the SHA-256 that it must have; or why it is none of these.
    pub fn pin(&self, source: &Source) -> Result<Source, String> {
        let known = |hash: &Hash| self.hashes.get(hash).cloned();
        let sha256 = match source.strongest() {
            Some(strongest) => known(strongest)
                .ok_or_else(|| format!("it has no source with the hash {strongest}"))?,
            None => self.of_url(source)?,
        };
        let mut pinned = source.clone();
        if source
            .hashes
            .iter()
            .all(|hash| hash.kind() != HashKind::Sha256)
        {
            pinned.hashes.push(sha256);
        }
        Ok(pinned)
    }

    fn of_url(&self, source: &Source) -> Result<Hash, String> {
        let url = crate::without_secrets(source.urls.first().map_or("", String::as_str));
        let hashes = self.urls.get(&url).into_iter().flatten();
        let hashes: Vec<&Hash> = hashes.collect();
        match hashes.as_slice() {
            [one] => Ok((*one).clone()),
            [] => Err(format!("it has no source of the URL {url}")),
            _ => Err(format!("it has more than one source of the URL {url}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pin_gives_the_sha256_and_refuses_what_is_not_there() {
        let of = |kind| Hash::of(kind, b"x");
        let mut pins = Pins::default();
        pins.add("http://h/a", &of(HashKind::Sha256), [of(HashKind::Md5)]);
        let pinned = pins.pin(&Source::new("http://u:p@h/a", [])).unwrap();
        assert_eq!(pinned.hashes, [of(HashKind::Sha256)]);
        let by_md5 = Source::new("http://other/a", [of(HashKind::Md5)]);
        assert_eq!(pins.pin(&by_md5).unwrap().hashes.len(), 2);
        // A profile that changed its hash is not saved by its URL.
        let changed = Source::new("http://h/a", [Hash::of(HashKind::Md5, b"y")]);
        assert!(pins.pin(&changed).unwrap_err().contains("hash"));
        assert!(
            pins.pin(&Source::new("http://h/b", []))
                .unwrap_err()
                .contains("URL")
        );
    }
}
