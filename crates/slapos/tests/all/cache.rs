//! `slapos cache …` from outside: a cache that is served by one process, filled by another, read by a third.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value as Json, json};

use crate::program::World;

const MD5: &str = "5eb63bbbe01eeed093cb22bb8f5acdc3";

struct Served {
    child: Child,
    url: String,
}

impl Served {
    fn start(world: &World, words: &[&str]) -> Served {
        let mut all = vec!["cache", "serve", "--json", "--listen", "127.0.0.1:0"];
        all.extend(words);
        let mut child = world.command(&all).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        let said: Json = serde_json::from_str(&line).unwrap();
        let url = said["url"].as_str().unwrap().to_owned();
        Served { child, url }
    }

    fn end(mut self) -> Option<i32> {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        kill(pid, Signal::SIGTERM).unwrap();
        self.child.wait().unwrap().code()
    }
}

fn json_of(world: &World, words: &[&str], code: i32) -> Json {
    let mut all = vec!["cache"];
    all.extend(words);
    all.push("--json");
    let ran = world.run(&all);
    assert_eq!(ran.code, Some(code), "{}", ran.shown());
    serde_json::from_str(&ran.stdout).unwrap()
}

#[test]
fn cache_put_is_served_found_moved_and_verified() {
    let world = World::new();
    fs_err::write(world.path().join("hello.tar.gz"), "hello world").unwrap();
    assert_eq!(world.run(&["cache", "key", "ours"]).code, Some(0));
    let again = world.run(&["cache", "key", "ours"]);
    assert!(
        again.stderr.contains("is there already"),
        "{}",
        again.shown()
    );
    let near = [
        "--store",
        "served",
        "--trust",
        "ours.pub",
        "--writer-address",
        "127.0.0.1",
    ];
    let served = Served::start(&world, &near);

    let source = "http://127.0.0.1:1/hello.tar.gz";
    let put = [
        "put",
        "hello.tar.gz",
        "--to",
        &served.url,
        "--key",
        "ours.key",
        "--url",
        source,
    ];
    let put = json_of(&world, &put, 0);
    assert_eq!(put["sha512"].as_str().unwrap().len(), 128);

    // By its hash from anywhere; by its URL only where the signature is trusted.
    let asked = ["--cache", served.url.as_str(), "--no-debian"];
    let look = |what: &str, more: &[&str], code| {
        let words = [&["find", what], &asked[..], more].concat();
        json_of(&world, &words, code)
    };
    let found = look(MD5, &[], 0);
    assert_eq!(found["places"][1]["there"], json!(true), "{found}");
    let found = look(source, &[], 1);
    assert_eq!(found["found"], json!(false), "{found}");
    let found = look(source, &["--trust", "ours.pub"], 0);
    assert_eq!(found["places"][1]["there"], json!(true), "{found}");
    let got = look(source, &["--trust", "ours.pub", "--get"], 0);
    let path = got["path"].as_str().unwrap();
    let path = path.strip_prefix("[WORLD]/").unwrap();
    let bytes = fs_err::read(world.path().join(path)).unwrap();
    assert_eq!(bytes, b"hello world");

    let moved = json_of(&world, &["export", "all.tar"], 0);
    assert_eq!(
        (&moved["contents"], &moved["bytes"]),
        (&json!(1), &json!(11))
    );
    let moved = json_of(&world, &["import", "all.tar", "--store", "other"], 0);
    assert_eq!(moved["contents"], json!(1));
    let found = json_of(&world, &["find", MD5, "--store", "other", "--no-debian"], 0);
    assert_eq!(found["places"][0]["there"], json!(true), "{found}");

    let place = world.path().join("other/sha256");
    let damaged = std::fs::read_dir(&place)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let damaged = std::fs::read_dir(damaged)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    std::fs::remove_file(&damaged).unwrap();
    std::fs::write(&damaged, "hello World").unwrap();
    let verified = json_of(&world, &["verify", "--store", "other"], 1);
    assert_eq!(verified["damaged"].as_array().unwrap().len(), 1);
    assert_eq!(
        json_of(&world, &["verify", "--store", "other"], 0)["contents"],
        json!(0)
    );
    assert_eq!(served.end(), Some(0));
}

#[test]
fn cache_that_nobody_may_write_refuses_with_a_reason() {
    let world = World::new();
    fs_err::write(world.path().join("f"), "x").unwrap();
    fs_err::write(world.path().join("tokens"), "# ours\nsecret\n").unwrap();
    let served = Served::start(&world, &["--store", "served", "--writer-tokens", "tokens"]);
    let refused = world.run(&["cache", "put", "f", "--to", &served.url]);
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.stderr.contains("needs a token"),
        "{}",
        refused.shown()
    );
    let put = ["put", "f", "--to", &served.url, "--token", "tokens"];
    // The whole file is not the token: a token file has one.
    assert_eq!(world.run(&[&["cache"], &put[..]].concat()).code, Some(1));
    fs_err::write(world.path().join("token"), "secret\n").unwrap();
    let put = ["put", "f", "--to", &served.url, "--token", "token"];
    json_of(&world, &put, 0);
    let wrong = world.run(&["cache", "find", "nothing"]);
    assert_eq!(wrong.code, Some(2), "{}", wrong.shown());
    assert_eq!(served.end(), Some(0));
}
