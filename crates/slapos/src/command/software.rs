//! `slapos software …`: what an installation consists of, and who answers for it.
//!
//! All work is in `slapos-build`; here it is made of words. Needs no master. docs/building.md teaches it.

use super::cache::{keys, signer};
use crate::engine;
use crate::failure::{Exit, Failure, Outcome};
use crate::folder::Folder;
use crate::print;
use clap::Subcommand;
use slapos_build::{Attested, AttestedPart, Statement, attest, installation};
use slapos_cache::Trusted;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  slapos software show slapos-build                   What `slapos build` installed, from what
  slapos software sign slapos-build --key ours.key    Answer for it with your key
  slapos software show slapos-build --trust ours.pub  Who signed what, and whether it still holds
  slapos software show https://example.org/software.cfg   A release of this node

The list of components is .slapos/sbom.cdx.json in the installation, in CycloneDX 1.5.

Exit codes: 0 done, 1 refused, failed, or not as it was signed, 2 wrong usage.";

/// Tell what an installation consists of, and who answers for it.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Show(ShowArgs),
    Sign(SignArgs),
}

/// Tell what is installed, from which sources, under which licences, and who signed it.
#[derive(Debug, clap::Args)]
struct ShowArgs {
    /// The folder of an installation, or the URL of a release of this node.
    #[arg(value_name = "FOLDER_OR_URL")]
    what: String,
    /// Keys (PEM) whose word counts. Repeatable.
    #[arg(long, value_name = "FILE")]
    trust: Vec<PathBuf>,
}

/// Sign what is installed: an in-toto statement with SLSA provenance, in a DSSE envelope.
///
/// It is .slapos/provenance.dsse.json in the installation; signing the same again changes nothing.
#[derive(Debug, clap::Args)]
struct SignArgs {
    /// The folder of an installation, or the URL of a release of this node.
    #[arg(value_name = "FOLDER_OR_URL")]
    what: String,
    /// The key that signs, made by `slapos cache key`.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
}

/// Runs it; `root` is what `--root` names.
pub(crate) fn run(args: &Args, root: Option<&Path>, json: bool) -> Outcome {
    match &args.action {
        Action::Show(args) => show(args, root, json),
        Action::Sign(args) => sign(args, root, json),
    }
}

/// A folder that is there, or the one that a node has for a release of this URL.
fn place(what: &str, root: Option<&Path>) -> Result<PathBuf, Failure> {
    let folder = PathBuf::from(what);
    if folder.is_dir() {
        return Ok(folder);
    }
    let layout = engine::node_config(&Folder::find(root)?, None)?.layout();
    let folder = layout.software(what);
    match folder.is_dir() {
        true => Ok(folder),
        false => Err(Failure::new(format!(
            "{what} is no folder, and no release of that URL is installed in {}",
            layout.software_root().display()
        ))),
    }
}

fn sign(args: &SignArgs, root: Option<&Path>, json: bool) -> Outcome {
    let folder = place(&args.what, root)?;
    attest(&folder, &signer(&args.key)?).map_err(|error| Failure::new(error.to_string()))?;
    let file = folder.join(".slapos/provenance.dsse.json");
    match json {
        true => print::json(&serde_json::json!({"file": file}))?,
        false => print::line(format!("signed: {}", file.display()))?,
    }
    Ok(Exit::Done)
}

fn show(args: &ShowArgs, root: Option<&Path>, json: bool) -> Outcome {
    let folder = place(&args.what, root)?;
    let trusted = match args.trust.as_slice() {
        [] => Trusted::default(),
        files => Trusted::parse(&keys(files)?).map_err(|error| Failure::new(error.to_string()))?,
    };
    let told = installation(&folder, &trusted).map_err(|error| Failure::new(error.to_string()))?;
    match json {
        true => print::json(&told)?,
        false => print_installation(&folder, &told)?,
    }
    Ok(match told.statement {
        Statement::Differs(_) => Exit::Failed,
        _ => Exit::Done,
    })
}

fn print_installation(folder: &Path, told: &Attested) -> Result<(), Failure> {
    print::line(format!(
        "{}, in {}",
        told.profile
            .as_deref()
            .unwrap_or("a release that was never built to its end"),
        folder.display()
    ))?;
    let rows: Vec<Vec<String>> = told.parts.iter().map(row).collect();
    print::table(&["PART", "RECIPE", "SOURCES", "LICENCES", "BUILT"], &rows)?;
    print::line(match &told.statement {
        Statement::None => "nobody signed it; `slapos software sign` does".to_owned(),
        Statement::Stranger => {
            "it is signed, by no key that is trusted here; name keys with --trust".to_owned()
        }
        Statement::Holds(key) => format!("signed by {key}, and all is as it was signed"),
        Statement::Differs(what) => {
            format!("signed by a trusted key, but {what} is not as it was signed")
        }
    })
}

fn row(part: &AttestedPart) -> Vec<String> {
    let sources: Vec<&str> = part.sources.iter().map(|one| one.name.as_str()).collect();
    let built = match &part.given {
        None => "here".to_owned(),
        Some(given) => format!(
            "by {} of {}",
            given.signer.get(..16).unwrap_or(&given.signer),
            given.cache
        ),
    };
    vec![
        part.name.clone(),
        part.recipe.clone(),
        sources.join(" "),
        part.licences.join(", "),
        built,
    ]
}
