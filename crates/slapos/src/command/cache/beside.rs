//! A cache on a master's port: who reaches the master finds sources there too.
//!
//! The rights are those of `slapos cache serve`: everybody may read, writing needs a token named here,
//! and an entry a trusted signature. That a caller is on this machine gives no right.

use super::serve::tokens;
use crate::failure::Failure;
use slapos_cache::Store;
use slapos_cache::serve::{CacheService, Writers, routes};
use slapos_master::Beside;
use std::path::PathBuf;
use std::sync::Arc;

/// How far such a cache may grow, as `slapos cache serve` has it.
const BYTES_MAX: u64 = 100 << 30;

/// Which cache.
#[derive(Debug, clap::Args)]
pub(crate) struct BesideArgs {
    /// Serve this folder of sources too, at /shacache and /shadir for the Python SlapOS and at
    /// /v1/content and /v1/entries for ours. Everybody who reaches the master may read.
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Keys or certificates (PEM) whose entries that cache takes. Repeatable.
    #[arg(long, value_name = "FILE", requires = "cache")]
    cache_trust: Vec<PathBuf>,
    /// A file of tokens, one a line; who sends one may write into that cache. Repeatable.
    #[arg(long, value_name = "FILE", requires = "cache")]
    cache_writer_tokens: Vec<PathBuf>,
}

impl BesideArgs {
    /// Its routes, where there is one.
    pub(crate) fn routes(&self) -> Result<Option<Beside>, Failure> {
        let Some(folder) = &self.cache else {
            return Ok(None);
        };
        let writers = Writers {
            tokens: tokens(&self.cache_writer_tokens)?,
            addresses: Vec::new(),
        };
        let trusted = super::trusted(&self.cache_trust)?;
        let service = CacheService::new(Store::new(folder), trusted, writers, BYTES_MAX)
            .map_err(|error| Failure::new(format!("cannot read the cache: {error}")))?;
        Ok(Some(routes(Arc::new(service))))
    }
}
