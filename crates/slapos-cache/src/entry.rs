//! An entry of an index: what somebody says, signed, of a thing that a cache has.
//!
//! The text is what is signed, so it is kept to the byte. It is a JSON object; only `sha512` or `sha256`, which say
//! which content is meant, have a meaning here.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;

use crate::hash::{Hash, HashKind};
use crate::limits;
use crate::signing::{KeyId, Signature, Signer, Trusted};

/// A signed text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// A JSON object as text.
    pub text: String,
    pub signatures: Vec<Signature>,
}

/// Why something is no entry, or no key.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum EntryError {
    #[error("the entry's text is not a JSON object")]
    NotAnObject,
    #[error("the entry names no content: it needs sha512 or sha256")]
    NoHash,
    #[error("the entry is larger than {} bytes", limits::ENTRY_BYTES_MAX)]
    TooLarge,
    #[error(
        "a key is 1 to {} bytes without control characters",
        limits::KEY_BYTES_MAX
    )]
    BadKey,
}

impl Entry {
    /// An entry that says these fields of content with this hash, signed with all keys of the signer.
    pub fn signed(
        mut fields: Map<String, Value>,
        content: &Hash,
        signer: &Signer,
    ) -> Result<Entry, EntryError> {
        fields.insert(content.kind().as_str().to_owned(), content.hex().into());
        let text = Value::Object(fields).to_string();
        let signatures = signer.sign(&text);
        let entry = Entry { text, signatures };
        entry.check()?;
        Ok(entry)
    }

    /// Whether it may be kept, whoever signed it.
    pub fn check(&self) -> Result<(), EntryError> {
        let signatures = self.signatures.iter();
        let bytes: usize = signatures.map(|signature| signature.value.len()).sum();
        if self.text.len() + bytes > limits::ENTRY_BYTES_MAX
            || self.signatures.len() > limits::SIGNATURES_MAX
        {
            return Err(EntryError::TooLarge);
        }
        self.content().map(|_| ())
    }

    /// What the text says.
    pub fn fields(&self) -> Result<Map<String, Value>, EntryError> {
        serde_json::from_str(&self.text).map_err(|_| EntryError::NotAnObject)
    }

    /// The content that is meant.
    pub fn content(&self) -> Result<Hash, EntryError> {
        let fields = self.fields()?;
        let hash = |kind: HashKind| {
            let hex = fields.get(kind.as_str())?.as_str()?;
            Hash::new(kind, hex).ok()
        };
        let found = hash(HashKind::Sha512).or_else(|| hash(HashKind::Sha256));
        found.ok_or(EntryError::NoHash)
    }

    /// The trusted key that signed it.
    #[must_use]
    pub fn signer<'t>(&self, trusted: &'t Trusted) -> Option<&'t KeyId> {
        trusted.signer_of(&self.text, &self.signatures)
    }
}

/// Whether entries can be kept under this key.
pub fn check_key(key: &str) -> Result<(), EntryError> {
    let is_long = key.is_empty() || key.len() > limits::KEY_BYTES_MAX;
    match is_long || key.chars().any(char::is_control) {
        true => Err(EntryError::BadKey),
        false => Ok(()),
    }
}

/// The key of what was downloaded from this URL, as the Python SlapOS names it today.
#[must_use]
pub fn key_of_url(url: &str) -> String {
    let hash = Hash::of(HashKind::Md5, url.as_bytes());
    format!("file-urlmd5:{}", hash.hex())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(text: &str) -> Entry {
        Entry {
            text: text.to_owned(),
            signatures: Vec::new(),
        }
    }

    #[test]
    fn content_is_the_strongest_hash_that_is_said() {
        let both = format!(
            "{{\"sha256\": \"{}\", \"sha512\": \"{}\"}}",
            "a".repeat(64),
            "b".repeat(128)
        );
        assert_eq!(entry(&both).content().unwrap().kind(), HashKind::Sha512);
        let one = format!("{{\"sha256\": \"{}\"}}", "a".repeat(64));
        assert_eq!(entry(&one).content().unwrap().kind(), HashKind::Sha256);
    }

    #[test]
    fn check_of_what_is_no_entry_is_refused() {
        for (text, error) in [
            ("[]", EntryError::NotAnObject),
            ("{", EntryError::NotAnObject),
            ("{}", EntryError::NoHash),
            ("{\"sha512\": \"../..\"}", EntryError::NoHash),
            ("{\"sha512\": 1}", EntryError::NoHash),
        ] {
            assert_eq!(entry(text).check(), Err(error), "{text}");
        }
        let large = entry(&"x".repeat(limits::ENTRY_BYTES_MAX + 1));
        assert_eq!(large.check(), Err(EntryError::TooLarge));
    }

    #[test]
    fn check_key_takes_what_a_path_cannot_hold_and_no_control_characters() {
        assert!(check_key("pypi:a=1").is_ok() && check_key("../../etc").is_ok());
        assert!(check_key("").is_err() && check_key("a\nb").is_err());
        assert!(check_key(&"x".repeat(1025)).is_err());
    }
}
