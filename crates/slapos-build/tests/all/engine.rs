//! What the engine redoes, keeps, removes and forgets.

use slapos_build::{BuildError, FailureKind, Step};

use crate::world::{World, site_for_once, snapshot};

/// A part that counts its builds in `count-<name>`, with more options behind.
fn part(world: &World, name: &str, more: &str) -> String {
    let dir = world.at("");
    let dir = dir.display();
    format!(
        "[{name}]\nrecipe = slapos.recipe.cmmi\npath = {dir}/profile/src\nconfigure-command = true\n\
         make-binary = true\npost-install = touch %(location)s/made && echo x >> {dir}count-{name}\n{more}\n"
    )
}

fn world() -> World {
    let world = World::new();
    world.write("profile/src/source.c", "source");
    world
}

fn builds(world: &World, name: &str) -> usize {
    std::fs::read_to_string(world.at(&format!("count-{name}")))
        .map_or(0, |text| text.lines().count())
}

fn three(world: &World, middle: &str) -> String {
    format!(
        "[buildout]\nparts = c\n{}{}{}",
        part(world, "a", ""),
        part(
            world,
            "b",
            &format!("environment =\n  A=${{a:location}}\n  M={middle}")
        ),
        part(world, "c", "environment =\n  B=${b:location}"),
    )
}

#[test]
fn build_again_without_a_change_redoes_and_writes_nothing() {
    let mut world = world();
    world.software(&three(&world, "1"));
    assert_eq!(world.build().unwrap().installed, ["a", "b", "c"]);
    let before = snapshot(&world.at(""));
    let again = world.build().unwrap();
    assert_eq!((again.installed.len(), again.kept.len()), (0, 3));
    assert_eq!(snapshot(&world.at("")), before);
}

#[test]
fn build_with_a_changed_option_redoes_it_and_what_depends_on_it() {
    let mut world = world();
    world.software(&three(&world, "1"));
    world.build().unwrap();
    world.software(&three(&world, "2"));
    assert_eq!(world.build().unwrap().installed, ["b", "c"]);
    assert_eq!(
        (
            builds(&world, "a"),
            builds(&world, "b"),
            builds(&world, "c")
        ),
        (1, 2, 2)
    );
}

#[test]
fn build_with_a_changed_local_source_redoes_everything_made_of_it() {
    let mut world = world();
    world.software(&three(&world, "1"));
    world.build().unwrap();
    world.write("profile/src/source.c", "changed");
    assert_eq!(world.build().unwrap().installed.len(), 3);
}

#[test]
fn build_without_a_part_removes_it() {
    let mut world = world();
    world.software(&three(&world, "1"));
    world.build().unwrap();
    assert!(world.at("software/parts/c/made").exists());
    world.software(&format!("[buildout]\nparts = a\n{}", part(&world, "a", "")));
    assert_eq!(world.build().unwrap().removed, ["c", "b"]);
    assert!(!world.at("software/parts/c").exists());
    assert!(world.at("software/parts/a/made").exists());
}

#[test]
fn build_of_a_part_whose_files_vanished_redoes_it() {
    let mut world = world();
    world.software(&format!("[buildout]\nparts = a\n{}", part(&world, "a", "")));
    world.build().unwrap();
    std::fs::remove_dir_all(world.at("software/parts/a")).unwrap();
    assert_eq!(world.build().unwrap().installed, ["a"]);
}

#[test]
fn build_that_fails_keeps_what_was_finished_and_shows_the_end_of_the_log() {
    let mut world = world();
    let failing = "pre-configure = seq 1 100; echo the reason >&2; test -e %(go)s\ngo = ";
    let go = world.at("go");
    let text = format!(
        "[buildout]\nparts = a b\n{}{}",
        part(&world, "a", ""),
        part(
            &world,
            "b",
            &format!(
                "{failing}{}\nenvironment =\n  A=${{a:location}}",
                go.display()
            )
        ),
    );
    world.software(&text);
    let error = world.build().unwrap_err();
    let failure = error.failure();
    assert_eq!(
        (failure.kind, failure.part.as_deref()),
        (FailureKind::Part, Some("b"))
    );
    assert_eq!(failure.tail.len(), 40);
    assert_eq!(failure.tail.last().unwrap(), "the reason");
    assert!(
        failure.message.contains("the step configure failed"),
        "{}",
        failure.message
    );
    assert!(!world.at("software/parts/b").exists());
    assert!(
        world
            .at("software/.slapos/build/b/source/source.c")
            .exists()
    );
    assert!(
        std::fs::read_to_string(failure.log.unwrap())
            .unwrap()
            .contains("the reason")
    );
    std::fs::write(go, "").unwrap();
    assert_eq!(world.build().unwrap().installed, ["b"]);
    assert_eq!(builds(&world, "a"), 1);
}

#[test]
fn build_of_a_shared_part_is_done_once_for_two_releases() {
    let mut world = world();
    world.software(&format!(
        "[buildout]\nparts = a\n{}",
        part(&world, "a", "shared = true")
    ));
    world.build().unwrap();
    world.build.root = world.at("another");
    world.build().unwrap();
    assert_eq!(builds(&world, "a"), 1);
    let shared = std::fs::read_dir(world.at("shared/a")).unwrap();
    assert_eq!(
        shared
            .filter(|entry| entry.as_ref().unwrap().path().is_dir())
            .count(),
        1
    );
}

#[test]
fn build_with_an_unfinished_shared_part_makes_it_anew() {
    let mut world = world();
    world.software(&format!(
        "[buildout]\nparts = a\n{}",
        part(&world, "a", "shared = true")
    ));
    world.build().unwrap();
    let entries = std::fs::read_dir(world.at("shared/a")).unwrap();
    let folder = entries
        .map(|entry| entry.unwrap().path())
        .find(|path| path.is_dir())
        .unwrap();
    std::fs::remove_file(folder.join(".slapos-shared.json")).unwrap();
    std::fs::write(folder.join("half"), "").unwrap();
    world.build.root = world.at("another");
    world.build().unwrap();
    assert!(folder.join("made").exists() && !folder.join("half").exists());
}

#[test]
fn build_tells_its_steps_in_order() {
    let mut world = world();
    world.software(&format!("[buildout]\nparts = a\n{}", part(&world, "a", "")));
    world.build().unwrap();
    let mut steps: Vec<Step> = world.progress.iter().map(|news| news.step).collect();
    steps.dedup();
    assert_eq!(
        steps,
        [
            Step::Unpack,
            Step::Configure,
            Step::Make,
            Step::Install,
            Step::Done
        ]
    );
    assert!(
        world
            .progress
            .iter()
            .all(|news| (news.index, news.total) == (1, 1))
    );
}

#[test]
fn build_step_sees_only_the_environment_it_is_given() {
    let mut world = world();
    let more = "pre-configure = env > %(out)s\nenvironment =\n  X=%(HOME)s/x\nout = ";
    let out = world.at("env");
    let text = part(&world, "a", &format!("{more}{}", out.display()));
    world.software(&format!("[buildout]\nparts = a\n{text}"));
    world.build().unwrap();
    let text = world.read("env");
    let mut names: Vec<&str> = text
        .lines()
        .filter_map(|line| Some(line.split_once('=')?.0))
        .collect();
    names.sort_unstable();
    names.retain(|name| !matches!(*name, "_" | "PWD" | "OLDPWD" | "SHLVL"));
    assert_eq!(
        names,
        [
            "HOME",
            "LANG",
            "LC_ALL",
            "MAKEFLAGS",
            "PATH",
            "SOURCE_DATE_EPOCH",
            "TMPDIR",
            "TZ",
            "X"
        ]
    );
    assert!(text.contains("/.slapos/build/a/home/x\n"), "{text}");
}

#[test]
fn build_without_a_compiler_says_what_to_install() {
    let mut world = world();
    let text = part(&world, "a", "").replace("make-binary = true\n", "");
    world.software(&format!("[buildout]\nparts = a\n{text}"));
    world.build.path = world.at("empty").display().to_string();
    let error = world.build().unwrap_err();
    assert!(matches!(error, BuildError::MissingTool(_)));
    assert!(error.to_string().contains("apt install"), "{error}");
}

#[test]
fn build_with_a_wrong_hash_names_both_and_installs_nothing() {
    let mut world = world();
    world.write("profile/a.tar", "not what was promised");
    let url = world.at("profile/a.tar");
    world.software(&format!(
        "[buildout]\nparts = a\n[a]\nrecipe = slapos.recipe.build:download\nurl = {}\nmd5sum = {}\n",
        url.display(),
        "0".repeat(32)
    ));
    let text = world.build().unwrap_err().to_string();
    assert!(
        text.contains("wrong hash") && text.contains(&"0".repeat(32)),
        "{text}"
    );
    assert!(!world.at("software/parts/a").exists());
}

#[test]
fn build_of_a_wrong_profile_shows_the_place() {
    let mut world = world();
    world.software("[buildout]\nparts = a\noffline = true\n[a]\nrecipe = slapos.recipe.unknown\n");
    let text = world.build().unwrap_err().to_string();
    assert!(
        text.contains("software.cfg:5") && text.contains("slapos.recipe.unknown"),
        "{text}"
    );
    world.software("[buildout]\nparts = a\n[a]\nrecipe = slapos.recipe.cmmi\nurl = ${b:url}\n");
    let text = world.build().unwrap_err().to_string();
    assert!(text.contains("software.cfg:5"), "{text}");
}

#[test]
fn build_asked_to_stop_ends_its_step_and_keeps_the_rest() {
    let world = world();
    let text = format!(
        "[buildout]\nparts = a b\n{}{}",
        part(&world, "a", ""),
        part(
            &world,
            "b",
            "pre-configure = sleep 300\nenvironment =\n  A=${a:location}"
        )
    );
    world.software(&text);
    let cancel = world.build.cancel.clone();
    let build = world.build.clone();
    let result = slapos_build::build_software(&build, &mut |news| {
        if news.part == "b" && news.step == Step::Configure {
            cancel.raise();
        }
    });
    assert!(matches!(result, Err(BuildError::Cancelled)));
    assert_eq!(builds(&world, "a"), 1);
    assert!(!world.at("software/parts/b").exists());
}

#[test]
fn build_in_a_folder_where_another_builds_is_refused() {
    let mut world = world();
    world.software(&format!("[buildout]\nparts = a\n{}", part(&world, "a", "")));
    let build = world.build.clone();
    let mut second = None;
    slapos_build::build_software(&build, &mut |_| {
        second.get_or_insert_with(|| slapos_build::build_software(&build, &mut |_| {}));
    })
    .unwrap();
    let text = second.unwrap().unwrap_err().to_string();
    assert!(text.contains("another process is installing"), "{text}");
    assert_eq!(world.build().unwrap().kept, ["a"]);
}

#[test]
fn build_sees_this_machine_and_its_disk_in_conditions() {
    let mut world = world();
    let dir = world.at("").display().to_string();
    world.software(&format!(
        "[buildout]\nparts = a\n[a:os.path.isdir(\"{dir}\")]\nmade = by the disk\n\
         [a:os.path.isdir(\"{dir}none\")]\nmade = by nothing\n{}",
        part(&world, "a", "environment =\n  MADE=${:made}")
    ));
    assert_eq!(world.build().unwrap().installed, ["a"]);
}

#[test]
fn build_goes_on_from_a_copy_when_the_site_of_a_profile_is_gone() {
    let mut world = world();
    let (url, site) = site_for_once(part(&world, "a", ""));
    world.software(&format!("[buildout]\nextends = {url}\nparts = a\n"));
    let first = world.build().unwrap();
    assert_eq!((first.installed.len(), first.warnings.len()), (1, 0));
    site.join().unwrap();
    let before = snapshot(&world.at(""));
    let again = world.build().unwrap();
    assert_eq!(again.kept, ["a"]);
    assert!(
        again.warnings[0].contains("the copy of before"),
        "{again:?}"
    );
    assert_eq!(snapshot(&world.at("")), before);
}
