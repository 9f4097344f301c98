//! Many programs at once, and what each of them costs.

use std::time::Instant;

use slapos_supervise::{ProgramState, Wanted};

use crate::world::*;

#[test]
fn hundred_programs_start_stop_and_use_one_descriptor_each() {
    let world = World::new();
    let descriptors = || {
        std::fs::read_dir(format!("/proc/{}/fd", world.pid()))
            .unwrap()
            .count()
    };
    let before = descriptors();
    let spec = group(
        "part",
        (0..100).map(|n| sleeper(&format!("s{n}"))).collect(),
    );
    world.apply(&spec);
    let pids = world.wait_all_running("part", 100);
    let used = descriptors() - before;
    assert!(used <= 105, "{used} descriptors for 100 programs");
    assert_eq!(world.marked().len(), 100);
    let mut stopped = spec.clone();
    stopped.wanted = Wanted::Stopped;
    world.apply(&stopped);
    wait_until("all are stopped", || {
        let programs = world.programs("part");
        let all = programs
            .values()
            .all(|one| one.state == ProgramState::Stopped);
        check(all, format!("{programs:?}"))
    });
    assert!(pids.values().all(|pid| !is_alive(*pid)));
}

#[test]
fn hundred_groups_are_kept_apart() {
    let world = World::new();
    let mut client = world.client();
    let started = Instant::now();
    for n in 0..100 {
        client
            .apply(&group(&format!("part{n}"), vec![sleeper("a")]))
            .unwrap();
    }
    client.remove("part50").unwrap();
    wait_until("99 run", || {
        let groups = client.status()?;
        let running = groups.iter().flat_map(|group| &group.programs);
        let running = running
            .filter(|one| one.state == ProgramState::Running)
            .count();
        check(
            running == 99 && groups.len() == 99,
            format!("{running} of {}", groups.len()),
        )
    });
    assert!(started.elapsed() < LIMIT);
    assert_eq!(world.marked().len(), 99);
}
