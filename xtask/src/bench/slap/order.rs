//! Asking for instances: new ones, then the same again.
//!
//! Each round has a node of its own with as many free partitions as requests, so that the state is
//! the same each time. The original gives one partition to two who ask at once; how many
//! acknowledged instances it lost so is told beside its rate, which is no rate of work done then.

use super::super::durable::FakeNode;
use super::super::figure::{Figure, Spread};
use super::super::load::{Load, play};
use super::side::{Kind, Side};
use super::{Run, ahead};
use crate::Outcome;
use std::collections::BTreeSet;

/// Connections, goal of new requests, ids.
const CASES: [(usize, f64, [&str; 4]); 3] = [
    (
        1,
        3.0,
        [
            "slap.request_new_c1",
            "slap.master_request_new_c1",
            "slap.request_same_c1",
            "slap.master_request_same_c1",
        ],
    ),
    (
        8,
        20.0,
        [
            "slap.request_new_c8",
            "slap.master_request_new_c8",
            "slap.request_same_c8",
            "slap.master_request_same_c8",
        ],
    ),
    (
        64,
        50.0,
        [
            "slap.request_new_c64",
            "slap.master_request_new_c64",
            "slap.request_same_c64",
            "slap.master_request_same_c64",
        ],
    ),
];

/// How many times more repeated requests are wanted.
const SAME_GOAL: f64 = 30.0;

/// What was measured of one server.
#[derive(Default)]
struct Measured {
    new: Vec<f64>,
    same: Vec<f64>,
    lost: Vec<usize>,
    cpu_ms: Vec<f64>,
    refused: usize,
    generator: Vec<f64>,
}

pub(super) fn measure(run: &mut Run) -> Outcome {
    for (connections, goal, ids) in CASES {
        let [mut theirs, mut ours, mut master]: [Measured; 3] = Default::default();
        for round in 0..run.rounds {
            let name = format!("NEW-{connections}-{round}");
            let sides = [
                (run.theirs.as_ref(), &mut theirs),
                (Some(&run.ours), &mut ours),
                (Some(&run.master), &mut master),
            ];
            for (side, measured) in sides {
                if let Some(side) = side {
                    one_round(side, &name, (run.requests, connections), measured)?;
                }
            }
        }
        let theirs = run.theirs.is_some().then_some(theirs);
        for (measured, ids) in [(ours, [ids[0], ids[2]]), (master, [ids[1], ids[3]])] {
            report(run, (connections, goal, ids), theirs.as_ref(), measured);
        }
    }
    Ok(())
}

fn report(
    run: &mut Run,
    (connections, goal, ids): (usize, f64, [&'static str; 2]),
    theirs: Option<&Measured>,
    ours: Measured,
) {
    let what = describe(run, connections, theirs, &ours);
    let same = format!("the same instance again and again, {connections} connections");
    let values = [(what, ours.new, goal), (same, ours.same, SAME_GOAL)];
    for (index, (what, own, goal)) in values.into_iter().enumerate() {
        let own = Spread::of(own);
        let mut figure = Figure::new(ids[index], what, own).unit("/s");
        if let Some(theirs) = theirs {
            let theirs = Spread::of(if index == 0 {
                theirs.new.clone()
            } else {
                theirs.same.clone()
            });
            figure = figure.goal(ahead(theirs, own.median / theirs.median, Some(goal)));
        }
        run.report(figure);
    }
}

fn describe(run: &Run, connections: usize, theirs: Option<&Measured>, ours: &Measured) -> String {
    let middle = |values: &[f64]| Spread::of(values.to_vec()).median;
    let beside = theirs.map(|theirs| {
        format!(
            "; theirs {:.2} ms, lost {:?}, refused {}",
            middle(&theirs.cpu_ms),
            theirs.lost,
            theirs.refused
        )
    });
    format!(
        "new instances, {connections} connections, {} rounds of {}; CPU {:.3} ms each, lost {:?}, \
         generator {:.2} of a core{}",
        run.rounds,
        run.requests,
        middle(&ours.cpu_ms),
        ours.lost,
        middle(&ours.generator),
        beside.unwrap_or_default()
    )
}

fn one_round(
    side: &Side,
    computer: &str,
    (count, connections): (usize, usize),
    measured: &mut Measured,
) -> Outcome {
    let node = join(side, computer, count)?;
    let names: Vec<String> = (0..count)
        .map(|index| format!("i-{computer}-{index}"))
        .collect();
    let requests: Vec<Vec<u8>> = names
        .iter()
        .map(|name| side.ask().request(name, computer))
        .collect();
    side.settle()?;
    let before = side.cpu_ms();
    let load = play(side.address, &requests, connections)?;
    let each = f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    measured.cpu_ms.push((side.cpu_ms() - before) / each);
    measured.generator.push(load.generator_share);
    measured.refused += count_refused(side, &load)?;
    measured.new.push(load.rate());
    match node {
        Some(node) => node.check_told(&ids(&load))?,
        None => check_told(side, computer, &names, measured)?,
    }
    let same = vec![requests[0].clone(); count];
    let load = play(side.address, &same, connections)?;
    count_refused(side, &load)?;
    measured.same.push(load.rate());
    Ok(())
}

/// A node with so many free partitions; one that proves itself where it has to.
fn join(side: &Side, computer: &str, count: usize) -> Result<Option<FakeNode>, String> {
    if side.kind == Kind::Master {
        return FakeNode::join(&side.client()?, side.address, computer, count).map(Some);
    }
    side.offer(computer, count)?;
    Ok(None)
}

/// What the node is not told of; of ours, none may be missing.
fn check_told(side: &Side, computer: &str, names: &[String], measured: &mut Measured) -> Outcome {
    let missing = side.count_missing(computer, names)?;
    measured.lost.push(missing);
    match (side.kind, missing) {
        (Kind::Theirs, _) | (_, 0) => Ok(()),
        (kind, missing) => Err(format!("{kind:?} lost {missing} acknowledged instances")),
    }
}

/// Answers that were no success: an error of ours, a remark about theirs.
pub(super) fn count_refused(side: &Side, load: &Load) -> Result<usize, String> {
    let mut refused = load
        .answers
        .iter()
        .filter(|answer| !(200..300).contains(&answer.status));
    match (side.kind, refused.next()) {
        (_, None) => Ok(0),
        (Kind::Theirs, Some(_)) => Ok(refused.count() + 1),
        (kind, Some(answer)) => Err(format!(
            "{kind:?} answers {}: {}",
            answer.status,
            String::from_utf8_lossy(&answer.body)
        )),
    }
}

/// The references that a master gave.
fn ids(load: &Load) -> BTreeSet<String> {
    let of_answer = |body: &[u8]| {
        let text = String::from_utf8_lossy(body).into_owned();
        let found = text
            .split(['<', '>'])
            .find(|word| word.starts_with("SOFTINST-"));
        found.unwrap_or("an answer without a reference").to_owned()
    };
    load.answers
        .iter()
        .map(|answer| of_answer(&answer.body))
        .collect()
}
