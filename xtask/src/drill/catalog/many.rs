//! `cargo xtask drill catalog --many`: three versions of redis side by side, ten instances of each.
//!
//! Every instance has a key of its own written, every server is asked for its version, and in the
//! end each one still has its own value only.

use super::release::published;
use super::{ask, build, find, instance_name};
use crate::Outcome;
use crate::bench::process::load_average;
use crate::bench::world::World;
use crate::command::say;
use crate::drill::client;
use serde_json::json;
use std::path::Path;
use std::time::{Duration, Instant};

const VERSIONS: [&str; 3] = ["6.0.16", "7.0.15", "8.0.6"];
const EACH: usize = 10;

/// Thirty installations and starts on a machine that does other things.
const GREEN: Duration = Duration::from_secs(300);

/// Runs it.
pub(super) fn run(program: &Path, place: &Path) -> Outcome {
    let world = World::start(program, place, "slm", 30)?;
    for version in VERSIONS {
        let seconds = build(&world, &format!("redis@{version}"))?;
        say(&format!("redis@{version}: built in {seconds:.1} s"));
    }
    let names = names();
    let asked_at = Instant::now();
    for (name, version) in &names {
        ask(&world, name, &format!("redis@{version}"), json!({}))?;
    }
    for (name, _) in &names {
        world.wait_green_within(name, GREEN)?;
    }
    let seconds = asked_at.elapsed().as_secs_f64();
    for (name, version) in &names {
        write_name(&world, name, version)?;
    }
    for (name, _) in &names {
        let said = connect(&world, name)?.call(&["GET", "name"])?;
        if said != *name {
            return Err(format!("{name} holds {said:?}"));
        }
    }
    say(&format!(
        "{} instances of {} versions of redis: all green {seconds:.2} s after the first request, \
         each with its own version and value; load {:.1}",
        names.len(),
        VERSIONS.len(),
        load_average()
    ));
    Ok(())
}

/// Names of the instances, each with its version.
fn names() -> Vec<(String, &'static str)> {
    let each = |version: &'static str| {
        let base = instance_name(&format!("redis@{version}"));
        (0..EACH).map(move |number| (format!("{base}-{number}"), version))
    };
    VERSIONS.into_iter().flat_map(each).collect()
}

/// Writes an instance's name into it, when it has the right version.
fn write_name(world: &World, name: &str, version: &str) -> Outcome {
    let mut redis = connect(world, name)?;
    let info = redis.call(&["INFO", "server"])?;
    if !info.contains(&format!("redis_version:{version}\r\n")) {
        return Err(format!("{name} is not version {version}: {info}"));
    }
    redis.call(&["SET", "name", name]).map(drop)
}

fn connect(world: &World, name: &str) -> Result<client::Redis, String> {
    let view = find(world, name)?;
    client::Redis::connect(published(&view, "url")?)
}
