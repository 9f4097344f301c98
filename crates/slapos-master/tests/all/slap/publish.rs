//! P: connection values and shares.

use super::{C, Req, Wire, text};
use serde_json::json;
use slapos_api::slap::Value;

fn connection(wire: &Wire, partition: &str) -> Value {
    let seen = wire.partition(partition);
    seen.find("_connection_dict").unwrap().clone()
}

fn shares(wire: &Wire, partition: &str) -> Vec<Value> {
    let given = wire.given(partition);
    given
        .find("slave_instance_list")
        .unwrap()
        .as_items()
        .unwrap()
        .to_vec()
}

#[test]
fn p01_p02_values_are_kept_as_texts() {
    let wire = Wire::formatted(1);
    wire.request(&Req::new("a")).ok();
    let list = Value::List(vec![Value::int(1), Value::int(2)]);
    let published = Value::dict([
        ("_", Value::text("{\"url\": \"http://[::1]/\"}")),
        ("x", Value::int(1)),
        ("n", Value::None),
        ("l", list),
        ("f", Value::Float(1.5)),
        ("b", Value::Bool(true)),
    ]);
    assert_eq!(wire.publish("part0", &published, "None").ok(), "done");
    let read = connection(&wire, "part0");
    let words = [
        ("_", "{\"url\": \"http://[::1]/\"}"),
        ("x", "1"),
        ("n", "None"),
        ("l", "[1, 2]"),
        ("f", "1.5"),
        ("b", "True"),
    ];
    for (key, wanted) in words {
        assert_eq!(text(&read, key), wanted);
    }
}

#[test]
fn p03_p04_news_is_for_who_asked_and_only_once() {
    let wire = Wire::formatted(3);
    wire.request(&Req::new("t0")).ok();
    wire.request(&Req::new("t1").from("part0")).ok();
    wire.request(&Req::new("t2").from("part1")).ok();
    let stamps = || ["part0", "part1", "part2"].map(|name| wire.stamp(name));
    let before = stamps();
    let value = Value::dict([("x", Value::int(1))]);
    wire.publish("part2", &value, "None").ok();
    let after = stamps();
    assert_eq!((before[0], before[2]), (after[0], after[2]));
    assert!(after[1] > before[1]);
    wire.publish("part2", &value, "None").ok();
    assert_eq!(stamps(), after);
}

#[test]
fn p05_unknown_partitions_and_shares_are_not_found() {
    let wire = Wire::formatted(2);
    wire.request(&Req::new("a")).ok();
    let value = Value::dict([("x", Value::int(1))]);
    assert_eq!(wire.publish("nope", &value, "None").status, 404);
    assert_eq!(wire.publish("part1", &value, "None").status, 404);
    assert_eq!(wire.publish("part0", &value, "_nope").status, 404);
    assert_eq!(wire.publish("part0", &Value::int(1), "None").status, 400);
}

#[test]
fn p06_p07_p10_a_share_is_its_hosts_news() {
    let wire = Wire::formatted(1);
    wire.request(&Req::new("host")).ok();
    let before = wire.stamp("part0");
    let site = Req::new("site")
        .shared()
        .parameters(&[("domain", Value::text("a.example"))]);
    let answer = wire.request(&site).value();
    assert_eq!(text(&answer, "slap_computer_partition_id"), "part0");
    assert_eq!(text(&answer, "_requested_state"), "started");
    assert!(!text(&answer, "_instance_guid").is_empty());
    let known = shares(&wire, "part0");
    assert_eq!(text(&known[0], "slave_reference"), "_site");
    assert_eq!(text(&known[0], "slave_title"), "_site");
    assert_eq!(text(&known[0], "domain"), "a.example");
    let first = wire.stamp("part0");
    assert!(first > before);
    wire.request(&site).ok();
    assert_eq!(wire.stamp("part0"), first);
    let moved = site
        .clone()
        .parameters(&[("domain", Value::text("b.example"))]);
    wire.request(&moved).ok();
    assert_eq!(text(&shares(&wire, "part0")[0], "domain"), "b.example");
    assert!(wire.stamp("part0") > first);
    let value = Value::dict([("site", Value::text("https://b.example/"))]);
    wire.publish("part0", &value, "_site").ok();
    let read = wire.request(&moved).value();
    assert_eq!(read.find("_connection_dict"), Some(&value));
}

#[test]
fn p08_p09_a_share_needs_a_host_that_fits() {
    let wire = Wire::formatted(2);
    assert_eq!(wire.request(&Req::new("site").shared()).status, 404);
    wire.request(&Req::new("host")).ok();
    let with_guid = |guid: &str| {
        let filter = Value::dict([
            ("computer_guid", Value::text(C)),
            ("instance_guid", Value::text(guid)),
        ]);
        wire.request(
            &Req::new(&format!("of {guid}"))
                .shared()
                .with("filter_xml", super::m(&filter)),
        )
        .status
    };
    assert_eq!(with_guid(&format!("{C}-part0")), 200);
    assert_eq!(with_guid("part0"), 200);
    assert_eq!(with_guid("part1"), 404);
    let other_type = Req::new("typed").shared().with("software_type", "other");
    assert_eq!(wire.request(&other_type).status, 404);
}

#[test]
fn p11_p12_a_destroyed_share_leaves_its_host() {
    let wire = Wire::formatted(1);
    wire.request(&Req::new("host")).ok();
    let gone = Req::new("site").shared().state("destroyed");
    assert_eq!(wire.request(&gone).status, 404);
    wire.request(&Req::new("site").shared()).ok();
    wire.request(&Req::new("other").shared()).ok();
    wire.request(&gone).ok();
    let known = shares(&wire, "part0");
    assert_eq!(known.len(), 1);
    assert_eq!(text(&known[0], "slave_reference"), "_other");
}

#[test]
fn p13_a_share_of_a_tree_bears_its_roots_name() {
    let wire = Wire::formatted(3);
    wire.request(&Req::new("host").with("software_type", "cdn"))
        .ok();
    wire.request(&Req::new("web-1")).ok();
    wire.request(&Req::new("c").from("part1")).ok();
    wire.request(
        &Req::new("s")
            .with("software_type", "cdn")
            .shared()
            .from("part2"),
    )
    .ok();
    assert_eq!(
        text(&shares(&wire, "part0")[0], "slave_reference"),
        "web-1_s"
    );
    let before = (wire.stamp("part1"), wire.stamp("part2"));
    wire.publish("part0", &Value::dict([("x", Value::int(1))]), "web-1_s")
        .ok();
    assert_eq!(wire.stamp("part1"), before.0);
    assert!(wire.stamp("part2") > before.1);
}

#[test]
fn p14_a_share_waits_when_its_host_is_gone() {
    let wire = Wire::formatted(2);
    wire.request(&Req::new("host")).ok();
    wire.request(&Req::new("site").shared()).ok();
    wire.request(&Req::new("host").state("destroyed")).ok();
    assert_eq!(
        wire.about("destroyedComputerPartition", "part0", &[]).ok(),
        "OK"
    );
    let trees = wire.call("slapos.allDocs.v0.instance_tree_list", &json!({}));
    assert_eq!(trees.json(), json!({"result_list": [{"title": "site"}]}));
    let tree = wire.call("slapos.get.v0.instance_tree", &json!({"title": "site"}));
    assert_eq!(tree.json()["status"], 102);
    // A new host takes it over.
    wire.request(&Req::new("next")).ok();
    assert_eq!(text(&shares(&wire, "part0")[0], "slave_reference"), "_site");
}
