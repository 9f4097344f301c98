//! `cargo xtask compat buildout`, and in `slap.rs` and `cache.rs` `compat slap` and `compat cache`: genuine programs beside ours.
//!
//! Random profiles, valid and broken, are answered by zc.buildout 3.0.1 and by `slapos-buildout`: what is merged, what
//! every section resolves to, the order of parts, the kind and place of errors. Each difference is either explained
//! by a rule with a name (rules.rs) or fails the command. Start with [`run`]; profiles.rs draws, engine.rs and ours.rs answer.

mod cache;
pub(crate) mod engine;
mod ours;
mod profiles;
mod rules;
mod sbom;
pub(crate) mod slap;
mod values;

use crate::Outcome;
use crate::command::say;
use crate::drill::luck::{Luck, fresh_seed};
use engine::Engine;
use profiles::Case;
use serde_json::{Value, json};
use slapos_buildout::Machine;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Profiles of each run with the same seed on every day.
const FIXED_SEED: u64 = 20_261_125;

/// Differences that are shown whole; more of them are mostly the same one again.
const SHOWN_MAX: usize = 5;

/// What is compared.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// The profile language, with zc.buildout 3.0.1 from PyPI, on random profiles.
    Buildout(Buildout),
    /// The client, the node and the proxy tests of slapos.core from PyPI, on our master.
    Slap(slap::Arguments),
    /// slapos.libnetworkcache from PyPI and our cache, each as writer, reader and server of the other.
    Cache,
    /// Validators of CycloneDX and DSSE from PyPI, on what we write of an installation.
    Sbom,
}

#[derive(Debug, clap::Args)]
struct Buildout {
    /// How many profiles; half of them from a fixed seed, half from a fresh one.
    #[arg(long, default_value_t = 2000)]
    count: usize,
    /// Repeat a run of before: only this seed, which it printed.
    #[arg(long)]
    seed: Option<u64>,
    /// Write every profile that differs below this folder.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

/// Compares.
pub(crate) fn run(arguments: Arguments) -> Outcome {
    match arguments.what {
        What::Buildout(asked) => run_buildout(&asked),
        What::Slap(asked) => slap::run(&asked),
        What::Cache => cache::run(),
        What::Sbom => sbom::run(),
    }
}

fn run_buildout(asked: &Buildout) -> Outcome {
    let scratch = tempfile::Builder::new().prefix("compat").tempdir();
    let scratch = scratch.map_err(|error| error.to_string())?;
    let mut engine = Engine::start(scratch.path())?;
    let told = engine.machine()?;
    let machine = ours::machine(&told).ok_or("the engine does not know its machine")?;
    let mut compared = Compared {
        engine,
        machine,
        folder: scratch.path().join("case"),
        tally: BTreeMap::new(),
        rules: BTreeMap::new(),
        differing: Vec::new(),
    };
    let runs = match asked.seed {
        Some(seed) => vec![(seed, asked.count)],
        None => vec![
            (FIXED_SEED, asked.count / 2),
            (fresh_seed(), asked.count - asked.count / 2),
        ],
    };
    for (seed, count) in runs {
        say(&format!("{count} profiles of seed {seed}"));
        compared.sequence(seed, count)?;
    }
    compared.tell(asked.keep.as_deref())
}

/// The engine, and what was found.
struct Compared {
    engine: Engine,
    machine: Machine,
    folder: PathBuf,
    tally: BTreeMap<String, usize>,
    /// How often each rule was needed.
    rules: BTreeMap<&'static str, usize>,
    differing: Vec<(String, Case, String)>,
}

impl Compared {
    fn sequence(&mut self, seed: u64, count: usize) -> Outcome {
        let mut luck = Luck::new(seed);
        for number in 0..count {
            let case = Case::draw(&mut luck);
            self.one(&format!("seed {seed} number {number}"), case)?;
        }
        Ok(())
    }

    fn one(&mut self, name: &str, case: Case) -> Outcome {
        write(&self.folder, &case)?;
        let mut question = question(&self.folder, &case);
        let ours = ours::answer(&question, &self.machine);
        self.tally_of(&ours);
        let mut used = BTreeSet::new();
        let theirs = self.engine.ask(&question)?;
        if rules::difference(&theirs, &ours, &mut used).is_none() {
            self.count(used);
            return Ok(());
        }
        let mut needed = rules::applicable(&case.text());
        let with = |engine: &mut Engine, question: &mut Value, rules: &BTreeSet<&str>| {
            question["rules"] = json!(rules);
            let theirs = engine.ask(question)?;
            let mut used = BTreeSet::new();
            let differs = rules::difference(&theirs, &ours, &mut used);
            Ok::<_, String>((differs, used))
        };
        let (differs, mut used) = with(&mut self.engine, &mut question, &needed)?;
        if let Some(differs) = differs {
            self.differing.push((name.to_owned(), case, differs));
            return Ok(());
        }
        // Only the rules without which it differs explain it.
        for rule in needed.clone() {
            let mut fewer = needed.clone();
            fewer.remove(rule);
            let (differs, others) = with(&mut self.engine, &mut question, &fewer)?;
            if differs.is_none() {
                (needed, used) = (fewer, others);
            }
        }
        used.extend(needed);
        self.count(used);
        Ok(())
    }

    /// What became of a profile on our side.
    fn tally_of(&mut self, ours: &Value) {
        let kind = match (ours.get("error"), ours.get("order_error")) {
            (Some(_), _) => "refused",
            (_, Some(_)) => "loaded, parts refused",
            _ => "resolved",
        };
        *self.tally.entry(kind.to_owned()).or_default() += 1;
        for (place, problems) in [("loading", &ours["error"]), ("parts", &ours["order_error"])] {
            if let Some(kind) = problems[0]["kind"].as_str() {
                let what = format!("    {place}: {kind}");
                *self.tally.entry(what).or_default() += 1;
            }
        }
    }

    fn count(&mut self, rules: BTreeSet<&'static str>) {
        if rules.is_empty() {
            *self
                .tally
                .entry("the same with no rule".to_owned())
                .or_default() += 1;
        }
        for rule in rules {
            *self.rules.entry(rule).or_default() += 1;
        }
    }

    fn tell(&self, keep: Option<&Path>) -> Outcome {
        for (what, count) in &self.tally {
            say(&format!("{count:>6} {what}"));
        }
        for (rule, count) in &self.rules {
            say(&format!("{count:>6} differ by the rule {rule}"));
        }
        for (number, (name, case, differs)) in self.differing.iter().enumerate() {
            if let Some(folder) = keep {
                write(&folder.join(number.to_string()), case)?;
            }
            if number < SHOWN_MAX {
                say(&format!("\n{name} differs: {differs}\n{}", listing(case)));
            }
        }
        match self.differing.len() {
            0 => Ok(()),
            count => Err(format!(
                "{count} profiles are answered otherwise by no known rule"
            )),
        }
    }
}

fn question(folder: &Path, case: &Case) -> Value {
    let settings: Vec<_> = case.settings.iter().collect();
    let defaults = case.has_defaults.then(|| folder.join("home/default.cfg"));
    json!({
        "folder": folder, "entry": folder.join("main.cfg"), "settings": settings,
        "defaults": defaults, "rules": [],
    })
}

/// Puts the files of a case on the disk, and nothing else.
fn write(folder: &Path, case: &Case) -> Outcome {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    if folder.exists() {
        std::fs::remove_dir_all(folder).map_err(failed)?;
    }
    for (name, text) in &case.files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(folder)).map_err(failed)?;
        std::fs::write(path, text).map_err(failed)?;
    }
    Ok(())
}

fn listing(case: &Case) -> String {
    let files = case.files.iter();
    let mut text: String = files
        .map(|(name, text)| {
            format!(
                "---- {name}\n{}\n",
                text.escape_debug()
                    .to_string()
                    .replace("\\n", "\n")
                    .replace("\\\"", "\"")
                    .replace("\\'", "'")
            )
        })
        .collect();
    for (section, option, value) in &case.settings {
        text += &format!("---- {section}:{option}={value}\n");
    }
    text
}
