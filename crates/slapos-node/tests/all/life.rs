//! The life of instances under the resident agent.

use crate::master::Master;
use crate::world::{World, ask, instance, is_alive, is_green, is_state, report_of, wait_until};
use serde_json::json;
use std::time::Instant;

#[test]
fn instance_asked_for_is_built_started_green_and_removed() {
    let mut world = World::new("a");
    let url = world.release("fine");
    let master = Master::start(&world.root);
    master.want(|desired| {
        ask(
            desired,
            &url,
            vec![instance("SOFTINST-1", "slappart0", &url, json!({}))],
        );
    });
    world.start();
    wait_until("green", || is_green(&master, "SOFTINST-1"));
    let said = report_of(&master, "SOFTINST-1").unwrap();
    assert_eq!(said.connection.unwrap()["title"], "name-of-SOFTINST-1");
    assert_eq!(said.processes.unwrap()[0].state, "running");
    assert_eq!(
        master.known.lock().unwrap().software[&url].state,
        "available"
    );
    let pid = world.pid("slappart0").unwrap();
    master.want(|desired| {
        desired.generation += 1;
        desired.instances[0].state = "stopped".to_owned();
        desired.instances[0].generation += 1;
    });
    wait_until("stopped", || is_state(&master, "SOFTINST-1", "stopped"));
    assert!(!is_alive(pid));
    assert!(
        world
            .root
            .join("instance/slappart0/etc/service/main")
            .exists()
    );
    master.want(|desired| {
        desired.generation += 1;
        desired.instances[0].state = "destroyed".to_owned();
        desired.instances[0].generation += 1;
    });
    wait_until("destroyed", || is_state(&master, "SOFTINST-1", "destroyed"));
    let left = fs_err::read_dir(world.root.join("instance/slappart0"))
        .unwrap()
        .count();
    assert_eq!(left, 0);
}

#[test]
fn instance_changed_keeps_the_other_and_starts_within_a_tenth_of_a_second() {
    let mut world = World::new("b");
    let url = world.release("fine");
    let master = Master::start(&world.root);
    let one = instance("SOFTINST-1", "slappart0", &url, json!({}));
    master.want(|desired| ask(desired, &url, vec![one]));
    world.start();
    wait_until("green", || is_green(&master, "SOFTINST-1"));
    let first = world.pid("slappart0").unwrap();
    let two = instance("SOFTINST-2", "slappart1", &url, json!({}));
    let began = Instant::now();
    master.want(|desired| {
        desired.generation += 1;
        desired.instances.push(two);
    });
    wait_until("process of the second", || world.pid("slappart1").is_some());
    eprintln!("from the event to the process: {:?}", began.elapsed());
    wait_until("green", || is_green(&master, "SOFTINST-2"));
    eprintln!("from the event to green: {:?}", began.elapsed());
    assert_eq!(world.pid("slappart0"), Some(first));
}

#[test]
fn instance_whose_installation_fails_or_hangs_delays_nobody() {
    let mut world = World::new("c");
    let url = world.release("fine");
    let master = Master::start(&world.root);
    let bad = instance("SOFTINST-1", "slappart0", &url, json!({"hang": "yes"}));
    let good = instance("SOFTINST-2", "slappart1", &url, json!({}));
    master.want(|desired| ask(desired, &url, vec![bad, good]));
    world.start();
    wait_until("green", || is_green(&master, "SOFTINST-2"));
    assert!(is_state(&master, "SOFTINST-1", "installing"));
    master.want(|desired| {
        desired.generation += 1;
        desired.instances[0].generation += 1;
        desired.instances[0].state = "destroyed".to_owned();
    });
    wait_until("destroyed", || is_state(&master, "SOFTINST-1", "destroyed"));
    let failing = instance("SOFTINST-3", "slappart0", &url, json!({"fail": "no room"}));
    master.want(|desired| {
        desired.generation += 1;
        desired.instances[0] = failing;
    });
    wait_until("failed", || is_state(&master, "SOFTINST-3", "failed"));
    assert_eq!(
        report_of(&master, "SOFTINST-3").unwrap().message.as_deref(),
        Some("no room")
    );
}

#[test]
fn instance_that_exits_at_once_is_never_reported_started() {
    let mut world = World::new("d");
    let url = world.release("fine");
    let master = Master::start(&world.root);
    let bad = json!({"service": "exit 3", "promise": "exit 1"});
    let one = instance("SOFTINST-1", "slappart0", &url, bad);
    master.want(|desired| ask(desired, &url, vec![one]));
    world.start();
    wait_until("its failure is told", || {
        let said = report_of(&master, "SOFTINST-1").and_then(|said| said.message);
        said.is_some_and(|message| message.contains("ended with code 3"))
    });
    assert!(!is_state(&master, "SOFTINST-1", "started"));
}

#[test]
fn software_that_fails_is_told_and_built_again_when_its_profile_changes() {
    let mut world = World::new("e");
    let url = world.release("fail");
    let master = Master::start(&world.root);
    let one = instance("SOFTINST-1", "slappart0", &url, json!({}));
    master.want(|desired| ask(desired, &url, vec![one]));
    world.start();
    let state = |state: &str| {
        let known = master.known.lock().unwrap();
        known
            .software
            .get(&url)
            .is_some_and(|said| said.state == state)
    };
    wait_until("failed", || state("failed"));
    wait_until("told of the instance", || {
        is_state(&master, "SOFTINST-1", "failed")
    });
    world.release("fine");
    master.want(|desired| desired.generation += 1);
    wait_until("green", || is_green(&master, "SOFTINST-1"));
}

#[test]
fn promise_that_breaks_is_told_and_causes_no_installation() {
    let mut world = World::new("f");
    let url = world.release("fine");
    let master = Master::start(&world.root);
    let parameters = json!({"promise": "test ! -e broken || { echo broken; exit 1; }"});
    let one = instance("SOFTINST-1", "slappart0", &url, parameters);
    master.want(|desired| ask(desired, &url, vec![one]));
    world.start();
    wait_until("green", || is_green(&master, "SOFTINST-1"));
    let folder = world.root.join("instance/slappart0");
    fs_err::write(folder.join("broken"), "").unwrap();
    let installed = fs_err::metadata(folder.join("etc/service/main"))
        .unwrap()
        .modified()
        .unwrap();
    let pid = world.pid("slappart0").unwrap();
    // The death of its process makes the agent look at once, and the supervisor start another.
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(pid),
        nix::sys::signal::Signal::SIGKILL,
    )
    .unwrap();
    wait_until("told", || {
        let said = report_of(&master, "SOFTINST-1").and_then(|said| said.promises);
        said.is_some_and(|all| all[0].state != "kept")
    });
    wait_until("another process", || {
        world.pid("slappart0").is_some_and(|new| new != pid)
    });
    let after = fs_err::metadata(folder.join("etc/service/main"))
        .unwrap()
        .modified()
        .unwrap();
    assert_eq!(installed, after);
}

#[test]
fn supervisor_killed_is_replaced_and_no_service_restarts() {
    let mut world = World::new("g");
    let url = world.release("fine");
    let master = Master::start(&world.root);
    let one = instance("SOFTINST-1", "slappart0", &url, json!({}));
    master.want(|desired| ask(desired, &url, vec![one]));
    world.start();
    wait_until("green", || is_green(&master, "SOFTINST-1"));
    let pid = world.pid("slappart0").unwrap();
    world
        .supervisor()
        .shutdown(slapos_supervise::ShutdownMode::LeaveServices)
        .unwrap();
    wait_until("a new supervisor has it", || {
        world.pid("slappart0") == Some(pid)
    });
}
