//! The master's authority: its own certificate, the master's and those of nodes.
//!
//! Everything it signs is valid from the day before it was made until 2190, and is judged at
//! 2100-01-01 by both sides (`slapos_api::tls`): no clock at the edge is trusted, withdrawal is by
//! the master's own list. Keys are made where they are used; a node sends only a request.

use crate::app::caller::hash_hex;
use crate::app::identity::Issued;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PublicKeyData, date_time_ymd,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Why the authority cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// A file of it.
    #[error("cannot {action} {path}: {cause}")]
    File {
        /// Read or write.
        action: &'static str,
        /// Which.
        path: PathBuf,
        /// The system's words.
        cause: std::io::Error,
    },
    /// What is in a file, or cannot be made.
    #[error("cannot use {what}: {cause}")]
    Use {
        /// Which.
        what: String,
        /// The library's words.
        cause: String,
    },
}

/// The authority and the master's own certificate, as PEM.
#[derive(Clone)]
pub struct Pki {
    /// Whom nodes believe.
    pub ca_pem: String,
    ca_key_pem: String,
    /// The master's chain.
    pub server_pem: String,
    /// The master's key.
    pub server_key_pem: String,
}

impl std::fmt::Debug for Pki {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pki")
    }
}

impl Pki {
    /// Reads it from a folder, or makes it there. `today` is (year, month, day).
    ///
    /// # Errors
    /// When a file cannot be read or written or is damaged.
    pub fn ensure(dir: &Path, today: (i32, u8, u8)) -> Result<Self, PkiError> {
        std::fs::create_dir_all(dir).map_err(|cause| file_error("make", dir, cause))?;
        let (ca_path, ca_key_path) = (dir.join("ca.pem"), dir.join("ca.key"));
        if !ca_path.exists() {
            let (ca, key) = make_authority(today)?;
            // The certificate is written last: it is what says that the authority is whole.
            write_private(&ca_key_path, &key)?;
            write_private(&ca_path, &ca)?;
        }
        let (ca_pem, ca_key_pem) = (read(&ca_path)?, read(&ca_key_path)?);
        let (server_path, server_key_path) = (dir.join("master.pem"), dir.join("master.key"));
        if !server_path.exists() {
            let (server, key) = make_server(&ca_pem, &ca_key_pem, today)?;
            write_private(&server_key_path, &key)?;
            write_private(&server_path, &server)?;
        }
        let (server_pem, server_key_pem) = (read(&server_path)?, read(&server_key_path)?);
        Ok(Self {
            ca_pem,
            ca_key_pem,
            server_pem,
            server_key_pem,
        })
    }

    /// A certificate of a node for the key of its request. Of the request only the key is used:
    /// the name is the master's to give.
    ///
    /// # Errors
    /// When it is no request.
    pub fn sign_node(
        &self,
        csr_pem: &str,
        node_id: &str,
        today: (i32, u8, u8),
    ) -> Result<String, PkiError> {
        let request = CertificateSigningRequestParams::from_pem(csr_pem)
            .map_err(|error| unusable("the certificate request", &error))?;
        let mut params = base_params(node_id, today);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let issuer = issuer(&self.ca_pem, &self.ca_key_pem)?;
        let signed = params
            .signed_by(&request.public_key, &issuer)
            .map_err(|error| unusable("the certificate request", &error))?;
        Ok(signed.pem())
    }
}

/// A new key, made here only for clients that cannot make one.
pub struct ClientKey(KeyPair);

impl std::fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ClientKey")
    }
}

impl ClientKey {
    /// SHA-256 of its public half, in hex.
    #[must_use]
    pub fn key_hash(&self) -> String {
        hash_hex(&self.0.subject_public_key_info())
    }
}

impl Pki {
    /// A new key.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn make_key(&self) -> Result<ClientKey, PkiError> {
        let key = KeyPair::generate().map_err(|error| unusable("a new key", &error))?;
        Ok(ClientKey(key))
    }

    /// A client certificate of that name for a key of ours.
    ///
    /// # Errors
    /// When the authority's files are damaged.
    pub fn issue_client_for(
        &self,
        key: &ClientKey,
        name: &str,
        today: (i32, u8, u8),
    ) -> Result<Issued, PkiError> {
        let mut params = base_params(name, today);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let issuer = issuer(&self.ca_pem, &self.ca_key_pem)?;
        let signed = params
            .signed_by(&key.0, &issuer)
            .map_err(|error| unusable("a new certificate", &error))?;
        Ok(Issued {
            key_hash: key.key_hash(),
            pem: signed.pem(),
            key_pem: key.0.serialize_pem(),
        })
    }

    /// A new key with a client certificate of that name.
    ///
    /// # Errors
    /// When the authority's files are damaged.
    pub fn issue_client(&self, name: &str, today: (i32, u8, u8)) -> Result<Issued, PkiError> {
        self.issue_client_for(&self.make_key()?, name, today)
    }
}

/// SHA-256 of the public key that a request asks for, in hex.
///
/// # Errors
/// When it is no request.
pub fn key_hash_of_request(csr_pem: &str) -> Result<String, PkiError> {
    let what = "the certificate request";
    let (_, pem) = x509_parser::pem::parse_x509_pem(csr_pem.as_bytes())
        .map_err(|error| unusable(what, &error))?;
    use x509_parser::prelude::FromDer;
    let (_, request) =
        x509_parser::certification_request::X509CertificationRequest::from_der(&pem.contents)
            .map_err(|error| unusable(what, &error))?;
    Ok(hash_hex(request.certification_request_info.subject_pki.raw))
}

/// SHA-256 of a certificate's public key, in hex; none when it is no certificate.
#[must_use]
pub fn key_hash_of_certificate(certificate: &CertificateDer<'_>) -> Option<String> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    Some(hash_hex(parsed.tbs_certificate.subject_pki.raw))
}

/// When a certificate begins, in seconds since 1970.
///
/// # Errors
/// When it is no certificate.
pub fn begins_at(pem: &str) -> Result<i64, PkiError> {
    let der = CertificateDer::from_pem_slice(pem.as_bytes())
        .map_err(|error| unusable("the certificate", &error))?;
    let (_, parsed) = x509_parser::parse_x509_certificate(&der)
        .map_err(|error| unusable("the certificate", &error))?;
    Ok(parsed.validity().not_before.timestamp())
}

fn base_params(name: &str, today: (i32, u8, u8)) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(today.0, today.1, today.2);
    params.not_after = date_time_ymd(2190, 1, 1);
    params
}

fn make_authority(today: (i32, u8, u8)) -> Result<(String, String), PkiError> {
    let key = KeyPair::generate().map_err(|error| unusable("a new key", &error))?;
    let mut params = base_params("SlapOS master authority", today);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let signed = params
        .self_signed(&key)
        .map_err(|error| unusable("a new authority", &error))?;
    Ok((signed.pem(), key.serialize_pem()))
}

fn make_server(
    ca_pem: &str,
    ca_key_pem: &str,
    today: (i32, u8, u8),
) -> Result<(String, String), PkiError> {
    let key = KeyPair::generate().map_err(|error| unusable("a new key", &error))?;
    let mut params = base_params("SlapOS master", today);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let issuer = issuer(ca_pem, ca_key_pem)?;
    let signed = params
        .signed_by(&key, &issuer)
        .map_err(|error| unusable("a new certificate", &error))?;
    Ok((signed.pem(), key.serialize_pem()))
}

fn issuer(ca_pem: &str, ca_key_pem: &str) -> Result<Issuer<'static, KeyPair>, PkiError> {
    let key =
        KeyPair::from_pem(ca_key_pem).map_err(|error| unusable("the authority's key", &error))?;
    Issuer::from_ca_cert_pem(ca_pem, key).map_err(|error| unusable("the authority", &error))
}

fn unusable(what: &str, cause: &dyn std::fmt::Display) -> PkiError {
    PkiError::Use {
        what: what.to_owned(),
        cause: cause.to_string(),
    }
}

fn file_error(action: &'static str, path: &Path, cause: std::io::Error) -> PkiError {
    PkiError::File {
        action,
        path: path.to_owned(),
        cause,
    }
}

fn read(path: &Path) -> Result<String, PkiError> {
    std::fs::read_to_string(path).map_err(|cause| file_error("read", path, cause))
}

/// Writes a file only its owner can read: temporary name, sync, rename, sync of the folder.
///
/// # Errors
/// When the disk says no; the file of before stays.
pub fn write_private(path: &Path, text: &str) -> Result<(), PkiError> {
    use std::os::unix::fs::OpenOptionsExt;
    let temporary = path.with_extension("tmp");
    let write = || -> std::io::Result<()> {
        let mut file = File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)?;
        File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
    };
    write().map_err(|cause| file_error("write", path, cause))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pki_made_once_is_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let first = Pki::ensure(dir.path(), (2026, 11, 25)).unwrap();
        let second = Pki::ensure(dir.path(), (2031, 1, 1)).unwrap();
        assert_eq!(first.ca_pem, second.ca_pem);
        assert_eq!(first.server_pem, second.server_pem);
    }

    #[test]
    fn pki_node_certificate_has_the_key_of_the_request() {
        let dir = tempfile::tempdir().unwrap();
        let pki = Pki::ensure(dir.path(), (2026, 11, 25)).unwrap();
        let key = KeyPair::generate().unwrap();
        let csr = CertificateParams::default()
            .serialize_request(&key)
            .unwrap()
            .pem()
            .unwrap();
        let signed = pki.sign_node(&csr, "COMP-1", (2026, 11, 25)).unwrap();
        let der = CertificateDer::from_pem_slice(signed.as_bytes()).unwrap();
        assert_eq!(
            key_hash_of_certificate(&der),
            Some(key_hash_of_request(&csr).unwrap())
        );
        assert!(pki.sign_node("junk", "COMP-1", (2026, 11, 25)).is_err());
    }
}
