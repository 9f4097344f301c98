//! Asking other masters: what is asked for here and served there, told, tried again, never lost.
//!
//! An ask is on the disk before it is sent, and stays pending until the other master took it or said
//! no; what waits is tried again in the background, each master for itself, while it is listed in
//! the configuration. Asks under one title go one after the other, so that the last one wins there
//! too. What may be asked at all is decided by whoever calls. Start with [`Forwarder::ask`].

use crate::http::slap::ProxyDialect;
use crate::limits::{FORWARD_BATCH_MAX, FORWARD_RETRY_FIRST, FORWARD_RETRY_MAX, FORWARDS_MAX};
use crate::store::forward::{self, ForwardRow};
use crate::store::{Store, StoreError};
use slapos_api::slap::{SlapCallError, SlapClient, SlapRequest, SlapTrust, Value};
use slapos_model::{RandomSource, jitter};
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::sync::{Arc, Mutex as StdMutex, MutexGuard, PoisonError, Weak};
use tokio::sync::{Mutex, Notify, Semaphore};

/// Titles are spread over so many turns.
const STRIPES: usize = 16;

/// How another master is reached, and what it is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OtherMaster {
    /// Private key to prove who asks, PEM.
    pub key: Option<PathBuf>,
    /// Its certificate, PEM.
    pub cert: Option<PathBuf>,
    /// The authority to believe, PEM; an https address needs it.
    pub ca: Option<PathBuf>,
    /// Releases that are always asked of it.
    pub releases: Vec<String>,
    /// Ask on behalf of that node's partition there.
    pub seat: Option<(String, String)>,
}

/// Why an ask was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotTaken {
    /// The other master is this one.
    #[error("the other master is this one")]
    IsSelf,
    /// Not now: it is kept and tried again.
    #[error("{0}; it is kept, and asked again until it is taken")]
    Later(String),
    /// It said no: status and words.
    #[error("{1}")]
    Refused(u16, String),
    /// It cannot even be sent.
    #[error("{0}")]
    Unsendable(String),
    /// Our own store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The way to the other masters of a proxy.
pub(crate) struct Forwarder {
    proxy: ProxyDialect,
    store: Store,
    stripes: [Mutex<()>; STRIPES],
    hasher: RandomState,
    places: Arc<Semaphore>,
    /// Addresses that are known to be another.
    others: StdMutex<HashSet<String>>,
    /// Told when something begins to wait.
    waits: Arc<Notify>,
}

impl Forwarder {
    /// For a proxy; what waits since before is tried at once.
    pub(crate) fn start(
        store: Store,
        proxy: ProxyDialect,
        random: Arc<dyn RandomSource>,
    ) -> Arc<Self> {
        let has_masters = !proxy.masters.is_empty();
        let forwarder = Arc::new(Self {
            proxy,
            store,
            stripes: Default::default(),
            hasher: RandomState::new(),
            places: Arc::new(Semaphore::new(FORWARDS_MAX)),
            others: StdMutex::default(),
            waits: Arc::default(),
        });
        if has_masters {
            tokio::spawn(retry_always(Arc::downgrade(&forwarder), random));
        }
        forwarder
    }

    /// Asks another master, durably. A destroyed one is forgotten once it was taken.
    pub(crate) async fn ask(&self, master_url: &str, ask: SlapRequest) -> Result<Value, NotTaken> {
        let _turn = self.turn(&ask.title).await;
        let silence = match self.is_self(master_url).await {
            Ok(true) => return Err(NotTaken::IsSelf),
            Ok(false) => None,
            Err(silence) => Some(silence),
        };
        let text = serde_json::to_string(&ask);
        let row = ForwardRow {
            master_url: master_url.to_owned(),
            title: ask.title.clone(),
            is_shared: ask.shared,
            ask: text.map_err(|error| NotTaken::Unsendable(error.to_string()))?,
            is_pending: true,
            message: None,
        };
        let before = self.find(&row).await?;
        // Most asks are what was taken before: they wait for no writer.
        let is_news = before.as_ref().is_none_or(|now| now.ask != row.ask);
        if is_news {
            self.keep(row.clone()).await?;
        }
        let sent = match silence {
            // Asking it twice would take twice as long.
            Some(silence) => Err(silence),
            None => self.send(master_url, ask).await,
        };
        match sent {
            Ok(answer) => {
                if is_news || before.is_some_and(|before| before.is_pending) {
                    self.settle(row).await?;
                }
                Ok(answer)
            }
            Err(error) => self.not_taken(row, before, error).await,
        }
    }

    /// What stands of it.
    async fn find(&self, row: &ForwardRow) -> Result<Option<ForwardRow>, StoreError> {
        let (url, title, is_shared) = (row.master_url.clone(), row.title.clone(), row.is_shared);
        let reading = self
            .store
            .read(move |tx| forward::find(tx, &url, (&title, is_shared)));
        reading.await
    }

    async fn keep(&self, row: ForwardRow) -> Result<(), StoreError> {
        let writing = self.store.write(move |tx| forward::upsert(tx, &row));
        writing.await
    }

    async fn remove(&self, row: ForwardRow) -> Result<(), StoreError> {
        let writing = self.store.write(move |tx| forward::remove(tx, &row));
        writing.await
    }

    /// It was taken; nobody else writes under its title in this turn.
    async fn settle(&self, row: ForwardRow) -> Result<(), StoreError> {
        if is_destroyed(&row) {
            return self.remove(row).await;
        }
        let (is_pending, message) = (false, None);
        let row = ForwardRow {
            is_pending,
            message,
            ..row
        };
        self.keep(row).await
    }

    async fn not_taken(
        &self,
        row: ForwardRow,
        before: Option<ForwardRow>,
        error: SlapCallError,
    ) -> Result<Value, NotTaken> {
        let text = error.to_string();
        match error.status() {
            // It is kept there and waits for a place.
            Some(408) => {
                self.settle(row).await?;
                Err(NotTaken::Refused(408, text))
            }
            Some(status) if (400..500).contains(&status) => {
                match before {
                    // What cannot be found there needs no removal.
                    Some(before) if !is_destroyed(&row) => self.keep(before).await?,
                    _ => self.remove(row).await?,
                }
                Err(NotTaken::Refused(status, text))
            }
            _ if error.is_temporary() => {
                tracing::warn!(title = row.title, %error, "an instance of another master waits");
                let (is_pending, message) = (true, Some(text.clone()));
                let row = ForwardRow {
                    is_pending,
                    message,
                    ..row
                };
                self.keep(row).await?;
                self.waits.notify_one();
                Err(NotTaken::Later(text))
            }
            _ => {
                match before {
                    Some(before) => self.keep(before).await?,
                    None => self.remove(row).await?,
                }
                Err(NotTaken::Unsendable(text))
            }
        }
    }

    /// Tries what waits, once: each master for itself, so that a silent one holds up no other.
    async fn retry(&self) -> Retried {
        let mut retried = Retried::Nothing;
        for url in self.proxy.masters.keys() {
            match self.retry_master(url).await {
                Ok(true) if retried == Retried::Nothing => retried = Retried::All,
                Ok(_) => {}
                Err(NotTaken::Later(_)) => retried = Retried::Failed,
                Err(error) => {
                    tracing::warn!(url, %error, "what waits for another master cannot be sent");
                    retried = Retried::Failed;
                }
            }
        }
        retried
    }

    /// Whether anything waited for that master; an error when it is to be left alone for a while.
    async fn retry_master(&self, url: &str) -> Result<bool, NotTaken> {
        let of = url.to_owned();
        let listing = self
            .store
            .read(move |tx| forward::list_pending(tx, &of, FORWARD_BATCH_MAX));
        let rows: Vec<ForwardRow> = listing.await?;
        let has_any = !rows.is_empty();
        for row in rows {
            let title = row.title.clone();
            match self.retry_one(row).await {
                // Whoever asked is not there to be told.
                Err(error @ NotTaken::Refused(..)) => {
                    tracing::warn!(title, url, %error, "another master does not take what waited");
                }
                other => other?,
            }
        }
        Ok(has_any)
    }

    async fn retry_one(&self, row: ForwardRow) -> Result<(), NotTaken> {
        let _turn = self.turn(&row.title).await;
        let now = self.find(&row).await?;
        if now.is_none_or(|now| now.ask != row.ask || !now.is_pending) {
            return Ok(());
        }
        let ask: SlapRequest = serde_json::from_str(&row.ask)
            .map_err(|error| NotTaken::Unsendable(error.to_string()))?;
        match self.send(&row.master_url, ask).await {
            Ok(_) => {
                tracing::info!(title = row.title, "another master took what waited");
                Ok(self.settle(row).await?)
            }
            // A missing key may come back: what was once accepted is kept.
            Err(error) if error.status().is_none() && !error.is_temporary() => {
                Err(NotTaken::Unsendable(error.to_string()))
            }
            Err(error) => self.not_taken(row, None, error).await.map(drop),
        }
    }

    async fn send(&self, master_url: &str, ask: SlapRequest) -> Result<Value, SlapCallError> {
        let other = self.proxy.masters.get(master_url).cloned();
        let other = other.unwrap_or_default();
        let url = master_url.to_owned();
        let call = move || {
            open(&url, &other)?.request_instance(&SlapRequest {
                seat: other.seat.clone(),
                ..ask
            })
        };
        self.blocking(master_url, call).await
    }

    /// Is that address this very proxy? One that has no run id is none; silence says nothing, and
    /// is an error.
    async fn is_self(&self, master_url: &str) -> Result<bool, SlapCallError> {
        if self.others().contains(master_url) {
            return Ok(false);
        }
        let other = self.proxy.masters.get(master_url).cloned();
        let (url, other) = (master_url.to_owned(), other.unwrap_or_default());
        let asked = self.blocking(master_url, move || open(&url, &other)?.run_id());
        match asked.await {
            Ok(id) if id == self.proxy.run_id => return Ok(true),
            Err(silence @ SlapCallError::Unreachable { .. }) => return Err(silence),
            _ => {}
        }
        self.others().insert(master_url.to_owned());
        Ok(false)
    }

    fn others(&self) -> MutexGuard<'_, HashSet<String>> {
        self.others.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn blocking<T: Send + 'static>(
        &self,
        url: &str,
        call: impl FnOnce() -> Result<T, SlapCallError> + Send + 'static,
    ) -> Result<T, SlapCallError> {
        let broken = |cause: String| SlapCallError::Setup(url.to_owned(), cause);
        let place = Arc::clone(&self.places).acquire_owned().await;
        let _place = place.map_err(|error| broken(error.to_string()))?;
        let done = tokio::task::spawn_blocking(call).await;
        done.map_err(|error| broken(error.to_string()))?
    }

    async fn turn(&self, title: &str) -> tokio::sync::MutexGuard<'_, ()> {
        let stripes = u64::try_from(STRIPES).unwrap_or(1);
        let stripe = usize::try_from(self.hasher.hash_one(title) % stripes);
        self.stripes[stripe.unwrap_or_default()].lock().await
    }
}

impl std::fmt::Debug for Forwarder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Forwarder")
    }
}

/// What became of all that waits.
#[derive(PartialEq, Eq)]
enum Retried {
    Nothing,
    All,
    Failed,
}

/// Tries what waits for as long as anybody may ask: it ends with the proxy.
async fn retry_always(own: Weak<Forwarder>, random: Arc<dyn RandomSource>) {
    let mut pause = FORWARD_RETRY_FIRST;
    loop {
        tokio::time::sleep(pause + jitter(random.as_ref(), pause)).await;
        let Some(forwarder) = own.upgrade() else {
            return;
        };
        let retried = forwarder.retry().await;
        let waits = Arc::clone(&forwarder.waits);
        drop(forwarder);
        pause = match retried {
            Retried::Nothing => {
                // Something new that waits is worth a look sooner.
                drop(tokio::time::timeout(FORWARD_RETRY_MAX, waits.notified()).await);
                FORWARD_RETRY_FIRST
            }
            Retried::All => FORWARD_RETRY_FIRST,
            Retried::Failed => (pause * 2).min(FORWARD_RETRY_MAX),
        };
    }
}

fn is_destroyed(row: &ForwardRow) -> bool {
    let ask = serde_json::from_str::<SlapRequest>(&row.ask);
    ask.is_ok_and(|ask| ask.state == "destroyed")
}

/// A client of another master, with the identity that it is to be shown.
fn open(url: &str, other: &OtherMaster) -> Result<SlapClient, SlapCallError> {
    let setup = |cause: String| SlapCallError::Setup(url.to_owned(), cause);
    let file = |path: &Option<PathBuf>| match path {
        None => Ok(None),
        Some(path) => std::fs::read_to_string(path)
            .map(Some)
            .map_err(|error| setup(format!("{}: {error}", path.display()))),
    };
    let (key, cert, ca) = (file(&other.key)?, file(&other.cert)?, file(&other.ca)?);
    if url.starts_with("https") && ca.is_none() {
        let cause = "an https master needs `ca = FILE` with the authority to believe";
        return Err(setup(cause.to_owned()));
    }
    let identity = cert.as_deref().zip(key.as_deref());
    SlapClient::new(
        url,
        SlapTrust {
            identity,
            ca_pem: ca.as_deref(),
        },
    )
}
