//! `cargo xtask drill vanish`: a release is built again ten years later from one file, where no network is.
//!
//! First a site serves the profiles, and releases are built and their cache exported. Then everything of that is
//! hidden; in a namespace without a network, the clock ten years ahead for every program, the file is imported into
//! an empty root, the releases are built from it alone, and what was built is talked to. Start with [`RELEASES`];
//! what happens in the future is the script `vanish/future.sh`.

use super::sources::BZIP2;
use crate::Outcome;
use crate::bench;
use crate::bench::process::load_average;
use crate::command::{has_program, said, say, top};
use crate::served::Served;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// What happens where and when nothing of today is left.
const FUTURE: &str = include_str!("vanish/future.sh");

/// Where Debian's package has it, on each kind of machine; the first that is there is taken.
const FAKETIME: &str = "faketime/libfaketime.so.1";

/// What is drilled and how.
#[derive(Debug, clap::Args)]
pub(super) struct Vanish {
    /// Where the private folder is made.
    #[arg(long, value_name = "DIR", default_value = "/var/tmp")]
    place: PathBuf,
    /// Keep the cache here from one run to the next; all of it is exported.
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Only these releases. Repeatable.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Drill this program instead of building the one of this repository.
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

/// A profile below the site, and a command that shows that what was built runs, with `LOCATION` for its place.
struct Release {
    name: &'static str,
    profile: &'static str,
    shows: &'static str,
    says: &'static str,
}

const RELEASES: [Release; 2] = [
    Release {
        name: "redis",
        profile: "redis/7.0.15/software.cfg",
        shows: "cd \"$ROOM\"; LOCATION/bin/redis-server --port 0 --unixsocket ./s --save '' --daemonize yes > /dev/null; \
                for n in 1 2 3 4 5 6 7 8 9 10; do test -S s && break; sleep 0.2; done; \
                LOCATION/bin/redis-cli -s ./s PING; LOCATION/bin/redis-cli -s ./s SET kept forever; \
                LOCATION/bin/redis-cli -s ./s GET kept; LOCATION/bin/redis-cli -s ./s SHUTDOWN NOSAVE",
        says: "PONG\nOK\nforever",
    },
    Release {
        name: "bzip2",
        profile: "bzip2.cfg",
        shows: "echo hello | LOCATION/bin/bzip2 | LOCATION/bin/bunzip2",
        says: "hello",
    },
];

/// Runs it.
pub(super) fn run(vanish: Vanish) -> Outcome {
    let faketime = faketime()?;
    let program = bench::program(vanish.program)?;
    let folder = tempfile::Builder::new()
        .prefix("slapos-vanish-")
        .tempdir_in(&vanish.place)
        .map_err(|error| format!("{}: {error}", vanish.place.display()))?;
    let today = folder.path().join("today");
    let export = folder.path().join("export.tar");
    let cache = vanish.cache.unwrap_or_else(|| today.join("cache"));
    let site = Site::start(&today.join("site"))?;
    let chosen = chosen(&vanish.only)?;
    for release in &chosen {
        let url = site.url(release);
        build_today(&program, (&today, &cache), (release.name, &url))?;
    }
    let mut command = Command::new(&program);
    command.args(["cache", "export"]).arg(&export);
    said(command.arg("--store").arg(&cache))?;
    let urls: Vec<String> = chosen.iter().map(|release| site.url(release)).collect();
    drop(site);
    let bytes = std::fs::metadata(&export)
        .map_err(|error| error.to_string())?
        .len();
    say(&format!(
        "the export has {bytes} bytes; now everything else is gone"
    ));
    for (release, url) in chosen.into_iter().zip(urls) {
        future(release, &url, (&program, folder.path(), &faketime))
            .map_err(|error| format!("{}: {error}", release.name))?;
    }
    Ok(())
}

fn chosen(only: &[String]) -> Result<Vec<&'static Release>, String> {
    let is_chosen = |one: &&Release| only.is_empty() || only.iter().any(|name| name == one.name);
    let chosen: Vec<&Release> = RELEASES.iter().filter(is_chosen).collect();
    if chosen.is_empty() || chosen.len() < only.len() {
        let names: Vec<_> = RELEASES.iter().map(|one| one.name).collect();
        return Err(format!("releases are {}", names.join(", ")));
    }
    Ok(chosen)
}

fn build_today(
    program: &Path,
    (today, cache): (&Path, &Path),
    (name, url): (&str, &str),
) -> Outcome {
    let begun = Instant::now();
    let mut command = Command::new(program);
    command
        .args(["build", url, "--json", "--root"])
        .arg(today.join("root"));
    said(command.arg("--cache").arg(cache))?;
    let seconds = begun.elapsed().as_secs_f64();
    let load = load_average();
    say(&format!(
        "{name}: built today in {seconds:.1} s, load {load:.1}"
    ));
    Ok(())
}

/// Imports, builds and shows one release, ten years ahead.
fn future(
    release: &Release,
    url: &str,
    (program, folder, faketime): (&Path, &Path, &Path),
) -> Outcome {
    let mut command = Command::new("unshare");
    if !nix::unistd::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    let begun = Instant::now();
    command
        .args(["--mount", "--net", "/bin/sh", "-c", FUTURE, "sh"])
        .arg(folder)
        .arg(program)
        .arg(faketime)
        .args([url, release.name, release.shows]);
    let told = said(&mut command)?;
    let facts: Vec<&str> = told
        .lines()
        .filter_map(|line| line.strip_prefix("# "))
        .collect();
    if !told.contains(release.says) {
        return Err(format!(
            "it was built, but what it says is not right:\n{told}"
        ));
    }
    let seconds = begun.elapsed().as_secs_f64();
    let name = release.name;
    let answer = release.says.replace('\n', " / ");
    say(&format!(
        "{name}: {}; it answers: {answer}; {seconds:.1} s in all",
        facts.join(", ")
    ));
    Ok(())
}

fn faketime() -> Result<PathBuf, String> {
    let folders = std::fs::read_dir("/usr/lib")
        .into_iter()
        .flatten()
        .flatten();
    let mut places = folders.map(|folder| folder.path().join(FAKETIME));
    match places.find(|place| place.is_file()) {
        Some(place) if has_program("unshare") => Ok(place),
        Some(_) => {
            Err("this drill needs `unshare`, on Debian of the package util-linux".to_owned())
        }
        None => Err("this drill needs libfaketime, on Debian: apt install faketime".to_owned()),
    }
}

/// The profiles, served on loopback for as long as it lives.
struct Site {
    _server: Served,
    port: u16,
}

impl Site {
    /// Serves a copy of the catalogue, and what else is released here.
    fn start(folder: &Path) -> Result<Site, String> {
        let failed = |error: std::io::Error| error.to_string();
        std::fs::create_dir_all(folder).map_err(failed)?;
        let mut copy = Command::new("cp");
        said(copy.arg("-r").arg(top().join("catalog/redis")).arg(folder))?;
        let bzip2 = format!("[buildout]\nparts = bzip2\n\n{BZIP2}");
        std::fs::write(folder.join("bzip2.cfg"), bzip2).map_err(failed)?;
        let mut python = Command::new("python3");
        python
            .args(["-u", "-m", "http.server", "--bind", "127.0.0.1", "0"])
            .current_dir(folder)
            .stderr(Stdio::null());
        let server = Served::start(&mut python)?;
        // Serving HTTP on 127.0.0.1 port 41234 (http://127.0.0.1:41234/) ...
        let words = server.line.split_whitespace();
        let port = words.skip_while(|word| *word != "port").nth(1);
        let port = port.and_then(|port| port.parse().ok());
        let said = || format!("python3 -m http.server says {:?}", server.line);
        let port = port.ok_or_else(said)?;
        Ok(Site {
            _server: server,
            port,
        })
    }

    fn url(&self, release: &Release) -> String {
        format!("http://127.0.0.1:{}/{}", self.port, release.profile)
    }
}
