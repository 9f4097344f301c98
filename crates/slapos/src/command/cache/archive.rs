//! `slapos cache export` and `import`: a cache as one file.

use super::Place;
use crate::failure::{Failure, Outcome};
use slapos_cache::bundle::{self, Moved};
use std::path::{Path, PathBuf};

/// Write all of the cache into one file.
///
/// Sources, copies of profiles, and signed entries. Equal caches give equal files.
#[derive(Debug, clap::Args)]
pub(super) struct ExportArgs {
    /// The file to write.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    place: Place,
}

/// Take all of such a file into the cache; nothing is taken that has not the hash of its name.
#[derive(Debug, clap::Args)]
pub(super) struct ImportArgs {
    /// The file to read.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    place: Place,
}

pub(super) fn export(args: &ExportArgs, root: Option<&Path>, json: bool) -> Outcome {
    let store = args.place.store(root);
    let moved = bundle::export(&store, &args.file).map_err(|e| Failure::new(e.to_string()))?;
    told(moved, &args.file, json)
}

pub(super) fn import(args: &ImportArgs, root: Option<&Path>, json: bool) -> Outcome {
    let store = args.place.store(root);
    let moved = bundle::import(&store, &args.file).map_err(|e| Failure::new(e.to_string()))?;
    told(moved, &args.file, json)
}

fn told(moved: Moved, file: &Path, json: bool) -> Outcome {
    let known = match moved.known {
        0 => String::new(),
        known => format!(", {known} more were there already"),
    };
    let text = format!(
        "{}: {} sources of {} bytes, {} profiles, {} signed keys{known}",
        file.display(),
        moved.contents,
        moved.bytes,
        moved.profiles,
        moved.keys,
    );
    let value = serde_json::to_value(moved).map_err(|e| Failure::new(e.to_string()))?;
    super::told(&value, &text, json)
}
