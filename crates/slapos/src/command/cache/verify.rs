//! `slapos cache verify`: whether everything is still what it was.

use super::Place;
use crate::failure::{Exit, Failure, Outcome};
use crate::print;
use serde_json::json;
use std::path::Path;

/// Read and hash everything in the cache; what a disk has changed is removed, to be fetched anew.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    place: Place,
    /// Only tell.
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(args: &Args, root: Option<&Path>, json: bool) -> Outcome {
    let store = args.place.store(root);
    let verified = store
        .verify(args.dry_run)
        .map_err(|error| Failure::new(format!("cannot read the cache: {error}")))?;
    if json {
        let value = json!({"contents": verified.contents, "damaged": verified.damaged});
        print::json(&value)?;
    } else {
        let done = match args.dry_run {
            true => "is damaged",
            false => "was damaged and is removed",
        };
        for path in &verified.damaged {
            print::line(format!("{} {done}", path.display()))?;
        }
        let whole = verified.contents - verified.damaged.len() as u64;
        print::line(format!("{whole} of {} are whole", verified.contents))?;
    }
    match verified.damaged.is_empty() {
        true => Ok(Exit::Done),
        false => Ok(Exit::Failed),
    }
}
