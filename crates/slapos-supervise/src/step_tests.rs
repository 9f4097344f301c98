//! Scenarios and properties of the pure life of a program.
//!
//! The scenarios are read as a story: fact, then what is done. The property drives `step` with
//! facts in any order against a little world of processes and checks that no second copy starts.

use proptest::prelude::*;

use super::*;

const AT: Moment = Moment {
    now_ms: 1_000_000,
    jitter_permille: 0,
};

fn wish(kind: ProgramKind, version: u64) -> Wish {
    Wish {
        kind,
        version,
        stop_signal: Signal::Term,
        stop_timeout_ms: 5_000,
    }
}

fn at(now_ms: u64) -> Moment {
    Moment {
        now_ms,
        jitter_permille: 0,
    }
}

fn service() -> Wish {
    wish(ProgramKind::Service, 1)
}

/// A program that lives since `AT`.
fn running(wish: Wish) -> Program {
    let (program, effects) = step(Program::new(), Fact::Want(Some(wish)), AT);
    assert_eq!(effects, [Effect::Spawn]);
    step(program, Fact::Spawned { pid: 7 }, AT).0
}

/// Crashes a program that lived `lived_ms` and gives the pause before its next start.
fn crash(program: Program, lived_ms: u64) -> (Program, u64) {
    let Phase::Running { since_ms, .. } = program.phase else {
        panic!("{program:?}")
    };
    let now = at(since_ms + lived_ms);
    let (program, effects) = step(program, Fact::Exited { is_success: false }, now);
    let Some(Effect::TellRestarting { in_ms }) = effects.first() else {
        panic!("{effects:?}")
    };
    assert!(effects.contains(&Effect::KillTree));
    let (program, effects) = step(program, Fact::TreeEmpty, now);
    let start = at(now.now_ms + in_ms);
    let (program, effects) = if *in_ms == 0 {
        (program, effects)
    } else {
        assert_eq!(program.due_ms(), Some(start.now_ms));
        step(program, Fact::Due, start)
    };
    assert_eq!(effects, [Effect::Spawn]);
    (step(program, Fact::Spawned { pid: 8 }, start).0, *in_ms)
}

#[test]
fn step_service_that_crashes_fast_waits_longer_each_time() {
    let mut program = running(service());
    let mut pauses = vec![];
    for _ in 0..12 {
        let (next, pause) = crash(program, 10);
        program = next;
        pauses.push(pause);
    }
    let expected = [
        0, 100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000,
    ];
    assert_eq!(pauses, expected);
}

#[test]
fn step_service_that_lived_long_restarts_at_once() {
    let (program, _) = crash(running(service()), 10);
    let (program, pause) = crash(program, 10);
    assert_eq!(pause, 100);
    let (program, pause) = crash(program, 1_000);
    assert_eq!(pause, 0);
    assert_eq!(crash(program, 10).1, 100);
}

#[test]
fn step_service_that_ends_with_zero_restarts_too() {
    let (program, effects) = step(running(service()), Fact::Exited { is_success: true }, AT);
    assert!(program.is_clearing());
    assert_eq!(effects[0], Effect::TellRestarting { in_ms: 0 });
}

#[test]
fn step_run_that_ends_well_is_done_until_something_changes() {
    let run = wish(ProgramKind::Run, 1);
    let (done, effects) = step(running(run), Fact::Exited { is_success: true }, AT);
    assert_eq!(effects, [Effect::RecordDone, Effect::TellStopped]);
    assert_eq!(step(done, Fact::Want(Some(run)), AT), (done, vec![]));

    let changed = wish(ProgramKind::Run, 2);
    let (clearing, effects) = step(done, Fact::Want(Some(changed)), AT);
    assert_eq!(
        effects,
        [Effect::SignalTree(Signal::Term), Effect::WatchTree]
    );
    assert_eq!(step(clearing, Fact::TreeEmpty, AT).1, [Effect::Spawn]);

    let (clearing, _) = step(done, Fact::Want(None), AT);
    let (stopped, effects) = step(clearing, Fact::TreeEmpty, AT);
    assert_eq!(
        (stopped.phase, effects),
        (Phase::Stopped, vec![Effect::TellStopped])
    );
    assert_eq!(step(stopped, Fact::Want(Some(run)), AT).1, [Effect::Spawn]);
}

#[test]
fn step_run_that_fails_waits_from_the_first_time() {
    let (program, pause) = crash(running(wish(ProgramKind::Run, 1)), 5_000);
    assert_eq!(pause, 100);
    assert_eq!(crash(program, 5_000).1, 200);
}

#[test]
fn step_program_that_ignores_the_signal_is_killed_at_its_deadline() {
    let (program, effects) = step(running(service()), Fact::Want(None), AT);
    assert_eq!(effects, [Effect::SignalTree(Signal::Term)]);
    assert_eq!(program.due_ms(), Some(AT.now_ms + 5_000));
    assert_eq!(step(program, Fact::Due, at(AT.now_ms + 4_999)).1, []);
    let (program, effects) = step(program, Fact::Due, at(AT.now_ms + 5_000));
    assert_eq!(effects, [Effect::KillTree]);
    assert_eq!(program.due_ms(), None);
    let (program, _) = step(
        program,
        Fact::Exited { is_success: false },
        at(AT.now_ms + 5_001),
    );
    let (program, effects) = step(program, Fact::TreeEmpty, at(AT.now_ms + 5_001));
    assert_eq!(
        (program.phase, effects),
        (Phase::Stopped, vec![Effect::TellStopped])
    );
}

#[test]
fn step_leftovers_of_a_stopped_program_get_a_short_grace_only() {
    let mut slow = service();
    slow.stop_timeout_ms = 3_600_000;
    let (program, _) = step(running(slow), Fact::Want(None), AT);
    let (program, _) = step(program, Fact::Exited { is_success: true }, AT);
    assert_eq!(
        program.due_ms(),
        Some(AT.now_ms + limits::LEFTOVER_GRACE_MS)
    );
    let (_, effects) = step(
        program,
        Fact::Due,
        at(AT.now_ms + limits::LEFTOVER_GRACE_MS),
    );
    assert_eq!(effects, [Effect::KillTree, Effect::WatchTree]);
}

#[test]
fn step_wanted_again_while_stopping_starts_after_the_end() {
    let (program, _) = step(running(service()), Fact::Want(None), AT);
    let (program, effects) = step(program, Fact::Want(Some(service())), AT);
    assert_eq!(effects, []);
    let (program, _) = step(program, Fact::Exited { is_success: true }, AT);
    assert_eq!(step(program, Fact::TreeEmpty, AT).1, [Effect::Spawn]);
}

#[test]
fn step_changed_while_waiting_starts_at_once() {
    let (program, _) = crash(running(service()), 10);
    let (program, _) = step(program, Fact::Exited { is_success: false }, at(1_000_020));
    let (program, _) = step(program, Fact::TreeEmpty, at(1_000_020));
    assert!(matches!(program.phase, Phase::Waiting { .. }));
    let changed = Fact::Want(Some(wish(ProgramKind::Service, 2)));
    assert_eq!(step(program, changed, at(1_000_020)).1, [Effect::Spawn]);
    assert_eq!(step(program, Fact::Want(None), AT).0.phase, Phase::Stopped);
    assert_eq!(step(program, Fact::RestartAsked, AT).1, [Effect::Spawn]);
}

#[test]
fn step_same_wish_again_changes_nothing() {
    let program = running(service());
    assert_eq!(
        step(program, Fact::Want(Some(service())), AT),
        (program, vec![])
    );
}

#[test]
fn step_not_spawned_is_tried_again_later() {
    let (program, _) = step(Program::new(), Fact::Want(Some(service())), AT);
    let (program, effects) = step(program, Fact::NotSpawned, AT);
    assert_eq!(effects, [Effect::TellRestarting { in_ms: 100 }]);
    assert_eq!(
        step(program, Fact::Due, at(AT.now_ms + 100)).1,
        [Effect::Spawn]
    );
}

#[test]
fn step_adopted_of_another_version_is_replaced() {
    let adopted = Fact::Adopted {
        pid: 9,
        since_ms: 5,
        started: service(),
    };
    let (program, effects) = step(Program::new(), adopted, AT);
    assert_eq!(effects, []);
    assert_eq!(
        step(program, Fact::Want(Some(service())), AT),
        (program, vec![])
    );
    let changed = Fact::Want(Some(wish(ProgramKind::Service, 2)));
    assert_eq!(
        step(program, changed, AT).1,
        [Effect::SignalTree(Signal::Term)]
    );
}

#[test]
fn backoff_with_jitter_stays_within_its_bounds() {
    for failure in 1..200 {
        let full = backoff_ms(failure, 0);
        assert!(full <= limits::BACKOFF_MAX_MS);
        for jitter in [1, 500, 1_000, 5_000] {
            let pause = backoff_ms(failure, jitter);
            assert!(
                pause <= full && pause >= full * 8 / 10,
                "{failure} {jitter} {pause}"
            );
        }
    }
}

fn any_fact() -> impl Strategy<Value = Fact> {
    let kind = prop_oneof![Just(ProgramKind::Run), Just(ProgramKind::Service)];
    let any_wish = (kind, 1..3_u64).prop_map(|(kind, version)| wish(kind, version));
    prop_oneof![
        3 => any_wish.prop_map(|wish| Fact::Want(Some(wish))),
        2 => Just(Fact::Want(None)),
        1 => Just(Fact::RestartAsked),
        1 => Just(Fact::Executed),
        3 => any::<bool>().prop_map(|is_success| Fact::Exited { is_success }),
        3 => Just(Fact::TreeEmpty),
        3 => Just(Fact::Due),
        1 => Just(Fact::KillNow),
    ]
}

/// The processes of one program as the world has them.
#[derive(Debug, Default)]
struct World {
    main: Option<i32>,
    has_leftovers: bool,
    pid_last: i32,
    spawns: u32,
}

impl World {
    /// Whether the loop could have learned this fact here.
    fn allows(&self, fact: Fact) -> bool {
        match fact {
            Fact::Exited { .. } | Fact::Executed => self.main.is_some(),
            Fact::TreeEmpty => self.main.is_none() && !self.has_leftovers,
            _ => true,
        }
    }

    fn learn(&mut self, fact: Fact, leaves_children: bool) {
        if let Fact::Exited { .. } = fact {
            self.main = None;
            self.has_leftovers = leaves_children;
        }
    }

    /// Performs the effects; gives the facts that follow from them.
    fn perform(&mut self, effects: &[Effect], can_spawn: bool) -> Option<Fact> {
        let mut next = None;
        for effect in effects {
            match effect {
                Effect::Spawn => {
                    assert!(self.main.is_none(), "second copy: {self:?}");
                    assert!(!self.has_leftovers, "leftovers live: {self:?}");
                    self.spawns += 1;
                    next = Some(Fact::NotSpawned);
                    if can_spawn {
                        self.pid_last += 1;
                        self.main = Some(self.pid_last);
                        next = Some(Fact::Spawned { pid: self.pid_last });
                    }
                }
                Effect::KillTree => self.has_leftovers = false,
                _ => {}
            }
        }
        next
    }
}

/// Feeds facts until the world is quiet or the bound is reached.
fn settle(mut program: Program, world: &mut World, now_ms: &mut u64) -> Program {
    for _ in 0..20 {
        let fact = match program.phase {
            Phase::Stopping { .. } => Fact::Exited { is_success: false },
            Phase::Clearing { .. } if world.has_leftovers => Fact::KillNow,
            Phase::Clearing { .. } => Fact::TreeEmpty,
            Phase::Waiting { until_ms } => {
                *now_ms = until_ms;
                Fact::Due
            }
            _ => return program,
        };
        world.learn(fact, false);
        let (next, effects) = step(program, fact, at(*now_ms));
        program = next;
        let mut follow = world.perform(&effects, true);
        while let Some(fact) = follow {
            let (next, effects) = step(program, fact, at(*now_ms));
            program = next;
            follow = world.perform(&effects, true);
        }
    }
    panic!("does not settle: {program:?} {world:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn step_facts_in_any_order_never_make_a_second_copy_and_converge(
        facts in prop::collection::vec((any_fact(), 0..40_000_u64, any::<bool>(), any::<bool>()), 1..60)
    ) {
        let mut program = Program::new();
        let mut world = World::default();
        let mut now_ms = 0;
        for (fact, elapsed_ms, leaves_children, can_spawn) in facts {
            now_ms += elapsed_ms;
            if !world.allows(fact) {
                continue;
            }
            world.learn(fact, leaves_children);
            let (next, effects) = step(program, fact, at(now_ms));
            program = next;
            let mut follow = world.perform(&effects, can_spawn);
            while let Some(fact) = follow {
                let (next, effects) = step(program, fact, at(now_ms));
                program = next;
                follow = world.perform(&effects, can_spawn);
            }
            if let Phase::Running { pid, .. } | Phase::Stopping { pid, .. } = program.phase {
                prop_assert_eq!(world.main, Some(pid));
            } else {
                prop_assert_eq!(world.main, None);
            }
        }
        let program = settle(program, &mut world, &mut now_ms);
        match program.wanted {
            None => prop_assert_eq!(program.phase, Phase::Stopped),
            Some(wish) => {
                let (Phase::Running { started, .. } | Phase::Done { started }) = program.phase
                else { panic!("{program:?}") };
                prop_assert_eq!(started.version, wish.version);
            }
        }
    }
}
