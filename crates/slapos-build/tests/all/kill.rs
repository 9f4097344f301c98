//! kill -9 in the middle of a build: nothing is left running, and the next build goes on.

use std::path::Path;
use std::process::{Command, Stdio};

use slapos_build::{SoftwareBuild, build_software};

use crate::world::{World, wait_until};

/// With this variable the test plays the builder that is killed.
const ROLE: &str = "SLAPOS_BUILD_TEST_BUILD";

#[test]
fn build_killed_in_the_middle_leaves_no_process_and_resumes() {
    if let Ok(text) = std::env::var(ROLE) {
        let build: SoftwareBuild = serde_json::from_str(&text).unwrap();
        build_software(&build, &mut |_| {}).unwrap();
        return;
    }
    let mut world = World::new();
    world.write("profile/src/source.c", "source");
    let dir = world.at("");
    let dir = dir.display();
    let common = format!(
        "recipe = slapos.recipe.cmmi\npath = {dir}profile/src\nconfigure-command = true\nmake-binary = true\n"
    );
    world.software(&format!(
        "[buildout]\nparts = a b\n[a]\n{common}post-install = echo x >> {dir}count-a\n\
         [b]\n{common}pre-configure = test -e {dir}go || {{ sleep 300 & echo $! > {dir}pid.new && mv {dir}pid.new {dir}pid; wait; }}\n\
         environment =\n  A=${{a:location}}\n"
    ));
    let mut builder = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "kill::build_killed_in_the_middle_leaves_no_process_and_resumes",
        ])
        .env(ROLE, serde_json::to_string(&world.build).unwrap())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let pid = wait_until(|| std::fs::read_to_string(world.at("pid")).ok());
    let step = format!("/proc/{}", pid.trim());
    assert!(Path::new(&step).exists());
    builder.kill().unwrap();
    builder.wait().unwrap();
    // The process may stay a zombie of whoever adopted it; then it has no command line.
    wait_until(|| {
        let line = std::fs::read(format!("{step}/cmdline"));
        line.map_or(true, |line| line.is_empty()).then_some(())
    });
    world.write("go", "");
    let outcome = wait_until(|| world.build().ok());
    assert_eq!(
        (outcome.installed, outcome.kept),
        (vec!["b".to_owned()], vec!["a".to_owned()])
    );
    assert_eq!(world.read("count-a").lines().count(), 1);
}
