//! `cargo xtask drill binary`: a second root gets redis as the first built it, on a machine without a compiler.
//!
//! The first root builds the catalogue's redis from source and pushes it, signed, into a cache that is served on
//! loopback. The second, in a mount namespace where compilers and `make` are gone, builds with that cache and has to
//! have a redis that answers within [`SECONDS_MAX`]; then the same without the cache has to fail for want of a compiler.

use crate::Outcome;
use crate::bench;
use crate::bench::process::load_average;
use crate::command::{said, say, top};
use crate::served::Served;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// What the second root may take; compiling takes a minute.
const SECONDS_MAX: f64 = 3.0;

/// Runs its arguments where no compiler is.
const WITHOUT_COMPILER: &str = r#"
set -eu
over=$1; shift
mount -t tmpfs tmpfs "$over"
mkdir "$over/upper" "$over/work"
mount -t overlay -o "lowerdir=/usr/bin,upperdir=$over/upper,workdir=$over/work" overlay /usr/bin
cd /usr/bin && rm -f cc gcc gcc-* c99 c89 clang clang-* tcc g++ c++ make gmake *-linux-gnu-gcc*
cd /
if command -v cc || command -v gcc || command -v make; then echo "there is a compiler"; exit 3; fi
exec "$@"
"#;

/// What is drilled and how.
#[derive(Debug, clap::Args)]
pub(super) struct Binary {
    /// Where the private folder is made.
    #[arg(long, value_name = "DIR", default_value = "/var/tmp")]
    place: PathBuf,
    /// Keep the sources here from one run to the next.
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Drill this program instead of building the one of this repository.
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

/// Runs it.
pub(super) fn run(binary: Binary) -> Outcome {
    let program = bench::program(binary.program)?;
    let folder = tempfile::Builder::new()
        .prefix("slapos-binary-")
        .tempdir_in(&binary.place)
        .map_err(|error| format!("{}: {error}", binary.place.display()))?;
    let folder = folder.path();
    let sources = binary.cache.unwrap_or_else(|| folder.join("sources"));
    build_first(&program, folder, &sources)?;
    let slapos = |words: &[&str]| {
        let mut command = Command::new(&program);
        command.args(words).current_dir(folder);
        command
    };
    said(&mut slapos(&["cache", "key", "ours"]))?;
    let cache = serve(&program, folder)?;
    let url = cache.url()?;
    let told = said(&mut slapos(&[
        "cache", "push", "first", "--to", &url, "--key", "ours.key",
    ]))?;
    say(&format!("pushed {}", told.trim()));
    let second = second(&program, folder, &url)?;
    talk(&second.location)?;
    say(&format!(
        "the second root had redis in {:.2} s without a compiler, of {:.2} s in all; it answers; load {:.1}",
        second.part_seconds,
        second.seconds,
        load_average()
    ));
    if second.seconds > SECONDS_MAX {
        return Err(format!("more than {SECONDS_MAX} s"));
    }
    without_cache(&program, folder, &sources)
}

fn build_first(program: &Path, folder: &Path, sources: &Path) -> Outcome {
    let begun = Instant::now();
    said(&mut build(program, &folder.join("first"), sources))?;
    let (seconds, load) = (begun.elapsed().as_secs_f64(), load_average());
    say(&format!(
        "the first root built redis in {seconds:.1} s, load {load:.1}"
    ));
    Ok(())
}

fn build(program: &Path, root: &Path, sources: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .arg("build")
        .arg(top().join("catalog/redis/7.0.15/software.cfg"));
    command.arg("--root").arg(root).arg("--cache").arg(sources);
    command.arg("--json");
    command
}

struct Second {
    location: String,
    /// Of the part alone.
    part_seconds: f64,
    seconds: f64,
}

fn second(program: &Path, folder: &Path, url: &str) -> Result<Second, String> {
    let mut command = build(program, &folder.join("second"), &folder.join("empty"));
    command
        .args(["--binary-cache", url, "--trust"])
        .arg(folder.join("ours.pub"));
    let mut command = hidden(&command, folder)?;
    let begun = Instant::now();
    let told = said(&mut command)?;
    let seconds = begun.elapsed().as_secs_f64();
    let last: Value = serde_json::from_str(told.lines().last().unwrap_or_default())
        .map_err(|error| format!("the last line is no JSON: {error}"))?;
    let part = &last["parts"]["redis"];
    if part["given"]["cache"] != url {
        return Err(format!("redis was not taken from the cache: {last}"));
    }
    Ok(Second {
        location: part["location"].as_str().unwrap_or_default().to_owned(),
        part_seconds: part["seconds"].as_f64().unwrap_or_default(),
        seconds,
    })
}

/// The same command where no compiler is.
fn hidden(command: &Command, folder: &Path) -> Result<Command, String> {
    let over = folder.join("over");
    std::fs::create_dir_all(&over).map_err(|error| error.to_string())?;
    let mut hidden = Command::new("unshare");
    if !nix::unistd::geteuid().is_root() {
        hidden.args(["--user", "--map-root-user"]);
    }
    hidden.args(["--mount", "/bin/sh", "-c", WITHOUT_COMPILER, "sh"]);
    hidden.arg(over).arg(command.get_program());
    hidden.args(command.get_args());
    Ok(hidden)
}

fn talk(location: &str) -> Outcome {
    let script = "cd \"$(mktemp -d)\"; $0/bin/redis-server --port 0 --unixsocket ./s --save '' --daemonize yes > /dev/null; \
        for n in 1 2 3 4 5 6 7 8 9 10; do test -S s && break; sleep 0.2; done; \
        $0/bin/redis-cli -s ./s PING; $0/bin/redis-cli -s ./s SHUTDOWN NOSAVE";
    let told = said(Command::new("/bin/sh").args(["-c", script, location]))?;
    match told.contains("PONG") {
        true => Ok(()),
        false => Err(format!("redis says {told:?}")),
    }
}

/// Shows that the second root could not have built it by itself.
fn without_cache(program: &Path, folder: &Path, sources: &Path) -> Outcome {
    let command = build(program, &folder.join("third"), sources);
    match said(&mut hidden(&command, folder)?) {
        Err(error) if error.contains("needs a make") || error.contains("needs a C compiler") => {
            say("without that cache it says that it needs a compiler");
            Ok(())
        }
        Err(error) => Err(format!(
            "without the cache it fails in another way: {error}"
        )),
        Ok(_) => Err("it was built without a compiler".to_owned()),
    }
}

/// A cache that is served for as long as it lives.
fn serve(program: &Path, folder: &Path) -> Result<Served, String> {
    let mut command = Command::new(program);
    command
        .args(["cache", "serve", "--json", "--listen", "127.0.0.1:0"])
        .args(["--trust", "ours.pub", "--writer-address", "127.0.0.1"])
        .args(["--store", "served"])
        .current_dir(folder);
    Served::start(&mut command)
}
