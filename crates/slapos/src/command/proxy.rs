//! `slapos proxy start`: a master for one machine that asks nobody who it is, as the original's.
//!
//! Reads the original's configuration file. It speaks the old wire in the proxy's dialect, keeps
//! its state in `database_uri` as a master of ours, and listens on loopback only. Start with
//! [`run`]; the file's language is in `ini.rs`.

pub(crate) mod ini;
mod masters;

use crate::engine::{self, ChildArgs};
use crate::failure::{Failure, Outcome};
use clap::Subcommand;
use ini::Ini;
use masters::{MASTER, MASTER_KEYS, read_masters};
use slapos_master::{Database, MasterConfig, ProxyConfig};
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  slapos proxy start --cfg slapos.cfg
  slapos proxy start --cfg slapos.cfg --port 4000

The file is that of the Python SlapOS: sections [slapos] (computer_id) and [slapproxy] (host, port,
database_uri, software_product_list), and [multimaster/URL] (key, cert, ca, software_release_list,
computer, partition): what other masters serve. What the proxy of the original offers and this one does not
(shacache, public files, http relay) is said at the start, never fatal.";

/// A master for one machine without certificates, as `slapos proxy` of the Python SlapOS.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Serve until SIGTERM.
    Start(StartArgs),
}

/// How it is started; what is left out is read from the file.
#[derive(Debug, clap::Args)]
struct StartArgs {
    /// The configuration file [default: SLAPOS_CONFIGURATION, else /etc/opt/slapos/slapos.cfg].
    #[arg(long, value_name = "FILE")]
    cfg: Option<PathBuf>,
    /// Address to listen on; loopback only.
    #[arg(long)]
    host: Option<String>,
    /// Port to listen on.
    #[arg(long)]
    port: Option<u16>,
    /// File of the state.
    #[arg(short = 'u', long, value_name = "FILE")]
    database_uri: Option<PathBuf>,
    /// Write what happens to this file [default: beside the state].
    #[arg(long, alias = "logfile", alias = "log_file", value_name = "FILE")]
    log_file: Option<PathBuf>,
    /// For the habit of old command lines; the log says as much without.
    #[arg(short, long, action = clap::ArgAction::Count)]
    verbose: u8,
}

/// Runs it.
pub(crate) fn run(args: Args) -> Outcome {
    let Action::Start(args) = args.action;
    let _ = args.verbose;
    let path = cfg_path(args.cfg.as_deref());
    let ini = Ini::open(&path)?;
    let settings = Settings::read(&ini, &args)?;
    note_all(&settings.left_out(&ini));
    let log = settings.log_file.clone();
    engine::run_configured(&settings.into_config(), &log, &ChildArgs::default())
}

/// Tells what a file says that means nothing here.
pub(crate) fn note_all(texts: &[String]) {
    use std::io::Write;
    let mut stderr = std::io::stderr();
    let word = if stderr.is_terminal() { "Note" } else { "note" };
    for text in texts {
        // Whoever closed standard error does not want to be told.
        let _ = writeln!(stderr, "{word}: {text}");
    }
}

fn cfg_path(asked: Option<&Path>) -> PathBuf {
    let variable = std::env::var_os("SLAPOS_CONFIGURATION").map(PathBuf::from);
    let asked = asked.map(Path::to_owned).or(variable);
    asked.unwrap_or_else(|| PathBuf::from("/etc/opt/slapos/slapos.cfg"))
}

/// What the file and the command line say.
struct Settings {
    listen: SocketAddr,
    database: PathBuf,
    log_file: PathBuf,
    proxy: ProxyConfig,
}

impl Settings {
    fn read(ini: &Ini, args: &StartArgs) -> Result<Self, Failure> {
        let find = |key: &str| ini.find_or_general("slapproxy", key);
        let need = |key: &str| {
            find(key)?.ok_or_else(|| {
                Failure::new(format!("the configuration says no `{key}`"))
                    .with_hint(format!("add `{key} = …` to its section [slapproxy]"))
            })
        };
        let host = match &args.host {
            Some(host) => Some(host.clone()),
            None => find("host")?,
        };
        let port = match args.port {
            Some(port) => port,
            None => read_port(&need("port")?)?,
        };
        let database = match &args.database_uri {
            Some(path) => path.clone(),
            None => PathBuf::from(need("database_uri")?),
        };
        let log_file = match &args.log_file {
            Some(path) => Some(path.clone()),
            None => find("log_file")?.map(PathBuf::from),
        };
        let products = find("software_product_list")?.unwrap_or_default();
        Ok(Self {
            listen: SocketAddr::new(read_host(host.as_deref())?, port),
            log_file: log_file.unwrap_or_else(|| database.with_extension("log")),
            database,
            proxy: ProxyConfig {
                computer_id: need("computer_id")?,
                products: read_products(&products)?,
                masters: read_masters(ini)?,
            },
        })
    }

    /// What the file asks for and this proxy has not.
    fn left_out(&self, ini: &Ini) -> Vec<String> {
        let mut hints = Vec::new();
        for section in ini.sections().filter(|name| name.starts_with(MASTER)) {
            for key in ini.keys(section).filter(|key| !MASTER_KEYS.contains(key)) {
                hints.push(format!("[{section}] {key}: this proxy has no such thing"));
            }
        }
        for key in ini.keys("slapproxy") {
            let is_known = matches!(
                key,
                "host"
                    | "port"
                    | "database_uri"
                    | "computer_id"
                    | "software_product_list"
                    | "log_file"
            );
            if !is_known {
                hints.push(format!("[slapproxy] {key}: this proxy has no such thing"));
            }
        }
        hints
    }

    fn into_config(self) -> MasterConfig {
        MasterConfig {
            dir: self.database.with_extension("master"),
            listen: self.listen,
            database: Database::Sqlite(self.database),
            proxy: Some(self.proxy),
        }
    }
}

fn read_host(host: Option<&str>) -> Result<IpAddr, Failure> {
    match host {
        None | Some("localhost") => Ok(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        Some(text) => text.trim_matches(['[', ']']).parse().map_err(|_| {
            Failure::new(format!("`{text}` is no address"))
                .with_hint("a proxy listens on loopback: 127.0.0.1 or ::1")
        }),
    }
}

fn read_port(text: &str) -> Result<u16, Failure> {
    text.parse()
        .map_err(|_| Failure::new(format!("`{text}` is no port")))
}

fn read_products(text: &str) -> Result<BTreeMap<String, String>, Failure> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .map(|line| match line.split_once(char::is_whitespace) {
            Some((name, url)) => Ok((name.to_owned(), url.trim().to_owned())),
            None => Err(Failure::usage(format!(
                "software_product_list: `{line}` is no name with the URL that it means"
            ))),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Result<Settings, Failure> {
        let args = StartArgs {
            cfg: None,
            host: None,
            port: None,
            database_uri: None,
            log_file: None,
            verbose: 0,
        };
        Settings::read(&Ini::parse(text).unwrap(), &args)
    }

    #[test]
    fn settings_of_a_file_of_the_original_are_read() {
        let read = settings(
            "[slapos]\nroot = /srv\ncomputer_id = computer\n[slapproxy]\nhost = 127.0.0.1\n\
             port = 8080\ndatabase_uri = %(base)s/proxy.db\nbase = /srv/lib\n\
             software_product_list =\n  demo http://sr.example.org/software.cfg\n",
        );
        let read = read.ok().unwrap();
        assert_eq!(read.listen.to_string(), "127.0.0.1:8080");
        assert_eq!(read.database, Path::new("/srv/lib/proxy.db"));
        assert_eq!(
            read.proxy.products["demo"],
            "http://sr.example.org/software.cfg"
        );
    }

    #[test]
    fn settings_of_other_masters_are_read() {
        let read = settings(
            "[slapproxy]\nhost = 127.0.0.1\nport = 1\ndatabase_uri = x\ncomputer_id = c\n\
             [multimaster/http://other:1/]\nsoftware_release_list =\n  http://a\n  /b\n\
             computer = far\npartition = slappart1\n[multimaster/https://far]\nkey = /k\n\
             cert = /c\nca = /a\nunheard = 1\n",
        );
        let read = read.ok().unwrap();
        let near = &read.proxy.masters["http://other:1/"];
        assert_eq!(near.releases, ["http://a", "/b"]);
        assert_eq!(near.seat, Some(("far".to_owned(), "slappart1".to_owned())));
        let far = &read.proxy.masters["https://far"];
        assert_eq!(far.ca.as_deref(), Some(Path::new("/a")));
        assert!(far.releases.is_empty() && far.seat.is_none());
    }

    #[test]
    fn settings_without_a_port_say_what_is_missing() {
        let failure = settings("[slapproxy]\ndatabase_uri = x\n").err().unwrap();
        assert!(failure.to_string().contains("`port`"), "{failure}");
    }
}
