//! `/v1/events` and `/v1/watch`: the event log, page by page or as it grows.
//!
//! What was appended is handed to the watchers, by the store itself or by one task that reads it, so
//! that a thousand of them cost one query an entry at most. Each person's stream looks at every
//! entry; a node's is woken only for what is for that node (mailbox.rs). A watcher that falls behind
//! reads the log again, never slows the others.

mod mailbox;

use super::Context;
use super::answer::{Reply, list};
use crate::app::{AppError, Caller, Proof, event, node};
use crate::limits::{RETURN_EACH, WATCHERS_MAX};
use crate::store::event::{EventRow, last_seq, list_after};
use crate::store::{Store, StoreError};
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event as SseEvent, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use mailbox::Mailboxes;
use serde::Deserialize;
use slapos_api::limits::{EVENT_PAGE_MAX, HEARTBEAT, SPREAD_MAX};
use slapos_api::wire::List;
use slapos_api::wire::event::Event;
use slapos_api::{ErrorBody, ErrorCode};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast, mpsc};
use tokio::time::{Instant, interval_at};
use utoipa::IntoParams;

/// Whoever watches: entries and notices in order.
#[derive(Debug, Clone)]
pub struct Watchers {
    sender: broadcast::Sender<Arc<EventRow>>,
    nodes: Mailboxes,
    places: Arc<Semaphore>,
}

impl Watchers {
    /// Starts the task that hands out what the store does not hand out by itself; it ends with the
    /// store.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn start(store: &Store) -> Result<Self, StoreError> {
        let (sender, nodes) = (store.feed(), Mailboxes::default());
        // Subscribed before the log is read: nothing falls between the two.
        let feed = sender.subscribe();
        let last = store.read(last_seq).await?;
        tokio::spawn(hand_out(store.clone(), last));
        tokio::spawn(nodes.clone().sort(store.clone(), feed, last));
        Ok(Self {
            sender,
            nodes,
            places: Arc::new(Semaphore::new(WATCHERS_MAX)),
        })
    }

    /// What a caller is to be told from now on, before it is looked at whether it may see it.
    fn follow(&self, caller: &Caller) -> Source {
        match caller {
            Caller::Node { id, .. } => Source::Own(self.nodes.open(id)),
            Caller::Person { .. } | Caller::Instance { .. } => Source::All(self.sender.subscribe()),
        }
    }
}

/// Where the entries of a stream come from.
enum Source {
    /// Every entry.
    All(broadcast::Receiver<Arc<EventRow>>),
    /// What is for one node.
    Own(mpsc::Receiver<Arc<EventRow>>),
}

/// What a source gives.
enum Next {
    Row(Arc<EventRow>),
    /// Too slow: some are missing.
    Missed,
    Ended,
}

impl Source {
    async fn next(&mut self) -> Next {
        match self {
            Self::All(receiver) => match receiver.recv().await {
                Ok(row) => Next::Row(row),
                Err(RecvError::Lagged(_)) => Next::Missed,
                Err(RecvError::Closed) => Next::Ended,
            },
            Self::Own(receiver) => receiver.recv().await.map_or(Next::Ended, Next::Row),
        }
    }
}

async fn hand_out(store: Store, mut last: i64) {
    let (mut changes, sender) = (store.log_changes(), store.feed());
    while changes.changed().await.is_ok() {
        last = hand_out_after(&store, &sender, last).await;
    }
}

async fn hand_out_after(
    store: &Store,
    sender: &broadcast::Sender<Arc<EventRow>>,
    mut last: i64,
) -> i64 {
    let limit = i64::try_from(EVENT_PAGE_MAX).unwrap_or(i64::MAX);
    loop {
        let page = match store.read(move |tx| list_after(tx, last, limit)).await {
            Ok(page) => page,
            Err(error) => {
                tracing::error!(%error, "cannot read the event log");
                return last;
            }
        };
        let is_full = page.len() == EVENT_PAGE_MAX;
        for row in page {
            last = row.seq;
            drop(sender.send(Arc::new(row)));
        }
        if !is_full {
            return last;
        }
    }
}

/// From where on.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct EventQuery {
    /// The last position that is known; left out: from the beginning (events), from now (watch).
    after: Option<i64>,
}

/// A page of the event log, as far as the caller may see it.
#[utoipa::path(get, path = "/v1/events", tag = "events", operation_id = "list_events",
    params(EventQuery),
    responses((status = 200, body = List<Event>), (status = "4XX", body = ErrorBody)))]
pub(super) async fn list_events(
    State(context): State<Context>,
    proof: Proof,
    Query(query): Query<EventQuery>,
) -> Reply {
    let mut after = query.after.unwrap_or(0);
    let proof = Arc::new(proof);
    // A page of entries that are all others' is passed over, not given as the end of the log.
    loop {
        let proof = Arc::clone(&proof);
        let page = context.store.read(move |tx| {
            let caller = Caller::identify(tx, &proof)?;
            event::list(tx, &caller, after)
        });
        let (events, next) = page.await?;
        if !events.is_empty() || next == after {
            return Ok(list(events));
        }
        after = next;
    }
}

/// Events as they happen (server-sent events): `id` is the position, `data` an `Event`.
#[utoipa::path(get, path = "/v1/watch", tag = "events", operation_id = "watch",
    params(EventQuery),
    responses((status = 200, content_type = "text/event-stream", body = Event),
              (status = "4XX", body = ErrorBody)))]
pub(super) async fn watch(
    State(context): State<Context>,
    proof: Proof,
    headers: HeaderMap,
    Query(query): Query<EventQuery>,
) -> Result<Response, AppError> {
    // A browser that connects again says where it was.
    let resumed = headers
        .get("last-event-id")
        .and_then(|id| id.to_str().ok()?.parse().ok());
    let after: Option<i64> = resumed.or(query.after);
    let place = Arc::clone(&context.watchers.places).try_acquire_owned();
    let place = place
        .map_err(|_| AppError::new(ErrorCode::Unavailable, "too many watch streams are open"))?;
    let proof = Arc::new(proof);
    let caller_proof = Arc::clone(&proof);
    let caller = context
        .store
        .read(move |tx| Caller::identify(tx, &caller_proof))
        .await?;
    if let Caller::Node { id, .. } = &caller {
        let id = id.clone();
        context
            .store
            .write(move |tx| node::note_seen(tx, &id))
            .await?;
    }
    // Before the log is read: nothing falls between the two.
    let source = context.watchers.follow(&caller);
    let (sender, events) = mpsc::channel(64);
    let stream = Stream {
        context,
        proof,
        caller,
        sender,
        last: after.unwrap_or(0),
        told: Duration::ZERO,
        _place: place,
    };
    tokio::spawn(stream.run(source, after.is_some()));
    let events = Receiver(events);
    let keep_alive = KeepAlive::new().interval(HEARTBEAT).text("alive");
    Ok(Sse::new(events).keep_alive(keep_alive).into_response())
}

struct Stream {
    context: Context,
    proof: Arc<Proof>,
    caller: Caller,
    sender: mpsc::Sender<Result<SseEvent, Infallible>>,
    last: i64,
    /// What the node was last told to spread its coming back over.
    told: Duration,
    _place: OwnedSemaphorePermit,
}

impl Stream {
    async fn run(mut self, mut source: Source, from_log: bool) {
        if from_log && !self.replay().await {
            return;
        }
        let often = HEARTBEAT * 3;
        let mut alive = interval_at(Instant::now() + often, often);
        if !self.spread().await {
            return;
        }
        loop {
            tokio::select! {
                () = self.sender.closed() => return,
                _ = alive.tick() => if !(self.still_welcome().await && self.spread().await) { return },
                next = source.next() => match next {
                    Next::Row(row) => if !self.send(&row).await { return },
                    // What was missed is read from the log.
                    Next::Missed => if !self.replay().await { return },
                    Next::Ended => return,
                },
            }
        }
    }

    /// Sends what the log holds after the last position that was sent.
    async fn replay(&mut self) -> bool {
        let limit = i64::try_from(EVENT_PAGE_MAX).unwrap_or(i64::MAX);
        loop {
            let after = self.last;
            let page = self
                .context
                .store
                .read(move |tx| list_after(tx, after, limit))
                .await;
            let Ok(page) = page else { return false };
            for row in &page {
                if !self.send(row).await {
                    return false;
                }
                self.last = row.seq;
            }
            if page.len() < EVENT_PAGE_MAX {
                return true;
            }
        }
    }

    async fn send(&mut self, row: &EventRow) -> bool {
        if row.seq != 0 && row.seq <= self.last {
            return true;
        }
        self.last = self.last.max(row.seq);
        // Membership may have changed: the caller's roles are read again.
        if row.kind == event::PROJECT_CHANGED && !self.still_welcome().await {
            return false;
        }
        if !event::is_visible(&self.caller, row) {
            return true;
        }
        let wire = event::to_wire(row);
        let Ok(data) = serde_json::to_string(&wire) else {
            return true;
        };
        let mut frame = SseEvent::default().event(&row.kind).data(data);
        if row.seq != 0 {
            frame = frame.id(row.seq.to_string());
        }
        self.sender.send(Ok(frame)).await.is_ok()
    }

    /// Tells a node over how long it may spread its coming back, so that all of them do not come at
    /// once when this master is gone for a moment.
    async fn spread(&mut self) -> bool {
        if !matches!(self.caller, Caller::Node { .. }) {
            return true;
        }
        let open = WATCHERS_MAX.saturating_sub(self.context.watchers.places.available_permits());
        let spread = RETURN_EACH.saturating_mul(u32::try_from(open).unwrap_or(u32::MAX));
        let spread = spread.min(SPREAD_MAX);
        if spread == self.told {
            return true;
        }
        self.told = spread;
        let hint = SseEvent::default().retry(spread);
        self.sender.send(Ok(hint)).await.is_ok()
    }

    /// Is the token still valid? A node that listens is a node that lives.
    async fn still_welcome(&mut self) -> bool {
        let proof = Arc::clone(&self.proof);
        let caller = self
            .context
            .store
            .read(move |tx| Caller::identify(tx, &proof))
            .await;
        let Ok(caller) = caller else { return false };
        self.caller = caller;
        if let Caller::Node { id, .. } = &self.caller {
            let id = id.clone();
            return self
                .context
                .store
                .write(move |tx| node::note_seen(tx, &id))
                .await
                .is_ok();
        }
        true
    }
}

/// The receiving end as a stream, which is all that the server-sent events need of it.
struct Receiver(mpsc::Receiver<Result<SseEvent, Infallible>>);

impl futures_core::Stream for Receiver {
    type Item = Result<SseEvent, Infallible>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        self.0.poll_recv(context)
    }
}
