//! `cargo xtask compat sbom`: what `slapos build` and `slapos software sign` write, read by validators from PyPI.
//!
//! The list of components against the schema of CycloneDX (cyclonedx-python-lib), the envelope of the statement by
//! securesystemslib, which in-toto itself uses; both also damaged, so that it is known that they would notice.

use super::slap::program;
use crate::Outcome;
use crate::command::{run as run_program, said, say};
use crate::venv;
use std::path::Path;
use std::process::Command;

const PACKAGES: &[&str] = &[
    "cyclonedx-python-lib[json-validation]==11.6.0",
    "securesystemslib[crypto]==1.3.1",
];
const CHECK: &str = include_str!("sbom.py");

const PROFILE: &str = "[buildout]
parts = hello start
[hello]
recipe = slapos.recipe.cmmi
shared = true
url = FOLDER/hello-1.0.tar.gz
md5sum = SUM
configure-command = true
[start]
recipe = slapos.recipe.template
inline = ${hello:location}
output = ${buildout:directory}/start
";

/// Builds, signs, checks.
pub(super) fn run() -> Outcome {
    run_program("cargo", &["build", "--package", "slapos", "--locked"])?;
    let environment = venv::ensure("sbom", Path::new("python3"), PACKAGES)?;
    let dir = tempfile::Builder::new().prefix("sbom").tempdir();
    let dir = dir.map_err(|error| error.to_string())?;
    write_profile(dir.path())?;
    let slapos = |words: &[&str]| said(Command::new(program()).args(words).current_dir(dir.path()));
    slapos(&[
        "build",
        "software.cfg",
        "--root",
        "root",
        "--cache",
        "cache",
    ])?;
    slapos(&["cache", "key", "ours"])?;
    slapos(&["software", "sign", "root", "--key", "ours.key"])?;
    slapos(&["software", "show", "root", "--trust", "ours.pub"])?;
    let mut check = Command::new(environment.join("bin/python"));
    let told = said(check.args(["-c", CHECK]).current_dir(dir.path()))?;
    told.lines().for_each(say);
    Ok(())
}

/// A package and a profile that builds it.
fn write_profile(dir: &Path) -> Outcome {
    let script = "mkdir hello-1.0 && printf 'all:\\ninstall:\\n\\tmkdir -p $(prefix)\\n\\tcp LICENSE $(prefix)/\\n' > hello-1.0/Makefile
        echo 'Permission is hereby granted, free of charge, to any person obtaining a copy' > hello-1.0/LICENSE
        tar czf hello-1.0.tar.gz hello-1.0; md5sum < hello-1.0.tar.gz";
    let sum = said(
        Command::new("/bin/sh")
            .args(["-ec", script])
            .current_dir(dir),
    )?;
    let sum = sum.split_whitespace().next().unwrap_or_default();
    let folder = dir.display().to_string();
    let profile = PROFILE.replace("FOLDER", &folder).replace("SUM", sum);
    std::fs::write(dir.join("software.cfg"), profile).map_err(|error| error.to_string())
}
