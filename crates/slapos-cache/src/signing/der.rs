//! What is inside of key files: the few structures that keys come in.
//!
//! PKCS#8 (RFC 5958) around PKCS#1 (RFC 8017, A.1), and SubjectPublicKeyInfo (RFC 5280, 4.1).

use rsa::BoxedUint;
use x509_parser::der_parser::asn1_rs::{FromDer, Integer, OctetString, Sequence};
use x509_parser::x509::SubjectPublicKeyInfo;

/// 1.2.840.113549.1.1.1, rsaEncryption.
const RSA: &str = "1.2.840.113549.1.1.1";
/// 1.3.101.112 (RFC 8410).
const ED25519: &str = "1.3.101.112";

/// A public key as its algorithm has it.
#[derive(Debug, Clone)]
pub(super) enum Public {
    Ed25519(Vec<u8>),
    /// RSAPublicKey of PKCS#1.
    Rsa(Vec<u8>),
}

/// The key in a SubjectPublicKeyInfo; none when it is of another algorithm, or broken.
pub(super) fn public(info: &[u8]) -> Option<Public> {
    let (rest, info) = SubjectPublicKeyInfo::from_der(info).ok()?;
    let key = info.subject_public_key.data.to_vec();
    match info.algorithm.algorithm.to_id_string().as_str() {
        _ if !rest.is_empty() => None,
        RSA => Some(Public::Rsa(key)),
        ED25519 if key.len() == 32 => Some(Public::Ed25519(key)),
        _ => None,
    }
}

/// The RSA key in a PKCS#8 PrivateKeyInfo.
pub(super) fn rsa_of_pkcs8(der: &[u8]) -> Option<rsa::PrivateKey> {
    let (_, outer) = Sequence::from_der(der).ok()?;
    let (rest, _version) = Integer::from_der(&outer.content).ok()?;
    let (rest, _algorithm) = Sequence::from_der(rest).ok()?;
    let (_, key) = OctetString::from_der(rest).ok()?;
    rsa_of_pkcs1(key.as_ref())
}

/// The RSA key in an RSAPrivateKey of PKCS#1.
pub(super) fn rsa_of_pkcs1(der: &[u8]) -> Option<rsa::PrivateKey> {
    let (_, outer) = Sequence::from_der(der).ok()?;
    let mut rest: &[u8] = &outer.content;
    let mut numbers = Vec::new();
    // Version, modulus, public exponent, private exponent, two primes; the rest follows from these.
    for _ in 0..6 {
        let (after, number) = Integer::from_der(rest).ok()?;
        numbers.push(BoxedUint::from_be_slice_vartime(number.as_ref()));
        rest = after;
    }
    let [_version, n, e, d, p, q] = <[BoxedUint; 6]>::try_from(numbers).ok()?;
    rsa::PrivateKey::from_components(n, e, d, vec![p, q]).ok()
}
