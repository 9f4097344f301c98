//! `slapos master import --from-proxy`: the state of a Python `slapos proxy`, taken over.
//!
//! Only wiring: what becomes of each row is decided in `slapos-master`.

use crate::cli::Context;
use crate::failure::{Exit, Failure, Outcome};
use crate::print;
use crate::system::{SystemClock, SystemRandom};
use slapos_master::takeover::{Asked, Became, Report, take_over};
use slapos_master::{Database, MasterConfig, MasterError};
use slapos_model::{Clock, RandomSource};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

const EXAMPLES: &str = "\
Examples:
  slapos master import --from-proxy proxy.db --dry-run
  slapos master import --from-proxy proxy.db
  slapos master import --from-proxy lib/proxy.db --into lib/slapos.sqlite
  slapos proxy start --cfg slapos.cfg --database-uri lib/slapos.sqlite

The proxy and the master have to be stopped. The proxy's file is only read. What is here already is
left as it is, so the same import twice changes nothing. All versions of the file from 10 to 18
are understood.";

/// Take over nodes, releases, instances and shares with parameters, values and states.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ImportArgs {
    /// The database of the Python `slapos proxy`.
    #[arg(long, value_name = "FILE")]
    from_proxy: PathBuf,
    /// The database of a `slapos proxy` of ours to take it over into [default: the master's].
    #[arg(long, value_name = "FILE")]
    into: Option<PathBuf>,
    /// The node of rows that name none: files before version 11.
    #[arg(long, value_name = "NAME")]
    computer: Option<String>,
    /// Say what would be done, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs it.
pub(super) fn run(context: &Context, args: ImportArgs) -> Outcome {
    let dir = match &args.into {
        Some(into) => into.with_extension("master"),
        None => context.folder.master_dir(),
    };
    let config = MasterConfig {
        database: match (&args.into, std::env::var("SLAPOS_DATABASE")) {
            (Some(into), _) => Database::Sqlite(into.clone()),
            (None, Ok(url)) => Database::Postgres(url),
            (None, Err(_)) => Database::Sqlite(dir.join("master.sqlite")),
        },
        dir,
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        proxy: None,
        beside: None,
    };
    let asked = Asked {
        source: args.from_proxy,
        computer: args.computer,
        is_dry: args.dry_run,
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let random: Arc<dyn RandomSource> = Arc::new(SystemRandom);
    let report = take_over(&config, &asked, &clock, &random).map_err(|error| failure(&error))?;
    match args.json {
        true => print::json(&report)?,
        false => show(&report)?,
    }
    Ok(Exit::Done)
}

fn failure(error: &MasterError) -> Failure {
    let failure = Failure::new(error.to_string());
    match error {
        MasterError::InUse(_) => {
            failure.with_hint("`slapos down`, or end the `slapos proxy start`")
        }
        MasterError::Takeover(_) => failure
            .with_hint("name the `database_uri` of the proxy's configuration with --from-proxy"),
        _ => failure,
    }
}

fn show(report: &Report) -> Result<(), Failure> {
    let rows: Vec<Vec<String>> = report
        .steps
        .iter()
        .map(|step| {
            vec![
                step.outcome.as_str().to_owned(),
                step.kind.to_owned(),
                step.name.clone(),
                step.note.clone().unwrap_or_default(),
            ]
        })
        .collect();
    print::table(&["BECAME", "WHAT", "WHICH", "NOTE"], &rows)?;
    let count = |became: Became| report.steps.iter().filter(|s| s.outcome == became).count();
    let (taken, known) = (count(Became::Taken), count(Became::Known));
    let (left, schema) = (count(Became::Left), report.schema);
    let would = if report.dry_run { "would be " } else { "" };
    print::line(format!(
        "{taken} {would}taken over, {known} known already, {left} left, from version {schema}"
    ))
}
