//! What only root can do: users of their own, and links of a tenant that must not lead root astray.

use crate::master::Master;
use crate::world::{World, ask, instance, is_green, is_state, wait_until};
use serde_json::json;
use std::os::unix::fs::{MetadataExt, symlink};

fn is_left_out(test: &str) -> bool {
    let is_left_out = !nix::unistd::geteuid().is_root();
    if is_left_out {
        eprintln!("{test}: left out, only root can do it");
    }
    is_left_out
}

#[test]
fn instance_as_root_runs_under_its_own_user() {
    if is_left_out("instance_as_root_runs_under_its_own_user") {
        return;
    }
    let mut world = World::new("o");
    let url = world.release("fine");
    let master = Master::start(&world.root);
    let one = instance("SOFTINST-1", "slappart0", &url, json!({}));
    master.want(|desired| ask(desired, &url, vec![one]));
    world.start();
    wait_until("green", || is_green(&master, "SOFTINST-1"));
    let user = nix::unistd::User::from_name("sntuo0").unwrap().unwrap();
    let pid = world.pid("slappart0").unwrap();
    let process = fs_err::metadata(format!("/proc/{pid}")).unwrap();
    assert_eq!(process.uid(), user.uid.as_raw());
    let folder = fs_err::metadata(world.root.join("instance/slappart0")).unwrap();
    assert_eq!(
        (folder.uid(), folder.mode() & 0o777),
        (user.uid.as_raw(), 0o750)
    );
    let environment = fs_err::read_to_string(format!("/proc/{pid}/environ")).unwrap();
    assert!(environment.contains("USER=sntuo0"), "{environment}");
    assert!(!environment.contains("CARGO"), "{environment}");
}

#[test]
fn destroy_with_hostile_links_leaves_what_is_outside() {
    if is_left_out("destroy_with_hostile_links_leaves_what_is_outside") {
        return;
    }
    let mut world = World::new("p");
    let url = world.release("fine");
    let precious = world.root.join("precious");
    fs_err::create_dir(&precious).unwrap();
    fs_err::write(precious.join("file"), "x").unwrap();
    let master = Master::start(&world.root);
    let one = instance("SOFTINST-1", "slappart0", &url, json!({}));
    master.want(|desired| ask(desired, &url, vec![one]));
    world.start();
    wait_until("green", || is_green(&master, "SOFTINST-1"));
    let folder = world.root.join("instance/slappart0");
    symlink(&precious, folder.join("link")).unwrap();
    symlink(precious.join("file"), folder.join("file")).unwrap();
    master.want(|desired| {
        desired.generation += 1;
        desired.instances[0].generation += 1;
        desired.instances[0].state = "destroyed".to_owned();
    });
    wait_until("destroyed", || is_state(&master, "SOFTINST-1", "destroyed"));
    assert_eq!(fs_err::read(precious.join("file")).unwrap(), b"x");
    assert_eq!(fs_err::read_dir(&folder).unwrap().count(), 0);
}
