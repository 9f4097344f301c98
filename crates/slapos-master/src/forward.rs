//! Asking other masters: what is asked for here and served there, told, tried again, never lost.
//!
//! An ask is on the disk before it is sent, and stays pending until the other master took it; what
//! waits is tried again in the background. Asks under one title go one after the other, so that
//! the last one wins there too. Start with [`Forwarder::ask`].

use crate::http::slap::ProxyDialect;
use crate::limits::{FORWARD_BATCH_MAX, FORWARD_RETRY_FIRST, FORWARD_RETRY_MAX, FORWARDS_MAX};
use crate::store::forward::{self, ForwardRow};
use crate::store::{Store, StoreError};
use slapos_api::slap::{SlapCallError, SlapClient, SlapRequest, SlapTrust, Value};
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
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
#[derive(Debug)]
pub(crate) enum NotTaken {
    /// The other master is this one.
    IsSelf,
    /// Not now: it is kept and tried again.
    Later(String),
    /// It said no: status and words.
    Refused(u16, String),
    /// It cannot even be sent.
    Unsendable(String),
    /// Our own store.
    Store(StoreError),
}

impl From<StoreError> for NotTaken {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
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
    waits: Notify,
}

impl Forwarder {
    /// For a proxy; what waits since before is tried at once.
    pub(crate) fn start(store: Store, proxy: ProxyDialect) -> Arc<Self> {
        let has_masters = !proxy.masters.is_empty();
        let forwarder = Arc::new(Self {
            proxy,
            store,
            stripes: Default::default(),
            hasher: RandomState::new(),
            places: Arc::new(Semaphore::new(FORWARDS_MAX)),
            others: StdMutex::default(),
            waits: Notify::new(),
        });
        if has_masters {
            let own = Arc::downgrade(&forwarder);
            tokio::spawn(async move {
                let mut pause = FORWARD_RETRY_FIRST;
                loop {
                    tokio::time::sleep(pause).await;
                    let Some(forwarder) = own.upgrade() else {
                        return;
                    };
                    pause = match forwarder.retry().await {
                        Retried::Nothing => {
                            // Something new that waits is worth a look sooner.
                            let news = forwarder.waits.notified();
                            drop(tokio::time::timeout(FORWARD_RETRY_MAX, news).await);
                            FORWARD_RETRY_FIRST
                        }
                        Retried::All => FORWARD_RETRY_FIRST,
                        Retried::Failed => (pause * 2).min(FORWARD_RETRY_MAX),
                    };
                }
            });
        }
        forwarder
    }

    /// Asks another master, durably. A destroyed one is forgotten once it was taken.
    pub(crate) async fn ask(&self, master_url: &str, ask: SlapRequest) -> Result<Value, NotTaken> {
        let _turn = self.turn(&ask.title).await;
        if self.is_self(master_url).await {
            return Err(NotTaken::IsSelf);
        }
        let text = serde_json::to_string(&ask);
        let row = ForwardRow {
            master_url: master_url.to_owned(),
            title: ask.title.clone(),
            is_shared: ask.shared,
            ask: text.map_err(|error| NotTaken::Unsendable(error.to_string()))?,
            is_pending: true,
            message: None,
        };
        let before = self.keep(row.clone()).await?;
        match self.send(master_url, ask).await {
            Ok(answer) => {
                self.settle(row).await?;
                Ok(answer)
            }
            Err(error) => self.not_taken(row, before, error).await,
        }
    }

    /// Writes down what is asked, unless it stands so already: what stood before.
    async fn keep(&self, row: ForwardRow) -> Result<Option<ForwardRow>, StoreError> {
        let writing = self.store.write(move |tx| {
            let before = forward::find(tx, &row.title, row.is_shared)?;
            let before = before.filter(|before| before.master_url == row.master_url);
            if before.as_ref().is_none_or(|before| before.ask != row.ask) {
                forward::upsert(tx, &row)?;
            }
            Ok(before)
        });
        writing.await
    }

    /// It was taken.
    async fn settle(&self, row: ForwardRow) -> Result<(), StoreError> {
        let is_gone = is_destroyed(&row);
        let writing = self.store.write(move |tx| {
            if is_gone {
                return forward::remove(tx, &row);
            }
            let now = forward::find(tx, &row.title, row.is_shared)?;
            match now {
                Some(now) if now.ask == row.ask && now.is_pending => {
                    let is_pending = false;
                    forward::upsert(tx, &ForwardRow { is_pending, ..now })
                }
                _ => Ok(()),
            }
        });
        writing.await
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
                let is_gone = is_destroyed(&row);
                let writing = self.store.write(move |tx| match &before {
                    // What cannot be found there needs no removal.
                    Some(before) if !is_gone => forward::upsert(tx, before),
                    _ => forward::remove(tx, &row),
                });
                writing.await?;
                Err(NotTaken::Refused(status, text))
            }
            _ if error.is_temporary() => {
                tracing::warn!(title = row.title, %error, "an instance of another master waits");
                let message = Some(text.clone());
                let is_pending = true;
                let row = ForwardRow {
                    message,
                    is_pending,
                    ..row
                };
                let writing = self.store.write(move |tx| forward::upsert(tx, &row));
                writing.await?;
                self.waits.notify_one();
                Err(NotTaken::Later(text))
            }
            _ => {
                let writing = self.store.write(move |tx| forward::remove(tx, &row));
                writing.await?;
                Err(NotTaken::Unsendable(text))
            }
        }
    }

    /// Tries what waits, once.
    async fn retry(&self) -> Retried {
        let listing = self
            .store
            .read(|tx| forward::list_pending(tx, FORWARD_BATCH_MAX));
        let Ok::<_, StoreError>(rows) = listing.await else {
            return Retried::Failed;
        };
        if rows.is_empty() {
            return Retried::Nothing;
        }
        let mut silent: HashSet<String> = HashSet::new();
        for row in rows {
            // One that is silent is not asked again in the same turn.
            if silent.contains(&row.master_url) {
                continue;
            }
            let url = row.master_url.clone();
            if let Err(NotTaken::Later(_)) = self.retry_one(row).await {
                silent.insert(url);
            }
        }
        match silent.is_empty() {
            true => Retried::All,
            false => Retried::Failed,
        }
    }

    async fn retry_one(&self, row: ForwardRow) -> Result<(), NotTaken> {
        let _turn = self.turn(&row.title).await;
        let (title, is_shared) = (row.title.clone(), row.is_shared);
        let reading = self
            .store
            .read(move |tx| forward::find(tx, &title, is_shared));
        let now: Option<ForwardRow> = reading.await?;
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

    /// Is that address this very proxy? One that has no run id is none.
    async fn is_self(&self, master_url: &str) -> bool {
        let is_known = |others: &HashSet<String>| others.contains(master_url);
        if is_known(&self.others.lock().unwrap_or_else(PoisonError::into_inner)) {
            return false;
        }
        let other = self.proxy.masters.get(master_url).cloned();
        let (url, other) = (master_url.to_owned(), other.unwrap_or_default());
        let asked = self.blocking(master_url, move || open(&url, &other)?.run_id());
        match asked.await {
            Ok(id) if id == self.proxy.run_id => true,
            // Silence says nothing: it is asked again.
            Err(SlapCallError::Unreachable { .. }) => false,
            _ => {
                let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
                others.insert(master_url.to_owned());
                false
            }
        }
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

enum Retried {
    Nothing,
    All,
    Failed,
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
