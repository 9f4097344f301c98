//! docs/recipes.md is true: each of its profiles is installed, and gives what it says.

use std::path::Path;
use std::process::Command;

use slapos_build::{BuildError, install_instance};

use crate::world::{World, eggs, said, wait_until};

/// One profile of the document.
struct Example {
    text: String,
    line: usize,
}

fn examples(kind: &str) -> Vec<Example> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/recipes.md");
    let document = std::fs::read_to_string(path).unwrap();
    let mut examples: Vec<Example> = Vec::new();
    let mut open: Option<Example> = None;
    for (index, line) in document.lines().enumerate() {
        match (&mut open, line) {
            (None, "```ini") => {
                open = Some(Example {
                    text: String::new(),
                    line: index + 1,
                });
            }
            (Some(_), "```") => examples.extend(open.take()),
            (Some(example), line) => {
                example.text.push_str(line);
                example.text.push('\n');
            }
            (None, _) => {}
        }
    }
    examples.retain(|example| example.text.starts_with(&format!("# {kind}\n")));
    examples
}

/// What the example says that there is afterwards.
fn check(example: &Example, folder: &Path) {
    let gives = example
        .text
        .lines()
        .filter_map(|line| line.strip_prefix("# gives "));
    for (name, text) in gives.map(|line| line.split_once(": ").unwrap()) {
        let path = folder.join(name);
        match text {
            "folder" => assert!(path.is_dir(), "line {}: {name} is no folder", example.line),
            "file" => assert!(path.is_file(), "line {}: {name} is no file", example.line),
            _ => {
                let found = std::fs::read_to_string(&path)
                    .unwrap_or_else(|e| panic!("line {}: {name}: {e}", example.line));
                assert!(
                    found.contains(text),
                    "line {}: {name} is\n{found}",
                    example.line
                );
            }
        }
    }
}

#[test]
fn document_examples_of_software_are_built_and_idle_afterwards() {
    let examples = examples("software");
    assert!(examples.len() > 10, "{}", examples.len());
    for example in &examples {
        let mut world = World::new();
        world
            .build
            .overrides
            .push(format!("buildout:eggs-directory={}", eggs().display()));
        let script = "mkdir source && echo hello > source/hello.txt && tar czf hello.tar.gz source && \
                      git init -q -b main repository && cp source/hello.txt repository/ && cd repository && \
                      git add . && git -c user.name=x -c user.email=x@y commit -q -m x";
        let made = Command::new("/bin/sh")
            .arg("-ec")
            .arg(script)
            .current_dir(world.at("profile"))
            .status();
        assert!(made.unwrap().success());
        world.software(&example.text);
        if let Err(error) = world.build() {
            panic!("line {}: {error}", example.line);
        }
        check(example, &world.at("software"));
        let again = world.build().unwrap();
        assert!(
            again.installed.is_empty(),
            "line {}: {:?}",
            example.line,
            again.installed
        );
    }
}

#[test]
fn document_examples_of_instances_are_installed_and_idle_afterwards() {
    let examples = examples("instance");
    assert!(examples.len() > 10, "{}", examples.len());
    for example in &examples {
        let mut world = World::new();
        world.set(r#"{"word": "hello"}"#);
        world.install.software_type = "default".to_owned();
        world.instance(&example.text);
        let outcome = match install_instance(&world.install, &mut |_| {}) {
            Ok(outcome) => outcome,
            Err(error) => panic!("line {}: {error}", example.line),
        };
        let folder = world.at("slappart0");
        check(example, &folder);
        let connection = example
            .text
            .lines()
            .filter_map(|line| line.strip_prefix("# connection "));
        for (name, text) in connection.map(|line| line.split_once(": ").unwrap()) {
            assert_eq!(
                outcome.connection.get(name).map(String::as_str),
                Some(text),
                "line {}",
                example.line
            );
        }
        let again = install_instance(&world.install, &mut |_| {}).unwrap();
        assert!(
            again.changed_parts.is_empty(),
            "line {}: {:?}",
            example.line,
            again.changed_parts
        );
        assert_eq!(
            again.connection, outcome.connection,
            "line {}",
            example.line
        );
    }
}

/// Every recipe of the table has its place in the document.
#[test]
fn document_names_every_recipe_that_is_built_in() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"));
    let document = std::fs::read_to_string(path.join("../../docs/recipes.md")).unwrap();
    let table = std::fs::read_to_string(path.join("src/recipe.rs")).unwrap();
    let mut seen = 0;
    for line in table
        .lines()
        .map(str::trim)
        .filter(|line| line.contains("::construct") && line.contains("=> ") && line.contains('"'))
    {
        let name = line.split('"').nth(1).unwrap_or_else(|| panic!("{line}"));
        let last = name.rsplit([':', '.']).next().unwrap();
        if matches!(last, "noop" | "script") {
            continue;
        }
        seen += 1;
        assert!(
            document.contains(name) || document.contains(&format!(".{last}`")),
            "{name} is not in docs/recipes.md"
        );
    }
    assert!(seen > 30, "{seen}");
}

#[test]
fn certificate_authority_signs_what_is_asked_for() {
    let world = World::new();
    let example = examples("instance")
        .into_iter()
        .find(|example| example.text.contains("[ca]"))
        .unwrap();
    world.instance(&example.text);
    install_instance(&world.install, &mut |_| {}).unwrap();
    let at = |name: &str| world.at("slappart0").join(name);
    said(Command::new(at("etc/service/ca")).arg("once"));
    said(
        Command::new("openssl")
            .args(["verify", "-verify_hostname", "web.example", "-CAfile"])
            .args([at("srv/ca/cacert.pem"), at("etc/web.crt")]),
    );
    let public = |arguments: &[&str], file: &str| {
        said(Command::new("openssl").args(arguments).arg(at(file)))
    };
    let of_key = public(&["pkey", "-pubout", "-in"], "etc/web.key");
    assert_eq!(
        of_key,
        public(&["x509", "-pubkey", "-noout", "-in"], "etc/web.crt")
    );
    assert!(of_key.starts_with("-----BEGIN PUBLIC KEY"));
    said(&mut Command::new(at("etc/service/web")));
}

#[test]
fn command_update_runs_at_every_later_run() {
    let mut world = World::new();
    world.software(
        "[buildout]\nparts = a\n[a]\nrecipe = plone.recipe.command\ncommand = mkdir x && echo new > x/log\n\
         update-command = echo again >> x/log\nlocation = ${buildout:directory}/x\nstop-on-error = true\n",
    );
    world.build().unwrap();
    world.build().unwrap();
    world.build().unwrap();
    assert_eq!(world.read("software/x/log"), "new\nagain\nagain\n");
    // Changed: what it owned is gone before it runs again.
    let text = world
        .read("profile/software.cfg")
        .replace("echo new", "echo newer");
    world.software(&text);
    world.build().unwrap();
    assert_eq!(world.read("software/x/log"), "newer\n");
}

#[test]
fn gitclone_follows_its_branch_keeps_its_revision_and_spares_unsaved_work() {
    let mut world = World::new();
    let git = |script: &str| {
        let script = format!(
            "export GIT_AUTHOR_NAME=x GIT_AUTHOR_EMAIL=x@y GIT_COMMITTER_NAME=x GIT_COMMITTER_EMAIL=x@y\n{script}"
        );
        let output = Command::new("/bin/sh")
            .arg("-ec")
            .arg(script)
            .current_dir(world.at("profile"))
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let first = git(
        "git init -q -b main inner && cd inner && echo sub > s && git add . && git commit -q -m s && cd .. && \
         git init -q -b main r && cd r && echo 1 > f && mkdir d && echo 2 > d/g && git add . && \
         git -c protocol.file.allow=always submodule --quiet add ../inner inner && git commit -q -m 1 && git rev-parse HEAD",
    );
    let text = |more: &str| {
        format!(
            "[buildout]\nparts = out\n[a]\nrecipe = slapos.recipe.build:gitclone\nrepository = {}\n{more}\n\
             [out]\nrecipe = slapos.recipe.template\ninline = ${{a:revision}}\noutput = ${{buildout:directory}}/out\n",
            world.at("profile/r").display()
        )
    };
    world.software(&text("branch = main"));
    let build = world.build.clone();
    let run = || slapos_build::build_software(&build, &mut |_| {}).unwrap();
    run();
    assert_eq!(world.read("software/parts/a/f"), "1\n");
    assert_eq!(world.read("software/parts/a/inner/s"), "sub\n");
    assert_eq!(world.read("software/out"), first);
    assert!(run().installed.is_empty());
    git("cd r && echo 3 > f && git commit -q -a -m 2");
    assert_eq!(run().installed, ["a", "out"]);
    assert_eq!(world.read("software/parts/a/f"), "3\n");
    // A site that is gone: what is there stays.
    git("mv r away");
    assert!(run().installed.is_empty());
    git("mv away r");
    world.software(&text(&format!(
        "revision = {first}\nsparse-checkout = /d/\nignore-cloning-submodules = true"
    )));
    run();
    assert!(world.at("software/parts/a/d/g").exists() && !world.at("software/parts/a/f").exists());
    // Somebody worked in it: it stays when its part goes.
    world.write("software/parts/a/d/new", "work");
    world.software("[buildout]\nparts =\n");
    assert_eq!(run().removed, ["out", "a"]);
    assert!(world.at("software/parts/a/d/new").exists());
    world.software(&text("branch = nowhere"));
    let error = world.build().unwrap_err().to_string();
    assert!(error.contains("has no branch `nowhere`"), "{error}");
}

#[test]
fn switch_softwaretype_takes_the_profile_of_the_type_and_keeps_types() {
    let mut world = World::new();
    world.set(r#"{"word": "hello", "list": [1, 2]}"#);
    world.instance(
        "[buildout]\nparts = switch\n[slap-configuration]\nrecipe = slapos.cookbook:slapconfiguration\n\
         [profile]\nrecipe = slapos.recipe.template\noutput = ${buildout:directory}/etc/${:_buildout_section_name_}.cfg\n\
         inline =\n  [buildout]\n  parts = out publish\n  [out]\n  recipe = slapos.recipe.template:jinja2\n  \
         inline = {{ c['word'] }} {{ ips | length }}\n  output = $${buildout:directory}/etc/out\n  context =\n    \
         key c slap-configuration:configuration\n    key ips slap-configuration:ipv4\n  \
         [port]\n  recipe = slapos.cookbook:free_port\n  \
         [publish]\n  recipe = slapos.cookbook:publish\n  port = $${port:port}\n\
         [switch]\nrecipe = slapos.cookbook:switch-softwaretype\nred = profile:output\n",
    );
    world.install.software_type = "red".to_owned();
    let outcome = world.install().unwrap();
    assert_eq!(world.read("slappart0/etc/out"), "hello 1");
    let again = world.install().unwrap();
    assert_eq!(again.connection, outcome.connection);
    assert!(!outcome.connection["port"].is_empty());
    world.install.software_type = "blue".to_owned();
    let text = world.install().unwrap_err().to_string();
    assert!(
        text.contains("no software type `blue`; there are red"),
        "{text}"
    );
}

#[test]
fn gitclone_whose_site_is_silent_is_stopped_with_the_build() {
    let mut world = World::new();
    let mark = world.at("asked");
    world.write(
        "profile/git",
        &format!("#!/bin/sh\necho > {}\nsleep 3600\n", mark.display()),
    );
    let program = world.at("profile/git");
    std::fs::set_permissions(
        &program,
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    world.software(&format!(
        "[buildout]\nparts = a\n[a]\nrecipe = slapos.recipe.build:gitclone\nrepository = x\ngit-executable = {}\n",
        program.display()
    ));
    let cancel = world.build.cancel.clone();
    let stopper = std::thread::spawn(move || {
        wait_until(|| mark.exists().then_some(()));
        cancel.raise();
    });
    let failure = world.build().unwrap_err();
    assert!(matches!(failure, BuildError::Cancelled), "{failure}");
    stopper.join().unwrap();
}
