//! New keys for who puts things into a cache, as PEM texts.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair as _};

use super::KeyError;

/// The head of every SubjectPublicKeyInfo of Ed25519 (RFC 8410, 10.1); the key follows.
pub(super) const INFO_HEAD: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

/// Characters of a line of PEM (RFC 7468, 2).
const LINE: usize = 64;

/// A fresh pair.
#[derive(Clone)]
pub struct KeyPair {
    /// For [`super::Signer::parse`]; a secret.
    pub private_pem: String,
    /// For [`super::Trusted::parse`].
    pub public_pem: String,
}

impl std::fmt::Debug for KeyPair {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("KeyPair")
            .field("public_pem", &self.public_pem)
            .finish_non_exhaustive()
    }
}

/// Makes an Ed25519 pair. RSA keys, for readers of before, are made elsewhere.
pub fn generate() -> Result<KeyPair, KeyError> {
    let making = |error: &dyn std::fmt::Display| KeyError::Making(error.to_string());
    let private =
        Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|error| making(&error))?;
    let pair = Ed25519KeyPair::from_pkcs8(private.as_ref()).map_err(|error| making(&error))?;
    let mut info = INFO_HEAD.to_vec();
    info.extend_from_slice(pair.public_key().as_ref());
    Ok(KeyPair {
        private_pem: pem("PRIVATE KEY", private.as_ref()),
        public_pem: pem("PUBLIC KEY", &info),
    })
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = BASE64.encode(der);
    let lines: Vec<&str> = (0..text.len())
        .step_by(LINE)
        .map(|at| &text[at..text.len().min(at + LINE)])
        .collect();
    let lines = lines.join("\n");
    format!("-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n")
}
