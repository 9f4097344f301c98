//! Hashes: the kinds that profiles use, their text, and taking all of them in one pass.

use std::fmt;
use std::str::FromStr;

use md5::digest::DynDigest;
use md5::{Digest, Md5};
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use thiserror::Error;

/// What kind of hash; weaker ones first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HashKind {
    Md5,
    Sha1,
    Sha256,
    Sha512,
}

/// A hash that a source must have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash {
    kind: HashKind,
    // Invariant: lower case hex of the length of its kind, so that it is safe as a file name.
    hex: String,
}

/// Why a text is no hash.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HashError {
    #[error("reading the {kind} hash `{text}`: it has {found} characters, not {expected}")]
    Length {
        kind: HashKind,
        text: String,
        found: usize,
        expected: usize,
    },
    #[error("reading the {kind} hash `{text}`: it has characters other than 0-9 and a-f")]
    NotHex { kind: HashKind, text: String },
    #[error(
        "reading the hash `{0}`: no hash has that many characters; md5 32, sha1 40, sha256 64, sha512 128"
    )]
    NoKind(String),
}

impl HashKind {
    /// Every kind.
    pub const ALL: [HashKind; 4] = [Self::Md5, Self::Sha1, Self::Sha256, Self::Sha512];

    /// The name, as in `sha256`; also the name of its folder in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    /// How many hex digits it has.
    #[must_use]
    pub fn hex_length(self) -> usize {
        match self {
            Self::Md5 => 32,
            Self::Sha1 => 40,
            Self::Sha256 => 64,
            Self::Sha512 => 128,
        }
    }
}

impl fmt::Display for HashKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl Hash {
    /// The hash of this kind that these bytes have.
    #[must_use]
    pub fn of(kind: HashKind, bytes: &[u8]) -> Hash {
        let mut digests = Digests::default();
        digests.update(bytes);
        let [md5, sha1, sha256, sha512] = digests.finish();
        match kind {
            HashKind::Md5 => md5,
            HashKind::Sha1 => sha1,
            HashKind::Sha256 => sha256,
            HashKind::Sha512 => sha512,
        }
    }

    /// Reads the hex digits of a hash of this kind; capital letters are taken.
    pub fn new(kind: HashKind, text: &str) -> Result<Hash, HashError> {
        let hex = text.trim().to_ascii_lowercase();
        if hex.len() != kind.hex_length() {
            let (found, expected) = (hex.chars().count(), kind.hex_length());
            return Err(HashError::Length {
                kind,
                text: text.to_owned(),
                found,
                expected,
            });
        }
        if !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(HashError::NotHex {
                kind,
                text: text.to_owned(),
            });
        }
        Ok(Hash { kind, hex })
    }

    #[must_use]
    pub fn kind(&self) -> HashKind {
        self.kind
    }

    /// The digits, lower case.
    #[must_use]
    pub fn hex(&self) -> &str {
        &self.hex
    }
}

impl FromStr for Hash {
    type Err = HashError;

    /// The kind follows from the length, as in `url#md5`.
    fn from_str(text: &str) -> Result<Hash, HashError> {
        let length = text.trim().len();
        let kind = HashKind::ALL
            .into_iter()
            .find(|kind| kind.hex_length() == length);
        Hash::new(
            kind.ok_or_else(|| HashError::NoKind(text.to_owned()))?,
            text,
        )
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.kind, self.hex)
    }
}

/// All hashes of some bytes, taken in one pass.
#[derive(Debug, Clone, Default)]
pub struct Digests {
    md5: Md5,
    sha1: Sha1,
    sha256: Sha256,
    sha512: Sha512,
}

impl Digests {
    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        Digest::update(&mut self.md5, bytes);
        Digest::update(&mut self.sha1, bytes);
        Digest::update(&mut self.sha256, bytes);
        Digest::update(&mut self.sha512, bytes);
    }

    /// The four hashes of what was added, in the order of [`HashKind::ALL`].
    #[must_use]
    pub fn finish(self) -> [Hash; 4] {
        let hash = |kind, bytes: &[u8]| Hash {
            kind,
            hex: hex_of(bytes),
        };
        [
            hash(HashKind::Md5, &Digest::finalize(self.md5)),
            hash(HashKind::Sha1, &Digest::finalize(self.sha1)),
            hash(HashKind::Sha256, &Digest::finalize(self.sha256)),
            hash(HashKind::Sha512, &Digest::finalize(self.sha512)),
        ]
    }
}

/// Some kinds of hashes of some bytes, in one pass: each kind costs as much as reading.
pub(crate) struct SomeDigests(Vec<(HashKind, Box<dyn DynDigest>)>);

impl SomeDigests {
    pub(crate) fn new(kinds: impl IntoIterator<Item = HashKind>) -> SomeDigests {
        let digest = |kind| -> Box<dyn DynDigest> {
            match kind {
                HashKind::Md5 => Box::new(Md5::default()),
                HashKind::Sha1 => Box::new(Sha1::default()),
                HashKind::Sha256 => Box::new(Sha256::default()),
                HashKind::Sha512 => Box::new(Sha512::default()),
            }
        };
        let mut kinds: Vec<HashKind> = kinds.into_iter().collect();
        kinds.sort();
        kinds.dedup();
        SomeDigests(kinds.into_iter().map(|kind| (kind, digest(kind))).collect())
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0
            .iter_mut()
            .for_each(|(_, digest)| digest.update(bytes));
    }

    /// In the order of kinds.
    pub(crate) fn finish(self) -> Vec<Hash> {
        let hash = |(kind, digest): (HashKind, Box<dyn DynDigest>)| Hash {
            kind,
            hex: hex_of(&digest.finalize()),
        };
        self.0.into_iter().map(hash).collect()
    }
}

/// The first of the wanted hashes that is not among those found, and the one of its kind that is.
#[must_use]
pub fn mismatch(wanted: &[Hash], found: &[Hash; 4]) -> Option<(Hash, Hash)> {
    wanted.iter().find_map(|wanted| {
        let same_kind = found.iter().find(|hash| hash.kind() == wanted.kind())?;
        (same_kind != wanted).then(|| (wanted.clone(), same_kind.clone()))
    })
}

/// The SHA-256 of some bytes.
pub(crate) fn sha256_of(bytes: &[u8]) -> Hash {
    Hash {
        kind: HashKind::Sha256,
        hex: hex_of(&Sha256::digest(bytes)),
    }
}

fn hex_of(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut hex, byte| {
            // Writing to a string cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_of_abc_are_those_of_the_standards() {
        let mut digests = Digests::default();
        digests.update(b"a");
        digests.update(b"bc");
        let [md5, sha1, sha256, sha512] = digests.finish();
        assert_eq!(md5.hex(), "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(sha1.hex(), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(sha256, sha256_of(b"abc"));
        assert!(sha256.hex().starts_with("ba7816bf8f01cfea414140de5dae2223"));
        assert!(sha512.hex().starts_with("ddaf35a193617abacc417349ae204131"));
    }

    #[test]
    fn from_str_takes_the_kind_from_the_length() {
        let hash: Hash = "900150983CD24FB0D6963F7D28E17F72".parse().unwrap();
        assert_eq!(hash.to_string(), "md5:900150983cd24fb0d6963f7d28e17f72");
        assert!(matches!("abc".parse::<Hash>(), Err(HashError::NoKind(_))));
    }

    #[test]
    fn new_of_what_is_no_hash_says_why() {
        let short = Hash::new(HashKind::Md5, "abc").unwrap_err().to_string();
        assert!(short.contains("3 characters, not 32"), "{short}");
        let bad = Hash::new(HashKind::Md5, &"z".repeat(32)).unwrap_err();
        assert!(matches!(bad, HashError::NotHex { .. }));
        assert!(Hash::new(HashKind::Md5, &format!("../{}", "a".repeat(29))).is_err());
    }
}
