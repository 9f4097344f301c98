//! `cargo xtask drill catalog`: each release of the catalogue from its sources to a real answer.
//!
//! One private SlapOS, as on a fresh machine: it fetches the sources, builds, starts, and then a
//! client of the service's own protocol talks to it, changes a parameter and looks at the effect.
//! Start with [`run`]; a new release gets an entry in [`release::RELEASES`].

mod database;
mod ground;
mod line;
mod many;
mod release;
mod web;

use crate::Outcome;
use crate::bench;
use crate::bench::process::load_average;
use crate::bench::wait::wait_for;
use crate::bench::world::World;
use crate::command::say;
use ground::Ground;
use release::{RELEASES, Release, Talk};
use serde_json::Value;
use slapos_api::wire::instance::{InstanceRequest, InstanceView};
use slapos_api::wire::supply::{SupplySet, SupplyView};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Sources are fetched and compiled; the slowest takes ten minutes on two idle cores, and machines
/// that do other things are six times as slow.
const BUILT: Duration = Duration::from_secs(3600);

/// From a request to kept promises, with the software there.
const GREEN: Duration = Duration::from_secs(180);

/// Until a changed parameter is seen by a client.
const CHANGED: Duration = Duration::from_secs(60);

/// What is drilled and how.
#[derive(Debug, clap::Args)]
pub(super) struct Catalog {
    /// Only these releases: name, or name@version. All of them when left out.
    names: Vec<String>,
    /// Instead: all versions of redis side by side, ten instances of each.
    #[arg(long, conflicts_with = "names")]
    many: bool,
    /// Where the private folder is made.
    #[arg(long, value_name = "DIR", default_value = "/var/tmp")]
    place: PathBuf,
    /// Drill this program instead of building the one of this repository.
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

/// Runs it.
pub(super) fn run(arguments: Catalog) -> Outcome {
    if arguments.many {
        let program = bench::program(arguments.program)?;
        return many::run(&program, &arguments.place);
    }
    let chosen = choose(&arguments.names)?;
    let program = bench::program(arguments.program)?;
    let partitions = u32::try_from(chosen.len()).unwrap_or(u32::MAX);
    let world = World::start(&program, &arguments.place, "slc", partitions)?;
    let ground = Ground::prepare()?;
    let mut failed = Vec::new();
    for release in chosen {
        // The others are drilled all the same: each says something of its own.
        if let Err(error) = drill(&world, &ground, release) {
            say(&format!("{}: FAILED: {error}", release.software));
            failed.push(release.software);
        }
    }
    match failed.is_empty() {
        true => Ok(()),
        false => Err(format!("not well: {}", failed.join(", "))),
    }
}

/// Those that are named, in the order of the table; a name alone is all its versions.
fn choose(names: &[String]) -> Result<Vec<&'static Release>, String> {
    let is_meant = |name: &str, release: &Release| {
        release.software == name || release.software.split('@').next() == Some(name)
    };
    for name in names {
        if !RELEASES.iter().any(|release| is_meant(name, release)) {
            let all: Vec<_> = RELEASES.iter().map(|release| release.software).collect();
            return Err(format!("no release {name}; there are {}", all.join(", ")));
        }
    }
    let chosen = RELEASES
        .iter()
        .filter(|release| names.is_empty() || names.iter().any(|name| is_meant(name, release)));
    Ok(chosen.collect())
}

fn drill(world: &World, ground: &Ground, release: &Release) -> Outcome {
    let built_s = build(world, release.software)?;
    let name = instance_name(release.software);
    let asked_at = Instant::now();
    ask(world, &name, release.software, (release.first)(ground))?;
    let view = world.wait_green_within(&name, GREEN)?;
    let green_s = asked_at.elapsed().as_secs_f64();
    let answer = talk(world, ground, release, &view, false)?;
    let changed_at = Instant::now();
    ask(world, &name, release.software, (release.change)(ground))?;
    let mut missing = String::new();
    wait_for("the change to be seen", CHANGED, || {
        let talked = find(world, &name).and_then(|view| talk(world, ground, release, &view, true));
        missing = talked.as_ref().err().cloned().unwrap_or_default();
        Ok(talked.ok())
    })
    .map_err(|error| format!("{error}: {missing}"))?;
    let changed_s = changed_at.elapsed().as_secs_f64();
    let view = world.wait_green_within(&name, GREEN)?;
    say(&format!(
        "{}: built in {built_s:.1} s, green after {green_s:.2} s, {} of {} promises, \
         change seen after {changed_s:.2} s, client says {answer:?}; load {:.1}",
        release.software,
        view.promises.kept,
        view.promises.total,
        load_average()
    ));
    Ok(())
}

fn find(world: &World, name: &str) -> Result<InstanceView, String> {
    let found = world.client.find_instance(name);
    found.map_err(|error| error.to_string())
}

fn talk(
    world: &World,
    ground: &Ground,
    release: &Release,
    view: &InstanceView,
    is_changed: bool,
) -> Result<String, String> {
    (release.talk)(&Talk {
        root: world.root(),
        ground,
        view,
        is_changed,
    })
}

/// Has the software built; gives the seconds that it took.
fn build(world: &World, software: &str) -> Result<f64, String> {
    let asked_at = Instant::now();
    let ask = SupplySet {
        node: "local".to_owned(),
        software: software.to_owned(),
        state: "available".to_owned(),
    };
    let asked = world.client.set_supply(&ask);
    let url = asked.map_err(|error| error.to_string())?.url;
    wait_for(&format!("{software} to be built"), BUILT, || {
        let all = world.client.list_supplies();
        let all = all.map_err(|error| error.to_string())?;
        let supply = all.items.into_iter().find(|supply| supply.url == url);
        match supply {
            Some(supply) if supply.reported_state == "failed" => Err(why(supply)),
            Some(supply) if supply.reported_state == "available" => Ok(Some(())),
            _ => Ok(None),
        }
    })?;
    Ok(asked_at.elapsed().as_secs_f64())
}

fn why(supply: SupplyView) -> String {
    supply
        .message
        .unwrap_or_else(|| "the build failed".to_owned())
}

fn ask(world: &World, name: &str, software: &str, parameters: Value) -> Outcome {
    let ask = InstanceRequest {
        name: name.to_owned(),
        software: software.to_owned(),
        parameters: Some(parameters.as_object().cloned().unwrap_or_default()),
        ..InstanceRequest::default()
    };
    let asked = world.client.request_instance(&ask);
    asked.map(drop).map_err(|error| error.to_string())
}

/// A name that fits everywhere: `redis@6.0.16` is `redis-6-0-16`.
fn instance_name(software: &str) -> String {
    software.replace(['@', '.'], "-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::top;

    #[test]
    fn every_release_of_the_catalogue_is_drilled() {
        let mut lacking = Vec::new();
        for name in list(top().join("catalog")) {
            for version in list(top().join("catalog").join(&name)) {
                let exact = format!("{name}@{version}");
                if !RELEASES.iter().any(|release| release.software == exact) {
                    lacking.push(exact);
                }
            }
        }
        assert_eq!(lacking, Vec::<String>::new());
    }

    fn list(folder: PathBuf) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect()
    }

    #[test]
    fn choose_takes_names_with_all_versions_or_one_and_refuses_others() {
        let count = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            choose(&names).map(|chosen| chosen.len())
        };
        assert_eq!(count(&["redis"]), Ok(3));
        assert_eq!(count(&["redis@7.0.15", "nginx"]), Ok(2));
        assert_eq!(count(&[]), Ok(RELEASES.len()));
        assert!(count(&["rediss"]).is_err());
    }
}
