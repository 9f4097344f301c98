//! The catalogue's helloworld, from its source to a page that is looked at.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command};
use std::time::Instant;

use slapos_build::Check;

use crate::world::{World, snapshot, wait_until};

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn get(address: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

fn world() -> World {
    let mut world = World::new();
    let catalog = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../catalog/helloworld/1.0");
    world.build.profile = catalog.join("software.cfg").display().to_string();
    world
}

#[test]
fn helloworld_built_installed_and_started_answers_with_the_greeting() {
    let mut world = world();
    let built = world.build().unwrap();
    assert_eq!(built.installed.len(), 3, "{built:?}");
    assert_eq!(built.unpinned, Vec::<String>::new());
    world.set(r#"{"greeting": "it's ${me}; `rm`"}"#);
    let outcome = world.install().unwrap();
    assert_eq!(outcome.service.len(), 1);
    let names: Vec<&str> = outcome
        .promises
        .iter()
        .map(|spec| spec.name.as_str())
        .collect();
    assert_eq!(names, ["port", "process", "url"]);
    let url = outcome.connection["url"].clone();
    let address = url
        .strip_prefix("http://")
        .unwrap()
        .trim_end_matches('/')
        .to_owned();
    let Check::Url { text, .. } = &outcome.promises[2].check else {
        panic!("{outcome:?}")
    };
    assert_eq!(text.as_deref(), Some("it's ${me}; `rm`"));
    let _server = Running(Command::new(&outcome.service[0].path).spawn().unwrap());
    let page = wait_until(|| get(&address));
    assert!(page.starts_with("HTTP/1.1 200 OK"), "{page}");
    assert!(page.ends_with("it's ${me}; `rm`"), "{page}");
}

#[test]
fn helloworld_installed_again_writes_nothing_and_a_new_greeting_changes_the_digest() {
    let mut world = world();
    world.build().unwrap();
    let begun = Instant::now();
    let first = world.install().unwrap();
    let first_time = begun.elapsed();
    let before = snapshot(&world.at(""));
    let begun = Instant::now();
    let second = world.install().unwrap();
    let idle_time = begun.elapsed();
    assert_eq!(snapshot(&world.at("")), before);
    assert_eq!(second.changed_parts, Vec::<String>::new());
    assert_eq!(second.service, first.service);
    assert!(world.build().unwrap().installed.is_empty());
    assert_eq!(snapshot(&world.at("")), before);
    world.set(r#"{"greeting": "another"}"#);
    let third = world.install().unwrap();
    assert_ne!(third.service[0].digest, first.service[0].digest);
    assert_eq!(third.connection, first.connection);
    assert_eq!(third.changed_parts, ["greeting", "server", "promise-url"]);
    eprintln!("first {first_time:?}, idle {idle_time:?}");
}
