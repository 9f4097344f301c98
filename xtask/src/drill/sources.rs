//! `cargo xtask drill sources`: components in the original's style whose site does not answer.
//!
//! Each profile names a URL that nobody serves and the md5 that the original pins. The build has to find the very
//! same file in the Debian source archive, through apt, and what is built has to run. Start with [`COMPONENTS`].

use crate::Outcome;
use crate::bench;
use crate::bench::process::load_average;
use crate::command::say;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// What is drilled and how.
#[derive(Debug, clap::Args)]
pub(super) struct Sources {
    /// Only these components. Repeatable.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Where the private folder is made.
    #[arg(long, value_name = "DIR", default_value = "/var/tmp")]
    place: PathBuf,
    /// Keep the tables of the archive here from one run to the next, and the sources.
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Drill this program instead of building the one of this repository.
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

struct Component {
    name: &'static str,
    profile: &'static str,
    /// A command that shows that it runs, with `LOCATION` for its place.
    shows: &'static str,
    /// What that prints, among other things.
    says: &'static str,
}

/// A component in the original's style whose own site is gone.
pub(super) const BZIP2: &str = "[bzip2]
recipe = slapos.recipe.cmmi
shared = true
url = http://sources.invalid/pub/bzip2/bzip2-1.0.8.tar.gz
md5sum = 67e051268d0c475ea773822f7500d0e5
configure-command = true
make-targets =
  install PREFIX=@@LOCATION@@
";

const COMPONENTS: [Component; 4] = [
    Component {
        name: "bzip2",
        profile: BZIP2,
        shows: "echo hello | LOCATION/bin/bzip2 | LOCATION/bin/bunzip2; LOCATION/bin/bzip2 --version 2>&1 < /dev/null | head -1",
        says: "hello\nbzip2, a block-sorting file compressor.  Version 1.0.8",
    },
    Component {
        name: "flex",
        profile: "[m4]
recipe = slapos.recipe.cmmi
shared = true
url = http://sources.invalid/gnu/m4/m4-1.4.19.tar.xz
md5sum = 0d90823e1426f1da2fd872df0311298d
configure-options =
  --disable-nls

[flex]
recipe = slapos.recipe.cmmi
shared = true
url = http://sources.invalid/westes/flex/releases/download/v2.6.4/flex-2.6.4.tar.gz
md5sum = 2882e3179748cc9f9c23ec593d6adc8d
configure-options =
  --disable-nls
environment =
  M4=${m4:location}/bin/m4
  PATH=${m4:location}/bin:%(PATH)s
  CFLAGS=-D_GNU_SOURCE
",
        shows: "printf '%%%%\\n. ;\\n' | LOCATION/bin/flex -t | grep -c yylex; LOCATION/bin/flex --version",
        says: "flex 2.6.4",
    },
    Component {
        name: "jemalloc",
        profile: "[jemalloc]
recipe = slapos.recipe.cmmi
shared = true
url = http://sources.invalid/jemalloc/releases/download/5.3.0/jemalloc-5.3.0.tar.bz2
md5sum = 09a8328574dab22a7df848eae6dbbf53
configure-options =
  --disable-static
  --disable-cxx
make-targets =
  install_bin install_include install_lib
",
        shows: "LOCATION/bin/jemalloc-config --version; LD_PRELOAD=LOCATION/lib/libjemalloc.so.2 MALLOC_CONF=stats_print:true /bin/true 2>&1 | grep -m1 Version:",
        says: "Version: \"5.3.0-",
    },
    Component {
        name: "lz4",
        profile: "[lz4]
recipe = slapos.recipe.cmmi
shared = true
url = http://sources.invalid/lz4/lz4/releases/download/v1.10.0/lz4-1.10.0.tar.gz
md5sum = dead9f5f1966d9ae56e1e32761e4e675
configure-command = true
make-options =
  PREFIX=@@LOCATION@@
",
        shows: "echo hello | LOCATION/bin/lz4 | LOCATION/bin/lz4 -d; LOCATION/bin/lz4 --version",
        says: "v1.10.0",
    },
];

/// Runs it.
pub(super) fn run(sources: Sources) -> Outcome {
    let is_chosen = |one: &&Component| {
        sources.only.is_empty() || sources.only.iter().any(|name| name == one.name)
    };
    let chosen: Vec<&Component> = COMPONENTS.iter().filter(is_chosen).collect();
    if chosen.is_empty() || chosen.len() < sources.only.len() {
        let names: Vec<_> = COMPONENTS.iter().map(|one| one.name).collect();
        return Err(format!("components are {}", names.join(", ")));
    }
    let program = bench::program(sources.program)?;
    let folder = tempfile::Builder::new()
        .prefix("slapos-sources-")
        .tempdir_in(&sources.place)
        .map_err(|error| format!("{}: {error}", sources.place.display()))?;
    let cache = sources.cache.unwrap_or_else(|| folder.path().join("cache"));
    for component in chosen {
        one(component, &program, folder.path(), &cache)
            .map_err(|error| format!("{}: {error}", component.name))?;
    }
    Ok(())
}

fn one(component: &Component, program: &Path, folder: &Path, cache: &Path) -> Outcome {
    let name = component.name;
    say(&format!("==> {name} (load {:.1})", load_average()));
    let file = folder.join(format!("{name}.cfg"));
    let text = format!("[buildout]\nparts =\n  {name}\n\n{}", component.profile);
    std::fs::write(&file, text).map_err(|error| error.to_string())?;
    let start = Instant::now();
    let location = build(name, program, (folder, cache))?;
    let seconds = start.elapsed().as_secs_f64();
    let script = component.shows.replace("LOCATION", &location);
    let shown = crate::command::output("/bin/sh", &["-c", &script])?;
    if !shown.contains(component.says) {
        return Err(format!("it was built, but says:\n{shown}"));
    }
    let shown = shown.trim().replace('\n', " / ");
    say(&format!(
        "{name}: built in {seconds:.1} s; it says: {shown}"
    ));
    Ok(())
}

/// Where the component is installed.
fn build(name: &str, program: &Path, (folder, cache): (&Path, &Path)) -> Result<String, String> {
    let output = Command::new(program)
        .arg("build")
        .arg(folder.join(format!("{name}.cfg")))
        .arg("--root")
        .arg(folder.join(name))
        .arg("--cache")
        .arg(cache)
        .arg("--json")
        .output()
        .map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    let last: Value = serde_json::from_str(lines.lines().last().unwrap_or_default())
        .map_err(|error| format!("the last line is no JSON: {error}"))?;
    let location = last["parts"][name]["location"].as_str();
    location
        .map(str::to_owned)
        .ok_or_else(|| format!("it was not built: {last}"))
}
