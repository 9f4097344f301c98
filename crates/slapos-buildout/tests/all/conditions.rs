//! Section conditions against the answers of zc.buildout 3.0.1: 163 expressions on machines.

use serde_json::Value as Json;
use slapos_buildout::{LoadOptions, Machine, Report, load};

use crate::world::{FOLDER, Files, cases, machine, mentions};

#[test]
fn condition_vectors_are_answered_as_by_the_engine() {
    let all = cases(include_str!("../vectors/conditions.jsonl"));
    assert_eq!(all.len(), 163);
    let failures: Vec<String> = all
        .iter()
        .filter_map(|case| {
            check(case)
                .err()
                .map(|reason| format!("{}: {reason}", case["id"]))
        })
        .collect();
    assert!(
        failures.is_empty(),
        "{} cases:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

fn check(case: &Json) -> Result<(), String> {
    let expression = case["expression"].as_str().expect("expression");
    let expect = &case["expect"];
    match (
        holds(expression, machine_of(&case["env"])),
        expect["result"].as_bool(),
    ) {
        (Ok(holds), Some(wanted)) if holds == wanted => Ok(()),
        (Err(report), None) => {
            let shown = report.to_string();
            let names_all = mentions(&expect["error"])
                .iter()
                .all(|name| shown.contains(name.as_str()));
            let is_same = expect["error"]["kind"] == report.kind().name();
            if names_all && is_same {
                Ok(())
            } else {
                Err(shown)
            }
        }
        (ours, _) => Err(format!("{expression}: engine {expect}, ours {ours:?}")),
    }
}

/// Whether a section with this condition exists.
fn holds(expression: &str, machine: Machine) -> Result<bool, Report> {
    let text = format!("[buildout]\nparts =\n[a:{expression}]\n");
    let options = LoadOptions {
        machine,
        ..LoadOptions::default()
    };
    let files = Files::of(&[("main.cfg", &text)]);
    load(&format!("{FOLDER}/main.cfg"), &files, &options).map(|profile| profile.has_section("a"))
}

fn machine_of(env: &Json) -> Machine {
    let text = |key: &str, default: &str| env[key].as_str().unwrap_or(default).to_owned();
    let number = |value: &Json| u32::try_from(value.as_u64().expect("a number")).expect("small");
    let python = &env["python"];
    let os_release = env["os_release"].as_object().expect("os_release");
    Machine {
        python: (number(&python[0]), number(&python[1]), number(&python[2])),
        machine: text("machine", "x86_64"),
        platform: text("platform", "linux"),
        system: text("system", "Linux"),
        release: text("release", ""),
        os_release: os_release
            .iter()
            .map(|(key, value)| (key.clone(), value.as_str().expect("text").to_owned()))
            .collect(),
        multiarch: text("multiarch", "x86_64-linux-gnu"),
        bits: env["bits"].as_u64().map_or(64, |_| number(&env["bits"])),
        ..machine()
    }
}
