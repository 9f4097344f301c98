//! `cargo xtask compat slap`: slapos.core from PyPI, unchanged, on our master.
//!
//! In parts: the package's own proxy tests over HTTP against `slapos proxy start`; a whole life
//! of the genuine client and node on it; the same on a master with certificates; forwarding between
//! the genuine proxy and ours; the move from one to the other; our node on the genuine proxy.
//! Everything is in a virtual environment and a folder of its own, on loopback. Start with [`run`].

pub(crate) mod life;
mod marshal;
mod node;
mod others;
mod peer;
pub(crate) mod python;

use crate::Outcome;
use crate::command::{run as run_program, say, top};
use crate::venv::target_folder;
use life::{Life, Side};
use python::Python;
use std::path::PathBuf;
use std::process::Command;

/// How much is run.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Only the package's own tests: the shortest form.
    #[arg(long)]
    tests_only: bool,
    /// Only these parts: tests, proxy, master, forward, import, node. Repeatable.
    #[arg(long, value_name = "NAME", conflicts_with = "tests_only")]
    only: Vec<String>,
}

/// The parts, in this order.
const PARTS: [&str; 6] = ["tests", "proxy", "master", "forward", "import", "node"];

/// The classes whose tests need nothing of the proxy but its wire.
const CLASSES: &[&str] = &[
    "test_slapproxy.TestLoadComputerConfiguration",
    "test_slapproxy.TestInformation",
    "test_slapproxy.TestSoftwareInstallation",
    "test_slapproxy.TestRequest",
    "test_slapproxy.TestSlaveRequest",
    "test_slapproxy.TestMultiNodeSupport",
    "test_slapproxy.TestCliInformation",
    "test_slapproxy_json_rpc",
];

/// Tests that cannot pass over HTTP against any server: they expect a Python exception through the
/// in-process client, set the proxy's settings from inside, or set its clock.
const IN_PROCESS: &[&str] = &[
    "test_getComputerInformation_wrong_computer",
    "test_getSoftwareReleaseListFromSoftwareProduct_bothParameter",
    "test_getSoftwareReleaseListFromSoftwareProduct_noParameter",
    "test_getSoftwareReleaseListFromSoftwareProduct_software_product_reference",
    "test_multi_node_support_getComputerInformation",
    "test_put_v0_software_instance_bang_instance",
    "test_post_v0_software_instance_auto_list_master_down_returns_523",
    "test_post_v0_software_instance_openorder_master_down_returns_523",
    "test_post_v0_software_instance_partition_master_down_returns_523",
];

/// Tests of what was left out on purpose; docs/compatibility.md says why.
const LEFT_OUT: &[&str] = &[
    "test_request_frontend_with_secure_access",
    "test_post_v0_shared_instance__with_cdn_and_https_proxy",
];

/// Compares.
pub(crate) fn run(asked: &Arguments) -> Outcome {
    run_program("cargo", &["build", "--package", "slapos", "--locked"])?;
    let python = Python::ensure()?;
    let program = program();
    let parts: Vec<&str> = match (asked.tests_only, asked.only.is_empty()) {
        (true, _) => vec!["tests"],
        (false, true) => PARTS.to_vec(),
        (false, false) => asked.only.iter().map(String::as_str).collect(),
    };
    for part in parts {
        run_part(part, &python, &program)?;
    }
    Ok(())
}

fn run_part(part: &str, python: &Python, program: &std::path::Path) -> Outcome {
    let life = |side: Side| {
        say(&format!(
            "a whole life of the genuine client and node: {side:?}"
        ));
        Life::start(python, program, side)?.run()
    };
    match part {
        "tests" => {
            marshal::compare(python)?;
            run_tests(python, program)
        }
        "proxy" => life(Side::Proxy),
        "master" => life(Side::Master),
        "forward" => others::forward(python, program),
        "import" => others::take_over(python, program),
        "node" => node::run(python, program),
        other => Err(format!(
            "there is no part {other}; there are {}",
            PARTS.join(", ")
        )),
    }
}

/// Our program, as it was just built.
pub(super) fn program() -> PathBuf {
    target_folder().join("debug/slapos")
}

fn run_tests(python: &Python, program: &std::path::Path) -> Outcome {
    let mut command: Command = python.command("python");
    command
        .arg(top().join("xtask/src/compat/slap/overhttp.py"))
        .args(CLASSES.iter().map(|class| format!("slapos.tests.{class}")))
        .env("SLAPOS_TEST_IPV4", "127.0.0.1")
        .env("SLAPOS_TEST_IPV6", "::1")
        .env(
            "SLAP_SERVER_CMD",
            format!("{} proxy start --cfg {{cfg}}", program.display()),
        );
    let output = command.output();
    let output = output.map_err(|error| format!("cannot run the package's tests: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let summary = text.lines().find(|line| line.starts_with("PASSED "));
    let summary = summary.ok_or_else(|| {
        format!(
            "the package's tests did not run:\n{}",
            String::from_utf8_lossy(&output.stderr)
        )
    })?;
    say(&format!("the package's own tests: {summary}"));
    let failed = text.lines().filter_map(|line| line.strip_prefix("FAILED "));
    let names = failed.map(|name| name.rsplit('.').next().unwrap_or(name));
    let unexpected: Vec<&str> = names
        .filter(|name| !IN_PROCESS.contains(name) && !LEFT_OUT.contains(name))
        .collect();
    if unexpected.is_empty() {
        return Ok(());
    }
    Err(format!(
        "{} of the package's tests fail that should pass: {}\n{}",
        unexpected.len(),
        unexpected.join(", "),
        String::from_utf8_lossy(&output.stderr)
    ))
}
