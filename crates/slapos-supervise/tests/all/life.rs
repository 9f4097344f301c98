//! Start, end, restart, stop; what a program gets and what is said of it.

use std::time::Duration;

use slapos_supervise::{
    Event, EventKind, Outcome, ProgramKind, ProgramState, Signal, User, Wanted,
};

use crate::world::*;

#[test]
fn service_killed_comes_back_at_once_and_is_counted() {
    let world = World::new();
    world.apply(&group("part", vec![sleeper("a")]));
    let first = world.wait_running("part", "a");
    kill_9(first);
    let after = world.wait_for("part", "a", |a| {
        a.state == ProgramState::Running && a.pid != Some(first)
    });
    assert_eq!(after.last_exit, Some(Outcome::Signal(9)));
    assert_eq!(after.restarts, 1);
    assert!(!is_alive(first));
}

#[test]
fn service_that_crashes_at_once_waits_and_is_tried_again() {
    let world = World::new();
    world.apply(&group("part", vec![service("a", "exit 3")]));
    let a = world.wait_for("part", "a", |a| {
        a.restarts >= 2 && matches!(a.state, ProgramState::Backoff { .. })
    });
    assert_eq!(a.last_exit, Some(Outcome::Code(3)));
    world.wait_for("part", "a", |later| later.restarts > a.restarts);
}

#[test]
fn run_that_ends_well_is_done_and_runs_again_only_when_changed() {
    let world = World::new();
    let file = world.folder.path().join("runs");
    let script = |word: &str| format!("echo {word} >> {}", file.display());
    let runs = || std::fs::read_to_string(&file).unwrap_or_default();
    let one = group("part", vec![program("a", ProgramKind::Run, &script("one"))]);
    world.apply(&one);
    world.wait_for("part", "a", |a| a.state == ProgramState::Done);
    world.apply(&one);
    assert_eq!(world.program("part", "a").state, ProgramState::Done);
    assert_eq!(runs(), "one\n");

    world.apply(&group(
        "part",
        vec![program("a", ProgramKind::Run, &script("two"))],
    ));
    world.wait_for("part", "a", |a| {
        a.state == ProgramState::Done && a.restarts == 1
    });
    assert_eq!(runs(), "one\ntwo\n");

    let mut stopped = one.clone();
    stopped.wanted = Wanted::Stopped;
    world.apply(&stopped);
    world.wait_for("part", "a", |a| a.state == ProgramState::Stopped);
    world.apply(&one);
    world.wait_for("part", "a", |a| a.state == ProgramState::Done);
    assert_eq!(runs(), "one\ntwo\none\n");
}

#[test]
fn run_that_fails_is_repeated_until_it_ends_well() {
    let world = World::new();
    let file = world.folder.path().join("tries");
    let file = file.display();
    let script = format!("echo x >> {file}; test $(wc -l < {file}) -ge 3");
    world.apply(&group(
        "part",
        vec![program("a", ProgramKind::Run, &script)],
    ));
    let a = world.wait_for("part", "a", |a| a.state == ProgramState::Done);
    assert_eq!((a.restarts, a.last_exit), (2, Some(Outcome::Code(0))));
}

#[test]
fn changed_digest_restarts_that_program_only() {
    let world = World::new();
    let before = group("part", vec![sleeper("a"), sleeper("b"), sleeper("c")]);
    world.apply(&before);
    let pids = world.wait_all_running("part", 3);
    let mut after = before.clone();
    after.programs[1].digest = "another".into();
    world.apply(&after);
    let b = world.wait_for("part", "b", |b| {
        b.state == ProgramState::Running && b.running_digest.as_deref() == Some("another")
    });
    assert_ne!(b.pid, Some(pids["b"]));
    assert!(!is_alive(pids["b"]));
    let now = world.wait_all_running("part", 3);
    assert_eq!((now["a"], now["c"]), (pids["a"], pids["c"]));
}

#[test]
fn removed_program_is_stopped_and_the_others_stay() {
    let world = World::new();
    world.apply(&group("part", vec![sleeper("a"), sleeper("b")]));
    let pids = world.wait_all_running("part", 2);
    world.apply(&group("part", vec![sleeper("a")]));
    wait_until("b is gone", || {
        check(world.programs("part").len() == 1, "b is listed")
    });
    assert!(!is_alive(pids["b"]));
    assert_eq!(world.wait_running("part", "a"), pids["a"]);
    world.client().remove("part").unwrap();
    wait_until("the group is gone", || {
        check(world.client().status()?.is_empty(), "listed")
    });
    assert_eq!(world.marked(), Vec::<i32>::new());
    world.client().remove("part").unwrap();
}

#[test]
fn stopped_then_wanted_again_before_the_end_runs_once() {
    let world = World::new();
    let slow = service(
        "a",
        "trap 'sleep 0.3; exit 0' TERM; while :; do sleep 0.05; done",
    );
    let running = group("part", vec![slow]);
    world.apply(&running);
    let first = world.wait_running("part", "a");
    let mut stopped = running.clone();
    stopped.wanted = Wanted::Stopped;
    world.apply(&stopped);
    world.apply(&running);
    assert_eq!(world.program("part", "a").state, ProgramState::Stopping);
    world.wait_for("part", "a", |a| {
        a.state == ProgramState::Running && a.pid != Some(first)
    });
    assert!(!is_alive(first));
}

#[test]
fn command_that_cannot_be_executed_says_exactly_why() {
    let world = World::new();
    let mut missing = sleeper("missing");
    missing.command = vec!["/no/such/program".into()];
    let mut homeless = sleeper("homeless");
    homeless.directory = "/no/such/folder".into();
    world.apply(&group("part", vec![missing, homeless]));
    let missing = world.wait_for("part", "missing", |program| program.message.is_some());
    let expected =
        "cannot execute its command /no/such/program: No such file or directory (os error 2)";
    assert_eq!(missing.message.as_deref(), Some(expected));
    let homeless = world.wait_for("part", "homeless", |program| program.message.is_some());
    let expected =
        "cannot enter its folder /no/such/folder: No such file or directory (os error 2)";
    assert_eq!(homeless.message.as_deref(), Some(expected));
    let homeless = world.wait_for("part", "homeless", |program| program.last_exit.is_some());
    assert_eq!(
        homeless.last_exit,
        Some(Outcome::NotStarted(expected.into()))
    );
}

#[test]
fn program_gets_its_environment_folder_limits_and_nothing_else() {
    let world = World::new();
    let script = "env; pwd; umask; ulimit -n; ulimit -c; ls /proc/self/fd | tr '\\n' ' '; echo; \
                  grep -E 'SigBlk|SigIgn|NoNewPrivs' /proc/self/status; cut -d' ' -f5 /proc/$$/stat; \
                  echo group-of $$; sleep 100000";
    let mut a = service("a", script);
    a.environment = [("A", "1"), ("PATH", "/usr/bin:/bin")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    a.directory = "/tmp".into();
    a.limits.open_files = Some(77);
    world.apply(&group("part", vec![a]));
    let pid = world.wait_running("part", "a");
    let log = wait_until("the script wrote all", || {
        let log = world.log("part", "a");
        check(log.contains("group-of"), log.clone())?;
        Ok(log)
    });
    let environment = std::fs::read_to_string(format!("/proc/{pid}/environ")).unwrap();
    let names: Vec<&str> = environment
        .split_terminator('\0')
        .map(|one| one.split_once('=').unwrap().0)
        .collect();
    assert_eq!(names, ["A", "PATH", "SLAPOS_PROGRAM"]);
    let lines: Vec<&str> = log.lines().collect();
    for line in [
        "/tmp",
        "0027",
        "77",
        "0",
        "NoNewPrivs:\t1",
        "SigBlk:\t0000000000000000",
    ] {
        assert!(lines.contains(&line), "{line:?} in {log}");
    }
    // 3 is the folder that `ls` reads.
    assert!(lines.contains(&"0 1 2 3 "), "{log}");
    assert!(lines.contains(&"SigIgn:\t0000000000000000"), "{log}");
    assert!(
        lines.contains(&pid.to_string().as_str()),
        "its own process group: {log}"
    );
}

#[test]
fn program_of_another_user_has_exactly_its_rights() {
    if !is_root_or_say("switching the user") {
        return;
    }
    let world = World::new();
    let script = "id -u; id -g; id -G; echo again > /dev/stderr; \
                  grep CapEff /proc/self/status; exec sleep 100000";
    let mut a = service("a", script);
    a.user = Some(User {
        uid: 54321,
        gid: 54322,
        groups: vec![54323, 54324],
    });
    world.apply(&group("part", vec![a]));
    let log = wait_until("the script wrote all", || {
        let log = world.log("part", "a");
        check(log.contains("CapEff"), log.clone())?;
        Ok(log)
    });
    let expected = "54321\n54322\n54322 54323 54324\nagain\nCapEff:\t0000000000000000\n";
    assert_eq!(log, expected);
}

#[test]
fn limit_beyond_the_machine_is_clamped_and_reported() {
    let world = World::new();
    let mut a = sleeper("a");
    a.limits.open_files = Some(1 << 40);
    world.apply(&group("part", vec![a]));
    world.wait_running("part", "a");
    let a = world.program("part", "a");
    assert_eq!(a.clamped_limits.len(), 1, "{a:?}");
    assert!(
        a.message
            .unwrap()
            .starts_with("limits clamped: open_files 1099511627776 asked")
    );
}

#[test]
fn subscriber_hears_the_whole_life_in_order() {
    let world = World::new();
    let mut events = world.client().subscribe().unwrap();
    world.apply(&group("part", vec![sleeper("a")]));
    let first = world.wait_running("part", "a");
    kill_9(first);
    world.wait_for("part", "a", |a| {
        a.state == ProgramState::Running && a.pid != Some(first)
    });
    world.client().remove("part").unwrap();
    let mut heard = vec![];
    while heard.last() != Some(&EventKind::Stopped) {
        let event: Event = events.next_within(LIMIT).unwrap().unwrap();
        assert_eq!(
            (event.group.as_str(), event.program.as_str()),
            ("part", "a")
        );
        heard.push(event.kind);
    }
    let words: Vec<&str> = heard
        .iter()
        .map(|kind| match kind {
            EventKind::Started { .. } => "started",
            EventKind::Exited { .. } => "exited",
            EventKind::Restarting { .. } => "restarting",
            EventKind::Stopped => "stopped",
        })
        .collect();
    assert_eq!(
        words,
        [
            "started",
            "exited",
            "restarting",
            "started",
            "exited",
            "stopped"
        ]
    );
    assert!(
        events
            .next_within(Duration::from_millis(1))
            .unwrap()
            .is_none()
    );
}

#[test]
fn signal_and_restart_reach_the_program_that_was_named() {
    let world = World::new();
    let script = "trap 'echo got-usr1' USR1; echo ready; while :; do sleep 0.05; done";
    world.apply(&group("part", vec![service("a", script), sleeper("b")]));
    let pids = world.wait_all_running("part", 2);
    wait_until("a is ready", || {
        check(world.log("part", "a").contains("ready"), "not ready")
    });
    world.client().signal("part", "a", Signal::Usr1).unwrap();
    wait_until("a got it", || {
        check(world.log("part", "a").contains("got-usr1"), "no")
    });
    world.client().restart("part", Some("b")).unwrap();
    world.wait_for("part", "b", |b| {
        b.state == ProgramState::Running && b.pid != Some(pids["b"])
    });
    assert_eq!(world.program("part", "a").pid, Some(pids["a"]));
    let refused = world.client().restart("part", Some("c")).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the supervisor refused: group \"part\" has no program \"c\""
    );
}

#[test]
fn sigterm_stops_everything_and_the_next_supervisor_starts_it_again() {
    let mut world = World::new();
    world.apply(&group("part", vec![sleeper("a"), sleeper("b")]));
    let before = world.wait_all_running("part", 2);
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(world.pid()),
        nix::sys::signal::Signal::SIGTERM,
    )
    .unwrap();
    assert!(world.wait_for_end());
    assert_eq!(world.marked(), Vec::<i32>::new());
    world.start();
    let after = world.wait_all_running("part", 2);
    assert!(
        before
            .values()
            .all(|pid| !after.values().any(|now| now == pid))
    );
}
