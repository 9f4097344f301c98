//! Small changes: usage, states, bangs, published values, and the memory after all of it.
//!
//! The original throws usage and reported states away; ours stores and syncs them, and every call
//! of a round says something new, so that there is something to store.

use super::super::figure::{Figure, Spread};
use super::super::load::play;
use super::order::count_refused;
use super::side::Side;
use super::{Run, ahead};
use crate::Outcome;

/// Partitions that are written to.
const PARTITIONS: usize = 10;

/// Name of the call, what the original does with it, goals at 8 and at 64 connections, ids.
const CALLS: [(&str, &str, [f64; 2], [&str; 2]); 4] = [
    (
        "useComputer",
        "discarded by theirs, stored by ours",
        [1.0, 10.0],
        ["slap.use_computer_c8", "slap.use_computer_c64"],
    ),
    (
        "startedComputerPartition",
        "discarded by theirs, stored by ours",
        [1.0, 10.0],
        ["slap.report_c8", "slap.report_c64"],
    ),
    (
        "softwareInstanceBang",
        "theirs sets a time, ours logs it too",
        [10.0, 10.0],
        ["slap.bang_c8", "slap.bang_c64"],
    ),
    (
        "setComputerPartitionConnectionXml",
        "stored by both",
        [10.0, 10.0],
        ["slap.set_connection_c8", "slap.set_connection_c64"],
    ),
];

pub(super) fn measure(run: &mut Run) -> Outcome {
    for side in [run.theirs.as_ref(), Some(&run.ours)].into_iter().flatten() {
        side.offer("REP", PARTITIONS)?;
        for index in 0..PARTITIONS {
            side.call(&side.ask().request(&format!("r-{index}"), "REP"))?;
        }
    }
    for (call, remark, goals, ids) in CALLS {
        for (column, connections) in [8, 64].into_iter().enumerate() {
            let (mut theirs, mut ours) = (Vec::new(), Vec::new());
            for round in 0..run.rounds {
                let salt = (column * run.rounds + round) * run.requests;
                let asked = (call, salt, run.requests, connections);
                if let Some(side) = &run.theirs {
                    theirs.push(one_round(side, asked)?);
                }
                ours.push(one_round(&run.ours, asked)?);
            }
            let own = Spread::of(ours);
            let what = format!("{call}, {connections} connections; {remark}");
            let mut figure = Figure::new(ids[column], what, own).unit("/s");
            if run.theirs.is_some() {
                let theirs = Spread::of(theirs);
                let ratio = own.median / theirs.median;
                figure = figure.goal(ahead(theirs, ratio, Some(goals[column])));
            }
            run.report(figure);
        }
    }
    run.memory("slap.memory_after", "after all of the above", 30.0)
}

fn one_round(
    side: &Side,
    (call, salt, count, connections): (&str, usize, usize, usize),
) -> Result<f64, String> {
    let requests: Vec<Vec<u8>> = (salt..salt + count)
        .map(|index| one(side, call, index))
        .collect();
    let load = play(side.address, &requests, connections)?;
    count_refused(side, &load)?;
    Ok(load.rate())
}

fn one(side: &Side, call: &str, index: usize) -> Vec<u8> {
    let ask = side.ask();
    let partition = format!("slappart{}", index % PARTITIONS);
    match call {
        "useComputer" => {
            let usage = format!("<journal><!-- {index} --></journal>");
            ask.post(
                "/useComputer",
                &[("computer_id", "REP"), ("use_string", &usage)],
            )
        }
        // Every other turn says the opposite, so that each is a change.
        "startedComputerPartition" if index / PARTITIONS % 2 == 1 => {
            ask.about("/stoppedComputerPartition", "REP", &[("", &partition)])
        }
        "startedComputerPartition" => {
            ask.about("/startedComputerPartition", "REP", &[("", &partition)])
        }
        "softwareInstanceBang" => {
            let message = format!("b{index}");
            ask.about(
                "/softwareInstanceBang",
                "REP",
                &[("", &partition), ("message", &message)],
            )
        }
        _ => ask.publish("REP", &partition, index),
    }
}
