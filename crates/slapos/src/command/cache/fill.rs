//! `slapos cache fill`: all that a release needs, fetched before it is built.

use crate::command::build::Order;
use crate::failure::{Exit, Failure, Outcome};
use crate::{engine, print};
use serde_json::json;
use slapos_build::{Cancel, Gathered, Lock, gather};
use std::path::Path;

/// Fetch all that a release needs, and tell what it is: sources, sizes, licences.
///
/// Nothing is built. What a script in a profile fetches while it is installed is known only after a
/// build into the same --root; what pip, npm or cargo fetch by themselves is not fetched here.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    order: Order,
}

pub(super) fn run(args: &Args, root: Option<&Path>, json: bool) -> Outcome {
    let cancel = Cancel::default();
    let root = root.unwrap_or(Path::new("slapos-build"));
    let build = args.order.build(root, cancel.clone())?;
    engine::on_interrupt(move || cancel.raise())?;
    let mut told = Ok(());
    let mut tell = |one: &Gathered| {
        if !json && told.is_ok() {
            let from = one.origin.as_deref().unwrap_or("the cache, where it was");
            let text = format!(
                "{}: {} ({} bytes) from {from}",
                one.part, one.source, one.bytes
            );
            told = print::line(text);
        }
    };
    let lock = gather(&build, &mut tell).map_err(|error| Failure::new(error.to_string()))?;
    told?;
    let file = args.order.lock_wanted()?;
    if let Some(file) = &file {
        lock.save(file)
            .map_err(|error| Failure::new(error.to_string()))?;
    }
    match json {
        true => print::json(&json!({"lock": lock, "file": file}))?,
        false => print_lock(&lock, file.as_deref())?,
    }
    Ok(Exit::Done)
}

fn print_lock(lock: &Lock, file: Option<&Path>) -> Result<(), Failure> {
    let rows = lock.licences().into_iter().map(|(name, count)| {
        let name = if name.is_empty() {
            "not recognised"
        } else {
            name
        };
        vec![name.to_owned(), count.to_string()]
    });
    print::table(&["LICENCE", "SOURCES"], &rows.collect::<Vec<_>>())?;
    print::line(format!(
        "{} sources of {} bytes, {} profiles from the web",
        lock.sources.len(),
        lock.bytes(),
        lock.profiles.len()
    ))?;
    match file {
        Some(file) => print::line(format!("written: {}", file.display())),
        None => Ok(()),
    }
}
