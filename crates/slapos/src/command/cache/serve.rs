//! `slapos cache serve`: a cache for others.

use super::Place;
use crate::engine;
use crate::failure::{Exit, Failure, Outcome};
use crate::print;
use serde_json::json;
use slapos_cache::serve::{CacheService, Ending, Writers, run as serve};
use slapos_cache::{Hash, HashKind};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

/// Serve the cache to others over HTTP: to ours at /v1, to the Python SlapOS at /shacache and /shadir.
///
/// Everybody who reaches the address may read: readers check hashes and signatures. Writing needs
/// a token or an address named here, and what is said of a content also a trusted signature.
/// There is no TLS here: put a web server with TLS in front of what leaves your network.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    place: Place,
    /// Address and port; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8780")]
    listen: SocketAddr,
    /// Keys or certificates (PEM) whose entries are taken. Repeatable.
    #[arg(long, value_name = "FILE")]
    trust: Vec<PathBuf>,
    /// A file of tokens, one a line; who sends one may write. Repeatable.
    #[arg(long, value_name = "FILE")]
    writer_tokens: Vec<PathBuf>,
    /// An address that may write without a token. Repeatable.
    #[arg(long, value_name = "IP")]
    writer_address: Vec<IpAddr>,
    /// How many GiB the cache may grow to.
    #[arg(long, value_name = "GIB", default_value_t = 100)]
    max_size: u64,
}

pub(super) fn run(args: &Args, root: Option<&Path>, json: bool) -> Outcome {
    let ending = Ending::default();
    let end = ending.clone();
    // Before there is another thread.
    engine::on_interrupt(move || end.raise())?;
    let writers = Writers {
        tokens: tokens(&args.writer_tokens)?,
        addresses: args.writer_address.clone(),
    };
    let trusted = super::trusted(&args.trust)?;
    let store = args.place.store(root);
    let folder = store.dir().to_owned();
    let service = CacheService::new(
        store,
        trusted,
        writers,
        args.max_size.saturating_mul(1 << 30),
    )
    .map_err(|error| Failure::new(format!("cannot read the cache: {error}")))?;
    let socket = TcpListener::bind(args.listen).map_err(|error| {
        Failure::new(format!("cannot listen on {}: {error}", args.listen))
            .with_hint("choose another one with --listen")
    })?;
    let address = socket
        .local_addr()
        .map_err(|error| Failure::new(error.to_string()))?;
    let url = format!("http://{address}");
    match json {
        true => print::json(&json!({"url": url, "store": folder, "pid": std::process::id()}))?,
        false => print::line(format!("{} at {url}; Ctrl-C ends it", folder.display()))?,
    }
    serve(socket, service, &ending)
        .map_err(|error| Failure::new(format!("cannot serve: {error}")))?;
    Ok(Exit::Done)
}

pub(super) fn tokens(files: &[PathBuf]) -> Result<Vec<Hash>, Failure> {
    let mut tokens = Vec::new();
    for file in files {
        for line in super::read(file)?.lines().map(str::trim) {
            if !line.is_empty() && !line.starts_with('#') {
                tokens.push(Hash::of(HashKind::Sha256, line.as_bytes()));
            }
        }
    }
    Ok(tokens)
}
