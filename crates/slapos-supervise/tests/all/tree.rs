//! Whole process trees: nothing is left after a stop, nothing waits for the stubborn.

use std::time::{Duration, Instant};

use slapos_supervise::{CgroupUse, Containment, ProgramKind, ProgramState, Wanted};

use crate::world::*;

/// A script whose grandchild leaves session and parent, as a daemon does.
fn daemon_maker(file: &std::path::Path, then: &str) -> String {
    let file = file.display();
    format!(
        "(setsid sh -c 'trap \"\" TERM HUP; echo $$ > {file}; while :; do sleep 0.05; done' &) ; {then}"
    )
}

#[test]
fn stop_takes_the_grandchild_that_left_its_session() {
    grandchild_goes_at_stop(&World::new());
}

#[test]
fn stop_without_cgroups_takes_the_grandchild_that_left_its_session() {
    let world = World::with(CgroupUse::Never);
    grandchild_goes_at_stop(&world);
}

fn grandchild_goes_at_stop(world: &World) {
    let file = world.folder.path().join("grandchild");
    let mut a = service("a", &daemon_maker(&file, "exec sleep 100000"));
    a.stop_timeout_ms = 300;
    world.apply(&group("part", vec![a]));
    world.wait_running("part", "a");
    let grandchild = wait_for_number(&file);
    let mut stopped = group("part", vec![sleeper("a")]);
    stopped.wanted = Wanted::Stopped;
    world.apply(&stopped);
    world.wait_for("part", "a", |a| a.state == ProgramState::Stopped);
    assert!(!is_alive(grandchild));
    assert_eq!(world.marked(), Vec::<i32>::new());
}

#[test]
fn crash_kills_the_leftovers_before_the_successor_starts() {
    leftovers_go_at_crash(&World::new());
}

#[test]
fn crash_without_cgroups_kills_the_leftovers_before_the_successor_starts() {
    leftovers_go_at_crash(&World::with(CgroupUse::Never));
}

fn leftovers_go_at_crash(world: &World) {
    let file = world.folder.path().join("grandchild");
    world.apply(&group(
        "part",
        vec![service("a", &daemon_maker(&file, "exec sleep 100000"))],
    ));
    let first = world.wait_running("part", "a");
    let grandchild = wait_for_number(&file);
    std::fs::remove_file(&file).unwrap();
    kill_9(first);
    let next = wait_for_number(&file);
    assert!(!is_alive(grandchild));
    assert_ne!(next, grandchild);
}

#[test]
fn leftovers_of_a_service_that_died_with_its_supervisor_go_before_the_next_start() {
    for cgroups in [CgroupUse::WhenPossible, CgroupUse::Never] {
        let mut world = World::with(cgroups);
        let file = world.folder.path().join("grandchild");
        let a = service("a", &daemon_maker(&file, "exec sleep 100000"));
        world.apply(&group("part", vec![a]));
        let first = world.wait_running("part", "a");
        let grandchild = wait_for_number(&file);
        std::fs::remove_file(&file).unwrap();
        world.kill();
        kill_9(first);
        world.start();
        wait_for_number(&file);
        assert!(!is_alive(grandchild), "{cgroups:?}");
    }
}

#[test]
fn run_that_leaves_a_daemon_is_done_and_its_daemon_goes_at_stop() {
    for cgroups in [CgroupUse::WhenPossible, CgroupUse::Never] {
        let world = World::with(cgroups);
        let file = world.folder.path().join("daemon");
        let mut run = program("run", ProgramKind::Run, &daemon_maker(&file, "exit 0"));
        run.stop_timeout_ms = 200;
        world.apply(&group("part", vec![run]));
        let daemon = wait_for_number(&file);
        world.wait_for("part", "run", |run| run.state == ProgramState::Done);
        assert!(is_alive(daemon));
        world.client().remove("part").unwrap();
        wait_until("the group is gone", || {
            check(world.client().status()?.is_empty(), "listed")
        });
        assert!(!is_alive(daemon), "{cgroups:?}");
    }
}

#[test]
fn program_that_ignores_the_signal_delays_nobody_and_is_killed_in_time() {
    let world = World::new();
    let mut stubborn = service(
        "stubborn",
        "trap '' TERM; echo on; while :; do sleep 0.05; done",
    );
    stubborn.stop_timeout_ms = 1_500;
    world.apply(&group("part", vec![stubborn, sleeper("meek")]));
    let pids = world.wait_all_running("part", 2);
    wait_until("it ignores", || {
        check(world.log("part", "stubborn").contains("on"), "not yet")
    });
    let asked = Instant::now();
    world.client().remove("part").unwrap();
    let answered = asked.elapsed();
    world.apply(&group("other", vec![sleeper("new")]));
    world.wait_running("other", "new");
    wait_until("the meek one is gone", || {
        check(!is_alive(pids["meek"]), "alive")
    });
    assert!(
        is_alive(pids["stubborn"]),
        "others waited for {:?}",
        asked.elapsed()
    );
    assert!(answered < Duration::from_secs(1), "{answered:?}");
    wait_until("the stubborn one is gone", || {
        check(!is_alive(pids["stubborn"]), "alive")
    });
    assert!(asked.elapsed() >= Duration::from_millis(1_500));
}

#[test]
fn containment_is_reported_and_own_cgroups_are_removed() {
    let world = World::new();
    let never = World::with(CgroupUse::Never);
    for world in [&world, &never] {
        world.apply(&group("part", vec![sleeper("a")]));
        world.wait_running("part", "a");
    }
    assert_eq!(
        never.program("part", "a").containment,
        Containment::ProcessGroup
    );
    let a = world.program("part", "a");
    if a.containment == Containment::ProcessGroup {
        eprintln!("left out, needs a cgroup that can be written: removal of cgroups");
        return;
    }
    let text = std::fs::read_to_string(format!("/proc/{}/cgroup", a.pid.unwrap())).unwrap();
    let path = text
        .lines()
        .find_map(|line| line.strip_prefix("0::/"))
        .unwrap()
        .to_owned();
    assert!(path.ends_with("/part/a"), "{path}");
    let mounts = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"].map(std::path::Path::new);
    let folder = mounts
        .iter()
        .map(|mount| mount.join(&path))
        .find(|path| path.is_dir())
        .unwrap();
    world.client().remove("part").unwrap();
    wait_until("the cgroup is gone", || {
        check(
            !folder.exists() && !folder.parent().unwrap().exists(),
            "it exists",
        )
    });
}
