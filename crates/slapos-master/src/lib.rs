//! The master: an ERP for services. It keeps promises, not machines.
//!
//! Faces (`http`, `panel`) over rules (`app`) over the store (`store`). It never sees the inside of
//! a node and never touches a host's processes or network; master and node meet in `slapos-api`.
//! Start with [`run`], then [`app::request::request`].

pub mod app;
pub mod forward;
pub mod http;
pub mod limits;
pub mod listen;
pub mod panel;
pub mod pki;
pub mod store;
pub mod takeover;

pub use forward::OtherMaster;
pub use store::Database;

use app::AppError;
use app::schema::Schemas;
use http::slap::{Dialect, ProxyDialect};
use http::{Context, Inner, Watchers};
use pki::{Pki, PkiError, write_private};
use slapos_model::{Clock, RandomSource, fresh_id};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::{Store, StoreError, subject};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// Where a master keeps its things and where it is reached.
#[derive(Debug, Clone)]
pub struct MasterConfig {
    /// Its folder: database, authority, the owner's token.
    pub dir: PathBuf,
    /// The one port, TLS and plain (see [`listen`]).
    pub listen: SocketAddr,
    /// Which database.
    pub database: Database,
    /// Speak the old wire as `slapos proxy` does: no certificates, loopback only.
    pub proxy: Option<ProxyConfig>,
    /// What else is answered on its port, with rights of its own: the routes of a cache.
    pub beside: Option<Beside>,
}

/// Routes of somebody else on a master's port.
pub type Beside = axum::Router;

/// What a proxy is told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProxyConfig {
    /// The node that is meant where none is named.
    pub computer_id: String,
    /// Name of a product → address of its release.
    pub products: BTreeMap<String, String>,
    /// Address of another master → how it is reached and what it serves.
    pub masters: BTreeMap<String, OtherMaster>,
}

/// Why a master cannot run.
#[derive(Debug, thiserror::Error)]
pub enum MasterError {
    /// Its folder.
    #[error("cannot use the folder {path}: {cause}")]
    Dir {
        /// Which.
        path: PathBuf,
        /// The system's words.
        cause: std::io::Error,
    },
    /// Another process works with its folder.
    #[error("a master runs in {0}: stop it first, two would spoil each other's work")]
    InUse(PathBuf),
    /// The state of a proxy.
    #[error(transparent)]
    Takeover(#[from] takeover::TakeoverError),
    /// Its port.
    #[error("cannot listen on {address}: {cause}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// The system's words.
        cause: std::io::Error,
    },
    /// Its database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its authority.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// Its certificate.
    #[error(transparent)]
    Tls(#[from] slapos_api::tls::TlsError),
    /// A proxy believes whoever reaches it.
    #[error("a proxy asks nobody who it is, so it listens on loopback only, not on {0}")]
    NotLoopback(SocketAddr),
    /// A rule said no at the start.
    #[error("cannot prepare the master: {0}")]
    Prepare(AppError),
    /// The runtime.
    #[error("cannot start the master's runtime: {0}")]
    Runtime(std::io::Error),
}

/// Lets go of a running master: drop it or call [`Shutdown::trigger`].
#[derive(Debug, Clone)]
pub struct Shutdown {
    sender: watch::Sender<bool>,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self {
            sender: watch::Sender::new(false),
        }
    }
}

impl Shutdown {
    /// Asks the master to end.
    pub fn trigger(&self) {
        self.sender.send_replace(true);
    }
}

/// What a master has at hand once it is prepared.
#[derive(Debug, Clone)]
pub struct Prepared {
    store: Store,
    pki: Pki,
    epoch: String,
    dialect: Dialect,
    beside: Option<Beside>,
}

/// Makes or completes all that a master needs: schema, authority, owner, catalogue. Safe to run
/// again after a crash at any point.
///
/// # Errors
/// One sentence, see [`MasterError`].
pub fn bootstrap(
    config: &MasterConfig,
    clock: &Arc<dyn Clock>,
    random: &Arc<dyn RandomSource>,
) -> Result<Prepared, MasterError> {
    make_dir(&config.dir)?;
    let dialect = dialect(config, clock.as_ref(), random.as_ref());
    let default_node = config.proxy.as_ref().map(|proxy| proxy.computer_id.clone());
    let store = Store::open(&config.database, Arc::clone(clock), Arc::clone(random))?;
    let pki = Pki::ensure(&config.dir.join("pki"), today(clock.as_ref()))?;
    let secret = ensure_owner_token(&config.dir, clock.as_ref(), random.as_ref())?;
    let known = dialect.clone();
    let epoch = store
        .write_blocking(move |tx| {
            app::project::ensure_owner(tx, &secret)?;
            app::catalog::import_shipped(tx)?;
            if let Some(name) = &default_node {
                http::slap::ensure_node(tx, &known, name)?;
            }
            if let Some(epoch) = subject::find_meta(tx, "epoch")? {
                return Ok(epoch);
            }
            let epoch = fresh_id("EPOCH-", tx.clock(), tx.random());
            subject::set_meta(tx, "epoch", &epoch)?;
            Ok(epoch)
        })
        .map_err(MasterError::Prepare)?;
    Ok(Prepared {
        store,
        pki,
        epoch,
        dialect,
        beside: config.beside.clone(),
    })
}

/// How the old wire is spoken; a proxy has another run id at each start.
fn dialect(config: &MasterConfig, clock: &dyn Clock, random: &dyn RandomSource) -> Dialect {
    let Some(proxy) = &config.proxy else {
        return Dialect::Master;
    };
    let half = || fresh_id("", clock, random).split_off(10);
    Dialect::Proxy(ProxyDialect {
        computer_id: proxy.computer_id.clone(),
        products: proxy.products.clone(),
        masters: proxy.masters.clone(),
        run_id: half() + &half(),
    })
}

/// The file that holds the owner's token; only its owner can read it.
#[must_use]
pub fn owner_token_path(dir: &Path) -> PathBuf {
    dir.join("owner.token")
}

/// The token is in its file before the database knows it, so that a crash between the two leaves
/// no token that nobody has.
fn ensure_owner_token(
    dir: &Path,
    clock: &dyn Clock,
    random: &dyn RandomSource,
) -> Result<String, MasterError> {
    let path = owner_token_path(dir);
    if let Ok(text) = std::fs::read_to_string(&path)
        && !text.trim().is_empty()
    {
        return Ok(text.trim().to_owned());
    }
    let half = || fresh_id("", clock, random).split_off(10);
    let secret = format!("slapos_{}{}", half(), half());
    write_private(&path, &format!("{secret}\n"))?;
    Ok(secret)
}

fn make_dir(dir: &Path) -> Result<(), MasterError> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|cause| MasterError::Dir {
            path: dir.to_owned(),
            cause,
        })
}

/// Keeps every other master out of a folder until it is dropped, or the process ends.
fn lock(dir: &Path) -> Result<std::fs::File, MasterError> {
    let path = dir.join("lock");
    let failed = |cause| MasterError::Dir {
        path: path.clone(),
        cause,
    };
    let file = std::fs::File::create(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(MasterError::InUse(dir.to_owned())),
        Err(std::fs::TryLockError::Error(cause)) => Err(failed(cause)),
    }
}

/// Year, month and day before now: certificates begin then.
fn today(clock: &dyn Clock) -> (i32, u8, u8) {
    let day = 86_400 * 1_000_000;
    let yesterday = slapos_model::Timestamp::from_micros(clock.now().as_micros() - day);
    let text = yesterday.to_string();
    let mut parts = text.split(['-', 'T']);
    let mut next = || {
        parts
            .next()
            .and_then(|part| part.parse::<i32>().ok())
            .unwrap_or(1)
    };
    let (year, month, date) = (next(), next(), next());
    let small = |number: i32| u8::try_from(number).unwrap_or(1);
    // A clock before 1970 would give a date that no certificate can hold.
    (year.max(1970), small(month), small(date))
}

/// Runs a master until it is asked to end; `ready` gets the address once calls are answered.
///
/// # Errors
/// One sentence, see [`MasterError`].
pub fn run(
    config: &MasterConfig,
    clock: Arc<dyn Clock>,
    random: Arc<dyn RandomSource>,
    ready: impl FnOnce(SocketAddr) + Send,
    shutdown: &Shutdown,
) -> Result<(), MasterError> {
    if config.proxy.is_some() && !config.listen.ip().is_loopback() {
        return Err(MasterError::NotLoopback(config.listen));
    }
    make_dir(&config.dir)?;
    let _lock = lock(&config.dir)?;
    let prepared = bootstrap(config, &clock, &random)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(4)
        .thread_stack_size(512 * 1024)
        .enable_all()
        .build()
        .map_err(MasterError::Runtime)?;
    let ends = shutdown.sender.subscribe();
    runtime.block_on(async {
        let listen_error = |cause| MasterError::Listen {
            address: config.listen,
            cause,
        };
        let listener = TcpListener::bind(config.listen)
            .await
            .map_err(listen_error)?;
        let address = listener.local_addr().map_err(listen_error)?;
        let tls = Arc::new(listen::tls_config(&prepared.pki)?);
        let router = router(prepared, clock, random).await?;
        tracing::info!(%address, "master is ready");
        ready(address);
        listen::serve(listener, tls, router, ends).await;
        Ok(())
    })
}

/// Everything that the master answers.
///
/// # Errors
/// When the event log cannot be read.
pub async fn router(
    prepared: Prepared,
    clock: Arc<dyn Clock>,
    random: Arc<dyn RandomSource>,
) -> Result<axum::Router, MasterError> {
    let watchers = Watchers::start(&prepared.store).await?;
    let dialect = prepared.dialect;
    let context = Context::new(Inner {
        store: prepared.store,
        schemas: Arc::new(Schemas::default()),
        asked: http::Asked::default(),
        pki: prepared.pki,
        epoch: prepared.epoch,
        watchers,
        logs: Inner::no_logs(),
        today,
        clock,
        random,
    });
    let api = http::router(context.clone());
    let old = http::slap::router(context.clone(), dialect);
    let all = api.clone().merge(old).merge(panel::router(context, api));
    Ok(match prepared.beside {
        Some(beside) => all.merge(beside),
        None => all,
    })
}
