//! `cargo xtask bench profile`: the profile language beside zc.buildout 3.0.1 from PyPI, in one run.
//!
//! Both sides read the same files from the disk, work out every option of every section, and print them; the answers are
//! compared before a ratio is told. Never in here: what is read (profile/synthetic.rs). Start with [`run`].

mod synthetic;

use super::child::{Cost, measured};
use super::figure::{Figure, Goal, Spread};
use super::{Bench, process, summarise};
use crate::Outcome;
use crate::command::say;
use crate::compat::engine;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What the peer is run with.
const SCRIPT: &str = include_str!("profile/peer.py");

/// Ours is quick: a lot of rounds costs nothing.
const OUR_ROUNDS: usize = 15;
/// Of the peer; ours are between them, so that both see the same machine.
const PEER_ROUNDS: usize = 3;
/// Ours takes milliseconds.
const LIMIT: Duration = Duration::from_secs(60);

/// How many times faster than the peer.
const FASTER: f64 = 100.0;
/// How many times less memory.
const SMALLER: f64 = 10.0;
/// Milliseconds of the whole lattice.
const LATTICE_MS: f64 = 100.0;

/// What is measured and how.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
    /// Measure this program instead of building the one of this repository.
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Stop the untouched peer on the lattice after so many seconds; it then counts as having ended there.
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    peer_limit: u64,
}

/// Measures all.
pub(crate) fn run(asked: Arguments) -> Outcome {
    let folder = tempfile::Builder::new().prefix("bench-profile").tempdir();
    let folder = folder.map_err(|error| error.to_string())?;
    let script = folder.path().join("peer.py");
    std::fs::write(&script, SCRIPT).map_err(|error| error.to_string())?;
    let sides = Sides {
        program: super::program(asked.program)?,
        python: engine::environment()?.join("bin/python"),
        script,
    };
    let mut bench = Bench {
        program: sides.program.clone(),
        place: folder.path().to_owned(),
        json: asked.json,
        figures: Vec::new(),
    };
    say(&format!(
        "==> 1,000 parts (load {:.1})",
        process::load_average()
    ));
    let place = Place::make(folder.path(), "parts", &synthetic::parts(1000))?;
    parts(&mut bench, &sides, &place)?;
    say(&format!(
        "==> lattice (load {:.1})",
        process::load_average()
    ));
    let place = Place::make(folder.path(), "lattice", &synthetic::lattice())?;
    lattice(
        &mut bench,
        &sides,
        &place,
        Duration::from_secs(asked.peer_limit),
    )?;
    summarise(&bench);
    Ok(())
}

/// The two programs.
struct Sides {
    program: PathBuf,
    python: PathBuf,
    script: PathBuf,
}

/// A folder with a profile.
struct Place {
    folder: PathBuf,
    entry: PathBuf,
}

impl Place {
    fn make(above: &Path, name: &str, files: &synthetic::Files) -> Result<Place, String> {
        let folder = above.join(name);
        let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
        std::fs::create_dir(&folder).map_err(failed)?;
        for (name, text) in files {
            std::fs::write(folder.join(name), text).map_err(failed)?;
        }
        let entry = files.first().map(|(name, _)| folder.join(name));
        let entry = entry.ok_or("there is no file")?;
        Ok(Place { folder, entry })
    }
}

/// Costs of repeated runs.
#[derive(Default)]
struct Costs(Vec<Cost>);

impl Costs {
    fn wall(&self) -> Spread {
        Spread::of(self.0.iter().map(|cost| cost.wall_ms).collect())
    }

    fn peak(&self) -> Spread {
        Spread::of(self.0.iter().map(|cost| cost.peak_kib).collect())
    }
}

impl Sides {
    fn ours(&self, place: &Place, words: &[&str]) -> Result<Cost, String> {
        let mut command = vec![self.program.as_path(), Path::new("profile")];
        command.extend(words.iter().map(Path::new));
        measured(&command, &place.folder, &place.folder.join("ours"), LIMIT)
    }

    fn theirs(&self, place: &Place, more: &[&str], limit: Duration) -> Result<Cost, String> {
        let mut command = vec![self.python.as_path(), &self.script, &place.entry];
        command.extend(more.iter().map(Path::new));
        measured(&command, &place.folder, &place.folder.join("theirs"), limit)
    }

    /// Both in turns.
    fn both(&self, place: &Place, more: &[&str]) -> Result<(Costs, Costs), String> {
        let entry = place.entry.to_string_lossy();
        let resolve = ["resolve", &*entry, "--json"];
        let (mut ours, mut theirs) = (Costs::default(), Costs::default());
        // What nobody has read yet comes from the disk once, on both sides.
        self.ours(place, &resolve)?;
        self.theirs(place, more, LIMIT)?;
        for _ in 0..PEER_ROUNDS {
            theirs.0.push(self.theirs(place, more, LIMIT)?);
            for _ in 0..OUR_ROUNDS / PEER_ROUNDS {
                ours.0.push(self.ours(place, &resolve)?);
            }
        }
        same(&place.folder)?;
        Ok((ours, theirs))
    }
}

fn parts(bench: &mut Bench, sides: &Sides, place: &Place) -> Outcome {
    let (ours, theirs) = sides.both(place, &[])?;
    let what = "process: resolve every option of 1,000 chained parts";
    bench.report(ahead(
        "profile.parts_1000",
        what,
        (ours.wall(), theirs.wall()),
        Some(FASTER),
    ));
    let figure = ahead(
        "profile.parts_1000_memory",
        "peak of memory of the same",
        (ours.peak(), theirs.peak()),
        Some(SMALLER),
    );
    bench.report(figure.unit("KiB"));
    Ok(())
}

fn lattice(bench: &mut Bench, sides: &Sides, place: &Place, limit: Duration) -> Outcome {
    let (ours, careful) = sides.both(place, &["remember"])?;
    let wall = ours.wall();
    let what = "process: resolve every option of 250 files, 600 sections";
    bench.report(Figure::new("profile.lattice", what, wall).goal(Goal::AtMost(LATTICE_MS)));
    let figure = ahead(
        "profile.lattice_careful",
        "the same beside a peer that was taught to read a file once",
        (wall, careful.wall()),
        None,
    );
    bench.report(named(figure, "zc.buildout with memory"));
    one_option(bench, sides, place)?;
    untouched(bench, sides, place, (&ours, limit))
}

fn one_option(bench: &mut Bench, sides: &Sides, place: &Place) -> Outcome {
    let entry = place.entry.to_string_lossy();
    let mut asked = Costs::default();
    for _ in 0..OUR_ROUNDS {
        let words = ["query", &*entry, "main-217:url", "--json"];
        asked.0.push(sides.ours(place, &words)?);
    }
    let what = "process: one option of it, with its story";
    bench.report(Figure::new("profile.lattice_query", what, asked.wall()));
    Ok(())
}

/// Beside the peer as it is, which may be stopped: it opens 170,000 files.
fn untouched(
    bench: &mut Bench,
    sides: &Sides,
    place: &Place,
    (ours, limit): (&Costs, Duration),
) -> Outcome {
    let untouched = sides.theirs(place, &[], limit)?;
    if !untouched.is_over {
        same(&place.folder)?;
    }
    let name = match untouched.is_over {
        true => format!("zc.buildout 3.0.1, stopped after {} s,", limit.as_secs()),
        false => "zc.buildout 3.0.1".to_owned(),
    };
    let what = "the same beside the peer as it is";
    let (theirs, peak) = (
        Spread::one(untouched.wall_ms),
        Spread::one(untouched.peak_kib),
    );
    let figure = ahead(
        "profile.lattice_peer",
        what,
        (ours.wall(), theirs),
        Some(FASTER),
    );
    bench.report(named(figure, &name));
    let figure = ahead(
        "profile.lattice_memory",
        "peak of memory",
        (ours.peak(), peak),
        Some(SMALLER),
    );
    bench.report(named(figure.unit("KiB"), &name));
    Ok(())
}

/// Of ours and theirs: less is better.
fn ahead(id: &'static str, what: &str, sides: (Spread, Spread), at_least: Option<f64>) -> Figure {
    let (ours, theirs) = sides;
    let goal = Goal::Peer {
        what: "zc.buildout 3.0.1".to_owned(),
        ratio: theirs.median / ours.median,
        value: theirs,
        at_least,
    };
    Figure::new(id, what, ours).goal(goal)
}

fn named(mut figure: Figure, peer: &str) -> Figure {
    if let Goal::Peer { what, .. } = &mut figure.goal {
        peer.clone_into(what);
    }
    figure
}

/// An error unless both have printed the same options of all sections and the same order of parts.
fn same(folder: &Path) -> Outcome {
    let read = |name: &str| -> Result<Value, String> {
        let text = std::fs::read(folder.join(name)).map_err(|error| error.to_string())?;
        serde_json::from_slice(&text).map_err(|error| format!("{name}: {error}"))
    };
    differs(&read("ours")?, &read("theirs")?).map_or(Ok(()), Err)
}

/// What differs first. `[buildout]` is left out: each engine has defaults of its own there.
fn differs(ours: &Value, theirs: &Value) -> Option<String> {
    if ours["order"] != theirs["order"] {
        return Some("the orders of parts differ".to_owned());
    }
    let (Some(own), Some(others)) = (ours["sections"].as_object(), theirs["sections"].as_object())
    else {
        return Some("there are no sections".to_owned());
    };
    if own.len() != others.len() {
        return Some(format!("{} sections and {}", own.len(), others.len()));
    }
    let mut sections = others.iter().filter(|(name, _)| *name != "buildout");
    sections
        .find(|(name, options)| own.get(*name) != Some(*options))
        .map(|(name, options)| format!("[{name}] differs: {:?} and {options}", own.get(name)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn differs_tells_of_a_value_and_of_the_order() {
        let answer = |value: &str, order: &str| json!({"order": [order], "sections": {"a": {"x": value}, "buildout": {"y": value}}});
        assert_eq!(differs(&answer("1", "a"), &answer("1", "a")), None);
        let told = differs(&answer("1", "a"), &answer("2", "a")).unwrap();
        assert!(told.contains("[a]"), "{told}");
        assert!(differs(&answer("1", "a"), &answer("1", "b")).is_some());
        let fewer = json!({"order": ["a"], "sections": {}});
        assert!(differs(&fewer, &answer("1", "a")).is_some());
    }
}
