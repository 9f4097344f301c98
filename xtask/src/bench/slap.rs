//! `cargo xtask bench slap`: the old wire, the Python original beside ours in one run.
//!
//! The same bytes, the same count, the same connections for both; rounds alternate. An answer of
//! ours that is no success, or an acknowledged instance that its node is not told of, ends the
//! command: a figure of wrong work is none. Start with [`run`]; `side.rs` starts the servers,
//! `form.rs` writes what they are asked, the other files measure.

mod change;
mod crash;
mod form;
mod order;
mod read;
mod side;

use super::figure::{Figure, Goal, Spread};
use super::process::load_average;
use crate::Outcome;
use crate::command::say;
use side::{Kind, Side};
use std::io::Write;
use std::path::PathBuf;

/// How much is asked.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
    /// Requests of one round; the goals are meant for 1000.
    #[arg(long, default_value_t = 1000)]
    requests: usize,
    /// Rounds of each measure; the middle one counts.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Only these measures: order, read, change, crash. Repeatable.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Measure ours alone: no ratios, no Python.
    #[arg(long)]
    alone: bool,
    /// Where the private folders are made. A file system in memory makes every sync free.
    #[arg(long, value_name = "DIR", default_value = "/var/tmp")]
    place: PathBuf,
    /// Measure this program instead of building the one of this repository.
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

type Measure = fn(&mut Run) -> Outcome;

const MEASURES: [(&str, Measure); 4] = [
    ("order", order::measure),
    ("read", read::measure),
    ("change", change::measure),
    ("crash", crash::measure),
];

/// The servers and what was found.
struct Run {
    theirs: Option<Side>,
    ours: Side,
    master: Side,
    requests: usize,
    rounds: usize,
    json: bool,
    figures: Vec<Figure>,
}

/// Measures.
pub(super) fn run(asked: Arguments) -> Outcome {
    let known = MEASURES.map(|(name, _)| name);
    if let Some(name) = asked
        .only
        .iter()
        .find(|name| !known.contains(&name.as_str()))
    {
        return Err(format!(
            "there is no measure {name}; there are {}",
            known.join(", ")
        ));
    }
    let program = super::program(asked.program)?;
    let theirs = match asked.alone {
        true => None,
        false => Some(Side::start(Kind::Theirs, &program, &asked.place)?),
    };
    let mut run = Run {
        theirs,
        ours: Side::start(Kind::Ours, &program, &asked.place)?,
        master: Side::start(Kind::Master, &program, &asked.place)?,
        requests: asked.requests,
        rounds: asked.rounds,
        json: asked.json,
        figures: Vec::new(),
    };
    run.memory("slap.memory_idle", "before the first request", 15.0)?;
    let is_chosen = |name: &str| asked.only.is_empty() || asked.only.iter().any(|one| one == name);
    for (name, measure) in MEASURES.iter().filter(|(name, _)| is_chosen(name)) {
        say(&format!("==> {name} (load {:.1})", load_average()));
        measure(&mut run)?;
    }
    run.table();
    Ok(())
}

impl Run {
    fn report(&mut self, figure: Figure) {
        if self.json {
            // Whoever reads no more does not stop the measures.
            drop(writeln!(std::io::stdout(), "{}", figure.json()));
        } else {
            say(&figure.row());
        }
        self.figures.push(figure);
    }

    /// Proportional memory of each server.
    fn memory(&mut self, id: &'static str, when: &str, at_most: f64) -> Outcome {
        let ours = self.ours.pss_mib()?.max(self.master.pss_mib()?);
        let what = format!("PSS {when}, the larger of proxy and master");
        let own = Spread::one(ours);
        let figure = Figure::new(id, &what, own).unit("MiB");
        self.report(figure.goal(Goal::AtMost(at_most)));
        if let Some(theirs) = &self.theirs {
            let theirs = Spread::one(theirs.pss_mib()?);
            let goal = ahead(theirs, theirs.median / own.median, Some(3.0));
            let id = match id {
                "slap.memory_idle" => "slap.memory_idle_ratio",
                _ => "slap.memory_after_ratio",
            };
            self.report(Figure::new(id, &what, own).unit("MiB").goal(goal));
        }
        Ok(())
    }

    fn table(&self) {
        if !self.json {
            say("");
            say(&Figure::row_head());
            for figure in &self.figures {
                say(&figure.row());
            }
        }
        let verdicts: Vec<bool> = self.figures.iter().filter_map(Figure::is_met).collect();
        let met = verdicts.iter().filter(|is_met| **is_met).count();
        let of = verdicts.len();
        say(&format!(
            "{met} of {of} goals met, load now {:.1}",
            load_average()
        ));
    }
}

/// Beside the original, and how many times better is wanted.
fn ahead(theirs: Spread, ratio: f64, at_least: Option<f64>) -> Goal {
    Goal::Peer {
        what: "slapos.core 1.26.1".to_owned(),
        value: theirs,
        ratio,
        at_least,
    }
}
