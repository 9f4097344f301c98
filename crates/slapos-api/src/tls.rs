//! TLS as SlapOS trusts: a pinned authority, whatever the clock says.
//!
//! A node is its certificate, not its address or its clock: after years in a drawer, with a clock
//! that starts in 1970, it must find its master again. So a peer is accepted when its certificate
//! was signed by the pinned authority, judged at a moment inside the certificate's own validity.
//! Withdrawal of trust is by the master's list of nodes, not by dates. Names are not compared: the
//! authority signs one master and its nodes, and the roles are apart (client and server use).

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_cert_signed_by_trust_anchor};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    ClientConfig, ConfigBuilder, DigitallySignedStruct, RootCertStore, SignatureScheme,
    WantsVerifier,
};
use std::sync::Arc;
use std::time::Duration;

/// Why a set of PEM texts cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Not PEM, or none in it.
    #[error("cannot read the {what} (PEM): {cause}")]
    Pem {
        /// Certificate, key or authority.
        what: &'static str,
        /// The reader's words.
        cause: String,
    },
    /// Read, but of no use.
    #[error("cannot use the {what}: {cause}")]
    Use {
        /// Certificate, key or authority.
        what: &'static str,
        /// The library's words.
        cause: String,
    },
}

/// The moment at which certificates are judged: 2100-01-01. The master's authority and everything
/// that it signs is made to be valid then (see the master's `pki`), so no clock is needed.
pub const JUDGED_AT: UnixTime = UnixTime::since_unix_epoch(Duration::from_secs(4_102_444_800));

/// A client that believes only `ca_pem` and, when given, proves itself by certificate and key.
///
/// # Errors
/// When a text is not what it should be.
pub fn client_config(
    ca_pem: &str,
    identity: Option<(&str, &str)>,
) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = PinnedAuthority::new(ca_pem, Arc::clone(&provider))?;
    let builder = any_client(provider)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    match identity {
        None => Ok(builder.with_no_client_auth()),
        Some((certificate_pem, key_pem)) => builder
            .with_client_auth_cert(read_certificates(certificate_pem)?, read_key(key_pem)?)
            .map_err(|error| TlsError::Use {
                what: "node certificate",
                cause: error.to_string(),
            }),
    }
}

/// A client that believes nobody: without an authority a mistyped https must not work by trusting
/// whoever the machine trusts.
///
/// # Errors
/// When the library cannot be used.
pub(crate) fn nobody_trusted() -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let nobody = RootCertStore::empty();
    let builder = any_client(provider)?.with_root_certificates(nobody);
    Ok(builder.with_no_client_auth())
}

fn any_client(
    provider: Arc<CryptoProvider>,
) -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, TlsError> {
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::Use {
            what: "TLS library",
            cause: error.to_string(),
        })
}

/// All certificates of a PEM text.
///
/// # Errors
/// When there is none or it is damaged.
pub fn read_certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let error = |cause: String| TlsError::Pem {
        what: "certificate",
        cause,
    };
    let all = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|cause| error(cause.to_string()))?;
    if all.is_empty() {
        Err(error("there is none in it".to_owned()))
    } else {
        Ok(all)
    }
}

/// The private key of a PEM text.
///
/// # Errors
/// When there is none or it is damaged.
pub fn read_key(pem: &str) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|cause| TlsError::Pem {
        what: "private key",
        cause: cause.to_string(),
    })
}

/// The authorities of a PEM text.
///
/// # Errors
/// When there is none or one is damaged.
pub fn read_roots(ca_pem: &str) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in read_certificates(ca_pem)? {
        roots.add(certificate).map_err(|error| TlsError::Use {
            what: "authority",
            cause: error.to_string(),
        })?;
    }
    Ok(roots)
}

#[derive(Debug)]
struct PinnedAuthority {
    roots: RootCertStore,
    provider: Arc<CryptoProvider>,
    signatures: Arc<WebPkiServerVerifier>,
}

impl PinnedAuthority {
    fn new(ca_pem: &str, provider: Arc<CryptoProvider>) -> Result<Self, TlsError> {
        let roots = read_roots(ca_pem)?;
        let signatures = WebPkiServerVerifier::builder_with_provider(
            Arc::new(roots.clone()),
            Arc::clone(&provider),
        )
        .build()
        .map_err(|error| TlsError::Use {
            what: "authority",
            cause: error.to_string(),
        })?;
        Ok(Self {
            roots,
            provider,
            signatures,
        })
    }
}

impl ServerCertVerifier for PinnedAuthority {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let certificate = ParsedCertificate::try_from(end_entity)?;
        verify_server_cert_signed_by_trust_anchor(
            &certificate,
            &self.roots,
            intermediates,
            JUDGED_AT,
            self.provider.signature_verification_algorithms.all,
        )?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.signatures
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.signatures
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.signatures.supported_verify_schemes()
    }
}
