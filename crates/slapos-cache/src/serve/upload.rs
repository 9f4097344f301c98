//! Content that comes in: written and hashed as it arrives, kept when it is whole.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use tokio::sync::mpsc;

use super::{CacheService, Refusal, Sent, blocking};
use crate::hash::Hash;
use crate::limits;
use crate::sink::{Sink, SourceNews};

/// What is stored now.
pub(super) struct Taken {
    /// MD5, SHA-1, SHA-256, SHA-512.
    pub(super) hashes: [Hash; 4],
    pub(super) bytes: u64,
}

enum Piece {
    Data(Bytes),
    /// The body ended as it should: without this nothing is kept.
    End,
}

/// Takes a body in. With `wanted`, it must have this hash.
pub(super) async fn take(
    service: Arc<CacheService>,
    sent: Sent,
    wanted: Option<Hash>,
) -> Result<Taken, Refusal> {
    let Sent { head, body } = sent;
    let room = service.room().min(limits::SOURCE_BYTES_MAX);
    if length_of(&head).is_some_and(|length| length > room) {
        drain(body).await;
        return Err(full());
    }
    let same = Arc::clone(&service);
    let Ok(_place) = same.uploads.try_acquire() else {
        drain(body).await;
        let text = "too many uploads at once; try again in a moment".to_owned();
        return Err(Refusal(StatusCode::SERVICE_UNAVAILABLE, text));
    };
    let (sender, receiver) = mpsc::channel(limits::UPLOAD_PIECES_MAX);
    let writing = tokio::spawn(blocking(move || {
        write(&service, receiver, room, wanted.as_ref())
    }));
    let sent = relay(body, sender).await;
    let taken = writing.await.map_err(Refusal::broken)?;
    // What the writer says comes first: it is why the relay could not go on.
    match (taken, sent) {
        (Ok(taken), Ok(())) => Ok(taken),
        (Err(refusal), Ok(())) => Err(refusal),
        (_, Err(refusal)) => Err(refusal),
    }
}

fn full() -> Refusal {
    let text = "this cache has no room for it".to_owned();
    Refusal(StatusCode::INSUFFICIENT_STORAGE, text)
}

async fn relay(mut body: Body, sender: mpsc::Sender<Piece>) -> Result<(), Refusal> {
    loop {
        let frame = tokio::time::timeout(limits::READ_TIMEOUT, body.frame()).await;
        let Ok(frame) = frame else {
            let text = "nothing came for too long".to_owned();
            return Err(Refusal(StatusCode::REQUEST_TIMEOUT, text));
        };
        let piece = match frame {
            None => Piece::End,
            Some(frame) => match frame.map_err(Refusal::bad)?.into_data() {
                Ok(data) => Piece::Data(data),
                Err(_) => continue,
            },
        };
        let is_end = matches!(piece, Piece::End);
        // The writer that is gone says itself why.
        if sender.send(piece).await.is_err() || is_end {
            return Ok(());
        }
    }
}

fn write(
    service: &CacheService,
    mut pieces: mpsc::Receiver<Piece>,
    room: u64,
    wanted: Option<&Hash>,
) -> Result<Taken, Refusal> {
    let file = service.store.temporary().map_err(Refusal::broken)?;
    let mut watch = |_: SourceNews<'_>| true;
    let mut sink = Sink::new(file, &mut watch);
    loop {
        match pieces.blocking_recv() {
            Some(Piece::Data(data)) if sink.received() + data.len() as u64 > room => {
                return Err(full());
            }
            Some(Piece::Data(data)) => sink.write_all(&data).map_err(Refusal::broken)?,
            Some(Piece::End) => break,
            None => return Err(Refusal::bad("the body was cut off")),
        }
    }
    let bytes = sink.received();
    let received = sink.finish().map_err(Refusal::broken)?;
    if wanted.is_some_and(|wanted| !received.hashes.contains(wanted)) {
        return Err(Refusal::bad("Checksum mismatch"));
    }
    let hashes = received.hashes.clone();
    let is_known = service.store.place_of(&hashes[2]).exists();
    service
        .store
        .keep(received, None)
        .map_err(Refusal::broken)?;
    if !is_known {
        service.bytes.fetch_add(bytes, Ordering::Relaxed);
    }
    Ok(Taken { hashes, bytes })
}

/// Reads on for a while what is refused: a connection that is closed with bytes on the way shows who sends them
/// an error of the network in place of the refusal.
pub(super) async fn drain(mut body: Body) {
    let reading = async {
        let mut bytes = 0;
        while let Some(Ok(frame)) = body.frame().await {
            bytes += frame.data_ref().map_or(0, Bytes::len);
            if bytes > limits::DRAINED_BYTES_MAX {
                break;
            }
        }
    };
    // Who sends for longer gets the error.
    drop(tokio::time::timeout(limits::DRAIN_TIMEOUT, reading).await);
}

/// What the head says of the length.
fn length_of(head: &HeaderMap) -> Option<u64> {
    let length = head.get(axum::http::header::CONTENT_LENGTH)?;
    length.to_str().ok()?.parse().ok()
}

/// A body that is small, read whole.
pub(super) async fn read_small(body: Body, bytes_max: usize) -> Result<Bytes, Refusal> {
    let reading = axum::body::to_bytes(body, bytes_max);
    match tokio::time::timeout(limits::READ_TIMEOUT, reading).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => {
            let text = format!("the body cannot be read, or has more than {bytes_max} bytes");
            Err(Refusal(StatusCode::PAYLOAD_TOO_LARGE, text))
        }
        Err(_) => {
            let text = "nothing came for too long".to_owned();
            Err(Refusal(StatusCode::REQUEST_TIMEOUT, text))
        }
    }
}
