//! Constructing a part by the recipe of an egg: the egg, its entry point, the conversation with its constructor.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value as Json, json};
use slapos_buildout::{PartOptions, RecipeError, Value};

use super::ask::{Asked, to_json};
use super::channel::Lost;
use super::part::HostPart;
use super::{Host, end_of, with_output};
use crate::egg::{EggSettings, WorkingSet, environment};
use crate::part_log::PartLog;
use crate::process::{ShellStep, StepFailure, run_shell};
use crate::recipe::{Construction, Part};
use crate::work::safe_name;
use crate::{file, limits};

/// The versions that the host itself needs where the profile names none that fit: the last buildout that the
/// recipes of the collection were written for, and a packaging library that still serves it.
const OWN_PINS: [(&str, &str); 4] = [
    ("zc.buildout", "3.0.1"),
    ("setuptools", "69.5.1"),
    ("pip", "24.0"),
    ("wheel", "0.43.0"),
];

/// Constructs the part with the recipe `egg` or `egg:entry`.
pub(crate) fn construct(
    construction: &Construction<'_>,
    recipe: &str,
    part: &mut PartOptions<'_, '_>,
) -> Result<Box<dyn Part>, RecipeError> {
    let (egg, entry) = recipe.split_once(':').unwrap_or((recipe, "default"));
    let host = Arc::clone(construction.host);
    let settings = settings(construction, part)?;
    let timeout = timeout(part)?;
    let set = working_set(&host, &construction.name, &settings, egg)?;
    let points = set.eggs.first().map(|egg| &egg.entry_points);
    let find = |group: &str| points?.get(group)?.get(entry).cloned();
    let Some(point) = find("zc.buildout") else {
        return Err(no_such_entry(egg, entry, &set).into());
    };
    host.load(&settings.python, &set.paths())?;
    let mut asked = Asked {
        construction,
        part,
        versions: set.versions(),
        report: None,
        unpinned: set.unpinned(),
    };
    let (done, log) = converse(&host, &mut asked, &point, timeout)?;
    let unpinned = asked.unpinned;
    Ok(Box::new(HostPart {
        host,
        name: construction.name.clone(),
        log,
        inputs: inputs(&set, &done),
        unpinned,
        old: construction
            .world
            .records
            .parts
            .get(&construction.name)
            .cloned(),
        updates: done["updates"] == true,
        uninstall: find("zc.buildout.uninstall"),
        python: settings.python,
        paths: set.eggs.into_iter().map(|egg| egg.path).collect(),
        options: done["options"].clone(),
        timeout,
    }))
}

fn no_such_entry(egg: &str, entry: &str, set: &WorkingSet) -> String {
    let points = set
        .eggs
        .first()
        .and_then(|egg| egg.entry_points.get("zc.buildout"));
    let names: Vec<&str> = points
        .into_iter()
        .flatten()
        .map(|(name, _)| name.as_str())
        .collect();
    match names.as_slice() {
        [] => format!("the package `{egg}` has no recipe at all"),
        names => format!(
            "the package `{egg}` has no recipe `{entry}`; it has {}",
            names.join(", ")
        ),
    }
}

fn settings(
    construction: &Construction<'_>,
    part: &mut PartOptions<'_, '_>,
) -> Result<EggSettings, RecipeError> {
    let mut settings = EggSettings::of(part)?;
    // What is there serves: an idle run asks nobody.
    settings.newest = false;
    if let Some(instance) = construction.world.instance
        && !settings.eggs.is_dir()
    {
        settings.eggs = instance.software_dir.join("eggs");
        settings
            .develop
            .push(instance.software_dir.join("develop-eggs"));
    }
    for (name, version) in OWN_PINS {
        let pin = settings.pins.remove(name);
        // Nexedi's own releases, `3.0.1+slapos010`, are on no index.
        let pin = pin.map(|pin| pin.split('+').next().unwrap_or_default().to_owned());
        let pin = pin.filter(|pin| serves(name, pin));
        // Offline, whatever is there must do.
        let pin = pin.or_else(|| (!settings.offline).then(|| version.to_owned()));
        settings.pins.extend(pin.map(|pin| (name.to_owned(), pin)));
    }
    Ok(settings)
}

/// Whether the host works with this version of what it needs.
fn serves(name: &str, pin: &str) -> bool {
    let major: u32 = pin
        .split('.')
        .next()
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    match name {
        "zc.buildout" => major == 3,
        "setuptools" => (60..=69).contains(&major),
        _ => major > 0,
    }
}

fn timeout(part: &mut PartOptions<'_, '_>) -> Result<Option<Duration>, RecipeError> {
    let Some(text) = part
        .find_other("buildout", "recipe-timeout")?
        .map(Value::into_text)
    else {
        return Ok(None);
    };
    match text.trim().parse::<u64>() {
        Ok(seconds) if seconds > 0 => Ok(Some(Duration::from_secs(seconds))),
        _ => {
            Err(format!("`buildout:recipe-timeout` is `{text}`; write a number of seconds").into())
        }
    }
}

/// The eggs of a recipe; found once, then kept in a file beside what they were found for.
fn working_set(
    host: &Host,
    part: &str,
    settings: &EggSettings,
    egg: &str,
) -> Result<WorkingSet, String> {
    let requirements = [
        egg.to_owned(),
        "zc.buildout".to_owned(),
        "setuptools<70".to_owned(),
    ];
    let question = format!(
        "{}\n{}",
        settings.python.display(),
        settings.request(&requirements)
    );
    let kept = host
        .folder()
        .join("sets")
        .join(format!("{}.json", file::sha256(question.as_bytes())));
    if let Ok(text) = file::read_text(&kept)
        && let Ok(set) = serde_json::from_str::<WorkingSet>(&text)
        && set.eggs.iter().all(|egg| egg.path.exists() && !egg.develop)
    {
        return Ok(set);
    }
    let io = |error: std::io::Error| format!("keeping the eggs of a recipe: {error}");
    fs_err::create_dir_all(host.folder()).map_err(io)?;
    let mut log = PartLog::new(
        host.directory
            .join(".slapos/log")
            .join(format!("{}.log", safe_name(part))),
    );
    let environment = environment(&host.path);
    let mut run = |command: &str| shell(host, command, &environment, &mut log);
    let set = settings.resolve(&requirements, &host.folder(), &mut run)?;
    let text = serde_json::to_string(&set).map_err(|error| error.to_string())?;
    file::write_if_changed(&kept, text.as_bytes(), 0o644).map_err(io)?;
    Ok(set)
}

fn shell(
    host: &Host,
    command: &str,
    environment: &BTreeMap<String, String>,
    log: &mut PartLog,
) -> Result<(), String> {
    let step = ShellStep {
        timeout: limits::EGGS_TIMEOUT,
        ..ShellStep::new(command, &host.directory, environment)
    };
    run_shell(&step, log, &host.guard, &mut |_| !host.cancel.is_raised()).map_err(|failure| {
        let why = match failure {
            StepFailure::Ended(_) => end_of(&log.tail().join("\n")),
            other => format!("it {other}"),
        };
        format!("finding the eggs of the recipe: {why}")
    })
}

/// Talks with the constructor until it is done; gives its answer and what it printed.
fn converse(
    host: &Host,
    asked: &mut Asked<'_, '_, '_>,
    point: &str,
    timeout: Option<Duration>,
) -> Result<(Json, Vec<u8>), RecipeError> {
    let mut options = serde_json::Map::new();
    for name in asked.part.keys() {
        if let Some(value) = asked.part.get(&name)? {
            options.insert(name, to_json(&value));
        }
    }
    let patience = timeout.unwrap_or(limits::HOST_TIMEOUT);
    let name = asked.construction.name.clone();
    let message = json!({"do": "construct", "part": name, "entry": point, "options": options});
    let mut sent = host.send(&message);
    for _ in 0..limits::HOST_ASKS_MAX {
        let received = match sent {
            Ok(()) => host.receive(patience),
            Err(lost) => Err(lost),
        };
        let message = match received {
            Ok(message) => message,
            Err(lost) => return Err(given_up(host, asked, &lost, patience)),
        };
        if message["done"] == "construct" {
            return ended(host, asked, message);
        }
        sent = host.send(&asked.answer(&message));
    }
    Err(given_up(host, asked, &Lost::Flood, patience))
}

fn ended(
    host: &Host,
    asked: &mut Asked<'_, '_, '_>,
    message: Json,
) -> Result<(Json, Vec<u8>), RecipeError> {
    let Some(error) = message["error"].as_str() else {
        return Ok((message, host.take_output()));
    };
    // An error of the profile that the recipe let through: its report shows the place.
    match asked.report.take() {
        Some(report) if error.contains(&report.first().message) => Err(report.into()),
        _ => {
            let traceback = message["traceback"].as_str().unwrap_or_default();
            Err(RecipeError::Refused(match traceback {
                "" => error.to_owned(),
                text => format!("{error}\n{}", end_of(text)),
            }))
        }
    }
}

/// The host is ended: nothing can be expected of it any more.
fn given_up(
    host: &Host,
    asked: &mut Asked<'_, '_, '_>,
    lost: &Lost,
    patience: Duration,
) -> RecipeError {
    let output = host.take_output();
    host.stop();
    if let Some(report) = asked.report.take() {
        return report.into();
    }
    let why = match lost {
        Lost::Stopped => "it was stopped as asked".to_owned(),
        Lost::Gone => "its process ended in the middle of the constructor".to_owned(),
        Lost::Silent => format!(
            "its constructor said nothing for {} s and was killed",
            patience.as_secs()
        ),
        Lost::Flood => {
            "its constructor said more than any recipe needs to and was killed".to_owned()
        }
        Lost::Garbage => "its process wrote into the engine's channel and was killed".to_owned(),
    };
    RecipeError::Refused(with_output(why, &output))
}

/// What changes the part besides what it refers to: the recipe's eggs, and all options as the constructor left them.
fn inputs(set: &WorkingSet, done: &Json) -> Vec<String> {
    let mut inputs = set.versions();
    for egg in set.eggs.iter().filter(|egg| egg.develop) {
        // Development changes a recipe without changing its version.
        inputs.push(digest_of_sources(&egg.path));
    }
    inputs.push(done["options"].to_string());
    inputs
}

fn digest_of_sources(folder: &Path) -> String {
    file::digest_tree(folder).unwrap_or_else(|error| error.to_string())
}
