//! The one port: TLS for nodes, plain HTTP for people on this machine.
//!
//! A connection whose first byte begins a TLS handshake is TLS, with an optional client
//! certificate of the master's authority; any other is plain HTTP, which is served to the loopback
//! addresses only: a token must never cross a network in clear. Handshakes run in the task of
//! their connection with a time-out, so one slow peer stops nobody.

mod descriptors;

use crate::http::auth::Connection;
use crate::limits::{HANDSHAKE_PLACE, HANDSHAKE_TIMEOUT, HANDSHAKES_MAX, SHUTDOWN_GRACE};
use crate::pki::{Pki, key_hash_of_certificate};
use axum::Router;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ServerConfig, WebPkiClientVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, SignatureScheme};
use slapos_api::tls::{JUDGED_AT, TlsError, read_certificates, read_key, read_roots};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tower_service::Service;

/// Serves until `shutdown` becomes true, then lets running calls end within a bound.
pub async fn serve(
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    router: Router,
    mut shutdown: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(descriptors::raise()));
    let door = Door {
        acceptor: TlsAcceptor::from(tls),
        handshakes: Arc::new(Semaphore::new(HANDSHAKES_MAX)),
    };
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = ended(&mut shutdown) => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
            accepted = accept(&listener) => accepted,
        };
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            break;
        };
        let (stream, peer) = accepted;
        let (door, router, shutdown) = (door.clone(), router.clone(), shutdown.clone());
        connections.spawn(async move {
            if let Err(error) = serve_one((stream, peer), door, router, shutdown).await {
                tracing::debug!(%peer, %error, "connection ended");
            }
            drop(place);
        });
    }
    drop(listener);
    let all_ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(SHUTDOWN_GRACE, all_ended)
        .await
        .is_err()
    {
        tracing::info!("connections were cut at shutdown");
    }
}

/// Returns when the master is asked to end, or nobody is left who could ask.
async fn ended(shutdown: &mut watch::Receiver<bool>) {
    drop(shutdown.wait_for(|ends| *ends).await);
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            // Out of descriptors, most likely: wait for some to be closed instead of spinning.
            Err(error) => {
                tracing::error!(%error, "cannot accept connections");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// How TLS connections come in.
#[derive(Clone)]
struct Door {
    acceptor: TlsAcceptor,
    handshakes: Arc<Semaphore>,
}

impl Door {
    /// A place is for the work of a handshake: one that stands still gives it up and goes on without.
    async fn shake_hands(&self, stream: TcpStream) -> Result<TlsStream<TcpStream>, Failure> {
        // The time to wait for a place is not the peer's.
        let place = self.handshakes.acquire().await?;
        let mut handshake = std::pin::pin!(self.acceptor.accept(stream));
        if let Ok(done) = tokio::time::timeout(HANDSHAKE_PLACE, &mut handshake).await {
            return Ok(done?);
        }
        drop(place);
        let left = HANDSHAKE_TIMEOUT.saturating_sub(HANDSHAKE_PLACE);
        Ok(tokio::time::timeout(left, handshake).await??)
    }
}

async fn serve_one(
    (stream, peer): (TcpStream, SocketAddr),
    door: Door,
    router: Router,
    shutdown: watch::Receiver<bool>,
) -> Result<(), Failure> {
    drop(stream.set_nodelay(true));
    let mut first = [0_u8; 1];
    let peeked = tokio::time::timeout(HANDSHAKE_TIMEOUT, stream.peek(&mut first)).await??;
    if peeked == 0 {
        return Ok(());
    }
    // 22 is the TLS record type of a handshake (RFC 8446, 5.1); no HTTP method begins with it.
    if first[0] != 22 {
        return serve_plain(stream, peer, router, shutdown).await;
    }
    let stream = door.shake_hands(stream).await?;
    let certificates = stream.get_ref().1.peer_certificates();
    let key_hash = certificates
        .and_then(|chain| chain.first())
        .and_then(key_hash_of_certificate);
    let connection = Connection {
        key_hash,
        is_tls: true,
    };
    serve_http(stream, connection, router, shutdown).await
}

async fn serve_plain(
    mut stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    shutdown: watch::Receiver<bool>,
) -> Result<(), Failure> {
    if peer.ip().to_canonical().is_loopback() {
        return serve_http(stream, Connection::default(), router, shutdown).await;
    }
    let text = "Plain HTTP is served to this machine only; use https.\n";
    let head = format!(
        "HTTP/1.1 403 Forbidden\r\ncontent-type: text/plain\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        text.len()
    );
    stream.write_all(format!("{head}{text}").as_bytes()).await?;
    stream.shutdown().await?;
    Ok(())
}

async fn serve_http<S>(
    stream: S,
    connection: Connection,
    router: Router,
    mut shutdown: watch::Receiver<bool>,
) -> Result<(), Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(connection.clone());
        router.clone().call(request)
    });
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(120));
    let serving = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(serving);
    tokio::select! {
        ended = serving.as_mut() => ended?,
        () = ended(&mut shutdown) => {
            serving.as_mut().graceful_shutdown();
            // Watch streams never end by themselves: they are cut when the grace is over.
            serving.await?;
        }
    }
    Ok(())
}

/// TLS as the master speaks it: its own certificate, client certificates of its authority.
///
/// # Errors
/// When the authority's files are damaged.
pub fn tls_config(pki: &Pki) -> Result<ServerConfig, TlsError> {
    let unusable = |cause: String| TlsError::Use {
        what: "master certificate",
        cause,
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = Arc::new(read_roots(&pki.ca_pem)?);
    let inner = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&provider))
        .allow_unauthenticated()
        .build()
        .map_err(|error| unusable(error.to_string()))?;
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(error.to_string()))?
        .with_client_cert_verifier(Arc::new(AnyClock(inner)))
        .with_single_cert(
            read_certificates(&pki.server_pem)?,
            read_key(&pki.server_key_pem)?,
        )
        .map_err(|error| unusable(error.to_string()))
}

/// Certificates are judged at a fixed moment, whatever the clock says (`slapos_api::tls`).
#[derive(Debug)]
struct AnyClock(Arc<dyn ClientCertVerifier>);

impl ClientCertVerifier for AnyClock {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        self.0
            .verify_client_cert(end_entity, intermediates, JUDGED_AT)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        self.0
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        self.0
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }

    fn offer_client_auth(&self) -> bool {
        self.0.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.0.client_auth_mandatory()
    }
}
