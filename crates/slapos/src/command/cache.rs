//! `slapos cache …`: sources and what others built, kept, served, signed and moved.
//!
//! All work is in `slapos-cache`; here it is made of words. Needs no master. docs/cache.md teaches it.

use crate::failure::{Exit, Failure, Outcome};
use crate::folder::sources;
use crate::print;
use clap::Subcommand;
use slapos_cache::{Signer, Store, Trusted};
use std::path::{Path, PathBuf};

mod archive;
mod find;
mod key;
mod put;
mod serve;
mod verify;

const EXAMPLES: &str = "\
Examples:
  slapos cache find https://ftp.example.org/zlib-1.3.1.tar.gz   Where a source still is
  slapos cache find 9855b6d802d7fe5b7bd5b196a2271655            The same by its MD5
  slapos cache verify                            Read everything, remove what is damaged
  slapos cache export site.tar                   All of it, for a site that no network reaches
  slapos cache import site.tar                   There
  slapos cache key ours                          A key to sign with: ours.key and ours.pub
  slapos cache serve --trust ours.pub --writer-address 127.0.0.1   Serve it to others
  slapos cache put zlib-1.3.1.tar.gz --to http://127.0.0.1:8780 --key ours.key \\
      --url https://ftp.example.org/zlib-1.3.1.tar.gz

Without --store, the cache is that of `slapos build`: ~/.cache/slapos/sources.

Exit codes: 0 done, 1 refused, failed or not found, 2 wrong usage.";

/// Keep, serve, sign and move sources, so that a release can be built again in ten years.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Find(find::Args),
    Verify(verify::Args),
    Export(archive::ExportArgs),
    Import(archive::ImportArgs),
    Key(key::Args),
    Serve(serve::Args),
    Put(put::Args),
}

/// Which store.
#[derive(Debug, clap::Args)]
struct Place {
    /// The folder of the cache [default: ~/.cache/slapos/sources; with --root, its var/cache].
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
}

impl Place {
    fn store(&self, root: Option<&Path>) -> Store {
        match (&self.store, root) {
            (Some(folder), _) => Store::new(folder),
            (None, Some(root)) => Store::new(root.join("var/cache")),
            (None, None) => Store::new(sources(Path::new("."))),
        }
    }
}

/// Runs it; `root` is what `--root` names.
pub(crate) fn run(args: Args, root: Option<&Path>, json: bool) -> Outcome {
    match args.action {
        Action::Find(args) => find::run(&args, root, json),
        Action::Verify(args) => verify::run(&args, root, json),
        Action::Export(args) => archive::export(&args, root, json),
        Action::Import(args) => archive::import(&args, root, json),
        Action::Key(args) => key::run(&args, json),
        Action::Serve(args) => serve::run(&args, root, json),
        Action::Put(args) => put::run(&args, json),
    }
}

/// The texts of these files, one after the other; each must have a key, and an error names its file.
pub(super) fn keys(files: &[PathBuf]) -> Result<String, Failure> {
    files.iter().try_fold(String::new(), |mut all, file| {
        let text = read(file)?;
        Trusted::parse(&text)
            .map_err(|error| Failure::new(format!("{}: {error}", file.display())))?;
        all.push_str(&text);
        all.push('\n');
        Ok(all)
    })
}

/// The keys in these files.
fn trusted(files: &[PathBuf]) -> Result<Trusted, Failure> {
    match files {
        [] => Ok(Trusted::default()),
        _ => Trusted::parse(&keys(files)?).map_err(|error| Failure::new(error.to_string())),
    }
}

fn signer(file: &Path) -> Result<Signer, Failure> {
    Signer::parse(&read(file)?)
        .map_err(|error| Failure::new(format!("{}: {error}", file.display())))
}

fn read(file: &Path) -> Result<String, Failure> {
    fs_err::read_to_string(file).map_err(|error| Failure::new(error.to_string()))
}

fn told(value: &serde_json::Value, text: &str, json: bool) -> Outcome {
    match json {
        true => print::json(value)?,
        false => print::line(text)?,
    }
    Ok(Exit::Done)
}
