//! `slapos cache push`: what was built here into somebody's cache, signed, so that others need not build it.

use crate::failure::{Exit, Failure, Outcome};
use crate::print;
use serde_json::json;
use slapos_build::{Pushed, push_built};
use slapos_cache::{RemoteCache, Trusted};
use std::path::PathBuf;

/// Put the shared parts of a build into a cache that is served, signed with your key.
///
/// FOLDER is what `slapos build --root` built into, or a release of a node,
/// `software/<md5 of its URL>`. Who trusts the key gets them with `slapos build --binary-cache`, on
/// a machine of the same processor, C library and system. A part with a source that has no hash is
/// not put there.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What was built.
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// The cache: one URL, or `SHACACHE_URL,SHADIR_URL` for one that speaks the old wire only.
    #[arg(long, value_name = "URL")]
    to: String,
    /// The key that signs.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// A file with the token for writing.
    #[arg(long, value_name = "FILE")]
    token: Option<PathBuf>,
}

pub(super) fn run(args: &Args, json: bool) -> Outcome {
    let mut cache = RemoteCache::new(args.to.as_str().into(), Trusted::default());
    if let Some(file) = &args.token {
        cache = cache.with_token(super::read(file)?.trim());
    }
    let signer = super::signer(&args.key)?;
    let mut told = Ok(());
    let mut tell = |pushed: &Pushed| {
        if !json && told.is_ok() {
            told = print::line(sentence(pushed));
        }
    };
    let pushed = push_built(&args.folder, &cache, &signer, &mut tell)
        .map_err(|error| Failure::new(error.to_string()))?;
    told?;
    match (json, pushed.is_empty()) {
        (true, _) => print::json(&json!({"parts": pushed}))?,
        (false, true) => print::line("no shared parts are installed there")?,
        (false, false) => {}
    }
    Ok(Exit::Done)
}

fn sentence(pushed: &Pushed) -> String {
    let part = &pushed.part;
    match (&pushed.skipped, pushed.is_bound) {
        (Some(reason), _) => format!("{part}: not put there: {reason}"),
        (None, true) => format!(
            "{part}: {} bytes, for {} only, since that path is in it",
            pushed.bytes,
            pushed.location.display()
        ),
        (None, false) => format!("{part}: {} bytes, for any place", pushed.bytes),
    }
}
