//! Who the node is: a key made here, a certificate of it from the master, the authority to believe.
//!
//! The key never leaves the machine. Without a certificate the node registers with the owner's
//! token that `slapos up` left in `<root>/etc/client.json`; registering twice with the same name
//! and key is harmless.

use crate::atomic_file;
use crate::config::Settings;
use crate::layout::Layout;
use serde::Deserialize;
use slapos_api::wire::node::NodeRegister;
use slapos_api::{Client, ClientError, Credential};
use std::io;
use std::path::{Path, PathBuf};

/// Why the node has no link to its master yet.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// There is nobody to ask.
    #[error("this node has no master yet: {} is missing; `slapos up` writes it", .0.display())]
    NoMaster(PathBuf),
    /// A file that is not what it should be.
    #[error("cannot use {}: {cause}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
    /// The disk refuses.
    #[error("cannot keep the node's identity: {0}")]
    Disk(#[from] io::Error),
    /// The key or the request for a certificate could not be made.
    #[error("cannot make the node's key: {0}")]
    Key(#[from] rcgen::Error),
    /// The master.
    #[error(transparent)]
    Master(#[from] ClientError),
}

/// `<root>/etc/client.json`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct MasterAddress {
    /// `http://…` or `https://…`.
    pub url: String,
    /// The owner's token.
    pub token_file: PathBuf,
    /// The master's authority.
    pub ca_file: PathBuf,
}

impl MasterAddress {
    /// Reads it.
    ///
    /// # Errors
    /// When it is missing or damaged.
    pub fn load(layout: &Layout) -> Result<Self, JoinError> {
        let path = layout.client_file();
        let text = atomic_file::read(&path)?.ok_or_else(|| JoinError::NoMaster(path.clone()))?;
        serde_json::from_slice(&text).map_err(|error| JoinError::File {
            path,
            cause: error.to_string(),
        })
    }

    /// The same place over TLS: the master answers both on one port.
    #[must_use]
    pub fn secure_url(&self) -> String {
        match self.url.strip_prefix("http://") {
            Some(rest) => format!("https://{rest}"),
            None => self.url.clone(),
        }
    }
}

/// The node's reference, once it joined.
#[must_use]
pub fn known_id(layout: &Layout) -> Option<String> {
    let text = atomic_file::read(&layout.identity().join("node.id")).ok()??;
    String::from_utf8(text).ok().map(|id| id.trim().to_owned())
}

/// A client that speaks as this node; joins first when the node has no certificate.
///
/// # Errors
/// When that is not possible now.
pub fn connect(layout: &Layout, settings: &Settings) -> Result<Client, JoinError> {
    let address = MasterAddress::load(layout)?;
    let folder = layout.identity();
    atomic_file::make_folders(&folder, 0o700)?;
    let key_pem = ensure_key(&folder)?;
    let mut certificate_pem = read_text(&folder.join("node.crt"))?;
    if certificate_pem.is_none() {
        register(&address, &folder, settings, &key_pem)?;
        certificate_pem = read_text(&folder.join("node.crt"))?;
    }
    let ca_pem = read_text(&folder.join("ca.pem"))?.unwrap_or_default();
    let credential = Credential::Certificate {
        certificate_pem: certificate_pem.unwrap_or_default(),
        key_pem,
    };
    Ok(Client::new(
        &address.secure_url(),
        credential,
        Some(&ca_pem),
    )?)
}

/// Forgets the certificate, so that the next [`connect`] joins again with the same key: the master
/// does not know this node any more.
///
/// # Errors
/// When the disk refuses.
pub fn forget_certificate(layout: &Layout) -> io::Result<()> {
    atomic_file::remove(&layout.identity().join("node.crt"))
}

fn register(
    address: &MasterAddress,
    folder: &Path,
    settings: &Settings,
    key_pem: &str,
) -> Result<(), JoinError> {
    let need = |path: &Path| {
        read_text(path)?.ok_or_else(|| JoinError::File {
            path: path.to_path_buf(),
            cause: "it is missing".to_owned(),
        })
    };
    let token = need(&address.token_file)?;
    let ca_pem = need(&address.ca_file)?;
    let token = Credential::Token(token.trim().to_owned());
    // The token is only shown to who holds the pinned authority.
    let client = Client::new(&address.secure_url(), token, Some(&ca_pem))?;
    let answer = client.register_node(&NodeRegister {
        name: settings.name.clone(),
        project: settings.project.clone(),
        csr_pem: request_certificate(key_pem, &settings.name)?,
    })?;
    atomic_file::write(&folder.join("ca.pem"), answer.ca_pem.as_bytes())?;
    atomic_file::write(&folder.join("node.id"), answer.id.as_bytes())?;
    // Last, since it is what says that the node joined.
    atomic_file::write(&folder.join("node.crt"), answer.certificate_pem.as_bytes())?;
    tracing::info!(node = answer.id, name = settings.name, "node joined");
    Ok(())
}

fn ensure_key(folder: &Path) -> Result<String, JoinError> {
    let path = folder.join("node.key");
    if let Some(pem) = read_text(&path)? {
        return Ok(pem);
    }
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
    let pem = key.serialize_pem();
    atomic_file::write(&path, pem.as_bytes())?;
    Ok(pem)
}

fn request_certificate(key_pem: &str, name: &str) -> Result<String, rcgen::Error> {
    let key = rcgen::KeyPair::from_pem(key_pem)?;
    let mut parameters = rcgen::CertificateParams::default();
    parameters
        .distinguished_name
        .push(rcgen::DnType::CommonName, name);
    parameters.serialize_request(&key)?.pem()
}

fn read_text(path: &Path) -> io::Result<Option<String>> {
    let text = atomic_file::read(path)?;
    Ok(text.map(|text| String::from_utf8_lossy(&text).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn key_is_made_once_and_for_the_agent_only() {
        let folder = tempfile::tempdir().unwrap();
        let first = ensure_key(folder.path()).unwrap();
        assert_eq!(ensure_key(folder.path()).unwrap(), first);
        let mode = fs_err::metadata(folder.path().join("node.key"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        let request = request_certificate(&first, "local").unwrap();
        assert!(request.contains("BEGIN CERTIFICATE REQUEST"));
        assert!(!request.contains("PRIVATE"));
    }

    #[test]
    fn connect_without_a_master_says_what_is_missing() {
        let root = tempfile::tempdir().unwrap();
        let error = connect(&Layout::new(root.path()), &Settings::default()).unwrap_err();
        assert!(error.to_string().contains("etc/client.json"), "{error}");
    }
}
