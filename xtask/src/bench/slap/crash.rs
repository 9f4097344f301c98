//! `kill -9` with eight writers in flight, and how long a start takes.
//!
//! Every name whose request was answered with success must be told to the node after the start.

use super::super::figure::{Figure, Goal, Spread};
use super::super::load::{call, play};
use super::super::process::send;
use super::super::wait::pause;
use super::order::count_refused;
use super::side::Side;
use super::{Run, ahead};
use crate::Outcome;
use crate::drill::luck::{Luck, fresh_seed};
use nix::sys::signal::Signal;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// Kills of ours, and of theirs, whose start alone takes half a second.
const KILLS: usize = 500;
const THEIR_KILLS: usize = 10;

/// A node is used for so many kills, so that what is read back stays small.
const KILLS_A_NODE: usize = 20;
const ROOM: usize = 4000;
const WRITERS: usize = 8;

/// Instances in the store when starts are measured.
const INSTANCES: usize = 10_000;
const STARTS: usize = 20;

pub(super) fn measure(run: &mut Run) -> Outcome {
    let luck = &mut Luck::new(fresh_seed());
    let (lost, acknowledged) = kills(&mut run.ours, KILLS, luck)?;
    let what = format!(
        "acknowledged requests that are gone after {KILLS} times kill -9 with {WRITERS} writers \
         in flight; {acknowledged} were acknowledged"
    );
    let own = Spread::one(lost);
    run.report(
        Figure::new("slap.kill9_lost", what, own)
            .unit("lost")
            .goal(Goal::AtMost(0.0)),
    );
    fill(&run.ours)?;
    let own = starts(&mut run.ours, STARTS)?;
    let what = format!("exec until the port accepts, {INSTANCES} instances in the store");
    run.report(Figure::new("slap.restart", &what, own).goal(Goal::AtMost(20.0)));
    if let Some(theirs) = &mut run.theirs {
        let theirs = starts(theirs, THEIR_KILLS)?;
        let goal = ahead(theirs, theirs.median / own.median, Some(20.0));
        let what = format!("{what}; theirs with what the other measures left in it");
        run.report(Figure::new("slap.restart_ratio", what, own).goal(goal));
    }
    Ok(())
}

/// Lost and acknowledged.
fn kills(side: &mut Side, count: usize, luck: &mut Luck) -> Result<(f64, usize), String> {
    let (mut lost, mut acknowledged) = (0, 0);
    let mut names: Vec<String> = Vec::new();
    let mut computer = String::new();
    for index in 0..count {
        if index % KILLS_A_NODE == 0 {
            computer = format!("KILL-{index}");
            names.clear();
            side.offer(&computer, ROOM)?;
        }
        let length = Duration::from_micros(luck.up_to(20_000).saturating_add(1000));
        let answered = write_until_killed(side, &computer, (index, length));
        acknowledged += answered.len();
        names.extend(answered);
        side.boot()?;
        lost += side.count_missing(&computer, &names)?;
    }
    if acknowledged < count {
        return Err(format!(
            "only {acknowledged} requests were acknowledged in {count} kills"
        ));
    }
    let lost = f64::from(u32::try_from(lost).unwrap_or(u32::MAX));
    Ok((lost, acknowledged))
}

/// The names that were acknowledged before the end came.
fn write_until_killed(
    side: &mut Side,
    computer: &str,
    (round, length): (usize, Duration),
) -> Vec<String> {
    let (next, ends) = (AtomicUsize::new(0), AtomicBool::new(false));
    let answered = Mutex::new(Vec::new());
    let ask = side.ask();
    let (address, requests) = (ask.address, |index: usize| {
        let name = format!("k-{round}-{index}");
        (ask.request(&name, computer), name)
    });
    // More than can be asked in the time; what is not asked is not counted.
    let requests: Vec<(Vec<u8>, String)> = (0..200).map(requests).collect();
    std::thread::scope(|scope| {
        for _ in 0..WRITERS {
            scope.spawn(|| {
                while !ends.load(Ordering::SeqCst)
                    && let Some((request, name)) = requests.get(next.fetch_add(1, Ordering::SeqCst))
                    && let Ok(answer) = call(address, request)
                {
                    if answer.status == 200
                        && let Ok(mut answered) = answered.lock()
                    {
                        answered.push(name.clone());
                    }
                }
            });
        }
        pause(length);
        send(side.pid(), Signal::SIGKILL);
        ends.store(true, Ordering::SeqCst);
    });
    side.kill();
    answered.into_inner().unwrap_or_default()
}

/// Brings the store to its ten thousand, at least.
fn fill(side: &Side) -> Outcome {
    let computer = "FULL";
    side.offer(computer, INSTANCES)?;
    let requests: Vec<Vec<u8>> = (0..INSTANCES)
        .map(|index| side.ask().request(&format!("full-{index}"), computer))
        .collect();
    count_refused(side, &play(side.address, &requests, 64)?).map(drop)
}

fn starts(side: &mut Side, count: usize) -> Result<Spread, String> {
    let mut times = Vec::new();
    for _ in 0..count {
        side.kill();
        times.push(side.boot()?);
    }
    Ok(Spread::of(times))
}
