//! The rules, case by case, on SQLite (a test each) and on a real PostgreSQL (one test that starts
//! a cluster and runs every case in a database of its own).

use crate::world::{OWNER, World, instance_report, map, redis};
use serde_json::json;
use slapos_api::ErrorCode;
use slapos_api::wire::instance::InstanceRequest;
use slapos_api::wire::node::{
    InstanceReport, NodeFormat, NodeReport, PartitionOffer, ProcessReport, PromiseReport,
    SoftwareReport,
};
use slapos_api::wire::project::TokenCreate;
use slapos_api::wire::supply::SupplySet;
use slapos_master::app::{
    AppError, Caller, catalog, event, identity, instance, node, project, report, supply, tree,
    usage, why,
};
use slapos_master::store::Database;
use slapos_master::store::instance::InstanceRow;
use slapos_master::store::{Tx, subject, tree as trees};
use slapos_testkit::{Postgres, wait_until};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

mod trees_cases;

use trees_cases::*;

macro_rules! suite {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[test]
            fn $name() {
                let dir = tempfile::tempdir().unwrap();
                let path = dir.path().join("master.sqlite");
                super::$name(&super::World::new(&super::Database::Sqlite(path)));
            })+
        }

        #[test]
        fn postgres_every_case_as_on_sqlite() {
            let cluster = Postgres::start();
            $(
                let url = cluster.create_database(stringify!($name));
                $name(&World::new(&Database::Postgres(url)));
            )+
        }
    };
}

// Add a new case here.
suite!(
    request_twice_makes_one,
    request_at_once_makes_one,
    request_change_raises_generation,
    request_same_again_records_nothing,
    request_bad_parameter_changes_nothing,
    request_unknown_software_suggests,
    request_ten_on_five_partitions_wait_and_start,
    request_without_node_waits,
    request_filter_chooses_node,
    request_destroyed_frees_name_and_partition,
    request_by_viewer_is_refused,
    request_numbers_keep_their_digits,
    report_of_another_node_is_passed_over,
    report_green_is_recorded_once,
    report_old_generation_is_passed_over,
    promise_history_keeps_changes,
    supply_failed_build_is_explained_and_retried,
    supply_in_use_is_not_removed,
    desired_has_what_the_node_needs,
    format_fewer_partitions_disables_never_deletes,
    register_twice_same_key_is_one_node,
    strangers_see_nothing,
    members_roles_and_last_owner,
    tokens_expire_and_are_revoked,
    failed_closure_leaves_nothing,
    failing_closures_among_others_take_nothing_with_them,
    panic_in_a_closure_harms_no_other,
    events_are_numbered_without_gaps_in_order,
    catalog_has_versions,
    shares_find_lose_and_find_a_host,
    share_destroyed_leaves_its_host,
    share_is_as_asked_once_its_host_says_so,
    shares_that_wait_keep_no_instance_from_its_partition,
    title_of_several_people_means_the_callers_own,
    children_share_names_and_end_before_their_root,
    child_published_is_news_for_who_asked_last,
    certificates_are_of_the_living,
    usage_reports_are_kept_once,
    format_with_networks_keeps_them,
    names_are_found_along_trees,
);

/// Every registration reads what the others write, so each of a crowd fails the others.
#[test]
fn postgres_crowd_of_nodes_joins_two_masters() {
    let cluster = Postgres::start();
    let database = Database::Postgres(cluster.create_database("crowd"));
    let masters = [World::new(&database), World::with_seed(&database, 2)];
    std::thread::scope(|scope| {
        for (index, master) in masters.iter().cycle().take(32).enumerate() {
            scope.spawn(move || {
                for round in 0..8 {
                    master.add_node(&format!("node-{index}-{round}"), 2);
                }
            });
        }
    });
    let nodes = masters[0].with(OWNER, node::list);
    assert_eq!(nodes.unwrap().len(), 32 * 8);
}

fn request_twice_makes_one(world: &World) {
    world.add_node("local", 2);
    let first = world.request(redis("my_db")).unwrap();
    let second = world.request(redis("my_db")).unwrap();
    assert_eq!(first.id, second.id);
    assert_eq!(first.partition.as_deref(), Some("slappart0"));
    assert_eq!(first.node.as_deref(), Some("local"));
}

fn request_at_once_makes_one(world: &World) {
    world.add_node("local", 20);
    let ids: Vec<_> = std::thread::scope(|scope| {
        let asks: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| world.request(redis("my_db")).unwrap().id))
            .collect();
        asks.into_iter().map(|ask| ask.join().unwrap()).collect()
    });
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    let requested = world
        .event_kinds()
        .iter()
        .filter(|kind| *kind == event::INSTANCE_REQUESTED)
        .count();
    assert_eq!(requested, 1);
}

fn request_change_raises_generation(world: &World) {
    world.add_node("local", 1);
    let first = world.request(redis("my_db")).unwrap();
    let parameters = Some(map(json!({"maxmemory": "64mb"})));
    let changed = world
        .request(InstanceRequest {
            parameters,
            ..redis("my_db")
        })
        .unwrap();
    assert_eq!((first.generation, changed.generation), (1, 2));
    assert_eq!(changed.parameters["maxmemory"], "64mb");
    // Left out: those of before.
    let again = world.request(redis("my_db")).unwrap();
    assert_eq!(again.generation, 2);
    assert_eq!(again.parameters["maxmemory"], "64mb");
    let other = InstanceRequest {
        software: "redis@8.0.2".to_owned(),
        ..redis("my_db")
    };
    assert_eq!(
        world.request(other).unwrap().software.version.as_deref(),
        Some("8.0.2")
    );
}

fn request_same_again_records_nothing(world: &World) {
    world.add_node("local", 1);
    world.request(redis("my_db")).unwrap();
    let before = world.event_kinds().len();
    world.request(redis("my_db")).unwrap();
    let ask = redis("my_db");
    let unchanged = world
        .with(OWNER, move |tx, caller| {
            instance::find_unchanged(tx, caller, &ask)
        })
        .unwrap();
    assert!(unchanged.is_some());
    assert_eq!(world.event_kinds().len(), before);
    let stop = InstanceRequest {
        state: Some("stopped".to_owned()),
        ..redis("my_db")
    };
    let changed = world
        .with(OWNER, move |tx, caller| {
            instance::find_unchanged(tx, caller, &stop)
        })
        .unwrap();
    assert!(changed.is_none());
}

fn request_bad_parameter_changes_nothing(world: &World) {
    world.add_node("local", 1);
    let parameters = Some(map(json!({"maxmemory": "much"})));
    let error = world
        .request(InstanceRequest {
            parameters,
            ..redis("my_db")
        })
        .unwrap_err();
    assert_eq!(error.code, ErrorCode::Invalid);
    assert_eq!(error.field.as_deref(), Some("parameters.maxmemory"));
    assert_eq!(world.find("my_db").unwrap_err().code, ErrorCode::NotFound);
    for (field, ask) in [
        ("name", redis("")),
        (
            "state",
            InstanceRequest {
                state: Some("running".to_owned()),
                ..redis("a")
            },
        ),
    ] {
        assert_eq!(
            world.request(ask).unwrap_err().field.as_deref(),
            Some(field)
        );
    }
}

fn request_unknown_software_suggests(world: &World) {
    let ask = InstanceRequest {
        software: "reids".to_owned(),
        ..redis("my_db")
    };
    let error = world.request(ask).unwrap_err();
    assert_eq!(error.code, ErrorCode::NotFound);
    assert_eq!(error.hint.as_deref(), Some("did you mean `redis`?"));
    let ask = InstanceRequest {
        software: "redis@9".to_owned(),
        ..redis("my_db")
    };
    assert_eq!(
        world.request(ask).unwrap_err().hint.as_deref(),
        Some("versions of redis: 7.0.15, 8.0.2")
    );
}

fn request_ten_on_five_partitions_wait_and_start(world: &World) {
    world.add_node("local", 5);
    let views: Vec<_> = std::thread::scope(|scope| {
        let asks: Vec<_> = (0..10)
            .map(|index| scope.spawn(move || world.request(redis(&format!("db{index}"))).unwrap()))
            .collect();
        asks.into_iter().map(|ask| ask.join().unwrap()).collect()
    });
    let (placed, waiting): (Vec<_>, Vec<_>) =
        views.into_iter().partition(|view| view.partition.is_some());
    let mut partitions: Vec<_> = placed
        .iter()
        .filter_map(|view| view.partition.clone())
        .collect();
    partitions.sort();
    partitions.dedup();
    assert_eq!(
        (partitions.len(), waiting.len()),
        (5, 5),
        "no partition is given twice"
    );
    let reason = "no free partition that fits: node local: all its 5 partitions are busy";
    assert!(
        waiting
            .iter()
            .all(|view| view.message.as_deref() == Some(reason)),
        "{waiting:?}"
    );
    assert!(waiting.iter().all(|view| view.state == "waiting"));
    // Room appears: the oldest starts by itself.
    let gone = &placed[0];
    let destroy = InstanceRequest {
        state: Some("destroyed".to_owned()),
        ..redis(&gone.name)
    };
    let gone = world.request(destroy).unwrap();
    world.report_state("local", &gone, "destroyed");
    let started = waiting
        .iter()
        .filter(|view| world.find(&view.name).unwrap().partition.is_some());
    assert_eq!(started.count(), 1);
    // More partitions: all start.
    world.format("local", 10);
    assert!(
        waiting
            .iter()
            .all(|view| world.find(&view.name).unwrap().partition.is_some())
    );
}

fn request_without_node_waits(world: &World) {
    let view = world.request(redis("my_db")).unwrap();
    assert_eq!(view.state, "waiting");
    assert_eq!(
        view.message.as_deref(),
        Some("no free partition that fits: the project has no node")
    );
    let answer = world
        .with(OWNER, |tx, caller| why::explain(tx, caller, "my_db"))
        .unwrap();
    assert_eq!(answer.causes[0].kind, "no-partition");
    world.add_node("local", 1);
    assert_eq!(
        world.find("my_db").unwrap().partition.as_deref(),
        Some("slappart0")
    );
}

fn request_filter_chooses_node(world: &World) {
    world.add_node("a", 1);
    world.add_node("b", 1);
    let filter = |value| Some(map(value));
    let ask = InstanceRequest {
        filter: filter(json!({"node": "b"})),
        ..redis("on_b")
    };
    assert_eq!(world.request(ask).unwrap().node.as_deref(), Some("b"));
    let ask = InstanceRequest {
        filter: filter(json!({"machine": "aarch64"})),
        ..redis("arm")
    };
    let message = world.request(ask).unwrap().message.unwrap();
    // A filter that cannot be compared is refused, of a new service and of one that stands.
    for name in ["new", "arm"] {
        let ask = InstanceRequest {
            filter: filter(json!({"node": ["a"]})),
            ..redis(name)
        };
        let error = world.request(ask).unwrap_err();
        assert_eq!(error.field.as_deref(), Some("filter.node"));
    }
    assert!(
        message.contains("node a: machine is x86_64, wanted is aarch64"),
        "{message}"
    );
}

fn request_destroyed_frees_name_and_partition(world: &World) {
    world.add_node("local", 1);
    let first = world.request(redis("my_db")).unwrap();
    world.report_state("local", &first, "started");
    let destroy = InstanceRequest {
        state: Some("destroyed".to_owned()),
        ..redis("my_db")
    };
    let going = world.request(destroy.clone()).unwrap();
    assert_eq!(going.state, "destroying");
    // While it goes, the name is not free: the data of the old one must not meet the new one.
    let again = InstanceRequest {
        state: Some("started".to_owned()),
        ..redis("my_db")
    };
    assert_eq!(world.request(again).unwrap_err().code, ErrorCode::Conflict);
    assert_eq!(world.request(destroy).unwrap().id, first.id);
    world.report_state("local", &going, "destroyed");
    assert_eq!(world.find("my_db").unwrap_err().code, ErrorCode::NotFound);
    let second = world.request(redis("my_db")).unwrap();
    assert_ne!(first.id, second.id);
    assert_eq!(second.partition.as_deref(), Some("slappart0"));
}

fn request_by_viewer_is_refused(world: &World) {
    world.add_node("local", 1);
    let viewer = world.add_member("eve", "viewer");
    let error = world.request_as(&viewer, redis("hers")).unwrap_err();
    assert_eq!(error.code, ErrorCode::Forbidden);
    let member = world.add_member("mallory", "member");
    world.request_as(&member, redis("his")).unwrap();
    // Each requester has names of its own.
    let mine = world.request(redis("his")).unwrap();
    let his = world
        .with(&member, |tx, caller| instance::find(tx, caller, "his"))
        .unwrap();
    assert_ne!(mine.id, his.id);
    // A viewer sees both, so the bare name is not enough for it.
    let seen = world.with(&viewer, |tx, caller| instance::find(tx, caller, "his"));
    assert_eq!(seen.unwrap_err().code, ErrorCode::Conflict);
    let by_reference = his.id.clone();
    world
        .with(&viewer, move |tx, caller| {
            instance::find(tx, caller, &by_reference)
        })
        .unwrap();
    let stop = world.with(&viewer, move |tx, caller| {
        instance::set_state(tx, caller, &his.id, "stopped")
    });
    assert_eq!(stop.unwrap_err().code, ErrorCode::Forbidden);
}

fn request_numbers_keep_their_digits(world: &World) {
    let text =
        r#"{"big":12345678901234567890123,"tiny":0.10000000000000000001,"e":1e400,"é":[null]}"#;
    let ask = InstanceRequest {
        software: "/profile/of/mine.cfg".to_owned(),
        parameters: serde_json::from_str(text).unwrap(),
        ..redis("exact")
    };
    world.request(ask).unwrap();
    let shown = serde_json::Value::Object(world.find("exact").unwrap().parameters).to_string();
    assert_eq!(shown.replace("1e+400", "1e400"), text);
}

fn report_of_another_node_is_passed_over(world: &World) {
    world.add_node("a", 1);
    world.add_node("b", 1);
    let filter = Some(map(json!({"node": "a"})));
    let view = world
        .request(InstanceRequest {
            filter,
            ..redis("my_db")
        })
        .unwrap();
    world.report_state("b", &view, "started");
    assert_eq!(world.find("my_db").unwrap().reported_state, "unknown");
    let desired = world.as_node("b", node::desired).unwrap();
    assert!(desired.instances.is_empty());
}

fn report_green_is_recorded_once(world: &World) {
    world.add_node("local", 1);
    let view = world.request(redis("my_db")).unwrap();
    world.clock.advance(Duration::from_secs(2));
    world.report_state("local", &view, "started");
    world.report_state("local", &view, "started");
    let green = world.find("my_db").unwrap();
    assert_eq!(green.state, "started");
    assert_eq!((green.promises.kept, green.promises.total), (1, 1));
    let seconds = green.seconds_to_green.unwrap();
    assert!((2.0..2.1).contains(&seconds), "{seconds}");
    let kinds = world.event_kinds();
    assert_eq!(
        kinds
            .iter()
            .filter(|kind| *kind == event::INSTANCE_GREEN)
            .count(),
        1
    );
    assert_eq!(
        kinds
            .iter()
            .filter(|kind| *kind == event::INSTANCE_REPORTED)
            .count(),
        1
    );
}

fn report_old_generation_is_passed_over(world: &World) {
    world.add_node("local", 1);
    let first = world.request(redis("my_db")).unwrap();
    let parameters = Some(map(json!({"maxmemory": "64mb"})));
    let second = world
        .request(InstanceRequest {
            parameters,
            ..redis("my_db")
        })
        .unwrap();
    world.report_state("local", &second, "started");
    world.report(
        "local",
        InstanceReport {
            state: Some("failed".to_owned()),
            ..instance_report(&first)
        },
    );
    assert_eq!(world.find("my_db").unwrap().state, "started");
}

fn promise_history_keeps_changes(world: &World) {
    world.add_node("local", 1);
    let view = world.request(redis("my_db")).unwrap();
    world.report_state("local", &view, "started");
    let say = |state: &str, at: i64| PromiseReport {
        name: "port".to_owned(),
        state: state.to_owned(),
        message: "said".to_owned(),
        checked_at_us: 1_795_564_800_000_000 + at,
    };
    for (at, state) in (1..).zip(["broken", "broken", "check-broken", "kept"]) {
        let promises = Some(vec![say(state, at)]);
        world.report(
            "local",
            InstanceReport {
                promises,
                ..instance_report(&view)
            },
        );
    }
    let promises = world
        .with(OWNER, |tx, caller| {
            instance::list_promises(tx, caller, "my_db")
        })
        .unwrap();
    let states: Vec<_> = promises[0]
        .history
        .iter()
        .map(|change| change.state.as_str())
        .collect();
    assert_eq!(states, ["kept", "check-broken", "broken", "kept"]);
    // A promise that is no longer made is forgotten.
    world.report(
        "local",
        InstanceReport {
            promises: Some(vec![]),
            ..instance_report(&view)
        },
    );
    assert_eq!(world.find("my_db").unwrap().promises.total, 0);
}

fn supply_failed_build_is_explained_and_retried(world: &World) {
    world.add_node("local", 1);
    let view = world.request(redis("my_db")).unwrap();
    let said = SoftwareReport {
        url: view.software.url.clone(),
        state: "failed".to_owned(),
        message: Some("part redis failed at compile\ncc: error".to_owned()),
        progress: None,
    };
    let whole = NodeReport {
        software: vec![said],
        ..NodeReport::default()
    };
    world
        .as_node("local", move |tx, caller| report::keep(tx, caller, &whole))
        .unwrap();
    let shown = world.find("my_db").unwrap();
    assert_eq!(shown.state, "failed");
    assert!(shown.message.unwrap().contains("cc: error"));
    let answer = world
        .with(OWNER, |tx, caller| why::explain(tx, caller, "my_db"))
        .unwrap();
    assert_eq!(answer.causes[0].kind, "build-failed");
    assert_eq!(answer.causes[0].log.as_deref(), Some("cc: error"));
    let before = world.as_node("local", node::desired).unwrap();
    let ask = SupplySet {
        node: "local".to_owned(),
        software: "redis".to_owned(),
        state: "available".to_owned(),
    };
    world
        .with(OWNER, move |tx, caller| supply::set(tx, caller, &ask))
        .unwrap();
    let after = world.as_node("local", node::desired).unwrap();
    assert_eq!(after.software[0].attempt, before.software[0].attempt + 1);
    assert!(after.generation > before.generation);
}

fn supply_in_use_is_not_removed(world: &World) {
    world.add_node("local", 1);
    world.request(redis("my_db")).unwrap();
    let ask = |software: &str, state: &str| SupplySet {
        node: "local".to_owned(),
        software: software.to_owned(),
        state: state.to_owned(),
    };
    let remove = ask("redis", "destroyed");
    let error = world
        .with(OWNER, move |tx, caller| supply::set(tx, caller, &remove))
        .unwrap_err();
    assert_eq!(error.code, ErrorCode::Conflict);
    assert!(error.message.contains("my_db"));
    let other = ask("redis@8.0.2", "available");
    world
        .with(OWNER, move |tx, caller| supply::set(tx, caller, &other))
        .unwrap();
    assert_eq!(world.with(OWNER, supply::list).unwrap().len(), 2);
    let remove = ask("redis@8.0.2", "destroyed");
    let gone = world
        .with(OWNER, move |tx, caller| supply::set(tx, caller, &remove))
        .unwrap();
    assert_eq!(gone.requested_state, "destroyed");
}

fn desired_has_what_the_node_needs(world: &World) {
    world.add_node("local", 2);
    let parameters = Some(map(json!({"maxmemory": "64mb"})));
    let view = world
        .request(InstanceRequest {
            parameters,
            ..redis("my_db")
        })
        .unwrap();
    let desired = world.as_node("local", node::desired).unwrap();
    assert_eq!(desired.master_epoch, "EPOCH-1");
    let [only] = desired.instances.as_slice() else {
        panic!("{desired:?}")
    };
    assert_eq!(
        (only.id.as_str(), only.partition.as_str()),
        (view.id.as_str(), "slappart0")
    );
    assert_eq!(
        (only.state.as_str(), only.root_name.as_str()),
        ("started", "my_db")
    );
    assert_eq!(only.parameters["maxmemory"], "64mb");
    assert_eq!(desired.software[0].url, "catalog:redis/7.0.15/software.cfg");
    let url = desired.software[0].url.clone();
    let files = world
        .as_node("local", move |tx, _| catalog::read_files(tx, &url))
        .unwrap();
    assert!(files.files.contains_key("software.cfg"));
    let process = ProcessReport {
        name: "redis".to_owned(),
        kind: "service".to_owned(),
        state: "backoff".to_owned(),
        pid: None,
        restarts: 3,
        last_exit: Some("exit code 1".to_owned()),
    };
    let broken = PromiseReport {
        name: "port".to_owned(),
        state: "broken".to_owned(),
        message: "refused".to_owned(),
        checked_at_us: 1,
    };
    world.report(
        "local",
        InstanceReport {
            state: Some("started".to_owned()),
            processes: Some(vec![process]),
            promises: Some(vec![broken]),
            ..instance_report(&view)
        },
    );
    let answer = world
        .with(OWNER, |tx, caller| why::explain(tx, caller, "my_db"))
        .unwrap();
    assert_eq!(answer.causes[0].kind, "process-down");
}

fn format_fewer_partitions_disables_never_deletes(world: &World) {
    world.add_node("local", 3);
    for name in ["a", "b", "c"] {
        world.request(redis(name)).unwrap();
    }
    world.format("local", 1);
    assert_eq!(
        world.find("c").unwrap().partition.as_deref(),
        Some("slappart2")
    );
    assert_eq!(
        world
            .as_node("local", node::desired)
            .unwrap()
            .instances
            .len(),
        3
    );
    assert_eq!(world.request(redis("d")).unwrap().state, "waiting");
    world.format("local", 4);
    assert_eq!(
        world.find("d").unwrap().partition.as_deref(),
        Some("slappart3")
    );
}

fn register_twice_same_key_is_one_node(world: &World) {
    world.add_node("local", 1);
    world.add_node("local", 1);
    assert_eq!(world.with(OWNER, node::list).unwrap().len(), 1);
    let taken = world.with(OWNER, |tx, caller| {
        node::register(tx, caller, None, "local", "another key")
    });
    assert_eq!(taken.unwrap_err().code, ErrorCode::Conflict);
    let member = world.add_member("m", "member");
    let refused = world.with(&member, |tx, caller| {
        node::register(tx, caller, None, "mine", "its key")
    });
    assert_eq!(refused.unwrap_err().code, ErrorCode::Forbidden);
}

fn strangers_see_nothing(world: &World) {
    world.add_node("local", 1);
    let view = world.request(redis("my_db")).unwrap();
    let stranger = world.add_member("stranger", "owner");
    world
        .with(&stranger, |tx, caller| {
            project::create(tx, caller, "elsewhere")
        })
        .unwrap();
    let me = world.with(&stranger, project::me).unwrap();
    let own = me.subject.id;
    world
        .with(OWNER, move |tx, caller| {
            project::remove_member(tx, caller, "default", &own)
        })
        .unwrap();
    assert!(world.with(&stranger, instance::list).unwrap().is_empty());
    assert!(world.with(&stranger, node::list).unwrap().is_empty());
    for which in ["my_db".to_owned(), view.id.clone()] {
        let found = world.with(&stranger, move |tx, caller| {
            instance::find(tx, caller, &which)
        });
        // As if it did not exist: even that is not told.
        assert_eq!(found.unwrap_err().code, ErrorCode::NotFound);
    }
    let (events, _) = world
        .with(&stranger, |tx, caller| event::list(tx, caller, 0))
        .unwrap();
    assert!(
        events.iter().all(|event| event.instance.is_none()),
        "{events:?}"
    );
    let anonymous = world.with("no such token", instance::list);
    assert_eq!(anonymous.unwrap_err().code, ErrorCode::Unauthenticated);
}

fn members_roles_and_last_owner(world: &World) {
    let me = world.with(OWNER, project::me).unwrap();
    assert_eq!(me.projects[0].role, "owner");
    let own = me.subject.id.clone();
    let leave = world.with(OWNER, move |tx, caller| {
        project::set_role(tx, caller, "default", &own, "viewer")
    });
    assert_eq!(leave.unwrap_err().code, ErrorCode::Conflict);
    let other = world.add_member("second", "owner");
    let own = me.subject.id;
    world
        .with(&other, move |tx, caller| {
            project::set_role(tx, caller, "default", &own, "viewer")
        })
        .unwrap();
    let members = world
        .with(OWNER, |tx, caller| {
            project::list_members(tx, caller, "default")
        })
        .unwrap();
    let roles: Vec<_> = members.iter().map(|member| member.role.as_str()).collect();
    assert_eq!(roles, ["viewer", "owner"]);
    let refused = world.with(OWNER, |tx, caller| {
        project::set_role(tx, caller, "default", "SUBJ-1", "viewer")
    });
    assert_eq!(refused.unwrap_err().code, ErrorCode::Forbidden);
}

fn tokens_expire_and_are_revoked(world: &World) {
    let ask = TokenCreate {
        label: "short".to_owned(),
        ttl_s: Some(60),
    };
    let short = world
        .with(OWNER, move |tx, caller| {
            project::create_token(tx, caller, &ask)
        })
        .unwrap();
    assert!(world.with(&short.token, project::me).is_ok());
    world.clock.advance(Duration::from_secs(61));
    let ended = world.with(&short.token, project::me).unwrap_err();
    assert_eq!(ended.code, ErrorCode::Unauthenticated);
    let ask = TokenCreate {
        label: "long".to_owned(),
        ttl_s: None,
    };
    let long = world
        .with(OWNER, move |tx, caller| {
            project::create_token(tx, caller, &ask)
        })
        .unwrap();
    assert!(world.with(OWNER, project::list_tokens).unwrap().len() >= 2);
    let id = long.id.clone();
    world
        .with(OWNER, move |tx, caller| {
            project::revoke_token(tx, caller, &id)
        })
        .unwrap();
    assert!(world.with(&long.token, project::me).is_err());
    let again = world.with(OWNER, move |tx, caller| {
        project::revoke_token(tx, caller, &long.id)
    });
    assert_eq!(again.unwrap_err().code, ErrorCode::NotFound);
}

fn failed_closure_leaves_nothing(world: &World) {
    let failed: Result<(), AppError> = world.with(OWNER, |tx, caller| {
        project::create(tx, caller, "half")?;
        Err(AppError::conflict("on purpose"))
    });
    assert_eq!(failed.unwrap_err().message, "on purpose");
    assert_eq!(world.with(OWNER, project::me).unwrap().projects.len(), 1);
    assert!(
        !world
            .event_kinds()
            .contains(&event::PROJECT_CHANGED.to_owned())
    );
}

fn panic_in_a_closure_harms_no_other(world: &World) {
    let panicked: Result<(), AppError> = world.with(OWNER, |tx, caller| {
        project::create(tx, caller, "half")?;
        panic!("on purpose")
    });
    let error = panicked.unwrap_err();
    assert_eq!(error.code, ErrorCode::Internal);
    assert!(error.message.contains("on purpose"));
    world
        .with(OWNER, |tx, caller| project::create(tx, caller, "half"))
        .unwrap();
}

fn failing_closures_among_others_take_nothing_with_them(world: &World) {
    let asking = AtomicUsize::new(0);
    let make = &|index: usize| {
        asking.fetch_add(1, Ordering::SeqCst);
        world.with(OWNER, move |tx, caller| {
            project::create(tx, caller, &format!("p{index}"))?;
            match index % 3 {
                1 => Err(AppError::conflict("on purpose")),
                _ => Ok(()),
            }
        })
    };
    std::thread::scope(|scope| {
        // The first holds the writer until the others are about to wait, so that they share commits.
        let held = Arc::new((Mutex::new(true), Condvar::new()));
        let holder = {
            let held = Arc::clone(&held);
            scope.spawn(move || {
                world.write(move |_| {
                    let is_held = held.0.lock().unwrap();
                    drop(held.1.wait_while(is_held, |is_held| *is_held).unwrap());
                    Ok::<_, AppError>(())
                })
            })
        };
        let makers: Vec<_> = (0..24)
            .map(|index| scope.spawn(move || (index, make(index))))
            .collect();
        wait_until("all to ask", Duration::from_secs(20), || {
            (asking.load(Ordering::SeqCst) == 24).then_some(())
        });
        *held.0.lock().unwrap() = false;
        held.1.notify_all();
        holder.join().unwrap().unwrap();
        for maker in makers {
            let (index, made) = maker.join().unwrap();
            assert_eq!(made.is_err(), index % 3 == 1, "closure {index}");
        }
    });
    assert_eq!(
        world.with(OWNER, project::me).unwrap().projects.len(),
        1 + 16
    );
    let told = world.event_kinds();
    let told = told.iter().filter(|kind| *kind == event::PROJECT_CHANGED);
    assert_eq!(told.count(), 16);
}

fn events_are_numbered_without_gaps_in_order(world: &World) {
    world.add_node("local", 40);
    std::thread::scope(|scope| {
        for index in 0..20 {
            scope.spawn(move || world.request(redis(&format!("db{index}"))).unwrap());
        }
    });
    let events: Result<_, AppError> =
        world.write(|tx| Ok(slapos_master::store::event::list_after(tx, 0, 1000)?));
    let positions: Vec<_> = events.unwrap().iter().map(|event| event.seq).collect();
    assert!(positions.len() > 40);
    assert!(positions.windows(2).all(|pair| pair[0] < pair[1]));
}

fn catalog_has_versions(world: &World) {
    let versions: Vec<_> = world
        .catalog()
        .into_iter()
        .map(|entry| entry.version)
        .collect();
    assert_eq!(versions, ["7.0.15", "8.0.2"]);
    let newest = world
        .with(OWNER, |tx, _| catalog::find(tx, "redis"))
        .unwrap();
    assert_eq!(newest.version, "7.0.15");
    let missing = world
        .with(OWNER, |tx, _| catalog::find(tx, "postgresql"))
        .unwrap_err();
    assert!(missing.hint.unwrap().contains("catalog list"));
}
