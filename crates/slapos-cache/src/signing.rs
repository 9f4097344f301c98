//! Who says what is in a cache: keys, and signatures over the exact text of an entry.
//!
//! Two kinds: Ed25519, which is ours, and RSA over SHA-1, which is all that caches of the Python SlapOS know
//! (spec of slapos.libnetworkcache: base64 of PKCS#1 v1.5 over the text). The latter is read because old caches
//! have nothing else, and written beside ours so that old readers can use a cache of ours.
//! [`Trusted`] reads, [`Signer`] writes. An empty list of keys trusts nobody.

mod der;
mod envelope;
mod key_file;

pub use envelope::Envelope;
pub use key_file::{KeyPair, generate};

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::signature::{
    ED25519, Ed25519KeyPair, RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY, UnparsedPublicKey,
};
use rsa::pkcs1v15;
use rsa::signature::{SignatureEncoding, Signer as _};

use serde::{Deserialize, Serialize};
use sha1::Sha1;
use thiserror::Error;
use x509_parser::pem::Pem;

use crate::hash::sha256_of;
use crate::limits;

/// How a signature was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    Ed25519,
    /// PKCS#1 v1.5.
    RsaSha1,
}

/// A signature of an entry's text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    pub algorithm: Algorithm,
    /// Base64.
    pub value: String,
}

/// Why a key cannot be used.
#[derive(Debug, Error)]
pub enum KeyError {
    #[error("it is not PEM text")]
    NotPem,
    #[error("it has no certificate and no public key")]
    NoPublicKey,
    #[error("it has no private key")]
    NoPrivateKey,
    #[error("a key of this kind cannot be used, only Ed25519 and RSA: {0}")]
    Unknown(String),
    #[error("it has more than {} keys", limits::TRUSTED_KEYS_MAX)]
    TooMany,
    #[error("making a key failed: {0}")]
    Making(String),
}

/// The keys whose word counts.
#[derive(Debug, Clone, Default)]
pub struct Trusted {
    keys: Vec<(KeyId, der::Public)>,
}

/// The SHA-256 of a public key (its SubjectPublicKeyInfo), in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyId(String);

impl fmt::Display for KeyId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl Trusted {
    /// The keys of these certificates and public keys, PEM one after the other.
    /// Of a certificate only its key counts, as with the original: not its name, not its dates.
    pub fn parse(text: &str) -> Result<Trusted, KeyError> {
        let mut trusted = Trusted::default();
        for block in Pem::iter_from_buffer(text.as_bytes()) {
            let block = block.map_err(|_| KeyError::NotPem)?;
            let info = match block.label.as_str() {
                "CERTIFICATE" => key_of_certificate(&block)?,
                "PUBLIC KEY" => block.contents,
                _ => continue,
            };
            let unknown = || KeyError::Unknown("of another algorithm".to_owned());
            let key = der::public(&info).ok_or_else(unknown)?;
            let id = KeyId(sha256_of(&info).hex().to_owned());
            trusted.keys.push((id, key));
            if trusted.keys.len() > limits::TRUSTED_KEYS_MAX {
                return Err(KeyError::TooMany);
            }
        }
        match trusted.keys.is_empty() {
            true => Err(KeyError::NoPublicKey),
            false => Ok(trusted),
        }
    }

    /// These and those.
    #[must_use]
    pub fn and(mut self, more: Trusted) -> Trusted {
        self.keys.extend(more.keys);
        self
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Which keys they are.
    pub fn ids(&self) -> impl Iterator<Item = &KeyId> {
        self.keys.iter().map(|(id, _)| id)
    }

    /// The trusted key that made one of these signatures of the text.
    #[must_use]
    pub fn signer_of(&self, text: &str, signatures: &[Signature]) -> Option<&KeyId> {
        let signatures = signatures.iter().take(limits::SIGNATURES_MAX);
        signatures
            .filter_map(|signature| {
                Some((signature.algorithm, BASE64.decode(&signature.value).ok()?))
            })
            .find_map(|(algorithm, bytes)| {
                let mut keys = self.keys.iter();
                keys.find(|(_, key)| has_made(key, algorithm, text.as_bytes(), &bytes))
            })
            .map(|(id, _)| id)
    }
}

fn key_of_certificate(block: &Pem) -> Result<Vec<u8>, KeyError> {
    let certificate = block
        .parse_x509()
        .map_err(|error| KeyError::Unknown(error.to_string()))?;
    Ok(certificate.public_key().raw.to_vec())
}

fn has_made(key: &der::Public, algorithm: Algorithm, text: &[u8], signature: &[u8]) -> bool {
    match (key, algorithm) {
        (der::Public::Ed25519(key), Algorithm::Ed25519) => UnparsedPublicKey::new(&ED25519, key)
            .verify(text, signature)
            .is_ok(),
        (der::Public::Rsa(key), Algorithm::RsaSha1) => {
            let old = &RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY;
            UnparsedPublicKey::new(old, key)
                .verify(text, signature)
                .is_ok()
        }
        _ => false,
    }
}

/// The private keys that sign what is put into caches.
pub struct Signer {
    keys: Vec<PrivateKey>,
}

enum PrivateKey {
    Ed25519(Ed25519KeyPair),
    Rsa(Box<pkcs1v15::SigningKey<Sha1>>),
}

impl fmt::Debug for Signer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Signer")
            .field("keys", &self.keys.len())
            .finish_non_exhaustive()
    }
}

impl Signer {
    /// The private keys in this text, PEM one after the other. Certificates between them are passed over.
    pub fn parse(text: &str) -> Result<Signer, KeyError> {
        let mut keys = Vec::new();
        for block in Pem::iter_from_buffer(text.as_bytes()) {
            let block = block.map_err(|_| KeyError::NotPem)?;
            keys.extend(private_key(&block)?);
            if keys.len() > limits::SIGNATURES_MAX {
                return Err(KeyError::TooMany);
            }
        }
        match keys.is_empty() {
            true => Err(KeyError::NoPrivateKey),
            false => Ok(Signer { keys }),
        }
    }

    /// One signature by each key.
    #[must_use]
    pub fn sign(&self, text: &str) -> Vec<Signature> {
        let sign = |key: &PrivateKey| match key {
            PrivateKey::Ed25519(key) => Signature {
                algorithm: Algorithm::Ed25519,
                value: BASE64.encode(key.sign(text.as_bytes())),
            },
            PrivateKey::Rsa(key) => Signature {
                algorithm: Algorithm::RsaSha1,
                value: BASE64.encode(key.sign(text.as_bytes()).to_bytes()),
            },
        };
        self.keys.iter().map(sign).collect()
    }
}

impl Signer {
    /// The Ed25519 signatures alone, in base64, with the keys that made them.
    fn sign_modern(&self, text: &str) -> Vec<(KeyId, String)> {
        use ring::signature::KeyPair as _;
        let sign = |key: &PrivateKey| match key {
            PrivateKey::Ed25519(key) => {
                let mut info = key_file::INFO_HEAD.to_vec();
                info.extend_from_slice(key.public_key().as_ref());
                let id = KeyId(sha256_of(&info).hex().to_owned());
                Some((id, BASE64.encode(key.sign(text.as_bytes()))))
            }
            PrivateKey::Rsa(_) => None,
        };
        self.keys.iter().filter_map(sign).collect()
    }
}

fn private_key(block: &Pem) -> Result<Option<PrivateKey>, KeyError> {
    let rsa = match block.label.as_str() {
        "RSA PRIVATE KEY" => der::rsa_of_pkcs1(&block.contents),
        "PRIVATE KEY" => der::rsa_of_pkcs8(&block.contents),
        _ => return Ok(None),
    };
    if let Some(key) = rsa {
        let key = Box::new(pkcs1v15::SigningKey::new(key));
        return Ok(Some(PrivateKey::Rsa(key)));
    }
    Ed25519KeyPair::from_pkcs8_maybe_unchecked(&block.contents)
        .map(|key| Some(PrivateKey::Ed25519(key)))
        .map_err(|error| KeyError::Unknown(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by OpenSSL: RSA of 1024 bits as the original makes them, PKCS#1 and PKCS#8.
    const OLD_KEYS: [&str; 2] = [
        include_str!("signing/test/old.pkcs1.pem"),
        include_str!("signing/test/old.pkcs8.pem"),
    ];
    const OLD_CERTIFICATE: &str = include_str!("signing/test/old.crt.pem");

    fn pair() -> (Signer, Trusted) {
        let pair = generate().unwrap();
        let signer = Signer::parse(&pair.private_pem).unwrap();
        (signer, Trusted::parse(&pair.public_pem).unwrap())
    }

    #[test]
    fn sign_with_keys_of_both_kinds_makes_a_signature_with_each() {
        let ours = generate().unwrap();
        let signer = format!("{}{}", ours.private_pem, OLD_KEYS[0]);
        let signatures = Signer::parse(&signer).unwrap().sign("text");
        let kinds = [Algorithm::Ed25519, Algorithm::RsaSha1];
        assert_eq!(signatures.len(), 2);
        let public = format!("{}{OLD_CERTIFICATE}", ours.public_pem);
        let trusted = Trusted::parse(&public).unwrap();
        for (one, kind) in signatures.iter().zip(kinds) {
            assert_eq!(one.algorithm, kind);
            let one = std::slice::from_ref(one);
            assert!(trusted.signer_of("text", one).is_some());
            assert!(trusted.signer_of("texT", one).is_none());
        }
    }

    #[test]
    fn signer_of_what_the_original_signed_is_believed() {
        // printf text | openssl dgst -sha1 -sign old.pkcs1.pem | base64
        let signature = Signature {
            algorithm: Algorithm::RsaSha1,
            value: include_str!("signing/test/text.sha1.b64").trim().to_owned(),
        };
        let trusted = Trusted::parse(OLD_CERTIFICATE).unwrap();
        assert!(
            trusted
                .signer_of("text", std::slice::from_ref(&signature))
                .is_some()
        );
        for key in OLD_KEYS {
            let signed = Signer::parse(key).unwrap().sign("text");
            assert_eq!(signed, std::slice::from_ref(&signature));
        }
    }

    #[test]
    fn signer_of_a_stranger_or_with_no_keys_is_nobody() {
        let (signer, _) = pair();
        let (_, other) = pair();
        let signatures = signer.sign("text");
        assert!(other.signer_of("text", &signatures).is_none());
        assert!(Trusted::default().signer_of("text", &signatures).is_none());
    }

    #[test]
    fn parse_of_no_key_is_explained() {
        assert!(matches!(Trusted::parse(""), Err(KeyError::NoPublicKey)));
        assert!(matches!(Signer::parse("x"), Err(KeyError::NoPrivateKey)));
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(matches!(Trusted::parse(broken), Err(KeyError::Unknown(_))));
    }
}
