//! Our answers to the questions that the genuine engine is asked, in the same form.
//!
//! Files are read from the disk on both sides. Never in here: what is asked and how answers compare.
//! Start with [`answer`].

use nix::unistd::AccessFlags;
use serde_json::{Map, Value as Json, json};
use slapos_buildout::{
    Fetch, FetchFailure, LoadOptions, Machine, Override, PartOptions, Probe, Profile, RecipeError,
    Recipes, Report, Session, Typed, Value, load,
};
use std::collections::BTreeMap;
use std::path::Path;

/// The machine as the engine sees it.
pub(super) fn machine(told: &Json) -> Option<Machine> {
    let text = |key: &str| told[key].as_str().map(str::to_owned);
    let number = |value: &Json| u32::try_from(value.as_u64()?).ok();
    let release = told["os_release"].as_object()?.iter();
    Some(Machine {
        python: (
            number(&told["python"][0])?,
            number(&told["python"][1])?,
            number(&told["python"][2])?,
        ),
        executable: text("executable")?,
        machine: text("machine")?,
        platform: text("platform")?,
        system: text("system")?,
        release: text("release")?,
        os_release: release
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
            .collect(),
        multiarch: "x86_64-linux-gnu".to_owned(),
        bits: number(&told["bits"])?,
        little_endian: told["little_endian"].as_bool()?,
        ..Machine::default()
    })
}

/// Loads and evaluates everything that `question` asks for.
pub(super) fn answer(question: &Json, machine: &Machine) -> Json {
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    let mut overrides = vec![
        Override::new("buildout", "offline", "true"),
        Override::new("buildout", "newest", "false"),
    ];
    for given in question["settings"].as_array().into_iter().flatten() {
        let (section, option, value) = (text(&given[0]), text(&given[1]), text(&given[2]));
        overrides.push(Override::new(&section, &option, &value));
    }
    let options = LoadOptions {
        overrides,
        user_defaults: question["defaults"].as_str().map(str::to_owned),
        machine: machine.clone(),
    };
    let profile = match load(&text(&question["entry"]), &Disk, &options) {
        Ok(profile) => profile,
        Err(report) => return json!({"error": problems(&report)}),
    };
    match Session::new(&profile, &Stubs) {
        Ok(session) => evaluated(&profile, session),
        Err(report) => json!({"error": problems(&report)}),
    }
}

fn evaluated<'p>(profile: &'p Profile, mut session: Session<'p>) -> Json {
    let mut answer = json!({"raw": raw(profile)});
    match session.parts() {
        Ok(order) => answer["order"] = json!(order),
        Err(report) => {
            answer["order_error"] = problems(&report);
            session = match Session::new(profile, &Stubs) {
                Ok(session) => session,
                Err(report) => return json!({"error": problems(&report)}),
            };
        }
    }
    let (mut sections, mut unresolved) = (Map::new(), Map::new());
    for name in profile.sections() {
        match session.section(name) {
            Ok(options) => {
                sections.insert(name.to_owned(), shown(profile, name, options));
            }
            Err(report) => {
                unresolved.insert(name.to_owned(), problems(&report));
                if let Ok(new) = Session::new(profile, &Stubs) {
                    session = new;
                }
            }
        }
    }
    answer["sections"] = Json::Object(sections);
    answer["unresolved"] = Json::Object(unresolved);
    answer
}

/// Every problem that a report tells, first the one where an engine that stops at once would have stopped.
fn problems(report: &Report) -> Json {
    let each = report.diagnostics().iter().map(
        |found| json!({"kind": found.kind.name(), "line": found.line, "text": found.to_string()}),
    );
    each.collect()
}

/// What files and the command line set, merged, before macros and references.
fn raw(profile: &Profile) -> Json {
    let mut sections = Map::new();
    for section in profile.sections() {
        let options = profile.options(section);
        let own = options.filter(|option| is_own(profile, section, option));
        let texts = own.filter_map(|option| {
            let text = profile.raw(section, option)?;
            Some((option.to_owned(), Json::String(text)))
        });
        sections.insert(section.to_owned(), Json::Object(texts.collect()));
    }
    Json::Object(sections)
}

fn is_own(profile: &Profile, section: &str, option: &str) -> bool {
    let is_ours = section == "buildout" && matches!(option, "offline" | "newest");
    let origin = profile.origin(section, option);
    !is_ours
        && origin.is_some_and(|origin| {
            !matches!(origin.file.as_str(), "<built-in default>" | "<computed>")
        })
}

/// Of `[buildout]` and `[versions]` only what the profile sets.
fn shown(profile: &Profile, section: &str, options: BTreeMap<String, Value>) -> Json {
    let is_shown = |option: &str| {
        !matches!(section, "buildout" | "versions") || is_own(profile, section, option)
    };
    let shown = options.into_iter().filter(|(option, _)| is_shown(option));
    let values = shown.map(|(option, value)| match value {
        Value::Text(text) => (option, Json::String(text)),
        Value::Typed(typed) => {
            let value = json!({"py": typed.repr(), "type": typed.type_name()});
            (option, value)
        }
    });
    Json::Object(values.collect())
}

struct Disk;

impl Fetch for Disk {
    fn fetch(&self, location: &str) -> Result<String, FetchFailure> {
        match std::fs::read(Path::new(location)) {
            Ok(bytes) => String::from_utf8(bytes)
                .map_err(|_| FetchFailure::Failed("it is not UTF-8".to_owned())),
            Err(_) => Err(FetchFailure::NotFound),
        }
    }

    fn probe(&self, path: &str) -> Probe {
        let metadata = std::fs::metadata(path);
        let may = |flags| nix::unistd::access(path, flags).is_ok();
        Probe {
            is_file: metadata.as_ref().is_ok_and(std::fs::Metadata::is_file),
            is_folder: metadata.as_ref().is_ok_and(std::fs::Metadata::is_dir),
            is_readable: may(AccessFlags::R_OK),
            is_writable: may(AccessFlags::W_OK),
            is_executable: may(AccessFlags::X_OK),
        }
    }

    fn open(&self, path: &str) -> Option<String> {
        std::fs::read_to_string(path).ok()
    }
}

/// The same stubs as in engine.py.
struct Stubs;

impl Recipes for Stubs {
    fn construct(&self, recipe: &str, part: &mut PartOptions<'_, '_>) -> Result<(), RecipeError> {
        let entry = recipe.split_once(':').map_or("default", |(_, entry)| entry);
        match entry {
            "location" => part.set("location", format!("/parts/{}", part.name()))?,
            "set" => {
                for key in keys_with(part, "set-") {
                    let value = part.get(&format!("set-{key}"))?.ok_or("it is gone")?;
                    part.set(&key, value)?;
                }
            }
            "typed" => {
                for key in keys_with(part, "py-") {
                    let text = part.required(&format!("py-{key}"))?;
                    let value = Typed::from_marker(&format!("!py!{text}"));
                    part.set(&key, value.map_err(|error| error.to_string())?)?;
                }
            }
            "read" => {
                let reads = part.get("reads")?.map(Value::into_text);
                for place in reads.unwrap_or_default().split_whitespace() {
                    let (section, option) = place.split_once(':').ok_or("no colon")?;
                    let value = part.other(section, option)?;
                    part.set(&format!("read-{section}-{option}"), value)?;
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn keys_with(part: &PartOptions<'_, '_>, prefix: &str) -> Vec<String> {
    let keys = part.keys();
    let keys = keys.iter().filter_map(|key| key.strip_prefix(prefix));
    keys.map(str::to_owned).collect()
}
