//! A supervisor that was killed, upgraded, or started after a power cut.

use std::time::{Duration, Instant};

use slapos_supervise::{
    CgroupUse, Client, Outcome, ProgramKind, ProgramState, ShutdownMode, SuperviseConfig,
    SuperviseError, Wanted, run,
};

use crate::world::*;

#[test]
fn kill_9_at_random_moments_keeps_every_pid_and_makes_no_double() {
    kill_many_times(World::new());
}

#[test]
fn kill_9_without_cgroups_keeps_every_pid_and_makes_no_double() {
    kill_many_times(World::with(CgroupUse::Never));
}

fn kill_many_times(mut world: World) {
    let programs: Vec<_> = (0..10).map(|n| sleeper(&format!("s{n}"))).collect();
    world.apply(&group("part", programs));
    let pids = world.wait_all_running("part", 10);
    let mut luck = 88_172_645_463_325_252_u64;
    for round in 0..20 {
        world.kill();
        luck ^= luck << 13;
        luck ^= luck >> 7;
        luck ^= luck << 17;
        // Half of them are killed before or while they take over.
        if round % 2 == 0 {
            let mut hasty = world.spawn();
            std::thread::park_timeout(Duration::from_micros(luck % 20_000));
            hasty.kill().unwrap();
            hasty.wait().unwrap();
        }
        world.start();
        assert_eq!(world.wait_all_running("part", 10), pids, "round {round}");
        let marked = world.marked();
        assert_eq!(marked.len(), 10, "round {round}: {marked:?}");
    }
    let adopted = world.program("part", "s0");
    assert!(adopted.is_adopted);
    kill_9(pids["s0"]);
    let after = world.wait_for("part", "s0", |s0| {
        s0.state == ProgramState::Running && s0.pid != Some(pids["s0"])
    });
    assert!(!after.is_adopted);
    assert_eq!(world.marked().len(), 10);
}

#[test]
fn kill_9_while_programs_start_ends_with_each_running_once() {
    let mut world = World::new();
    let mut luck = 2_463_534_242_u64;
    for round in 0..10 {
        let mut spec = group("part", (0..20).map(|n| sleeper(&format!("s{n}"))).collect());
        for program in &mut spec.programs {
            program.digest = format!("round {round}");
        }
        world.apply(&spec);
        luck ^= luck << 13;
        luck ^= luck >> 7;
        luck ^= luck << 17;
        std::thread::park_timeout(Duration::from_micros(luck % 15_000));
        world.kill();
        world.start();
        let digest = format!("round {round}");
        wait_until("all run in this version", || {
            let programs = world.programs("part");
            let is_new = |one: &slapos_supervise::ProgramStatus| {
                one.state == ProgramState::Running && one.running_digest.as_ref() == Some(&digest)
            };
            check(
                programs.values().filter(|one| is_new(one)).count() == 20,
                format!("{programs:?}"),
            )
        });
        let pids = world.wait_all_running("part", 20);
        let mut marked = world.marked();
        let mut expected: Vec<i32> = pids.into_values().collect();
        marked.sort_unstable();
        expected.sort_unstable();
        assert_eq!(marked, expected, "round {round}");
    }
}

#[test]
fn service_that_died_while_nobody_watched_is_started_again() {
    let mut world = World::new();
    world.apply(&group("part", vec![sleeper("a"), sleeper("b")]));
    let pids = world.wait_all_running("part", 2);
    world.kill();
    kill_9(pids["a"]);
    wait_until("a is gone", || check(!is_alive(pids["a"]), "alive"));
    world.start();
    let now = world.wait_all_running("part", 2);
    assert_ne!(now["a"], pids["a"]);
    assert_eq!(now["b"], pids["b"]);
}

#[test]
fn adopted_program_that_is_stopped_or_removed_goes_with_all_it_has() {
    let mut world = World::new();
    world.apply(&group(
        "part",
        vec![service("a", "sleep 100000 & sleep 100001"), sleeper("b")],
    ));
    world.wait_all_running("part", 2);
    world.kill();
    world.start();
    world.apply(&group("part", vec![sleeper("b")]));
    wait_until("a is gone", || {
        check(world.programs("part").len() == 1, "a is listed")
    });
    assert_eq!(world.marked().len(), 1);
    world.client().remove("part").unwrap();
    wait_until("all is gone", || {
        check(world.marked().is_empty(), "something lives")
    });
}

#[test]
fn leave_services_then_start_restarts_nothing() {
    let mut world = World::new();
    world.apply(&group(
        "part",
        vec![sleeper("a"), program("once", ProgramKind::Run, ":")],
    ));
    let pid = world.wait_running("part", "a");
    world.wait_for("part", "once", |once| once.state == ProgramState::Done);
    world
        .client()
        .shutdown(ShutdownMode::LeaveServices)
        .unwrap();
    assert!(world.wait_for_end());
    assert!(is_alive(pid));
    world.start();
    let a = world.wait_for("part", "a", |a| a.state == ProgramState::Running);
    assert_eq!((a.pid, a.restarts, a.is_adopted), (Some(pid), 0, true));
    assert!(a.uptime_ms.is_some_and(|ms| ms < 60_000), "{a:?}");
    assert_eq!(world.program("part", "once").state, ProgramState::Done);
}

#[test]
fn stop_services_stops_all_and_the_next_start_runs_all_again() {
    let mut world = World::new();
    world.apply(&group("part", vec![sleeper("a")]));
    world.wait_running("part", "a");
    world.client().shutdown(ShutdownMode::StopServices).unwrap();
    assert!(world.wait_for_end());
    assert_eq!(world.marked(), Vec::<i32>::new());
    world.start();
    world.wait_running("part", "a");
}

#[test]
fn run_that_ended_well_is_remembered_across_a_kill_for_its_digest_only() {
    let mut world = World::new();
    let file = world.folder.path().join("runs");
    let once = program(
        "once",
        ProgramKind::Run,
        &format!("echo x >> {}", file.display()),
    );
    let mut spec = group("part", vec![once]);
    world.apply(&spec);
    world.wait_for("part", "once", |once| once.state == ProgramState::Done);
    world.kill();
    world.start();
    assert_eq!(world.program("part", "once").state, ProgramState::Done);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "x\n");
    spec.programs[0].digest = "another".into();
    world.apply(&spec);
    wait_until("it ran again", || {
        check(std::fs::read_to_string(&file)? == "x\nx\n", "once only")
    });
}

#[test]
fn adopted_program_that_ends_is_restarted_and_its_end_is_told() {
    let mut world = World::new();
    let file = world.folder.path().join("end");
    let script = format!(
        "while ! test -e {}; do sleep 0.02; done; exit 7",
        file.display()
    );
    world.apply(&group("part", vec![service("a", &script)]));
    let first = world.wait_running("part", "a");
    world.kill();
    world.start();
    std::fs::write(&file, "").unwrap();
    let a = world.wait_for("part", "a", |a| a.last_exit.is_some());
    assert_ne!(a.pid, Some(first));
    // Linux before 6.15 does not tell how a process ended that was not a child.
    let is_told = matches!(a.last_exit, Some(Outcome::Code(7) | Outcome::Unknown));
    assert!(is_told, "{a:?}");
}

#[test]
fn record_of_a_stranger_with_the_same_pid_leaves_the_stranger_alone() {
    let mut world = World::new();
    world.apply(&group("part", vec![sleeper("a")]));
    let first = world.wait_running("part", "a");
    let born = start_ticks(first);
    world.kill();
    kill_9(first);
    // Start times are counted in hundredths of a second: a stranger of another one is needed.
    let stranger = wait_until("a stranger of another start time", || {
        let stranger = Stranger::new();
        check(start_ticks(stranger.pid()) != born, "the same start time")?;
        Ok(stranger)
    });
    let pid = stranger.pid();
    let table = world.dir().join("children");
    let text = std::fs::read_to_string(&table).unwrap();
    let forged = text.replace(&format!("\"pid\":{first},"), &format!("\"pid\":{pid},"));
    assert_ne!(text, forged);
    std::fs::write(&table, forged).unwrap();
    world.start();
    let now = world.wait_running("part", "a");
    assert_ne!(now, pid);
    world.client().remove("part").unwrap();
    wait_until("a is gone", || check(!is_alive(now), "alive"));
    assert!(is_alive(pid));
}

#[test]
fn after_a_power_cut_nothing_is_taken_over_and_all_wanted_starts() {
    let mut world = World::new();
    let file = world.folder.path().join("runs");
    let once = program(
        "once",
        ProgramKind::Run,
        &format!("echo x >> {}", file.display()),
    );
    world.apply(&group("part", vec![sleeper("a"), once]));
    let mut stopped = group("off", vec![sleeper("b")]);
    stopped.wanted = Wanted::Stopped;
    world.apply(&stopped);
    let first = world.wait_running("part", "a");
    world.wait_for("part", "once", |once| once.state == ProgramState::Done);
    world.kill();
    kill_9(first);
    let table = world.dir().join("children");
    let text = std::fs::read_to_string(&table).unwrap();
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let other = text.replace(boot.trim(), "00000000-0000-0000-0000-000000000000");
    assert_ne!(text, other);
    std::fs::write(&table, other).unwrap();
    world.start();
    let a = world.wait_for("part", "a", |a| a.state == ProgramState::Running);
    assert!(!a.is_adopted && a.pid != Some(first));
    wait_until("the run ran again", || {
        check(std::fs::read_to_string(&file)? == "x\nx\n", "once")
    });
    assert_eq!(world.program("off", "b").state, ProgramState::Stopped);
}

#[test]
fn second_supervisor_of_a_folder_is_refused() {
    let world = World::new();
    let started = Instant::now();
    let mut second = world.spawn();
    let mut ended = None;
    wait_until("the second one ends", || {
        ended = second.try_wait()?;
        check(ended.is_some(), "it lives")
    });
    assert!(!ended.unwrap().success());
    assert!(started.elapsed() < LIMIT);
    Client::connect(&world.dir()).unwrap().status().unwrap();
}

#[test]
fn broken_state_files_do_not_keep_the_rest_from_starting() {
    let mut world = World::new();
    world.apply(&group("good", vec![sleeper("a")]));
    let pid = world.wait_running("good", "a");
    world.kill();
    std::fs::write(world.dir().join("groups/bad.json"), "{\"name\":").unwrap();
    world.start();
    assert_eq!(world.wait_running("good", "a"), pid);
    assert_eq!(world.client().status().unwrap().len(), 1);
    assert!(world.dir().join("groups/bad.broken").exists());
}

#[test]
fn run_beside_another_thread_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let config = SuperviseConfig {
        dir: folder.path().join("private"),
        log_dir: folder.path().join("log"),
        jitter_seed: 1,
        cgroups: CgroupUse::Never,
    };
    let (end, wait) = std::sync::mpsc::channel::<()>();
    let other = std::thread::spawn(move || wait.recv());
    let error = run(&config).unwrap_err();
    assert!(matches!(error, SuperviseError::Threads(2..)), "{error}");
    drop(end);
    other.join().unwrap().unwrap_err();
}
