//! Telling a node all that it is to run: changed since it asked last, and unchanged.

use super::super::figure::{Figure, Goal, Spread};
use super::super::load::play;
use super::form::full_information;
use super::side::{Kind, Side};
use super::{Run, ahead};
use crate::Outcome;

/// Partitions of the node, each with an instance and two addresses.
const PARTITIONS: usize = 1000;

/// Reads in a measure of the original, which takes a second for each, and of ours.
const THEIRS: usize = 12;
const OURS: usize = 100;

/// Polls of what did not change: enough to be seen in the CPU time.
const POLLS: usize = 5000;

pub(super) fn measure(run: &mut Run) -> Outcome {
    let (ours, cpu) = changed(&run.ours, OURS)?;
    let own = Spread::of(ours);
    let what = format!(
        "full information of {PARTITIONS} partitions, one of them changed before each; CPU {cpu:.1} ms"
    );
    let id = "slap.full_information_1000";
    run.report(Figure::new(id, &what, own).goal(Goal::AtMost(20.0)));
    let poll_ms = unchanged(&run.ours)?;
    let Some(theirs) = &run.theirs else {
        return Ok(());
    };
    let (times, their_cpu) = changed(theirs, THEIRS)?;
    let theirs = Spread::of(times);
    let goal = ahead(theirs, theirs.median / own.median, Some(50.0));
    let what = format!("the same, beside theirs with CPU {their_cpu:.1} ms");
    run.report(Figure::new("slap.full_information_1000_ratio", what, own).goal(goal));
    let goal = ahead(Spread::one(their_cpu), their_cpu / poll_ms, Some(1000.0));
    let what = format!(
        "CPU of a poll when nothing changed: ours answers 304 to its own tag, {POLLS} times; \
         the original has no tags and tells all"
    );
    run.report(Figure::new("slap.poll_unchanged_1000", what, Spread::one(poll_ms)).goal(goal));
    Ok(())
}

const COMPUTER: &str = "INFO";

/// Milliseconds of each read, and CPU of one.
fn changed(side: &Side, reads: usize) -> Result<(Vec<f64>, f64), String> {
    side.offer(COMPUTER, PARTITIONS)?;
    let fill: Vec<Vec<u8>> = (0..PARTITIONS)
        .map(|index| side.ask().request(&format!("f-{index}"), COMPUTER))
        .collect();
    // One connection: with more the original would lose some of them.
    play(side.address, &fill, 1)?;
    let names: Vec<String> = (0..PARTITIONS).map(|index| format!("f-{index}")).collect();
    match side.count_missing(COMPUTER, &names)? {
        0 => {}
        missing => return Err(format!("{:?} has {missing} instances too few", side.kind)),
    }
    let read = side.ask().get(&full_information(COMPUTER), "");
    let (mut times, mut cpu) = (Vec::new(), 0.0);
    for index in 0..reads {
        side.call(&side.ask().publish(COMPUTER, "slappart7", 1000 + index))?;
        side.settle()?;
        let before = side.cpu_ms();
        let answer = side.call(&read)?;
        cpu += side.cpu_ms() - before;
        let published = format!("[2001:db8::1]:{}/", 1000 + index);
        if !String::from_utf8_lossy(&answer.body).contains(&published) {
            return Err(format!(
                "{:?} tells a node what was, not what is",
                side.kind
            ));
        }
        times.push(answer.milliseconds);
    }
    Ok((
        times,
        cpu / f64::from(u32::try_from(reads).unwrap_or(u32::MAX)),
    ))
}

/// CPU of a poll with the tag of the last answer, in milliseconds.
fn unchanged(side: &Side) -> Result<f64, String> {
    debug_assert_eq!(side.kind, Kind::Ours);
    let request = side.ask().get(&full_information(COMPUTER), "");
    let tag = super::super::load::tag(side.address, &request)?;
    let poll = side.ask().get(
        &full_information(COMPUTER),
        &format!("If-None-Match: {tag}\r\n"),
    );
    side.settle()?;
    let before = side.cpu_ms();
    let load = play(side.address, &vec![poll; POLLS], 8)?;
    if let Some(other) = load.answers.iter().find(|answer| answer.status != 304) {
        return Err(format!(
            "a poll of what did not change is answered {}",
            other.status
        ));
    }
    let each = f64::from(u32::try_from(POLLS).unwrap_or(u32::MAX));
    Ok((side.cpu_ms() - before) / each)
}
