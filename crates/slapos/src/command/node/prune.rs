//! `slapos node prune`: removes shared parts that no release and no partition of this node names.
//!
//! Where those are is the node's own configuration to say. Start with [`run`].

use crate::cli::Context;
use crate::engine;
use crate::failure::{Exit, Failure, Outcome};
use crate::print;
use slapos_build::{Prune, prune_shared};
use std::path::{Path, PathBuf};

/// Remove shared parts that nothing on this node needs any more.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print what would be removed, and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// Another folder of releases or partitions that uses the same shared parts. Repeatable.
    #[arg(long, value_name = "DIR")]
    additional_software_directory: Vec<PathBuf>,
}

/// Runs it. While a build runs, nothing is removed, which is no failure.
pub(super) fn run(context: &Context, cfg: Option<&Path>, args: &Args) -> Outcome {
    let layout = engine::node_config(&context.folder, cfg)?.layout();
    let mut users = vec![layout.software_root(), layout.instance_root()];
    users.extend(args.additional_software_directory.iter().cloned());
    let prune = Prune {
        shared: layout.shared(),
        users,
        dry_run: args.dry_run,
    };
    let pruned = prune_shared(&prune).map_err(|error| Failure::new(error.to_string()))?;
    if context.json {
        print::json(&pruned)?;
        return Ok(Exit::Done);
    }
    let word = match args.dry_run {
        true => "would remove",
        false => "removed",
    };
    for path in &pruned.removed {
        print::line(format!("{word} {}", path.display()))?;
    }
    print::line(match pruned.is_busy {
        true => "A build runs; nothing is removed before its end.".to_owned(),
        false => format!(
            "{word} {} shared parts, {} stay",
            pruned.removed.len(),
            pruned.kept
        ),
    })?;
    Ok(Exit::Done)
}
