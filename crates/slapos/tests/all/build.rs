//! `slapos build` from outside: a tiny package from a local archive, again, changed, broken and killed.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value as Json;

use crate::program::{World, wait_until};

const CONFIGURE: &str = r#"#!/bin/sh
for word; do case $word in --prefix=*) prefix=${word#--prefix=} ;; esac; done
printf 'all:\n\techo made > program\ninstall:\n\tmkdir -p %s/bin && cp program %s/bin/\n' "$prefix" "$prefix" > Makefile
"#;

/// A world with an archive, and a profile of two packages, the second of which needs the first.
struct Builds {
    world: World,
}

impl Builds {
    fn new() -> Self {
        let world = World::new();
        let tree = world.path().join("hello-1.0");
        fs_err::create_dir(&tree).unwrap();
        fs_err::write(tree.join("configure"), CONFIGURE).unwrap();
        run(
            world.path(),
            "chmod +x hello-1.0/configure && tar czf hello-1.0.tar.gz hello-1.0",
        );
        let builds = Builds { world };
        builds.write("");
        builds
    }

    /// `more` are options of the part `user`, which comes last.
    fn write(&self, more: &str) {
        let archive = self.world.path().join("hello-1.0.tar.gz");
        let url = archive.display();
        let sum = run(self.world.path(), "md5sum < hello-1.0.tar.gz");
        let sum = sum.split_whitespace().next().unwrap();
        let package = format!("recipe = slapos.recipe.cmmi\nurl = {url}\nmd5sum = {sum}");
        let text = format!(
            "[buildout]\nextensions = slapos.rebootstrap\nparts = hello alone user\n\n\
             [hello]\n{package}\nshared = true\n\n[alone]\n{package}\n\n\
             [user]\n{package}\npost-install = test -x ${{hello:location}}/bin/program || true\n{more}"
        );
        fs_err::write(self.world.path().join("software.cfg"), text).unwrap();
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut all = vec!["build", "software.cfg"];
        all.extend(words);
        self.world.command(&all)
    }

    /// Builds into `release` with the shared parts of the node: where the one that it uses is.
    fn share_parts(&self, release: &Path) -> PathBuf {
        let shared = self.world.root().join("shared");
        let words = [
            "--root",
            release.to_str().unwrap(),
            "--shared",
            shared.to_str().unwrap(),
        ];
        let (last, _) = self.json(&words);
        let used = Path::new(last["parts"]["hello"]["location"].as_str().unwrap());
        assert!(used.starts_with(&shared), "{last}");
        used.to_owned()
    }

    /// The last object, and the exit code.
    fn json(&self, words: &[&str]) -> (Json, Option<i32>) {
        let mut words = words.to_vec();
        words.push("--json");
        let output = self.command(&words).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let lines = text.lines();
        let mut lines: Vec<Json> = lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let last = lines.pop().expect("there is a last line");
        (last, output.status.code())
    }

    fn states(&self, words: &[&str]) -> (String, Option<i32>) {
        let (last, code) = self.json(words);
        let parts = last["parts"].as_object().unwrap();
        let state =
            |(name, part): (&String, &Json)| format!("{name} {}", part["state"].as_str().unwrap());
        (parts.iter().map(state).collect::<Vec<_>>().join(", "), code)
    }
}

fn run(folder: &Path, script: &str) -> String {
    let output = Command::new("/bin/sh")
        .args(["-ec", script])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Every file below a folder with its time of change and inode: equal means that nothing was written.
fn snapshot(folder: &Path) -> BTreeMap<PathBuf, (i64, i64, u64)> {
    let mut seen = BTreeMap::new();
    let mut ahead = vec![folder.to_owned()];
    while let Some(path) = ahead.pop() {
        let metadata = fs_err::symlink_metadata(&path).unwrap();
        if metadata.is_dir() {
            ahead.extend(
                fs_err::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        }
        let stamp = (metadata.ctime(), metadata.ctime_nsec(), metadata.ino());
        seen.insert(path, stamp);
    }
    seen
}

#[test]
fn build_again_does_nothing_and_a_change_does_only_what_it_must() {
    let builds = Builds::new();
    let (last, code) = builds.json(&[]);
    assert_eq!(code, Some(0), "{last}");
    let location = last["parts"]["hello"]["location"].as_str().unwrap();
    assert!(
        location.contains("/slapos-build/shared/hello/"),
        "{location}"
    );
    let made = fs_err::read_to_string(Path::new(location).join("bin/program")).unwrap();
    assert_eq!(made, "made\n");
    assert!(last["parts"]["hello"]["seconds"].as_f64().unwrap() > 0.0);

    let before = snapshot(builds.world.path());
    let (states, code) = builds.states(&[]);
    assert_eq!(
        (states.as_str(), code),
        ("alone kept, hello kept, user kept", Some(0))
    );
    assert_eq!(snapshot(builds.world.path()), before);

    let (states, _) = builds.states(&["hello:pre-build=true"]);
    assert_eq!(states, "alone kept, hello installed, user installed");
    let (states, _) = builds.states(&["hello:pre-build=true", "buildout:parts=hello"]);
    assert_eq!(states, "alone removed, hello kept, user removed");
    assert!(!builds.world.path().join("slapos-build/parts/user").exists());
}

#[test]
fn build_of_some_parts_leaves_the_others() {
    let builds = Builds::new();
    let (states, _) = builds.states(&["--part", "alone", "--root", "elsewhere"]);
    assert_eq!(states, "alone installed");
    let (states, _) = builds.states(&["--part", "user", "--root", "elsewhere"]);
    assert_eq!(states, "hello installed, user installed");
    assert!(
        builds
            .world
            .path()
            .join("elsewhere/parts/alone/bin/program")
            .exists()
    );
}

#[test]
fn build_that_fails_shows_the_end_of_the_log_and_goes_on_when_it_is_mended() {
    let builds = Builds::new();
    builds.write("pre-install = echo the cause; false\n");
    let ran = builds.command(&["--jobs", "1"]).output().unwrap();
    let stderr = String::from_utf8(ran.stderr).unwrap();
    assert_eq!(ran.status.code(), Some(1));
    assert!(
        stderr.contains("the part `user`") && stderr.contains("the cause"),
        "{stderr}"
    );
    assert!(
        stderr.contains("/slapos-build/.slapos/log/user.log"),
        "{stderr}"
    );
    let (last, code) = builds.json(&[]);
    assert_eq!(
        (last["parts"]["user"]["state"].as_str(), code),
        (Some("failed"), Some(1))
    );
    assert_eq!(last["error"]["part"], "user");
    assert!(!builds.world.path().join("slapos-build/parts/user").exists());
    builds.write("");
    let (states, code) = builds.states(&[]);
    assert_eq!(
        (states.as_str(), code),
        ("alone kept, hello kept, user installed", Some(0))
    );
}

#[test]
fn build_that_is_killed_goes_on_after_the_parts_that_were_done() {
    let builds = Builds::new();
    let gate = builds.world.path().join("gate");
    run(builds.world.path(), "mkfifo gate");
    let begun = builds.world.path().join("begun");
    builds.write(&format!(
        "pre-build = touch {}; read line < {}\n",
        begun.display(),
        gate.display()
    ));
    let mut child = builds
        .command(&["--jobs", "1"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    wait_until("the last part", Duration::from_secs(60), || {
        begun.exists().then_some(())
    });
    child.kill().unwrap();
    child.wait().unwrap();
    builds.write("");
    let (states, code) = builds.states(&[]);
    assert_eq!(code, Some(0));
    assert!(
        states.contains("hello kept") && states.contains("user installed"),
        "{states}"
    );
}

#[test]
fn build_of_a_broken_profile_shows_the_place_and_still_ends_with_the_parts() {
    let builds = Builds::new();
    fs_err::write(
        builds.world.path().join("software.cfg"),
        "[buildout]\nparts = a\n[a]\nrecipe = slapos.recipe.cmmi\nurl = ${b:url}\n",
    )
    .unwrap();
    let (last, code) = builds.json(&[]);
    assert_eq!(code, Some(1));
    assert_eq!(last["parts"], serde_json::json!({}));
    assert_eq!(last["error"]["kind"], "profile");
    let message = last["error"]["message"].as_str().unwrap();
    assert!(message.contains("software.cfg:5"), "{message}");
}

#[test]
fn build_shell_stands_where_a_failed_part_stood() {
    let builds = Builds::new();
    builds.write("pre-install = false\nenvironment =\n  COLOUR=blue\n");
    assert_eq!(builds.json(&[]).1, Some(1));
    let script = "cat program; echo $COLOUR; echo $HOME";
    let words = ["build", "shell", "user", "--", "/bin/sh", "-c", script];
    let ran = builds.world.run(&words);
    assert_eq!(ran.code, Some(0), "{}", ran.shown());
    let home = "[WORLD]/slapos-build/.slapos/build/user/home";
    assert_eq!(ran.stdout, format!("made\nblue\n{home}\n"));
    let ran = builds.world.run(&["build", "shell", "nobody"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("was never built"), "{}", ran.stderr);
}

#[test]
fn build_check_tells_what_depends_on_the_moment() {
    let builds = Builds::new();
    let check = |words: &[&str]| {
        let mut all = vec!["build", "check", "software.cfg"];
        all.extend(words);
        builds.world.run(&all)
    };
    let ran = check(&[]);
    assert_eq!(ran.code, Some(0), "{}", ran.shown());
    assert!(
        ran.stdout.contains("3 parts are the same"),
        "{}",
        ran.stdout
    );
    let ran = check(&["alone:post-install=cat /proc/sys/kernel/random/uuid > %(location)s/id"]);
    assert_eq!(ran.code, Some(1), "{}", ran.shown());
    assert!(
        ran.stdout.contains("alone: id: its bytes differ from"),
        "{}",
        ran.stdout
    );
}

#[test]
fn build_steps_reach_no_network_or_the_build_says_so() {
    let builds = Builds::new();
    // Without a network there is nothing but the loopback interface.
    builds.write("post-install = grep -c : /proc/net/dev > %(location)s/interfaces\n");
    let (last, code) = builds.json(&["--part", "user"]);
    assert_eq!(code, Some(0), "{last}");
    let place = builds
        .world
        .path()
        .join("slapos-build/parts/user/interfaces");
    let count = fs_err::read_to_string(place).unwrap();
    let is_warned = last["warnings"].to_string().contains("network");
    assert!(
        count.trim() == "1" || is_warned,
        "{count} interfaces, {last}"
    );
    let (last, _) = builds.json(&["--part", "user", "--network", "user:x=1"]);
    assert_eq!(last["warnings"], serde_json::json!([]));
}

#[test]
fn node_prune_removes_what_no_release_names() {
    let builds = Builds::new();
    // As a node has it: releases below `software`, shared parts beside them.
    let root = builds.world.root();
    let unused = root.join("shared/zlib/0123456789abcdef0123456789abcdef");
    fs_err::create_dir_all(&unused).unwrap();
    let used = builds.share_parts(&root.join("software/release"));
    let ran = builds.world.run(&["node", "prune", "--dry-run"]);
    assert_eq!(ran.code, Some(0), "{}", ran.shown());
    assert!(
        ran.stdout.contains("would remove 1 shared parts, 1 stay"),
        "{}",
        ran.stdout
    );
    let ran = builds.world.run(&["node", "prune", "--json"]);
    assert!(
        ran.stdout.contains("zlib") && !ran.stdout.contains("hello"),
        "{}",
        ran.stdout
    );
    assert!(!unused.exists() && used.join("bin/program").exists());
}

#[test]
fn node_prune_of_a_node_with_a_cfg_looks_where_its_releases_are() {
    let builds = Builds::new();
    let elsewhere = builds.world.path().join("opt/slapgrid");
    let used = builds.share_parts(&elsewhere.join("release"));
    let cfg = builds.world.path().join("slapos.cfg");
    let text = format!(
        "[slapos]\ncomputer_id = comp\nmaster_url = http://127.0.0.1:9/\nsoftware_root = {}\n",
        elsewhere.display()
    );
    fs_err::write(&cfg, text).unwrap();
    let ran = builds
        .world
        .run(&["node", "prune", "--json", "--cfg", cfg.to_str().unwrap()]);
    assert_eq!(ran.code, Some(0), "{}", ran.shown());
    assert!(used.join("bin/program").exists(), "{}", ran.stdout);
}
