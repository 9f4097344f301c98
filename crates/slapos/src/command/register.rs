//! `slapos node register`: where the master of this machine is, when it is another machine's.

use crate::cli::Context;
use crate::client_file::ClientFile;
use crate::failure::{Exit, Failure, Outcome};
use crate::print;
use serde_json::json;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  slapos node register https://192.0.2.7:4321 --token-file owner.token --ca-file ca.pem
  slapos node run

The two files are var/master/owner.token and var/master/pki/ca.pem in the folder of the master.";

/// Join a master that runs elsewhere; `slapos node run` does the rest.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Where the master is.
    url: String,
    /// File with the token of an owner or operator.
    #[arg(long, value_name = "FILE")]
    token_file: PathBuf,
    /// File with the master's certificate authority, PEM.
    #[arg(long, value_name = "FILE")]
    ca_file: PathBuf,
}

/// Runs it.
pub(crate) fn run(context: &Context, args: &Args) -> Outcome {
    let file = ClientFile {
        url: args.url.trim_end_matches('/').to_owned(),
        token_file: real(&args.token_file)?,
        ca_file: Some(real(&args.ca_file)?),
    };
    // Nothing is written before the master has answered to this very token.
    let me = file.connect()?.me()?;
    file.save(&context.folder)?;
    if context.json {
        print::json(&json!({"url": file.url, "subject": me.subject}))?;
    } else {
        print::line(format!(
            "The master at {} knows you as {}. Run the agent: slapos node run",
            file.url, me.subject.name
        ))?;
    }
    Ok(Exit::Done)
}

fn real(path: &PathBuf) -> Result<PathBuf, Failure> {
    fs_err::canonicalize(path).map_err(|error| Failure::usage(error.to_string()))
}
