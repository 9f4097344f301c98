//! A service from its order to its end, through the program alone. Builds helloworld, which takes
//! a second and needs a C compiler, as the project itself does.

use crate::program::{World, wait_until};
use crate::up::{Up, is_alive, object};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(120);

fn answer_of(url: &str) -> Option<String> {
    let address = url.strip_prefix("http://")?.trim_end_matches('/');
    let mut stream = TcpStream::connect(address).ok()?;
    write!(stream, "GET / HTTP/1.0\r\nHost: {address}\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

/// The pid of the service's process, from the node itself.
fn pid_of(world: &World) -> Option<Pid> {
    let status = world.run(&["node", "status", "--json"]);
    let status: Value = serde_json::from_str(&status.stdout).ok()?;
    let pid = status["instances"][0]["processes"][0]["pid"].as_i64()?;
    Some(Pid::from_raw(i32::try_from(pid).unwrap()))
}

fn wait_for_green(world: &World) -> Value {
    let ran = world.run(&["request", "helloworld", "hello", "--wait", "--json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.shown());
    object(&ran)
}

#[test]
fn a_service_is_ordered_runs_survives_and_is_destroyed() {
    let world = World::new();
    let up = Up::start(&world);
    let green = wait_for_green(&world);
    for key in [
        "name",
        "state",
        "node",
        "partition",
        "connection",
        "promises",
    ] {
        assert!(!green[key].is_null(), "{key} in {green}");
    }
    assert!(green["seconds_to_green"].as_f64().is_some(), "{green}");
    assert_eq!(green["promises"]["kept"], green["promises"]["total"]);
    let url = green["connection"]["url"].as_str().unwrap().to_owned();
    assert!(answer_of(&url).unwrap().contains("200"));

    let again = world.run(&["request", "helloworld", "hello"]);
    assert!(
        again
            .stdout
            .contains("hello: started, 3 of 3 promises kept"),
        "{}",
        again.shown()
    );
    assert!(
        again.stdout.contains(&format!("url: {url}")),
        "{}",
        again.shown()
    );

    let first = wait_until("the pid", LONG, || pid_of(&world));
    kill(first, Signal::SIGKILL).unwrap();
    let second = wait_until("a successor", LONG, || {
        pid_of(&world).filter(|pid| *pid != first)
    });

    // The launcher is killed, with it go master and agent; the service is not touched.
    kill(up.pid("up"), Signal::SIGKILL).unwrap();
    let up_again = Up::start_with(&world, &[]);
    wait_for_green(&world);
    assert_eq!(pid_of(&world), Some(second));

    let down = world.run(&["down"]);
    assert_eq!(down.code, Some(0), "{}", down.shown());
    assert!(!is_alive(second));
    drop(up_again);
    let _up = Up::start_with(&world, &[]);
    let back = wait_until("the service is back", LONG, || pid_of(&world));
    assert_ne!(back, second);
    assert_eq!(wait_for_green(&world)["connection"]["url"], url);

    let words = [
        "request",
        "helloworld",
        "hello",
        "--state",
        "destroyed",
        "--wait",
    ];
    let gone = world.run(&words);
    assert_eq!(gone.code, Some(0), "{}", gone.shown());
    assert!(!is_alive(back));
    assert!(
        world
            .run(&["service", "list"])
            .stdout
            .starts_with("No services.")
    );
}

#[test]
fn a_wrong_request_is_refused_with_what_to_do() {
    let world = World::new();
    let _up = Up::start(&world);
    let unknown = world.run(&["request", "helloworl", "hello"]);
    assert_eq!(unknown.code, Some(1), "{}", unknown.shown());
    assert!(unknown.stderr.contains("helloworld"), "{}", unknown.shown());
    let swapped = world.run(&["request", "hello", "helloworld"]);
    assert_eq!(swapped.code, Some(1), "{}", swapped.shown());
    assert!(
        swapped
            .stderr
            .contains("hint: the software comes first: slapos request helloworld hello"),
        "{}",
        swapped.shown()
    );
    let wrong = world.run(&[
        "request",
        "helloworld",
        "hello",
        "--parameters",
        "nonsense=1",
    ]);
    assert_eq!(wrong.code, Some(1), "{}", wrong.shown());
    assert!(wrong.stderr.contains("nonsense"), "{}", wrong.shown());
    assert!(
        world
            .run(&["service", "list"])
            .stdout
            .starts_with("No services.")
    );
}
