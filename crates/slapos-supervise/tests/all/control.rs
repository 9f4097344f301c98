//! The control socket against clients that are slow, silent, greedy or talk nonsense.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::time::Duration;

use slapos_supervise::{Client, limits};

use crate::world::*;

fn raw(world: &World) -> UnixStream {
    let stream = UnixStream::connect(world.dir().join("supervise.sock")).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.set_write_timeout(Some(LIMIT)).unwrap();
    stream
}

fn read_all(mut stream: UnixStream) -> String {
    let mut text = vec![];
    let _ = stream.read_to_end(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

#[test]
fn nonsense_is_refused_with_a_reason_and_the_next_line_counts() {
    let world = World::new();
    let mut stream = raw(&world);
    stream
        .write_all(b"\xff\xfe\n{}\n{\"version\":99,\"id\":5,\"ask\":\"subscribe\"}\n")
        .unwrap();
    stream
        .write_all(b"{\"version\":1,\"id\":6,\"ask\":{\"status\":{\"group\":null}}}\n")
        .unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let text = read_all(stream);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 4, "{text}");
    assert!(lines[0].contains("cannot understand the request"), "{text}");
    assert!(lines[1].contains("missing field"), "{text}");
    assert!(
        lines[2].contains("\"id\":5") && lines[2].contains("version 99"),
        "{text}"
    );
    assert!(
        lines[3].contains("\"id\":6") && lines[3].contains("\"status\":[]"),
        "{text}"
    );
}

#[test]
fn line_without_an_end_is_cut_off_and_the_others_are_served() {
    let world = World::new();
    let mut stream = raw(&world);
    let chunk = vec![b'x'; 1 << 20];
    let sent = (0..32).map_while(|_| stream.write_all(&chunk).ok()).count();
    assert!(
        sent * chunk.len() <= 2 * limits::LINE_BYTES_MAX + (1 << 20),
        "{sent} MiB were taken"
    );
    world.client().status().unwrap();
}

#[test]
fn client_that_never_reads_is_held_back_and_the_others_are_served() {
    let world = World::new();
    world.apply(&group(
        "part",
        (0..50).map(|n| sleeper(&format!("s{n}"))).collect(),
    ));
    let mut greedy = raw(&world);
    greedy
        .set_write_timeout(Some(Duration::from_millis(300)))
        .unwrap();
    let ask = b"{\"version\":1,\"id\":6,\"ask\":{\"status\":{\"group\":null}}}\n".repeat(1000);
    let taken = (0..100).map_while(|_| greedy.write_all(&ask).ok()).count();
    assert!(taken < 100, "all {taken} were taken");
    world.wait_all_running("part", 50);
}

#[test]
fn silent_clients_keep_nobody_out() {
    let world = World::new();
    let silent: Vec<UnixStream> = (0..limits::CLIENTS_MAX * 3).map(|_| raw(&world)).collect();
    let mut client = Client::connect_with(&world.dir(), LIMIT).unwrap();
    client.status().unwrap();
    drop(silent);
}

#[test]
fn socket_and_folder_are_private() {
    let world = World::new();
    let mode = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(world.dir()), 0o700);
    assert_eq!(mode(world.dir().join("supervise.sock")), 0o600);
}

#[test]
fn other_user_is_not_let_in() {
    if !is_root_or_say("a client of another user") {
        return;
    }
    let world = World::new();
    // Even when somebody opens the folder by mistake.
    for (path, mode) in [
        (world.folder.path().to_owned(), 0o755),
        (world.dir(), 0o755),
        (world.dir().join("supervise.sock"), 0o666),
    ] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    // The other user must be able to execute it, wherever it was built.
    let program = world.folder.path().join("client");
    std::fs::copy(env!("CARGO_BIN_EXE_supervise-for-tests"), &program).unwrap();
    let ask_as = |uid: u32| {
        let mut command = std::process::Command::new(&program);
        command.arg("ask").arg(world.dir()).uid(uid).gid(uid);
        let output = command.output().unwrap();
        (
            output.status.success(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    assert_eq!(ask_as(0), (true, String::new()));
    let (is_served, error) = ask_as(54321);
    assert!(
        !is_served && error.contains("lost the supervisor"),
        "{error}"
    );
    world.client().status().unwrap();
}

#[test]
fn path_longer_than_a_socket_address_works() {
    let below = Path::new(&"x".repeat(100)).join("y".repeat(100));
    let mut world = World::below(&below);
    assert!(world.dir().as_os_str().len() > 200);
    world.apply(&group("part", vec![sleeper("a")]));
    world.wait_running("part", "a");
    world.kill();
    world.start();
    world.wait_running("part", "a");
}

#[test]
fn connecting_where_nobody_listens_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let error = Client::connect(folder.path()).unwrap_err().to_string();
    assert!(
        error.starts_with("cannot reach the supervisor at"),
        "{error}"
    );
    assert!(error.ends_with("is it running?"), "{error}");
}
