//! The language against the answers of genuine engines: 502 sets of profiles.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};
use slapos_buildout::{
    Diagnostic, LoadOptions, Override, Profile, Report, Session, Typed, Value, load,
};

use crate::world::{FOLDER, Files, VectorRecipes, cases, load_options, mentions};

/// Cases that are answered otherwise on purpose; docs/profile-language.md gives the reasons.
const EXCEPTIONS: [&str; 2] = ["opt-directory", "opt-versions"];

#[test]
fn language_vectors_are_answered_as_by_the_engines() {
    let all = cases(include_str!("../vectors/language.jsonl"));
    assert_eq!(all.len(), 502);
    let mut failures = Vec::new();
    for case in &all {
        let id = case["id"].as_str().expect("id");
        let result = check(case);
        match (result, EXCEPTIONS.contains(&id)) {
            (Err(reason), false) => failures.push(format!("{id}: {reason}")),
            (Ok(()), true) => failures.push(format!("{id} is listed as an exception but agrees")),
            _ => {}
        }
    }
    assert!(
        failures.is_empty(),
        "{} cases:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

#[test]
fn exceptions_of_the_language_are_few_and_documented() {
    let documented = include_str!("../../../../docs/profile-language.md");
    assert!(EXCEPTIONS.iter().all(|id| documented.contains(id)));
    assert!(EXCEPTIONS.len() * 100 <= 502);
}

fn check(case: &Json) -> Result<(), String> {
    let expect = &case["expect"];
    let profile = match load_case(case) {
        Ok(profile) => profile,
        Err(report) => return refused(&report, expect),
    };
    if let Err(report) = Session::new(&profile, &VectorRecipes).map(|_| ()) {
        return refused(&report, expect);
    }
    if let Some(error) = expect.get("error") {
        return Err(format!("loads, but should fail with {error}"));
    }
    let answer = answer(&profile, expect)?;
    let wanted: Map<String, Json> = ["sections", "order", "depends"]
        .iter()
        .filter_map(|key| Some(((*key).to_owned(), expect.get(*key)?.clone())))
        .collect();
    compare(&wanted, &answer)?;
    raw_agrees(case, &profile)
}

fn compare(wanted: &Map<String, Json>, answer: &Map<String, Json>) -> Result<(), String> {
    for (key, value) in wanted {
        let ours = answer.get(key).cloned().unwrap_or_default();
        if normal(value) != normal(&ours) {
            return Err(format!("{key}\n    engines: {value}\n    ours:    {ours}"));
        }
    }
    Ok(())
}

/// The same with typed values written our way, so that sets compare without order, and keys sorted.
fn normal(value: &Json) -> Json {
    match value {
        Json::Object(map) if map.contains_key("py") => {
            let text = map["py"].as_str().expect("py is text");
            let typed = Typed::from_marker(&format!("!py!{text}")).expect("engines write literals");
            json!({"py": typed.repr(), "type": map["type"]})
        }
        Json::Object(map) => {
            let sorted: BTreeMap<&String, Json> = map.iter().map(|(k, v)| (k, normal(v))).collect();
            json!(sorted.into_iter().collect::<Vec<_>>())
        }
        other => other.clone(),
    }
}

fn load_case(case: &Json) -> Result<Profile, Report> {
    let here = |text: &str| text.replace("@DIR@", FOLDER);
    let files: Vec<(String, String)> = case["files"]
        .as_object()
        .expect("files")
        .iter()
        .map(|(name, text)| (name.clone(), here(text.as_str().expect("text"))))
        .collect();
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    let mut overrides = vec![
        Override::new("buildout", "offline", "true"),
        Override::new("buildout", "newest", "false"),
    ];
    for text in case["overrides"].as_array().into_iter().flatten() {
        overrides
            .push(Override::parse(&here(text.as_str().expect("text"))).expect("an assignment"));
    }
    let defaults = case["user_defaults"]
        .as_str()
        .map(|name| format!("{FOLDER}/{name}"));
    let options = LoadOptions {
        overrides,
        user_defaults: defaults,
        ..load_options()
    };
    let entry = format!("{FOLDER}/{}", case["main"].as_str().expect("main"));
    load(&entry, &Files::of(&files), &options)
}

fn refused(report: &Report, expect: &Json) -> Result<(), String> {
    match expect.get("error") {
        Some(error) => error_agrees(report, error),
        None => Err(format!("is refused:\n{report}")),
    }
}

/// Kind, names and lines. An engine's internal exception may be any error of ours.
fn error_agrees(report: &Report, error: &Json) -> Result<(), String> {
    let kind = error["kind"].as_str().expect("kind");
    if kind == "internal" {
        return Ok(());
    }
    let same: Vec<&Diagnostic> = report
        .diagnostics()
        .iter()
        .filter(|found| found.kind.name() == kind)
        .collect();
    let shown = report.to_string();
    let lines: Vec<u32> = same.iter().map(|found| found.line).collect();
    let wanted: Vec<u32> = match (error.get("lines"), error.get("line")) {
        (Some(lines), _) => serde_json::from_value(lines.clone()).expect("lines"),
        (None, Some(line)) => vec![serde_json::from_value(line.clone()).expect("line")],
        _ => lines.clone(),
    };
    let names_all = mentions(error)
        .iter()
        .all(|name| shown.contains(name.as_str()));
    if same.is_empty() || lines != wanted || !names_all {
        return Err(format!("engines: {error}\n    ours: {shown}"));
    }
    Ok(())
}

/// As the engines were asked: the parts in order, then every section, afresh after each failure.
fn answer(profile: &Profile, expect: &Json) -> Result<Map<String, Json>, String> {
    let fresh = || Session::new(profile, &VectorRecipes).map_err(|report| report.to_string());
    let mut session = fresh()?;
    let mut answer = Map::new();
    match (session.parts(), expect.get("order_error")) {
        (Ok(order), None) => {
            answer.insert("order".to_owned(), json!(order));
        }
        (Err(report), Some(error)) => {
            error_agrees(&report, error)?;
            session = fresh()?;
        }
        (Ok(order), Some(error)) => return Err(format!("order is {order:?}, not {error}")),
        (Err(report), None) => return Err(format!("no order:\n{report}")),
    }
    let (mut sections, mut depends) = (Map::new(), Map::new());
    for name in profile.sections() {
        let failure = expect["unresolved"].get(name);
        match (session.section(name), failure) {
            (Ok(options), None) => {
                let options = shown_options(profile, name, options);
                if !options.is_empty() || !matches!(name, "buildout" | "versions") {
                    sections.insert(name.to_owned(), Json::Object(options));
                }
                let reads = session
                    .dependencies(name)
                    .map_err(|report| report.to_string())?;
                if !reads.is_empty() {
                    depends.insert(name.to_owned(), json!(reads));
                }
            }
            (Err(report), Some(error)) => {
                error_agrees(&report, error).map_err(|reason| format!("[{name}] {reason}"))?;
                session = fresh()?;
            }
            (Ok(_), Some(error)) => return Err(format!("[{name}] resolves, not {error}")),
            (Err(report), None) => return Err(format!("[{name}] fails:\n{report}")),
        }
    }
    answer.insert("sections".to_owned(), Json::Object(sections));
    answer.insert("depends".to_owned(), Json::Object(depends));
    Ok(answer)
}

/// Of `[buildout]` and `[versions]` only what the case sets.
fn shown_options(
    profile: &Profile,
    section: &str,
    options: BTreeMap<String, Value>,
) -> Map<String, Json> {
    let is_shown = |option: &str| {
        let written = profile.origin(section, option);
        let is_set = written.is_some_and(|origin| {
            !matches!(origin.file.as_str(), "<built-in default>" | "<computed>")
        });
        let is_ours = section == "buildout" && matches!(option, "offline" | "newest");
        !matches!(section, "buildout" | "versions") || (is_set && !is_ours)
    };
    let shown = options.into_iter().filter(|(option, _)| is_shown(option));
    shown
        .map(|(option, value)| (option, shown_value(value)))
        .collect()
}

fn shown_value(value: Value) -> Json {
    match value {
        Value::Text(text) => Json::String(text.replace(FOLDER, "@DIR@")),
        Value::Typed(typed) => {
            json!({"py": typed.repr().replace(FOLDER, "@DIR@"), "type": typed.type_name()})
        }
    }
}

/// The merged texts of 3.0.1, where all engines agree and the same thing is meant.
fn raw_agrees(case: &Json, profile: &Profile) -> Result<(), String> {
    let Some(raw) = case.get("raw").and_then(Json::as_object) else {
        return Ok(());
    };
    if case.get("differs").is_some() {
        return Ok(());
    }
    for (section, options) in raw {
        for (option, text) in options.as_object().expect("options") {
            // There a pending increment is an option of its own name, and folders are absolute later.
            let is_pending = option.ends_with(['+', '-']);
            if is_pending || (section == "buildout" && option.ends_with("-directory")) {
                continue;
            }
            let ours = profile
                .raw(section, option)
                .unwrap_or_default()
                .replace(FOLDER, "@DIR@");
            if text.as_str() != Some(&ours) {
                return Err(format!("raw {section}:{option} is {ours:?}, not {text}"));
            }
        }
    }
    Ok(())
}
