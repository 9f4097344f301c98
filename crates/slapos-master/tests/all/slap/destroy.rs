//! D: the end of instances.

use super::{Req, Wire, text};
use serde_json::json;

const FREED: &str = "destroyedComputerPartition";

#[test]
fn d01_d02_an_instance_ends_when_its_node_says_so() {
    let wire = Wire::formatted(1);
    wire.request(&Req::new("a")).ok();
    let answer = wire.request(&Req::new("a").state("destroyed")).value();
    assert_eq!(text(&answer, "_requested_state"), "destroyed");
    let seen = wire.partition("part0");
    assert_eq!(text(&seen, "_requested_state"), "destroyed");
    assert!(seen.find("_parameter_dict").is_some());
    assert_eq!(wire.request(&Req::new("b")).status, 404);
    assert_eq!(wire.about(FREED, "part0", &[]).ok(), "OK");
    wire.request(&Req::new("b")).ok();
}

#[test]
fn d03_d04_a_root_waits_for_its_children() {
    let wire = Wire::formatted(2);
    wire.request(&Req::new("root")).ok();
    wire.request(&Req::new("c1").from("part0")).ok();
    wire.request(&Req::new("root").state("destroyed")).ok();
    assert_eq!(
        text(&wire.partition("part1"), "_requested_state"),
        "started"
    );
    let words = "Not destroying yet because this partition has child partitions: c1";
    for _ in 0..2 {
        assert_eq!(wire.about(FREED, "part0", &[]).ok(), words);
        assert_eq!(
            text(&wire.partition("part1"), "_requested_state"),
            "destroyed"
        );
    }
    assert_eq!(wire.about(FREED, "part1", &[]).ok(), "OK");
    assert_eq!(wire.about(FREED, "part0", &[]).ok(), "OK");
    for part in ["part0", "part1"] {
        assert!(wire.partition(part).find("_parameter_dict").is_none());
    }
}

#[test]
fn d05_an_unknown_partition_is_said() {
    let wire = Wire::formatted(1);
    let answer = wire.about(FREED, "nope", &[]);
    assert_eq!(answer.ok(), "Unknown partition 'nope' on 'COMP-TEST'");
}

#[test]
fn d06_json_refuses_in_the_same_words() {
    let wire = Wire::formatted(2);
    wire.request(&Req::new("root")).ok();
    wire.request(&Req::new("c1").from("part0")).ok();
    let report = |guid: &str| {
        let body = json!({"instance_guid": guid, "reported_state": "destroyed"});
        let answer = wire.call("slapos.put.v0.software_instance_reported_state", &body);
        (
            answer.status,
            answer.json()["title"].as_str().unwrap().to_owned(),
        )
    };
    wire.request(&Req::new("root").state("destroyed")).ok();
    let words = "Not destroying yet because this partition has child partitions: c1";
    assert_eq!(report("root______0"), (403, words.to_owned()));
    // What was asked of the child stays asked.
    assert_eq!(
        text(&wire.partition("part1"), "_requested_state"),
        "destroyed"
    );
    let words = "No software instance nope______0 found.";
    assert_eq!(report("nope______0"), (403, words.to_owned()));
}
