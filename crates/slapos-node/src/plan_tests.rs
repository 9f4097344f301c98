//! Scenarios of the planner: a small world, the change, and the printed plan.

use super::*;
use crate::desire::Desired;
use crate::record::{FailureRecord, Program, ProgramKind, SoftwareRecord};
use slapos_api::wire::node as wire;
use std::time::Duration;

const URL: &str = "/x/software.cfg";

/// A node with one release that is available and one instance that runs, all as asked.
struct World {
    desired: wire::Desired,
    observed: Observed,
}

impl World {
    fn converged() -> Self {
        let instance = wire::DesiredInstance {
            id: "SOFTINST-1".to_owned(),
            generation: 1,
            partition: "slappart0".to_owned(),
            name: "my_db".to_owned(),
            root_name: "my_db".to_owned(),
            software: URL.to_owned(),
            software_type: "default".to_owned(),
            state: "started".to_owned(),
            parameters: serde_json::Map::new(),
            shared: Vec::new(),
        };
        let mut world = Self {
            desired: wire::Desired {
                master_epoch: "e".to_owned(),
                generation: 1,
                software: vec![wire::DesiredSoftware {
                    url: URL.to_owned(),
                    state: "available".to_owned(),
                    attempt: 0,
                }],
                instances: vec![instance],
            },
            observed: Observed {
                now: at(1000),
                groups: Some(BTreeMap::new()),
                ..Observed::default()
            },
        };
        let software = ObservedSoftware {
            stamp: Some("built".to_owned()),
            ..ObservedSoftware::default()
        };
        world.observed.software.insert(URL.to_owned(), software);
        world.install();
        world
    }

    /// As if all that is asked of the instance were done.
    fn install(&mut self) {
        let (desired, _) = Desired::read(&self.desired);
        let wanted = &desired.instances["slappart0"];
        let program = Program {
            name: "redis".to_owned(),
            kind: ProgramKind::Service,
            path: "/p/etc/service/redis".into(),
            digest: "1".to_owned(),
        };
        let record = InstanceRecord {
            id: wanted.ask.id.clone(),
            name: wanted.ask.name.clone(),
            software: URL.to_owned(),
            generation: wanted.ask.generation,
            digest: wanted.digest("built"),
            is_removed: false,
            was_up: true,
            failure: None,
            installed: Some(Installed {
                programs: vec![program],
                ..Installed::default()
            }),
        };
        let partition = ObservedPartition {
            record: Some(record),
            ..ObservedPartition::default()
        };
        let group = ObservedGroup {
            is_wanted: wanted.state == RequestedState::Started,
            is_removed: false,
            is_quiet: false,
            programs: [("redis".to_owned(), (ProgramKind::Service, "1".to_owned()))].into(),
        };
        self.observed
            .partitions
            .insert("slappart0".to_owned(), partition);
        self.groups().insert("slappart0".to_owned(), group);
    }

    fn groups(&mut self) -> &mut BTreeMap<String, ObservedGroup> {
        self.observed.groups.as_mut().unwrap()
    }

    fn ask(&mut self) -> &mut wire::DesiredInstance {
        &mut self.desired.instances[0]
    }

    fn partition(&mut self) -> &mut ObservedPartition {
        self.observed.partitions.get_mut("slappart0").unwrap()
    }

    fn record(&mut self) -> &mut InstanceRecord {
        self.partition().record.as_mut().unwrap()
    }

    fn software(&mut self) -> &mut ObservedSoftware {
        self.observed.software.get_mut(URL).unwrap()
    }

    fn plan(&self) -> Plan {
        plan(&Desired::read(&self.desired).0, &self.observed)
    }

    fn printed(&self) -> String {
        self.plan().to_string()
    }
}

fn at(seconds: u64) -> Moment {
    Moment::new(Duration::from_secs(seconds))
}

fn failure(digest: &str) -> Option<FailureRecord> {
    Some(FailureRecord {
        digest: digest.to_owned(),
        message: "boom".to_owned(),
        count: 1,
    })
}

#[test]
fn plan_of_a_converged_host_is_empty() {
    let world = World::converged();
    assert!(world.plan().is_empty());
    assert_eq!(world.printed(), "");
    assert_eq!(world.plan().wake_at, None);
}

#[test]
fn plan_of_a_new_host_builds_before_it_installs() {
    let mut world = World::converged();
    world.observed.software.clear();
    world.observed.partitions.clear();
    world.groups().clear();
    assert_eq!(world.printed(), "build /x/software.cfg\n");
    world.observed = World::converged().observed;
    world.observed.partitions.clear();
    world.groups().clear();
    assert_eq!(
        world.printed(),
        "slappart0: install\nslappart0: start the programs\n"
    );
}

#[test]
fn plan_of_another_release_is_built_beside_a_long_build() {
    let mut world = World::converged();
    world.software().stamp = None;
    world.software().is_busy = true;
    world.desired.software.push(wire::DesiredSoftware {
        url: "/y/software.cfg".to_owned(),
        state: "available".to_owned(),
        attempt: 0,
    });
    assert_eq!(world.printed(), "build /y/software.cfg\n");
}

#[test]
fn plan_of_changed_parameters_installs_again() {
    let mut world = World::converged();
    world
        .ask()
        .parameters
        .insert("maxmemory".to_owned(), "64mb".into());
    assert_eq!(
        world.printed(),
        "slappart0: install\nslappart0: start the programs\n"
    );
    world.install();
    assert_eq!(world.printed(), "");
}

#[test]
fn plan_of_a_stop_stops_before_it_installs_and_not_for_a_build() {
    let mut world = World::converged();
    world.ask().state = "stopped".to_owned();
    assert_eq!(
        world.printed(),
        "slappart0: stop the programs\nslappart0: install\nslappart0: keep the programs stopped\n"
    );
    world.software().stamp = None;
    world.software().is_busy = true;
    assert_eq!(world.printed(), "slappart0: stop the programs\n");
    world = World::converged();
    world.ask().state = "stopped".to_owned();
    world.install();
    assert_eq!(world.printed(), "");
}

#[test]
fn plan_of_a_destroyed_instance_ends_waits_and_removes() {
    let mut world = World::converged();
    world.ask().state = "destroyed".to_owned();
    assert_eq!(world.printed(), "slappart0: end the programs for good\n");
    world.groups().get_mut("slappart0").unwrap().is_removed = true;
    assert_eq!(world.printed(), "");
    world.groups().clear();
    assert_eq!(
        world.printed(),
        "slappart0: remove everything (the instance is destroyed)\n"
    );
    world.record().is_removed = true;
    assert_eq!(world.printed(), "");
}

#[test]
fn plan_without_a_supervisor_removes_nothing() {
    let mut world = World::converged();
    world.ask().state = "destroyed".to_owned();
    world.observed.groups = None;
    assert_eq!(world.printed(), "");
}

#[test]
fn plan_of_a_partition_that_is_not_asked_for_removes_what_was_ours() {
    let mut world = World::converged();
    world.desired.instances.clear();
    assert_eq!(world.printed(), "slappart0: end the programs for good\n");
    world.groups().clear();
    assert_eq!(
        world.printed(),
        "slappart0: remove everything (no instance is asked for here any more)\n"
    );
    world.partition().record = None;
    assert_eq!(world.printed(), "", "what is not ours is left alone");
}

#[test]
fn plan_of_another_instance_in_the_partition_removes_the_first() {
    let mut world = World::converged();
    world.ask().id = "SOFTINST-2".to_owned();
    assert_eq!(world.printed(), "slappart0: end the programs for good\n");
    world.groups().clear();
    assert_eq!(
        world.printed(),
        "slappart0: remove everything (it holds another instance)\n"
    );
    world.record().is_removed = true;
    assert_eq!(
        world.printed(),
        "slappart0: install\nslappart0: start the programs\n"
    );
}

#[test]
fn plan_of_a_supervisor_that_forgot_tells_it_again_without_installing() {
    let mut world = World::converged();
    world.groups().clear();
    assert_eq!(world.printed(), "slappart0: start the programs\n");
    world = World::converged();
    world
        .groups()
        .get_mut("slappart0")
        .unwrap()
        .programs
        .clear();
    assert_eq!(world.printed(), "slappart0: start the programs\n");
}

#[test]
fn plan_of_a_failed_installation_waits_then_tries_again() {
    let mut world = World::converged();
    world.ask().generation = 2;
    let (desired, _) = Desired::read(&world.desired);
    let digest = desired.instances["slappart0"].digest("built");
    world.record().failure = failure(&digest);
    world.partition().retry_at = at(1030);
    assert_eq!(world.printed(), "");
    assert_eq!(world.plan().wake_at, Some(at(1030)));
    world.observed.now = at(1030);
    assert_eq!(
        world.printed(),
        "slappart0: install\nslappart0: start the programs\n"
    );
}

#[test]
fn plan_of_a_failed_installation_tries_at_once_when_something_changed() {
    let mut world = World::converged();
    world.ask().generation = 2;
    world.record().failure = failure("of what was asked before");
    world.partition().retry_at = at(9000);
    assert_eq!(
        world.printed(),
        "slappart0: install\nslappart0: start the programs\n"
    );
}

#[test]
fn plan_of_a_busy_partition_is_empty() {
    let mut world = World::converged();
    world.ask().generation = 2;
    world.partition().is_busy = true;
    assert_eq!(world.printed(), "");
}

#[test]
fn plan_of_a_failed_build_waits_for_its_retry_a_new_attempt_or_another_profile() {
    let mut world = World::converged();
    let software = ObservedSoftware {
        record: Some(SoftwareRecord {
            url: URL.to_owned(),
            attempt: 0,
            failure: failure("profile"),
            is_removed: false,
        }),
        profile_digest: "profile".to_owned(),
        retry_at: at(1030),
        ..ObservedSoftware::default()
    };
    *world.software() = software.clone();
    assert_eq!(world.printed(), "");
    assert_eq!(world.plan().wake_at, Some(at(1030)));
    world.desired.software[0].attempt = 1;
    assert_eq!(world.printed(), "build /x/software.cfg\n");
    world.desired.software[0].attempt = 0;
    world.software().profile_digest = "corrected".to_owned();
    assert_eq!(world.printed(), "build /x/software.cfg\n");
    *world.software() = software;
    world.observed.now = at(1031);
    assert_eq!(world.printed(), "build /x/software.cfg\n");
}

#[test]
fn plan_of_a_release_to_remove_waits_until_no_instance_uses_it() {
    let mut world = World::converged();
    world.desired.software[0].state = "destroyed".to_owned();
    assert_eq!(world.printed(), "");
    world.desired.instances.clear();
    world.groups().clear();
    world.record().is_removed = true;
    assert_eq!(world.printed(), "remove /x/software.cfg\n");
    world.software().stamp = None;
    assert_eq!(world.printed(), "");
}

#[test]
fn plan_keeps_what_runs_while_its_next_software_is_built() {
    let mut world = World::converged();
    world.ask().software = "/y/software.cfg".to_owned();
    world.desired.software.push(wire::DesiredSoftware {
        url: "/y/software.cfg".to_owned(),
        state: "available".to_owned(),
        attempt: 0,
    });
    assert_eq!(world.printed(), "build /y/software.cfg\n");
    world.groups().clear();
    assert_eq!(
        world.printed(),
        "build /y/software.cfg\nslappart0: start the programs\n"
    );
}
