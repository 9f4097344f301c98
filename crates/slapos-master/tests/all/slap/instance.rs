//! I: asking for instances.

use super::{C, Req, SR, Wire, m, seat, text};
use serde_json::json;
use slapos_api::slap::Value;

#[test]
fn i01_i02_asking_twice_is_one() {
    let wire = Wire::formatted(2);
    let first = wire.request(&Req::new("a").state("started")).value();
    assert_eq!(text(&first, "_instance_guid"), format!("{C}-part0"));
    assert_eq!(text(&first, "_requested_state"), "started");
    assert_eq!(text(&first, "slap_computer_partition_id"), "part0");
    assert_eq!(text(&first, "slap_software_release_url"), SR);
    let second = wire.request(&Req::new("a").state("started")).value();
    assert_eq!(first, second);
}

#[test]
fn i03_each_change_is_news_on_the_same_partition() {
    let wire = Wire::formatted(2);
    wire.request(&Req::new("a")).ok();
    let mut stamp = wire.stamp("part0");
    for changed in [
        Req::new("a").parameters(&[("x", Value::int(1))]),
        Req::new("a").with("software_type", "other"),
        Req::new("a").with("software_release", "http://sr.example.org/2.0/software.cfg"),
        Req::new("a").state("stopped"),
    ] {
        let answer = wire.request(&changed).value();
        assert_eq!(text(&answer, "slap_computer_partition_id"), "part0");
        assert!(wire.stamp("part0") > stamp);
        stamp = wire.stamp("part0");
    }
}

#[test]
fn i04_no_room_is_said_and_nothing_is_kept() {
    let wire = Wire::formatted(1);
    wire.request(&Req::new("a")).ok();
    let answer = wire.request(&Req::new("b"));
    assert_eq!(answer.status, 404);
    assert!(
        answer
            .text
            .contains("No free computer partition found for: b"),
        "{}",
        answer.text
    );
    let trees = wire.call("slapos.allDocs.v0.instance_tree_list", &json!({}));
    assert_eq!(trees.json(), json!({"result_list": [{"title": "a"}]}));
}

#[test]
fn i05_no_state_means_started() {
    let wire = Wire::formatted(1);
    wire.request(&Req::new("a").state("stopped")).ok();
    assert_eq!(
        text(&wire.partition("part0"), "_requested_state"),
        "stopped"
    );
    let answer = wire.request(&Req::new("a")).value();
    assert_eq!(text(&answer, "_requested_state"), "started");
    assert_eq!(
        text(&wire.partition("part0"), "_requested_state"),
        "started"
    );
}

#[test]
fn i06_i07_fields_may_be_absent_but_the_state_may_not_be_junk() {
    let wire = Wire::formatted(1);
    let bare = Req::new("a")
        .without("shared_xml")
        .without("partition_parameter_xml")
        .without("filter_xml");
    wire.request(&bare).ok();
    assert_eq!(
        wire.request(&bare.clone().with("state", "junk")).status,
        400
    );
    assert_eq!(wire.request(&bare.clone().state("running")).status, 400);
    assert_eq!(wire.request(&bare.without("state")).status, 400);
}

#[test]
fn i08_an_empty_type_is_the_default_one() {
    let wire = Wire::formatted(1);
    for _ in 0..2 {
        let answer = wire
            .request(&Req::new("a").with("software_type", ""))
            .value();
        assert_eq!(text(&answer, "slap_software_type"), "default");
    }
}

#[test]
fn i09_i10_i11_names_are_of_a_tree() {
    let wire = Wire::formatted(6);
    wire.request(&Req::new("root")).ok();
    wire.request(&Req::new("other")).ok();
    let place = |req: Req| text(&wire.request(&req).value(), "slap_computer_partition_id");
    let child = place(Req::new("c1").from("part0"));
    assert_eq!(child, "part2");
    let given = wire.given("part2");
    assert_eq!(text(&given, "root_instance_title"), "root");
    assert_eq!(text(&given, "instance_title"), "c1");
    // A grandchild's request for the same name is answered with the same instance.
    assert_eq!(place(Req::new("c1").from("part2")), "part2");
    assert_eq!(place(Req::new("c1").from("part1")), "part3");
}

#[test]
fn i12_i13_i14_who_asks_has_to_be_there() {
    let wire = Wire::formatted(2);
    let by_form = Req::new("a")
        .with("computer_id", C)
        .with("computer_partition_id", "nope");
    assert_eq!(wire.request(&by_form).status, 404);
    let mut by_header = Req::new("a");
    by_header.seat = Some(seat(C, "nope"));
    let answer = wire.request(&by_header);
    assert_eq!(answer.status, 400);
    let words = format!("No partition matching the authorization header: ({C} / nope)");
    assert!(answer.text.contains(&words), "{}", answer.text);
    wire.request(&Req::new("root")).ok();
    by_header.seat = Some(seat(C, "part0").replace(", ", ","));
    wire.request(&by_header).ok();
    assert_eq!(text(&wire.given("part1"), "root_instance_title"), "root");
}

#[test]
fn i15_what_stands_elsewhere_is_given() {
    let wire = Wire::formatted(1);
    wire.format("COMP-B", 1).ok();
    wire.request(&Req::new("a")).ok();
    let elsewhere = Value::dict([("computer_guid", Value::text("COMP-B"))]);
    let answer = wire
        .request(&Req::new("a").with("filter_xml", m(&elsewhere)))
        .value();
    assert_eq!(text(&answer, "slap_computer_id"), C);
}

#[test]
fn i16_i16b_a_child_follows_its_root() {
    let wire = Wire::formatted(2);
    wire.request(&Req::new("root")).ok();
    wire.request(&Req::new("c").from("part0")).ok();
    let state = || text(&wire.partition("part1"), "_requested_state");
    for (asked, wanted) in [("stopped", "stopped"), ("started", "started")] {
        wire.request(&Req::new("root").state(asked)).ok();
        let answer = wire.request(&Req::new("c").from("part0")).value();
        assert_eq!(text(&answer, "_requested_state"), wanted);
        assert_eq!(state(), wanted);
    }
    // By itself it may be stopped below a started root.
    wire.request(&Req::new("c").from("part0").state("stopped"))
        .ok();
    assert_eq!(state(), "stopped");
}

#[test]
fn i17_i18_i19_parameters_are_texts_below_the_reserved_keys() {
    let wire = Wire::formatted(1);
    let json = r#"{"big":12345678901234567890,"f":1.10,"e":"","z":null}"#;
    let parameters = [
        ("n", Value::int(3)),
        ("t", Value::text("é & <b>")),
        ("timestamp", Value::text("mine")),
        ("ip_list", Value::text("mine")),
        ("_", Value::text(json)),
        ("empty", Value::text("")),
    ];
    wire.request(&Req::new("a").parameters(&parameters)).ok();
    let given = wire.given("part0");
    assert_eq!(text(&given, "n"), "3");
    assert_eq!(text(&given, "t"), "é & <b>");
    assert_eq!(text(&given, "_"), json);
    assert_eq!(text(&given, "empty"), "");
    assert_ne!(text(&given, "timestamp"), "mine");
    assert!(given.find("ip_list").unwrap().as_items().is_some());
}

#[test]
fn i20_i21_i22_what_is_not_there_is_not_found() {
    let wire = Wire::proxy();
    let query = |computer: &str, partition: &str| {
        wire.get(&format!(
            "/registerComputerPartition?computer_reference={computer}&computer_partition_reference={partition}"
        ))
    };
    assert_eq!(query(C, "nope").status, 404);
    assert_eq!(query("COMP-NONE", "part0").status, 404);
    for call in ["getFullComputerInformation", "getComputerInformation"] {
        assert_eq!(
            wire.get(&format!("/{call}?computer_id=COMP-NONE")).status,
            404
        );
        let empty = wire.get(&format!("/{call}?computer_id={C}")).value();
        let list = empty.find("_computer_partition_list").unwrap();
        assert_eq!(list, &Value::List(vec![]));
    }
}

#[test]
fn i23_i24_a_bang_is_for_the_whole_tree_and_no_other() {
    let wire = Wire::formatted(3);
    wire.request(&Req::new("root")).ok();
    wire.request(&Req::new("c").from("part0")).ok();
    wire.request(&Req::new("other")).ok();
    let (root, other) = (wire.stamp("part0"), wire.stamp("part2"));
    assert_eq!(
        wire.about("softwareInstanceBang", "part1", &[("message", "x")])
            .ok(),
        "OK"
    );
    assert!(wire.stamp("part0") > root);
    assert_eq!(wire.stamp("part0"), wire.stamp("part1"));
    assert_eq!(wire.stamp("part2"), other);
    assert_eq!(
        wire.post("/softwareInstanceBang", &[("message", "x")])
            .status,
        400
    );
}

#[test]
fn i25_renaming_a_root_renames_it_for_its_children() {
    let wire = Wire::formatted(2);
    wire.request(&Req::new("root")).ok();
    wire.request(&Req::new("c").from("part0")).ok();
    let new = [("new_name", "new")];
    assert_eq!(
        wire.about("softwareInstanceRename", "part0", &new).ok(),
        "done"
    );
    assert_eq!(text(&wire.given("part0"), "instance_title"), "new");
    assert_eq!(text(&wire.given("part1"), "root_instance_title"), "new");
    assert_eq!(
        wire.about("softwareInstanceRename", "nope", &new).status,
        404
    );
}

#[test]
fn i26_a_bang_of_the_node_is_for_all_on_it() {
    let wire = Wire::formatted(2);
    wire.request(&Req::new("a")).ok();
    wire.request(&Req::new("b")).ok();
    let before = (wire.stamp("part0"), wire.stamp("part1"));
    let answer = wire.post("/computerBang", &[("computer_id", C), ("message", "x")]);
    assert_eq!(answer.ok(), "<marshal><string></string></marshal>");
    assert!(wire.stamp("part0") > before.0 && wire.stamp("part1") > before.1);
}

#[test]
fn i27_reports_are_kept() {
    let wire = Wire::formatted(1);
    wire.request(&Req::new("a")).ok();
    for call in ["startedComputerPartition", "stoppedComputerPartition"] {
        assert_eq!(wire.about(call, "part0", &[]).ok(), "Ignored");
    }
    let log = [("error_log", "no port")];
    assert_eq!(
        wire.about("softwareInstanceError", "part0", &log).ok(),
        "Ignored"
    );
    let usage = [("computer_id", C), ("use_string", "<journal/>")];
    assert_eq!(wire.post("/useComputer", &usage).ok(), "Ignored");
    // The native face shows what the old one reported.
    let header = format!("Bearer {}", wire.token);
    let request = axum::http::Request::get("/v1/instances/a").header("authorization", header);
    let view = wire
        .send(request.body(axum::body::Body::empty()).unwrap())
        .json();
    assert_eq!(view["reported_state"], "failed");
    assert_eq!(view["message"], "no port");
}

#[test]
fn i28_a_proxy_has_no_certificates() {
    let wire = Wire::formatted(1);
    let query =
        format!("/getComputerPartitionCertificate?computer_id={C}&computer_partition_id=part0");
    let empty = Value::dict([("certificate", Value::text("")), ("key", Value::text(""))]);
    assert_eq!(wire.get(&query).value(), empty);
}

#[test]
fn i29_many_at_once_are_one() {
    let wire = Wire::formatted(20);
    let answers = wire.request_at_once(&Req::new("a"), 16);
    let places: Vec<String> = answers
        .iter()
        .map(|answer| text(&answer.value(), "slap_computer_partition_id"))
        .collect();
    assert_eq!(places, vec!["part0"; 16]);
}
