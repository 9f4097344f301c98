//! F: what a node offers.

use super::{C, Req, Wire, format_document, m, text};
use serde_json::json;
use slapos_api::slap::Value;

#[test]
fn f01_f02_partitions_are_free_at_first() {
    let wire = Wire::proxy();
    assert_eq!(wire.format(C, 3).ok(), "done");
    let full = wire.full();
    let list = full
        .find("_computer_partition_list")
        .unwrap()
        .as_items()
        .unwrap();
    assert_eq!(list.len(), 3);
    for partition in list {
        assert_eq!(text(partition, "_requested_state"), "destroyed");
        assert_eq!(partition.find("_need_modification"), Some(&Value::int(0)));
        assert_eq!(partition.find("_parameter_dict"), None);
    }
}

#[test]
fn f03_an_unnamed_tap_gives_the_partition_as_interface() {
    let wire = Wire::proxy();
    let document = format_document(C, 1).replace("<string>tap0</string>", "<string></string>");
    wire.post("/loadComputerConfigurationFromXML", &[("xml", &document)])
        .ok();
    wire.request(&Req::new("a")).ok();
    let ips = wire.given("part0").find("ip_list").unwrap().clone();
    let pair = Value::Tuple(vec![Value::text("part0"), Value::text("10.9.0.0")]);
    assert_eq!(ips, Value::List(vec![pair]));
}

#[test]
fn f04_formatting_again_keeps_what_runs() {
    let wire = Wire::formatted(3);
    wire.request(&Req::new("a")).ok();
    wire.format(C, 3).ok();
    assert_eq!(text(&wire.given("part0"), "instance_title"), "a");
}

#[test]
fn f05_a_busy_partition_that_is_no_longer_offered_is_never_lost() {
    let wire = Wire::formatted(2);
    wire.request(&Req::new("a")).ok();
    wire.request(&Req::new("b")).ok();
    wire.format(C, 1).ok();
    // The node still sees it; nothing new is put there; offered again, it is as before.
    assert_eq!(text(&wire.given("part1"), "instance_title"), "b");
    assert_eq!(wire.request(&Req::new("c")).status, 404);
    wire.format(C, 2).ok();
    assert_eq!(text(&wire.given("part1"), "instance_title"), "b");
    let guid = json!({"instance_guid": "b______0"});
    assert_eq!(
        wire.call("slapos.get.v0.software_instance", &guid).status,
        200
    );
}

#[test]
fn f06_what_is_no_document_is_refused_whole() {
    let wire = Wire::proxy();
    let call = "/loadComputerConfigurationFromXML";
    let no_list = m(&Value::dict([("reference", Value::text("COMP-NEW"))]));
    for fields in [
        vec![("xml", "<junk")],
        vec![("xml", no_list.as_str())],
        vec![],
    ] {
        assert_eq!(wire.post(call, &fields).status, 400);
    }
    let bad_partition = format_document("COMP-NEW", 2).replace("part1", " part1");
    assert_eq!(wire.post(call, &[("xml", &bad_partition)]).status, 400);
    assert_eq!(
        wire.get("/getFullComputerInformation?computer_id=COMP-NEW")
            .status,
        404
    );
}

#[test]
fn f07_the_document_of_a_real_node_is_read() {
    let wire = Wire::proxy();
    let none = |keys: &[&'static str]| {
        keys.iter()
            .map(|key| (*key, Value::None))
            .collect::<Vec<_>>()
    };
    let mut tap = vec![("name", Value::text("slaptap0"))];
    tap.extend(
        ["ipv4_addr", "ipv4_gateway", "ipv4_netmask", "ipv4_network"].map(|k| (k, Value::text(""))),
    );
    let address = [
        ("addr", Value::text("10.0.0.1")),
        ("netmask", Value::text("255.255.0.0")),
    ];
    let mut partition = vec![
        ("reference", Value::text("slappart0")),
        ("path", Value::text("/srv/slapgrid/slappart0")),
        ("address_list", Value::List(vec![Value::dict(address)])),
        ("tap", Value::dict(tap)),
        ("ipv6_range", Value::Dict(vec![])),
        ("external_storage_list", Value::List(vec![])),
    ];
    partition.extend(none(&["tun"]));
    let mut document = vec![
        ("reference", Value::text(C)),
        ("address", Value::text("127.0.0.1")),
        ("netmask", Value::text("255.0.0.0")),
        ("partition_list", Value::List(vec![Value::dict(partition)])),
        ("partition_has_ipv6_range", Value::Bool(true)),
        ("python_version", Value::text("3.13.0")),
        ("slapos_version", Value::text("1.26.1")),
    ];
    document.extend(none(&[
        "interface",
        "ipv6_interface",
        "public_ipv4_address",
    ]));
    let answer = wire.post(
        "/loadComputerConfigurationFromXML",
        &[("xml", &m(&Value::dict(document)))],
    );
    assert_eq!(answer.ok(), "done");
    wire.request(&Req::new("a")).ok();
    assert_eq!(text(&wire.given("slappart0"), "instance_title"), "a");
}

#[test]
fn f08_f09_json_formats_alike_and_needs_no_addresses() {
    let wire = Wire::proxy();
    let address = json!({"ip-address": "10.9.0.0", "netmask": "255.255.255.255", "network-interface": "tap0"});
    let body = json!({"computer_guid": C, "compute_partition_list": [
        {"partition_id": "part0", "ip_list": [address]}, {"partition_id": "part1"}]});
    let answer = wire.call("slapos.put.v0.compute_node_format", &body);
    assert_eq!(
        answer.json(),
        json!({"type": "success", "title": "Formatted"})
    );
    wire.request(&Req::new("a")).ok();
    wire.request(&Req::new("b")).ok();
    let of_form = Wire::formatted(1);
    of_form.request(&Req::new("a")).ok();
    assert_eq!(
        wire.given("part0").find("ip_list"),
        of_form.given("part0").find("ip_list")
    );
    assert_eq!(
        wire.given("part1").find("ip_list"),
        Some(&Value::List(vec![]))
    );
}
