//! Where the master keeps everything: SQLite by default, PostgreSQL when one machine is outgrown.
//!
//! Synchronous at its core, batched at its edge: rules are plain functions over a [`Tx`], and
//! [`Store::write`] answers only after the commit that holds the change is on the disk. Closures
//! may be run more than once (PostgreSQL serialisation), so they must be repeatable. This is the
//! only place that knows a database; one file a table family holds all its SQL, `$1` placeholders,
//! types TEXT and BIGINT only, so that both databases run the same texts (SQLite makes of a BIGINT
//! primary key the row's own number).

pub mod catalog;
pub mod certificate;
pub mod event;
pub mod forward;
pub mod instance;
pub mod node;
mod postgres;
pub mod promise;
mod schema;
mod sqlite;
pub mod subject;
pub mod supply;
pub mod tree;
mod tx;
pub mod usage;

pub use tx::{Param, Row, Tx};

use crate::limits::{WATCH_BUFFER, WRITE_QUEUE_MAX};
use event::EventRow;
use slapos_model::{Clock, RandomSource};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use tokio::sync::{broadcast, oneshot, watch};

/// Which database.
#[derive(Debug, Clone)]
pub enum Database {
    /// A file of this machine.
    Sqlite(PathBuf),
    /// A connection string such as `host=… user=… dbname=…`.
    Postgres(String),
}

/// Why the store could not do it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The database said no.
    #[error("the database failed: {0}")]
    Database(String),
    /// PostgreSQL could not serialise it; the store runs it again by itself.
    #[error("the database could not serialise the change: {0}")]
    Serialize(String),
    /// No room.
    #[error("the disk of the database is full; free some space, nothing was changed")]
    Full,
    /// Too many wait.
    #[error("the master has too many changes waiting; try again in a moment")]
    Busy,
    /// The store is being closed.
    #[error("the master is shutting down")]
    Closed,
    /// A closure panicked: a fault of ours.
    #[error("a rule failed unexpectedly: {0}")]
    Panic(String),
    /// Made by a newer program.
    #[error(
        "the database has schema {found}, this program knows up to {known}: start the newer program that made it"
    )]
    Newer {
        /// In the database.
        found: i64,
        /// Here.
        known: i64,
    },
    /// Made by another program.
    #[error(
        "{0} is the database of another program, such as a Python `slapos proxy`, and is left as it is; name another file, and take its state over with `slapos master import --from-proxy`"
    )]
    Foreign(String),
    /// A value in a row that no program of ours writes.
    #[error("the database holds a value that cannot be read: {0}")]
    Damaged(String),
}

/// What a commit made known besides its answers.
#[derive(Debug, Default)]
struct Published {
    /// For the watchers: transient notices, and entries of the log where they are known to be in
    /// order.
    rows: Vec<EventRow>,
    /// Whether the log has entries that the watchers were not handed.
    is_log_ahead: bool,
}

/// A closure with its answer, as the threads of the store see it.
trait Job: Send {
    /// Runs it; true when its changes are to be kept.
    fn run(&mut self, tx: &mut Tx<'_>) -> bool;
    /// Sends the answer, or the failure of the commit that was to keep it.
    fn finish(self: Box<Self>, commit: Result<(), StoreError>);
}

struct Closure<F, T, E> {
    body: F,
    result: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<F, T, E> Job for Closure<F, T, E>
where
    F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send,
    T: Send,
    E: From<StoreError> + Send,
{
    fn run(&mut self, tx: &mut Tx<'_>) -> bool {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| (self.body)(tx)));
        let result = outcome.unwrap_or_else(|panic| {
            let text = panic
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
                .unwrap_or_default();
            Err(E::from(StoreError::Panic(text)))
        });
        let is_ok = result.is_ok();
        self.result = Some(result);
        is_ok
    }

    fn finish(self: Box<Self>, commit: Result<(), StoreError>) {
        let result = match (commit, self.result) {
            (Ok(()), Some(result)) | (Err(_), Some(result @ Err(_))) => result,
            (Err(error), _) => Err(E::from(error)),
            (Ok(()), None) => Err(E::from(StoreError::Closed)),
        };
        // A caller that went away needs no answer; its change is kept all the same.
        drop(self.reply.send(result));
    }
}

/// The store; cheap to clone.
#[derive(Clone)]
pub struct Store {
    writes: mpsc::SyncSender<Box<dyn Job>>,
    reads: mpsc::SyncSender<Box<dyn Job>>,
    /// Raised when the event log has entries that are not in the feed.
    changed: watch::Receiver<u64>,
    feed: broadcast::Sender<Arc<EventRow>>,
    /// Raised with each commit that changed something; none where others write too.
    version: Option<Arc<AtomicU64>>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Store")
    }
}

/// What the threads of the store share.
struct Shared {
    changed: watch::Sender<u64>,
    feed: broadcast::Sender<Arc<EventRow>>,
    version: Arc<AtomicU64>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn RandomSource>,
}

impl Shared {
    fn publish(&self, published: Published) {
        for row in published.rows {
            // Nobody watching is no error.
            drop(self.feed.send(Arc::new(row)));
        }
        if published.is_log_ahead {
            self.changed.send_modify(|count| *count += 1);
        }
    }
}

impl Store {
    /// Opens or makes the database and brings its schema up to date.
    ///
    /// # Errors
    /// When it cannot be opened, written, or is of a newer program.
    pub fn open(
        database: &Database,
        clock: Arc<dyn Clock>,
        random: Arc<dyn RandomSource>,
    ) -> Result<Self, StoreError> {
        let (writes, write_queue) = mpsc::sync_channel(WRITE_QUEUE_MAX);
        let (reads, read_queue) = mpsc::sync_channel(WRITE_QUEUE_MAX);
        let (changed, changed_receiver) = watch::channel(0);
        let (feed, _) = broadcast::channel(WATCH_BUFFER);
        // Of another start, no version is ever met again.
        let mut start = [0; 8];
        random.fill(&mut start);
        let version = Arc::new(AtomicU64::new(u64::from_le_bytes(start)));
        let shared = Arc::new(Shared {
            changed,
            feed: feed.clone(),
            version: Arc::clone(&version),
            clock,
            random,
        });
        let version = match database {
            Database::Sqlite(path) => {
                sqlite::start(path, write_queue, read_queue, shared)?;
                Some(version)
            }
            Database::Postgres(url) => {
                postgres::start(url, write_queue, read_queue, shared)?;
                None
            }
        };
        Ok(Self {
            version,
            writes,
            reads,
            changed: changed_receiver,
            feed,
        })
    }

    /// Runs a change and answers when it is on the disk.
    ///
    /// # Errors
    /// The closure's own, or the store's.
    pub async fn write<F, T, E>(&self, body: F) -> Result<T, E>
    where
        F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        submit(&self.writes, body)?
            .await
            .unwrap_or_else(|_| Err(E::from(StoreError::Closed)))
    }

    /// Runs a closure that changes nothing.
    ///
    /// # Errors
    /// The closure's own, or the store's.
    pub async fn read<F, T, E>(&self, body: F) -> Result<T, E>
    where
        F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        submit(&self.reads, body)?
            .await
            .unwrap_or_else(|_| Err(E::from(StoreError::Closed)))
    }

    /// [`Store::write`] for threads without a runtime.
    ///
    /// # Errors
    /// The closure's own, or the store's.
    pub fn write_blocking<F, T, E>(&self, body: F) -> Result<T, E>
    where
        F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        submit(&self.writes, body)?
            .blocking_recv()
            .unwrap_or_else(|_| Err(E::from(StoreError::Closed)))
    }

    /// Differs from what it was before whenever something acknowledged since has changed: what a
    /// reader is given after this was asked for is at least as new. None on PostgreSQL, where
    /// another master may have changed something.
    #[must_use]
    pub fn version(&self) -> Option<u64> {
        self.version
            .as_ref()
            .map(|version| version.load(Ordering::SeqCst))
    }

    /// Changes when the log has entries that are not in the feed: on PostgreSQL, where several
    /// connections and masters append, and only the log itself has them in order.
    #[must_use]
    pub fn log_changes(&self) -> watch::Receiver<u64> {
        self.changed.clone()
    }

    /// What the watchers are handed: notices, and entries in order. Whoever reads entries after a
    /// change of the log sends them here.
    #[must_use]
    pub fn feed(&self) -> broadcast::Sender<Arc<EventRow>> {
        self.feed.clone()
    }

    /// Tells the watchers something that is not kept.
    pub fn notify(&self, notice: EventRow) {
        drop(self.feed.send(Arc::new(notice)));
    }
}

type Reply<T, E> = oneshot::Receiver<Result<T, E>>;

fn submit<F, T, E>(queue: &mpsc::SyncSender<Box<dyn Job>>, body: F) -> Result<Reply<T, E>, E>
where
    F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    let (reply, answer) = oneshot::channel();
    let job = Box::new(Closure {
        body,
        result: None,
        reply,
    });
    match queue.try_send(job) {
        Ok(()) => Ok(answer),
        Err(mpsc::TrySendError::Full(_)) => Err(E::from(StoreError::Busy)),
        Err(mpsc::TrySendError::Disconnected(_)) => Err(E::from(StoreError::Closed)),
    }
}
