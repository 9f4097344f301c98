//! `slapos up` for real: master, agent and supervisor as processes, stopped by pid.

use crate::program::{Ran, World, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Stdio};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);

/// A running `up`; whatever a test does, nothing stays.
pub(crate) struct Up<'a> {
    world: &'a World,
    process: Child,
    first: Value,
}

impl<'a> Up<'a> {
    /// On a free port, with two partitions.
    pub(crate) fn start(world: &'a World) -> Self {
        let first = ["--listen", "127.0.0.1:0", "--partitions", "2"];
        Self::start_with(world, &first)
    }

    pub(crate) fn start_with(world: &'a World, words: &[&str]) -> Self {
        let mut process = world
            .command(&[&["up", "--json"], words].concat())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let output = process.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut line).unwrap();
        let first = serde_json::from_str(&line).unwrap_or_else(|_| panic!("no JSON: {line:?}"));
        Self {
            world,
            process,
            first,
        }
    }

    pub(crate) fn pid(&self, name: &str) -> Pid {
        let pid = self.first["pids"][name].as_i64().unwrap();
        Pid::from_raw(i32::try_from(pid).unwrap())
    }
}

impl Drop for Up<'_> {
    fn drop(&mut self) {
        self.world.run(&["down"]);
        // Ended by `down`, or never started: either way there is nothing more to wait for.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) fn is_alive(pid: Pid) -> bool {
    let stat = fs_err::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

pub(crate) fn object(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{}", ran.shown()))
}

#[test]
fn up_says_where_it_is_and_down_stops_all_of_it() {
    let world = World::new();
    let mut up = Up::start(&world);
    let url = up.first["url"].as_str().unwrap().to_owned();
    assert!(url.starts_with("http://127.0.0.1:"), "{}", up.first);
    assert!(
        up.first["token_url"]
            .as_str()
            .unwrap()
            .starts_with(&format!("{url}/?token="))
    );
    assert_eq!(
        up.first["root"].as_str().unwrap(),
        world.root().to_str().unwrap()
    );
    let client = fs_err::metadata(world.root().join("etc/client.json")).unwrap();
    assert_eq!(client.permissions().mode() & 0o777, 0o600);
    assert_eq!(world.run(&["status"]).code, Some(0));
    let pids = ["up", "master", "node", "supervisor"].map(|name| up.pid(name));
    assert!(pids.into_iter().all(is_alive));
    let down = world.run(&["down"]);
    assert_eq!(down.code, Some(0), "{}", down.shown());
    assert!(
        down.stdout.contains("stopped: up (process"),
        "{}",
        down.shown()
    );
    assert_eq!(up.process.wait().unwrap().code(), Some(0));
    assert!(!pids.into_iter().any(is_alive));
}

#[test]
fn up_twice_says_that_it_runs_already() {
    let world = World::new();
    let up = Up::start(&world);
    let second = world.run(&["up", "--json"]);
    assert_eq!(second.code, Some(0), "{}", second.shown());
    let second = object(&second);
    assert_eq!(second["token_url"], up.first["token_url"]);
    assert_eq!(second["pids"], up.first["pids"]);
}

#[test]
fn up_starts_its_children_again_when_they_are_killed() {
    let world = World::new();
    let up = Up::start(&world);
    for name in ["master", "node"] {
        let old = up.pid(name);
        kill(old, Signal::SIGKILL).unwrap();
        let new = wait_until("a new child", LONG, || {
            let file = fs_err::read(world.root().join("var/up.json")).ok()?;
            let file: Value = serde_json::from_slice(&file).ok()?;
            file[name]["pid"]
                .as_i64()
                .filter(|pid| *pid != i64::from(old.as_raw()))
        });
        assert!(is_alive(Pid::from_raw(i32::try_from(new).unwrap())));
    }
    wait_until("the master answers again", LONG, || {
        (world.run(&["status"]).code == Some(0)).then_some(())
    });
}

#[test]
fn up_killed_leaves_the_supervisor_and_is_followed_by_another() {
    let world = World::new();
    let up = Up::start(&world);
    kill(up.pid("up"), Signal::SIGKILL).unwrap();
    for name in ["master", "node"] {
        wait_until("the child ends", LONG, || {
            (!is_alive(up.pid(name))).then_some(())
        });
    }
    assert!(is_alive(up.pid("supervisor")));
    let again = Up::start_with(&world, &[]);
    assert_eq!(again.first["url"], up.first["url"]);
    assert_eq!(again.pid("supervisor"), up.pid("supervisor"));
}

#[test]
fn up_on_a_taken_port_says_what_to_do() {
    let world = World::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let listen = address.to_string();
    for words in [&["up"][..], &["up", "--detach"]] {
        let words = [words, &["--listen", listen.as_str()]].concat();
        let ran = world.run(&words);
        assert_eq!(ran.code, Some(1), "{}", ran.shown());
        let port = address.port();
        let told = format!("Port {port} on 127.0.0.1 is taken by another program.\nhint: stop");
        assert!(ran.stderr.contains(&told), "{}", ran.shown());
    }
}

#[test]
fn up_where_a_file_is_says_so() {
    let world = World::new();
    fs_err::write(world.root(), "no folder").unwrap();
    let ran = world.run(&["up"]);
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.stderr.contains("Cannot use [WORLD]/r"),
        "{}",
        ran.shown()
    );
    assert!(ran.stderr.contains("hint: "), "{}", ran.shown());
}

#[test]
fn up_on_a_full_disk_says_so_and_what_to_do() {
    let world = World::new();
    fs_err::create_dir(world.root()).unwrap();
    let ran = world.run_on_small_disk(&["up"]);
    assert_eq!(ran.code, Some(1), "{}", ran.shown());
    assert!(
        ran.stderr
            .contains("The disk of [WORLD]/r has only 2 MB left"),
        "{}",
        ran.shown()
    );
    assert!(ran.stderr.contains("hint: make room"), "{}", ran.shown());
}

#[test]
fn up_detached_goes_on_and_down_stops_it() {
    let world = World::new();
    let ran = world.run(&["up", "--detach", "--json", "--listen", "127.0.0.1:0"]);
    assert_eq!(ran.code, Some(0), "{}", ran.shown());
    let pid = object(&ran)["pids"]["up"].as_i64().unwrap();
    let pid = Pid::from_raw(i32::try_from(pid).unwrap());
    assert!(is_alive(pid));
    assert_eq!(nix::unistd::getsid(Some(pid)).unwrap(), pid);
    let down = world.run(&["down", "--json"]);
    assert_eq!(down.code, Some(0), "{}", down.shown());
    assert!(!is_alive(pid));
}
