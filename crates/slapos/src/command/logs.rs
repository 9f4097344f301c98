//! `slapos service logs`: the output of a service's processes, or of its build.

use crate::cli::Context;
use crate::client_file::connect;
use crate::failure::{Exit, Failure, Outcome};
use crate::limits::{LOOK_AGAIN, MASTER_AWAY};
use crate::print;
use slapos_api::Client;
use slapos_api::client::escape;
use slapos_api::wire::log::LogChunk;
use std::time::Instant;

const EXAMPLES: &str = "\
Examples:
  slapos service logs my_db
  slapos service logs my_db -f
  slapos service logs my_db -n 20 --service redis
  slapos service logs my_db --build";

/// Show the logs of a service.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The service's name or reference.
    name: String,
    /// Go on with what comes, until Ctrl-C.
    #[arg(short, long)]
    follow: bool,
    /// How many of the last lines.
    #[arg(short = 'n', long, default_value_t = 100)]
    lines: u32,
    /// One of its processes only.
    #[arg(long, value_name = "PROCESS", conflicts_with = "build")]
    service: Option<String>,
    /// The log of the build of its software instead.
    #[arg(long)]
    build: bool,
}

/// Runs it.
pub(crate) fn run(context: &Context, args: &Args) -> Outcome {
    let client = connect(&context.folder)?;
    let chunk = client.read_logs(&args.name, &query(args, None))?;
    show(context, &chunk)?;
    if args.follow {
        go_on(context, args, &client, chunk.cursor)?;
    }
    Ok(Exit::Done)
}

/// Shows what comes, until somebody ends us.
fn go_on(context: &Context, args: &Args, client: &Client, first: String) -> Result<(), Failure> {
    let mut cursor = first;
    loop {
        let chunk = read_on(client, args, &cursor)?;
        if chunk.text.is_empty() {
            // The master holds the question while there is nothing new; one that answers at once
            // must not be asked in a circle.
            std::thread::park_timeout(LOOK_AGAIN);
        } else {
            show(context, &chunk)?;
        }
        if !chunk.cursor.is_empty() {
            cursor = chunk.cursor;
        }
    }
}

/// The next chunk; a master or node that is away for a moment is waited for.
fn read_on(client: &Client, args: &Args, cursor: &str) -> Result<LogChunk, Failure> {
    let query = query(args, Some(cursor));
    let start = Instant::now();
    loop {
        match client.read_logs(&args.name, &query) {
            Ok(chunk) => return Ok(chunk),
            Err(error) if error.is_temporary() && start.elapsed() < MASTER_AWAY => {
                std::thread::park_timeout(LOOK_AGAIN);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn show(context: &Context, chunk: &LogChunk) -> Result<(), Failure> {
    if context.json {
        return print::json(chunk);
    }
    print::raw(chunk.text.as_bytes())?;
    if !chunk.text.is_empty() && !chunk.text.ends_with('\n') {
        print::raw(b"\n")?;
    }
    Ok(())
}

fn query(args: &Args, after: Option<&str>) -> String {
    let mut query = format!("lines={}", args.lines);
    if let Some(cursor) = after {
        query.push_str(&format!("&after={}", escape(cursor)));
    }
    if let Some(service) = &args.service {
        query.push_str(&format!("&service={}", escape(service)));
    }
    if args.build {
        query.push_str("&build=true");
    }
    query
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_escapes_what_is_typed() {
        let args = Args {
            name: "a".into(),
            follow: false,
            lines: 5,
            service: Some("a&b".into()),
            build: true,
        };
        assert_eq!(
            query(&args, Some("1/2")),
            "lines=5&after=1%2F2&service=a%26b&build=true"
        );
    }
}
