//! Output and logs: bounded, complete where possible, and never a reason for a service to wait.

use std::path::Path;

use slapos_supervise::{LogSpec, ProgramState};

use crate::world::*;

#[test]
fn output_of_both_streams_is_in_the_log_in_order() {
    let world = World::new();
    let script = "echo one; echo two >&2; echo three; exec sleep 100000";
    world.apply(&group("part", vec![service("a", script)]));
    wait_until("all is there", || {
        check(
            world.log("part", "a") == "one\ntwo\nthree\n",
            world.log("part", "a"),
        )
    });
}

#[test]
fn log_that_was_deleted_comes_back() {
    let world = World::new();
    let script = "n=0; while :; do echo line $n; n=$((n+1)); sleep 0.02; done";
    world.apply(&group("part", vec![service("a", script)]));
    let pid = world.wait_running("part", "a");
    wait_until("it writes", || {
        check(world.log("part", "a").contains("line 3\n"), "no")
    });
    std::fs::remove_dir_all(world.log_dir().join("part")).unwrap();
    wait_until("it is back", || {
        let log = world.log("part", "a");
        check(log.contains("line") && !log.contains("line 0\n"), log)
    });
    assert_eq!(world.wait_running("part", "a"), pid);
}

#[test]
fn flood_is_bounded_and_starves_nobody() {
    let world = World::new();
    let mut flood = service("flood", "exec yes 0123456789012345678901234567890123456789");
    flood.log = LogSpec {
        bytes_max: 100_000,
        files_max: 3,
    };
    let quiet = service(
        "quiet",
        "n=0; while :; do echo $n; n=$((n+1)); sleep 0.01; done",
    );
    world.apply(&group("part", vec![flood, quiet]));
    let pids = world.wait_all_running("part", 2);
    wait_until("the other one is heard", || {
        check(
            world.log("part", "quiet").contains("\n30\n"),
            world.log("part", "quiet"),
        )
    });
    // Deaths and clients are served in between, too.
    kill_9(pids["quiet"]);
    world.wait_for("part", "quiet", |quiet| {
        quiet.state == ProgramState::Running && quiet.pid != Some(pids["quiet"])
    });
    wait_until("it was rotated", || {
        check(world.log_dir().join("part/flood.log.2").exists(), "not yet")
    });
    let files = std::fs::read_dir(world.log_dir().join("part"))
        .unwrap()
        .flatten();
    for file in files {
        let name = file.file_name().into_string().unwrap();
        assert!(name != "flood.log.3", "{name}");
        // A file may be renamed between listing it and asking for its size.
        let size = file.metadata().map_or(0, |data| data.len());
        assert!(
            !name.starts_with("flood") || size <= 100_000,
            "{name} {size}"
        );
    }
}

#[test]
fn killed_supervisor_breaks_no_output_and_loses_none() {
    let mut world = World::new();
    let script = "n=0; while test $n -lt 400; do echo line $n || exit 9; n=$((n+1)); sleep 0.002; done; \
                  exec sleep 100000";
    world.apply(&group("part", vec![service("a", script)]));
    let pid = world.wait_running("part", "a");
    for part in 1..4 {
        let mark = format!("line {}\n", part * 60);
        wait_until("it goes on", || {
            check(world.log("part", "a").contains(&mark), "not yet")
        });
        world.kill();
        world.start();
    }
    wait_until("it wrote all", || {
        check(world.log("part", "a").contains("line 399\n"), "no")
    });
    assert_eq!(world.wait_running("part", "a"), pid);
    let log = world.log("part", "a");
    // A line that was read and not yet written when the supervisor was killed may be missing.
    let missing = (0..400)
        .filter(|n| !log.contains(&format!("line {n}\n")))
        .count();
    assert!(missing <= 3, "{missing} lines are missing");
}

#[test]
fn service_that_writes_much_while_nobody_watches_goes_on_afterwards() {
    let mut world = World::new();
    let file = world.folder.path().join("go");
    let done = world.folder.path().join("done");
    let script = format!(
        "while ! test -e {}; do sleep 0.02; done; head -c 300000 /dev/zero | tr '\\0' x; echo; \
         echo $? > {}; exec sleep 100000",
        file.display(),
        done.display()
    );
    world.apply(&group("part", vec![service("a", &script)]));
    let pid = world.wait_running("part", "a");
    world.kill();
    std::fs::write(&file, "").unwrap();
    world.start();
    assert_eq!(wait_for_number(&done), 0);
    assert_eq!(world.wait_running("part", "a"), pid);
    wait_until("all is in the log", || {
        let log = world.log("part", "a");
        check(log.len() == 300_001, log.len().to_string())
    });
}

#[test]
fn log_folder_that_is_full_stops_no_service_and_the_loss_is_told() {
    let world = World::new();
    let (folder, filler) = full_log_folder(&world);
    let file = world.folder.path().join("count");
    let script = format!(
        "n=0; while :; do echo line $n; echo $n > {}; n=$((n+1)); sleep 0.005; done",
        file.display()
    );
    world.apply(&group("part", vec![service("a", &script)]));
    let pid = world.wait_running("part", "a");
    wait_until("it goes on without a log", || {
        check(
            std::fs::read_to_string(&file)?.trim().parse::<u32>()? > 20,
            "too few",
        )
    });
    let a = world.wait_for("part", "a", |a| a.log_dropped_bytes > 100);
    assert_eq!(a.pid, Some(pid));
    make_room(&folder, &filler);
    wait_until("the log works again and says what is missing", || {
        let log = world.log("part", "a");
        check(log.contains("bytes of output were lost here\nline"), log)
    });
    assert_eq!(world.wait_running("part", "a"), pid);
    unmount(&folder);
}

/// As root a small file system that is full; otherwise a folder that cannot be written.
fn full_log_folder(world: &World) -> (std::path::PathBuf, std::path::PathBuf) {
    use std::os::unix::fs::PermissionsExt;
    let folder = world.log_dir().join("part");
    std::fs::create_dir_all(&folder).unwrap();
    let filler = folder.join("filler");
    let is_mounted = is_root_or_say("a full file system; a folder that cannot be written instead")
        && nix::mount::mount(
            Some("tmpfs"),
            &folder,
            Some("tmpfs"),
            nix::mount::MsFlags::empty(),
            Some("size=64k"),
        )
        .is_ok();
    if is_mounted {
        let filled = std::fs::write(&filler, vec![0; 1 << 20]);
        assert_eq!(filled.unwrap_err().kind(), std::io::ErrorKind::StorageFull);
    } else {
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o500)).unwrap();
    }
    (folder, filler)
}

fn make_room(folder: &Path, filler: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let _ = std::fs::remove_file(filler);
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)).unwrap();
}

fn unmount(folder: &Path) {
    let _ = nix::mount::umount2(folder, nix::mount::MntFlags::MNT_DETACH);
}
