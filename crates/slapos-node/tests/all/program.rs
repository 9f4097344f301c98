//! The program that the integration tests give to the agent in place of `slapos`: a real
//! supervisor, and a job that only pretends to build.
//!
//! A release's profile holds words that the job obeys: `fail`, `hang`. An instance's parameters
//! are written as the program and the promise of the instance: `service` and `promise` are shell
//! texts, `fail` is a message to fail with.

// The lint knows test functions only, and this is no test.
#![allow(clippy::unwrap_used)]

use fs_err as fs;
use serde_json::{Value, json};
use std::io::BufRead;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["internal", "job"] => job(),
        ["internal", "supervise", "--root", root] => supervise(Path::new(root)),
        _ => return ExitCode::from(2),
    }
    ExitCode::SUCCESS
}

fn supervise(root: &Path) {
    let config = slapos_supervise::SuperviseConfig {
        dir: root.join("var/supervise"),
        log_dir: root.join("var/log/instance"),
        jitter_seed: 1,
        cgroups: slapos_supervise::CgroupUse::default(),
    };
    slapos_supervise::run(&config).unwrap();
}

fn job() {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).unwrap();
    let job: Value = serde_json::from_str(&line).unwrap();
    let outcome = match job.get("software") {
        Some(software) => build(software),
        None => install(&job["instance"]["install"]),
    };
    let mut output = std::io::stdout().lock();
    std::io::Write::write_all(
        &mut output,
        format!("{}\n", json!({"outcome": outcome})).as_bytes(),
    )
    .unwrap();
}

fn build(software: &Value) -> Value {
    let profile = fs::read_to_string(text(&software["build"]["profile"])).unwrap();
    fs::write(text(&software["log"]), "building\n").unwrap();
    if profile.contains("hang") {
        std::thread::park();
    }
    if profile.contains("fail") {
        return json!({"failed": "part gcc: boom"});
    }
    let root = PathBuf::from(text(&software["build"]["root"]));
    fs::write(root.join(".completed"), text(&software["stamp"])).unwrap();
    json!("built")
}

fn install(install: &Value) -> Value {
    let parameters = &install["parameters"];
    if let Some(why) = parameters["fail"].as_str() {
        return json!({"failed": why});
    }
    if parameters["hang"].is_string() {
        std::thread::park();
    }
    let folder = PathBuf::from(text(&install["partition_dir"]));
    let service = parameters["service"].as_str().unwrap_or("exec sleep 3600");
    let promise = parameters["promise"].as_str().unwrap_or("echo fine");
    let path = script(&folder.join("etc/service/main"), service);
    let check = script(&folder.join("etc/promise/works"), promise);
    json!({"installed": {
        "programs": [{"name": "main", "kind": "service", "path": path, "digest": service.len().to_string() + &parameters.to_string()}],
        "promises": [{"name": "works", "check": "executable", "path": check,
            "period_s": 60, "timeout_s": 20, "grace_s": 60}],
        "connection": {"title": install["instance_title"]},
    }})
}

fn script(path: &Path, body: &str) -> PathBuf {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("#!/bin/sh\n{body}\n")).unwrap();
    fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
    path.to_path_buf()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}
