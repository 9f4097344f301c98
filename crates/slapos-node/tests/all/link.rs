//! The agent and its master: together, apart, and with another master.

use crate::master::Master;
use crate::world::{World, ask, instance, is_green, report_of, wait_until};
use serde_json::json;
use slapos_node::{Mode, StepOptions};
use std::sync::Arc;

#[test]
fn agent_offers_its_partitions_and_says_how_it_isolates() {
    let mut world = World::new("h");
    let master = Master::start(&world.root);
    world.start();
    wait_until("watched", || master.is_watched());
    let known = master.known.lock().unwrap();
    assert_eq!(known.format["partitions"].as_array().unwrap().len(), 2);
    let users = if nix::unistd::geteuid().is_root() {
        "separate"
    } else {
        "single"
    };
    assert_eq!(known.format["facts"]["users"], users);
}

#[test]
fn agent_cut_off_connects_again_and_reads_what_it_missed() {
    let mut world = World::new("i");
    let url = world.release("fine");
    let master = Master::start(&world.root);
    world.start();
    wait_until("watched", || master.is_watched());
    master.cut();
    let one = instance("SOFTINST-1", "slappart0", &url, json!({}));
    master.known.lock().unwrap().desired.generation = 4;
    ask(&mut master.known.lock().unwrap().desired, &url, vec![one]);
    wait_until("green", || is_green(&master, "SOFTINST-1"));
}

#[test]
fn agent_refuses_an_older_request_and_obeys_another_master() {
    let mut world = World::new("j");
    let url = world.release("fine");
    let master = Master::start(&world.root);
    let one = instance("SOFTINST-1", "slappart0", &url, json!({}));
    master.want(|desired| {
        desired.generation = 9;
        ask(desired, &url, vec![one]);
    });
    world.start();
    wait_until("green", || is_green(&master, "SOFTINST-1"));
    let pid = world.pid("slappart0");
    let reads = master.known.lock().unwrap().reads;
    master.want(|desired| {
        desired.generation = 3;
        desired.instances.clear();
    });
    wait_until("it was read", || master.known.lock().unwrap().reads > reads);
    // A log request is answered after what came before it was taken in.
    assert_eq!(world.pid("slappart0"), pid);
    master.want(|desired| {
        desired.master_epoch = "two".to_owned();
        desired.generation = 1;
    });
    wait_until("removed", || world.pid("slappart0").is_none());
    wait_until("emptied", || {
        fs_err::read_dir(world.root.join("instance/slappart0"))
            .unwrap()
            .count()
            == 0
    });
}

#[test]
fn agent_without_a_master_starts_what_was_asked_last() {
    let mut world = World::new("k");
    let url = world.release("fine");
    {
        let master = Master::start(&world.root);
        let one = instance("SOFTINST-1", "slappart0", &url, json!({}));
        master.want(|desired| ask(desired, &url, vec![one]));
        world.start();
        wait_until("green", || is_green(&master, "SOFTINST-1"));
        world.stop();
        world
            .supervisor()
            .shutdown(slapos_supervise::ShutdownMode::StopServices)
            .unwrap();
        wait_until("all ended", || world.pid("slappart0").is_none());
        fs_err::remove_file(world.root.join("etc/client.json")).unwrap();
    }
    world.start();
    wait_until("it runs again", || world.pid("slappart0").is_some());
    wait_until("its promise was checked", || {
        let text = fs_err::read_to_string(world.root.join("var/node/promise/slappart0.json"));
        text.is_ok_and(|text| text.contains("kept"))
    });
}

#[test]
fn agent_stopped_leaves_the_services_and_a_second_one_is_refused() {
    let mut world = World::new("l");
    let url = world.release("fine");
    let master = Master::start(&world.root);
    let one = instance("SOFTINST-1", "slappart0", &url, json!({}));
    master.want(|desired| ask(desired, &url, vec![one]));
    world.start();
    wait_until("green", || is_green(&master, "SOFTINST-1"));
    let options = StepOptions {
        mode: Mode::Act,
        only: Vec::new(),
        clock: Arc::new(crate::world::SystemClock),
        random: Arc::new(crate::world::Fixed),
    };
    let refused = slapos_node::instance(&world.config(), &options).unwrap_err();
    assert!(refused.to_string().contains("already works"), "{refused}");
    let seen = slapos_node::status(&world.config()).unwrap();
    assert!(seen.is_agent_running && seen.is_supervisor_running);
    assert_eq!(seen.instances[0].promises[0].state, "kept");
    let pid = world.pid("slappart0");
    world.stop();
    assert_eq!(world.pid("slappart0"), pid);
    let plan = slapos_node::instance(
        &world.config(),
        &StepOptions {
            mode: Mode::DryRun,
            ..options.clone()
        },
    );
    assert_eq!(plan.unwrap().plan, Vec::<String>::new());
    let checked = slapos_node::promise(&world.config(), &options).unwrap();
    assert_eq!(checked.failures, vec![]);
    assert_eq!(checked.plan, ["slappart0 works"]);
}

#[test]
fn steps_one_by_one_do_what_the_agent_does() {
    let world = World::new("m");
    let url = world.release("fine");
    let master = Master::start(&world.root);
    let one = instance("SOFTINST-1", "slappart0", &url, json!({}));
    master.want(|desired| ask(desired, &url, vec![one]));
    let options = StepOptions {
        mode: Mode::Act,
        only: Vec::new(),
        clock: Arc::new(crate::world::SystemClock),
        random: Arc::new(crate::world::Fixed),
    };
    let formatted = slapos_node::format(&world.config(), &options).unwrap();
    assert!(formatted.is_reported);
    let dry = StepOptions {
        mode: Mode::DryRun,
        ..options.clone()
    };
    assert_eq!(
        slapos_node::software(&world.config(), &dry).unwrap().plan,
        [format!("build {url}")]
    );
    let built = slapos_node::software(&world.config(), &options).unwrap();
    assert_eq!(built.software[0].state, "available");
    let made = slapos_node::instance(&world.config(), &options).unwrap();
    assert_eq!(
        made.plan,
        ["slappart0: install", "slappart0: start the programs"]
    );
    assert!(world.pid("slappart0").is_some());
}

#[test]
fn log_wanted_is_answered() {
    let mut world = World::new("n");
    let url = world.release("fine");
    let master = Master::start(&world.root);
    let service = json!({"service": "echo hello from inside; exec sleep 3600"});
    let one = instance("SOFTINST-1", "slappart0", &url, service);
    master.want(|desired| ask(desired, &url, vec![one]));
    world.start();
    wait_until("green", || is_green(&master, "SOFTINST-1"));
    assert!(report_of(&master, "SOFTINST-1").is_some());
    master.tell(
        "log.wanted",
        &json!({"request": "r1", "partition": "slappart0", "lines": 10, "wait_ms": 5000}),
    );
    wait_until("answered", || !master.known.lock().unwrap().logs.is_empty());
    let answer = master.known.lock().unwrap().logs[0].clone();
    assert!(
        answer["chunk"]["text"]
            .as_str()
            .unwrap()
            .contains("hello from inside"),
        "{answer}"
    );
}
