//! Taking over the state of a Python `slapos proxy`: its database is read, its rows become ours.
//!
//! One transaction: all of it or nothing. What stands here already is left as it is, so that the
//! same import twice changes nothing the second time. The proxy's file is opened for reading only.
//! Start with [`take_over`]; `database.rs` reads, `state.rs` knows what the rows of each version
//! mean, `apply.rs` asks for it all by the rules of `app`.

mod apply;
mod database;
mod state;

use crate::app::AppError;
use crate::store::{Store, StoreError};
use crate::{Database, MasterConfig, MasterError};
use serde::Serialize;
use slapos_model::{Clock, RandomSource};
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::Arc;

/// What is taken over, and how.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// The proxy's database.
    pub source: PathBuf,
    /// The node that rows without one are of: databases before version 11 name none.
    pub computer: Option<String>,
    /// Change nothing, and say what would be done.
    pub is_dry: bool,
}

/// What was done, or would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Version of the proxy's tables.
    pub schema: u32,
    /// Nothing was changed.
    pub dry_run: bool,
    /// One for each thing in the database.
    pub steps: Vec<Step>,
}

/// What became of one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// `node`, `partition`, `release`, `instance`, `share`, `forwarded`.
    pub kind: &'static str,
    /// For people: which one.
    pub name: String,
    /// What became of it.
    pub outcome: Became,
    /// What is to be known about that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What became of a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Became {
    /// It is here now.
    Taken,
    /// It was here before, and is left as it is.
    Known,
    /// It could not be taken over; the note says why.
    Left,
}

impl Became {
    /// As it is printed.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Known => "known",
            Self::Left => "left",
        }
    }
}

/// Why nothing was taken over.
#[derive(Debug, thiserror::Error)]
pub enum TakeoverError {
    /// It cannot be opened or read.
    #[error("cannot read the proxy's database {path}: {cause}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the database said.
        cause: String,
    },
    /// It is something else.
    #[error("{path} is no database of a `slapos proxy`: {cause}")]
    Foreign {
        /// Which file.
        path: PathBuf,
        /// How that is seen.
        cause: String,
    },
    /// A row that cannot be understood.
    #[error("{path} is damaged: {row}: {cause}; nothing was taken over")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// Which row.
        row: String,
        /// What is wrong with it.
        cause: String,
    },
    /// Rows that do not say which node they are of.
    #[error(
        "{0} is of version {1}, whose rows name no node: say with --computer which one they are of"
    )]
    NoComputer(PathBuf, u32),
}

/// How the transaction ends without being kept.
enum Ended {
    Dry(Vec<Step>),
    Refused(AppError),
}

impl From<StoreError> for Ended {
    fn from(error: StoreError) -> Self {
        Self::Refused(error.into())
    }
}

impl From<AppError> for Ended {
    fn from(error: AppError) -> Self {
        Self::Refused(error)
    }
}

/// Takes over a proxy's state into the store of a master that does not run.
///
/// # Errors
/// When the master runs, the source cannot be used, or a rule says no: nothing is changed then.
pub fn take_over(
    config: &MasterConfig,
    asked: &Asked,
    clock: &Arc<dyn Clock>,
    random: &Arc<dyn RandomSource>,
) -> Result<Report, MasterError> {
    let state = state::read_state(&asked.source, asked.computer.as_deref())?;
    let schema = state.schema;
    let scratch = Scratch::for_dry_run(config, asked.is_dry)?;
    let (database, _lock) = match &scratch {
        Some(scratch) => (scratch.database(), None),
        None => {
            crate::make_dir(&config.dir)?;
            (config.database.clone(), Some(crate::lock(&config.dir)?))
        }
    };
    let secret = match asked.is_dry {
        // Nobody will ever show it: the transaction is not kept.
        true => "dry".to_owned(),
        false => crate::ensure_owner_token(&config.dir, clock.as_ref(), random.as_ref())?,
    };
    let store = Store::open(&database, Arc::clone(clock), Arc::clone(random))?;
    let is_dry = asked.is_dry;
    let outcome = store.write_blocking(move |tx| {
        crate::app::project::ensure_owner(tx, &secret)?;
        let steps = apply::apply(tx, &state)?;
        if is_dry {
            Err(Ended::Dry(steps))
        } else {
            Ok(steps)
        }
    });
    let steps = match outcome {
        Ok(steps) | Err(Ended::Dry(steps)) => steps,
        Err(Ended::Refused(error)) => return Err(MasterError::Prepare(error)),
    };
    Ok(Report {
        schema,
        dry_run: asked.is_dry,
        steps,
    })
}

/// A store that is thrown away: where a dry run would otherwise have to make one.
struct Scratch(PathBuf);

impl Scratch {
    fn for_dry_run(config: &MasterConfig, is_dry: bool) -> Result<Option<Self>, MasterError> {
        let is_there = match &config.database {
            Database::Sqlite(path) => path.exists(),
            Database::Postgres(_) => true,
        };
        if !is_dry || is_there {
            return Ok(None);
        }
        let name = format!("slapos-dry-run-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        // New, so that it is nobody else's: what is taken over may be secret.
        match std::fs::DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => Ok(Some(Self(path))),
            Err(cause) => Err(MasterError::Dir { path, cause }),
        }
    }

    fn database(&self) -> Database {
        Database::Sqlite(self.0.join("master.sqlite"))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}
