//! `cargo xtask drill catalog`: each release of the catalogue from its sources to a real answer.
//!
//! One private SlapOS, as on a fresh machine: it fetches the sources, builds, starts, and then a
//! client of the service's own protocol talks to it, changes a parameter and looks at the effect.
//! Start with [`run`]; a new release gets an entry in [`RELEASES`].

use super::client;
use crate::Outcome;
use crate::bench;
use crate::bench::process::load_average;
use crate::bench::wait::wait_for;
use crate::bench::world::World;
use crate::command::say;
use serde_json::{Map, Value, json};
use slapos_api::wire::instance::{InstanceRequest, InstanceView};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Sources are fetched and compiled; the slowest takes half a minute on two idle cores.
const BUILT: Duration = Duration::from_secs(900);

/// Until a changed parameter is seen by a client.
const CHANGED: Duration = Duration::from_secs(30);

/// What is drilled and how.
#[derive(Debug, clap::Args)]
pub(super) struct Catalog {
    /// Only these releases. Repeatable.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Where the private folder is made.
    #[arg(long, value_name = "DIR", default_value = "/var/tmp")]
    place: PathBuf,
    /// Drill this program instead of building the one of this repository.
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

struct Release {
    name: &'static str,
    /// What its second request changes.
    change: fn() -> Value,
    /// Talks to the service; told whether the change was asked for.
    talk: fn(&InstanceView, bool) -> Result<(), String>,
}

const RELEASES: [Release; 3] = [
    Release {
        name: "helloworld",
        change: || json!({"greeting": "Hello from the drill"}),
        talk: talk_to_helloworld,
    },
    Release {
        name: "redis",
        change: || json!({"maxmemory": "48mb"}),
        talk: talk_to_redis,
    },
    Release {
        name: "nginx",
        change: || json!({"index_html": "<h1>Page of the drill</h1>"}),
        talk: talk_to_nginx,
    },
];

/// Runs it.
pub(super) fn run(arguments: Catalog) -> Outcome {
    let chosen: Vec<&Release> = RELEASES
        .iter()
        .filter(|one| arguments.only.is_empty() || arguments.only.iter().any(|it| it == one.name))
        .collect();
    if chosen.len() < arguments.only.len() || chosen.is_empty() {
        let names: Vec<_> = RELEASES.iter().map(|release| release.name).collect();
        return Err(format!("releases are {}", names.join(", ")));
    }
    let program = bench::program(arguments.program)?;
    let world = World::start(&program, &arguments.place, "slc", 4)?;
    for release in chosen {
        drill(&world, release).map_err(|error| format!("{}: {error}", release.name))?;
    }
    Ok(())
}

fn drill(world: &World, release: &Release) -> Outcome {
    let asked_at = Instant::now();
    ask(world, release.name, Map::new())?;
    let view = world.wait_green_within(release.name, BUILT)?;
    let seconds = asked_at.elapsed().as_secs_f64();
    (release.talk)(&view, false)?;
    let changed_at = Instant::now();
    let parameters = (release.change)().as_object().cloned().unwrap_or_default();
    ask(world, release.name, parameters)?;
    let mut missing = String::new();
    wait_for("the change to be seen", CHANGED, || {
        let talked = world
            .client
            .find_instance(release.name)
            .map_err(|error| error.to_string())
            .and_then(|view| (release.talk)(&view, true));
        missing = talked.as_ref().err().cloned().unwrap_or_default();
        Ok(talked.ok())
    })
    .map_err(|error| format!("{error}: {missing}"))?;
    say(&format!(
        "{}: from nothing to green in {seconds:.1} s, {} of {} promises kept, answers its client; \
         a changed parameter seen after {:.2} s; load {:.1}",
        release.name,
        view.promises.kept,
        view.promises.total,
        changed_at.elapsed().as_secs_f64(),
        load_average()
    ));
    Ok(())
}

fn ask(world: &World, name: &str, parameters: Map<String, Value>) -> Outcome {
    let ask = InstanceRequest {
        name: name.to_owned(),
        software: name.to_owned(),
        parameters: Some(parameters),
        ..InstanceRequest::default()
    };
    let asked = world.client.request_instance(&ask);
    asked.map(drop).map_err(|error| error.to_string())
}

fn talk_to_helloworld(view: &InstanceView, is_changed: bool) -> Result<(), String> {
    let page = client::read_page(url(view)?)?;
    let wanted = match is_changed {
        true => "Hello from the drill",
        false => "Hello, world!",
    };
    expect(&page, wanted)
}

fn talk_to_nginx(view: &InstanceView, is_changed: bool) -> Result<(), String> {
    let page = client::read_page(url(view)?)?;
    let wanted = match is_changed {
        true => "<h1>Page of the drill</h1>",
        false => "<h1>It works</h1>",
    };
    expect(&page, wanted)
}

fn talk_to_redis(view: &InstanceView, is_changed: bool) -> Result<(), String> {
    let mut redis = client::Redis::connect(url(view)?)?;
    expect(&redis.call(&["PING"])?, "PONG")?;
    if !is_changed {
        expect(&redis.call(&["SET", "drill", "kept"])?, "OK")?;
    }
    expect(&redis.call(&["GET", "drill"])?, "kept")?;
    let megabytes = if is_changed { 48 } else { 64 };
    let limit = (megabytes * 1024 * 1024).to_string();
    expect(&redis.call(&["CONFIG", "GET", "maxmemory"])?, &limit)
}

fn url(view: &InstanceView) -> Result<&str, String> {
    let url = view.connection.get("url").and_then(Value::as_str);
    url.ok_or_else(|| "publishes no url".to_owned())
}

fn expect(said: &str, wanted: &str) -> Result<(), String> {
    match said.contains(wanted) {
        true => Ok(()),
        false => Err(format!("answered {said:?}, wanted {wanted:?}")),
    }
}
