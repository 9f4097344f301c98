//! The port of a cache: so many connections, each with so much patience.

use std::sync::Arc;

use axum::Router;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tower_service::Service;

use super::{CacheService, Peer, routes};
use crate::limits;

/// Ends what [`run`] serves, from any thread.
#[derive(Debug, Clone)]
pub struct Ending(Arc<watch::Sender<bool>>);

impl Default for Ending {
    fn default() -> Ending {
        Ending(Arc::new(watch::Sender::new(false)))
    }
}

impl Ending {
    /// From now on.
    pub fn raise(&self) {
        self.0.send_replace(true);
    }
}

/// Serves a cache in this thread and those it starts, until the end is raised.
pub fn run(
    socket: std::net::TcpListener,
    service: CacheService,
    ending: &Ending,
) -> std::io::Result<()> {
    socket.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(limits::WORKERS)
        .enable_all()
        .build()?;
    let shutdown = ending.0.subscribe();
    runtime.block_on(async {
        let socket = TcpListener::from_std(socket)?;
        listen(socket, routes(Arc::new(service)), shutdown).await;
        Ok(())
    })
}

/// Serves until `shutdown` becomes true; transfers that run then are cut, since they can be resumed.
pub async fn listen(listener: TcpListener, router: Router, mut shutdown: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(limits::CONNECTIONS_MAX));
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let accepted = tokio::select! {
            _ = shutdown.wait_for(|ends| *ends) => return,
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors, most likely: wait for some to be closed instead of spinning.
                tracing::error!(%error, "cannot accept connections");
                tokio::time::sleep(limits::ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            tracing::warn!(%peer, "too many connections: one was closed");
            continue;
        };
        let router = router.clone();
        connections.spawn(async move {
            if let Err(error) = serve_one(stream, Peer(peer.ip()), router).await {
                tracing::debug!(%peer, %error, "connection ended");
            }
            drop(place);
        });
    }
}

async fn serve_one(stream: TcpStream, peer: Peer, router: Router) -> Result<(), hyper::Error> {
    drop(stream.set_nodelay(true));
    let service = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(peer);
        router.clone().call(request)
    });
    hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits::HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service)
        .await
}
