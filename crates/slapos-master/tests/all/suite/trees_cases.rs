//! Cases of trees, shares, certificates and usage; listed and run by the suite.

use super::*;

/// The row of a living root.
pub(super) fn root(tx: &mut Tx<'_>, name: &str) -> InstanceRow {
    let project = subject::find_project(tx, "default").unwrap().unwrap();
    trees::find_root(tx, &project, name).unwrap().unwrap()
}

pub(super) fn shared(name: &str) -> InstanceRequest {
    InstanceRequest {
        shared: true,
        ..redis(name)
    }
}

/// The root of that name asks for a child.
pub(super) fn request_child(world: &World, by: &str, ask: InstanceRequest) -> InstanceRow {
    let by = by.to_owned();
    let made: Result<InstanceRow, AppError> = world.write(move |tx| {
        let parent = root(tx, &by);
        let caller = Caller::of_instance(&parent);
        instance::request_row(tx, &Default::default(), &caller, &ask, catalog::resolve)
    });
    made.unwrap()
}

pub(super) fn shares_find_lose_and_find_a_host(world: &World) {
    world.add_node("local", 2);
    let waits = world.request(shared("site")).unwrap();
    assert!(waits.shared && waits.state == "waiting", "{waits:?}");
    let host = world.request(redis("host")).unwrap();
    let shares = |host: &str| {
        let host = host.to_owned();
        let rows: Result<_, AppError> = world.write(move |tx| Ok(trees::list_shares(tx, &host)?));
        rows.unwrap().len()
    };
    assert_eq!(shares(&host.id), 1);
    let desired = world.as_node("local", node::desired).unwrap();
    assert_eq!(desired.instances[0].shared[0].name, "site");
    // The host goes; the share waits for another, and finds it.
    let gone = InstanceRequest {
        state: Some("destroyed".to_owned()),
        ..redis("host")
    };
    let view = world.request(gone).unwrap();
    world.report_state("local", &view, "destroyed");
    assert_eq!(world.find("site").unwrap().state, "waiting");
    let next = world.request(redis("next")).unwrap();
    assert_eq!(shares(&next.id), 1);
}

/// The host of that name publishes for the share of that name.
pub(super) fn publish_share(world: &World, host: &str, share: &str, url: &str) {
    let (host, share, url) = (host.to_owned(), share.to_owned(), url.to_owned());
    let kept: Result<bool, AppError> = world.write(move |tx| {
        let (host, share) = (root(tx, &host), root(tx, &share));
        let connection = map(json!({"url": url}));
        tree::publish(tx, &Caller::of_instance(&host), &share, &connection)
    });
    kept.unwrap();
}

pub(super) fn share_is_as_asked_once_its_host_says_so(world: &World) {
    world.add_node("local", 1);
    world.request(redis("host")).unwrap();
    world.request(shared("site")).unwrap();
    publish_share(world, "host", "site", "http://a/");
    assert_eq!(world.find("site").unwrap().state, "started");
    // Another parameter; what the host then publishes is the same.
    let changed = InstanceRequest {
        parameters: Some(map(json!({"maxmemory": "8mb"}))),
        ..shared("site")
    };
    assert_ne!(world.request(changed).unwrap().state, "started");
    publish_share(world, "host", "site", "http://a/");
    assert_eq!(world.find("site").unwrap().state, "started");
    // Stopped: its host no longer hears of it.
    let told = || {
        world.as_node("local", node::desired).unwrap().instances[0]
            .shared
            .len()
    };
    let asked = |state: &str| InstanceRequest {
        state: Some(state.to_owned()),
        ..shared("site")
    };
    assert_eq!(told(), 1);
    assert_eq!(world.request(asked("stopped")).unwrap().state, "stopped");
    assert_eq!(told(), 0);
    publish_share(world, "host", "site", "http://late/");
    assert_eq!(world.find("site").unwrap().state, "stopped");
    assert_ne!(world.request(asked("started")).unwrap().state, "started");
    assert_eq!(told(), 1);
    publish_share(world, "host", "site", "http://late/");
    assert_eq!(world.find("site").unwrap().state, "started");
}

pub(super) fn shares_that_wait_keep_no_instance_from_its_partition(world: &World) {
    for index in 0..=slapos_master::limits::ALLOCATE_BATCH_MAX {
        world.request(shared(&format!("site{index}"))).unwrap();
    }
    let other = InstanceRequest {
        software: "redis@8.0.2".to_owned(),
        ..redis("db")
    };
    assert_eq!(world.request(other).unwrap().node, None);
    world.add_node("local", 1);
    assert_eq!(world.find("db").unwrap().node.as_deref(), Some("local"));
}

pub(super) fn title_of_several_people_means_the_callers_own(world: &World) {
    let other = world.add_member("second", "member");
    let first = world.request_as(OWNER, redis("db")).unwrap();
    let second = world.request_as(&other, redis("db")).unwrap();
    assert_ne!(first.id, second.id);
    for (token, own) in [(OWNER, first), (other.as_str(), second)] {
        let found = world.with(token, |tx, caller| tree::find_root(tx, caller, "db"));
        assert_eq!(found.unwrap().unwrap().id, own.id);
    }
}

pub(super) fn share_destroyed_leaves_its_host(world: &World) {
    world.add_node("local", 1);
    let host = world.request(redis("host")).unwrap();
    world.request(shared("site")).unwrap();
    let before = world.find("host").unwrap().generation;
    let gone = InstanceRequest {
        state: Some("destroyed".to_owned()),
        ..shared("site")
    };
    assert_eq!(world.request(gone).unwrap().state, "destroyed");
    assert!(world.find("host").unwrap().generation > before);
    let id = host.id;
    let left: Result<_, AppError> = world.write(move |tx| Ok(trees::list_shares(tx, &id)?));
    assert!(left.unwrap().is_empty());
}

pub(super) fn children_share_names_and_end_before_their_root(world: &World) {
    world.add_node("local", 3);
    let root_view = world.request(redis("root")).unwrap();
    let child = request_child(world, "root", redis("db"));
    assert_eq!(child.root_id, root_view.id);
    assert_eq!(request_child(world, "root", redis("db")).id, child.id);
    let gone = InstanceRequest {
        state: Some("destroyed".to_owned()),
        ..redis("root")
    };
    let view = world.request(gone).unwrap();
    world.report_state("local", &view, "destroyed");
    let desired = world.as_node("local", node::desired).unwrap();
    let states: Vec<_> = desired
        .instances
        .iter()
        .map(|one| one.state.as_str())
        .collect();
    assert_eq!(states, ["destroyed", "destroyed"]);
    let child_view = world.find("db").unwrap();
    world.report_state("local", &child_view, "destroyed");
    // The last child took its root with it: both partitions are free.
    let desired = world.as_node("local", node::desired).unwrap();
    assert!(desired.instances.is_empty());
}

pub(super) fn child_published_is_news_for_who_asked_last(world: &World) {
    world.add_node("local", 3);
    world.request(redis("root")).unwrap();
    let child = request_child(world, "root", redis("db"));
    let before = world.find("root").unwrap().generation;
    let said = InstanceReport {
        id: child.id.clone(),
        generation: child.generation,
        state: Some("started".to_owned()),
        message: None,
        connection: Some(map(json!({"url": "redis://x"}))),
        promises: None,
        processes: None,
    };
    world.report("local", said.clone());
    let after = world.find("root").unwrap().generation;
    assert!(after > before);
    world.report("local", said);
    assert_eq!(world.find("root").unwrap().generation, after);
}

pub(super) fn certificates_are_of_the_living(world: &World) {
    world.add_node("local", 1);
    world.request(redis("a")).unwrap();
    let issued = |key: &str| identity::Issued {
        key_hash: key.to_owned(),
        pem: "certificate".to_owned(),
        key_pem: "key".to_owned(),
    };
    let (first, second) = (issued("k1"), issued("k2"));
    let kept = world.as_node("local", move |tx, caller| {
        let row = root(tx, "a");
        let first = identity::ensure_instance(tx, caller, &row, &first)?;
        let row = root(tx, "a");
        let again = identity::ensure_instance(tx, caller, &row, &second)?;
        Ok((first, again))
    });
    let (first, again) = kept.unwrap();
    assert_eq!(first, again);
    let is_known = |key: &str| {
        let proof = slapos_master::app::Proof::Key(key.to_owned());
        world.write(move |tx| Caller::identify(tx, &proof)).is_ok()
    };
    assert!(is_known("k1") && !is_known("k2"));
    let person = issued("p1");
    world
        .with(OWNER, move |tx, caller| {
            identity::keep_person(tx, caller, &person)
        })
        .unwrap();
    assert!(is_known("p1"));
    let gone = InstanceRequest {
        state: Some("destroyed".to_owned()),
        ..redis("a")
    };
    let view = world.request(gone).unwrap();
    world.report_state("local", &view, "destroyed");
    assert!(!is_known("k1") && is_known("p1"));
}

pub(super) fn usage_reports_are_kept_once(world: &World) {
    world.add_node("local", 1);
    for document in ["<journal/>", "<journal/>", "<journal>2</journal>"] {
        world
            .as_node("local", move |tx, caller| usage::keep(tx, caller, document))
            .unwrap();
        world.clock.advance(Duration::from_secs(1));
    }
    let kept = world.as_node("local", |tx, caller| {
        let id = caller.require_node()?.to_owned();
        Ok(slapos_master::store::usage::list_of_node(tx, &id, 10)?)
    });
    assert_eq!(kept.unwrap(), ["<journal/>", "<journal>2</journal>"]);
    let refused = world.with(OWNER, |tx, caller| usage::keep(tx, caller, "<a/>"));
    assert_eq!(refused.unwrap_err().code, ErrorCode::Forbidden);
}

pub(super) fn format_with_networks_keeps_them(world: &World) {
    world.add_node("local", 1);
    let networks = r#"[{"interface":"tap0","address":"127.0.0.1"}]"#;
    let kept = world.as_node("local", move |tx, caller| {
        let offer = NodeFormat {
            version: "1.26.1".to_owned(),
            partitions: vec![PartitionOffer {
                name: "slappart0".to_owned(),
                addresses: vec!["127.0.0.1".to_owned()],
            }],
            ..NodeFormat::default()
        };
        node::format_with(tx, caller, &offer, &[networks.to_owned()])?;
        let id = caller.require_node()?.to_owned();
        let row = slapos_master::store::node::find_partition(tx, &id, "slappart0")?;
        slapos_master::store::node::set_key(tx, &id, "another")?;
        Ok(row.unwrap().networks)
    });
    assert_eq!(kept.unwrap(), networks);
}

pub(super) fn names_are_found_along_trees(world: &World) {
    world.add_node("local", 3);
    world.request(redis("root")).unwrap();
    let child = request_child(world, "root", redis("db"));
    world.request(shared("site")).unwrap();
    let found: Result<_, AppError> = world.write(move |tx| {
        let project = subject::find_project(tx, "default")?.unwrap();
        let named = trees::find_named(tx, &project, ("root", "db"), false)?;
        let none = trees::find_named(tx, &project, ("", "db"), false)?;
        let share = trees::find_named(tx, &project, ("", "site"), true)?;
        let roots = trees::list_roots(tx, &project, 10)?;
        let node_id = child.node_id.clone().unwrap();
        let seat = trees::find_on_partition(tx, &node_id, "slappart1")?;
        let shares = trees::list_shares_on_node(tx, &node_id)?;
        tree::bang(tx, &Caller::of_instance(&child), &child, "look")?;
        let stamps: Vec<_> = trees::list_children(tx, &child.root_id)?;
        tree::rename(tx, &Caller::of_instance(&child), &child, "renamed")?;
        assert_eq!(stamps[0].stamp, tx.now());
        Ok((
            named.unwrap().id == child.id && none.is_none(),
            share.is_some(),
            roots.len(),
            seat.unwrap().name,
            shares.len(),
        ))
    });
    assert_eq!(found.unwrap(), (true, true, 2, "db".to_owned(), 1));
    assert!(world.find("renamed").is_ok());
}
