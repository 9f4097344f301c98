//! S: releases on a node.

use super::{C, SR, Wire, text};
use slapos_api::slap::Value;

fn supply(wire: &Wire, state: &str) -> super::Answer {
    wire.post(
        "/supplySupply",
        &[("url", SR), ("computer_id", C), ("state", state)],
    )
}

fn listed(wire: &Wire) -> Vec<(String, String)> {
    let full = wire.full();
    let list = full
        .find("_software_release_list")
        .unwrap()
        .as_items()
        .unwrap();
    let pair = |item: &Value| {
        (
            text(item, "_software_release"),
            text(item, "_requested_state"),
        )
    };
    list.iter().map(pair).collect()
}

fn report(wire: &Wire, call: &str) -> super::Answer {
    let fields = [("url", SR), ("computer_id", C), ("error_log", "it broke")];
    wire.post(&format!("/{call}"), &fields)
}

#[test]
fn s01_s04_an_order_is_listed() {
    let wire = Wire::proxy();
    let answer = supply(&wire, "available");
    assert_eq!(answer.ok(), format!("Supplied '{SR}' to be available"));
    assert_eq!(listed(&wire), [(SR.to_owned(), "available".to_owned())]);
}

#[test]
fn s02_s03_other_words_and_unknown_nodes_are_refused() {
    let wire = Wire::proxy();
    assert_eq!(supply(&wire, "weird").status, 400);
    let fields = [
        ("url", SR),
        ("computer_id", "COMP-NONE"),
        ("state", "available"),
    ];
    let answer = wire.post("/supplySupply", &fields);
    assert_eq!(answer.status, 404);
    assert!(answer.text.contains("COMP-NONE"), "{}", answer.text);
}

#[test]
fn s05_reports_are_kept_and_change_nothing_that_is_asked() {
    let wire = Wire::proxy();
    supply(&wire, "available").ok();
    for call in [
        "buildingSoftwareRelease",
        "availableSoftwareRelease",
        "softwareReleaseError",
    ] {
        assert_eq!(report(&wire, call).ok(), "Ignored");
        assert_eq!(listed(&wire), [(SR.to_owned(), "available".to_owned())]);
    }
    let status = wire.get(&format!(
        "/getSoftwareInstallationStatus?url={SR}&computer_id={C}"
    ));
    assert_eq!(text(&status.value(), "text"), "#error it broke");
}

#[test]
fn s06_s07_a_removed_release_is_no_longer_listed() {
    let wire = Wire::proxy();
    supply(&wire, "available").ok();
    supply(&wire, "destroyed").ok();
    assert_eq!(listed(&wire), [(SR.to_owned(), "destroyed".to_owned())]);
    assert_eq!(report(&wire, "destroyedSoftwareRelease").ok(), "OK");
    assert!(listed(&wire).is_empty());
    assert_eq!(report(&wire, "destroyedSoftwareRelease").ok(), "OK");
    supply(&wire, "available").ok();
    assert_eq!(listed(&wire), [(SR.to_owned(), "available".to_owned())]);
}

#[test]
fn s08_s09_products_are_looked_up_by_name() {
    let wire = Wire::proxy();
    let path = "/getSoftwareReleaseListFromSoftwareProduct";
    let list = |name: &str| {
        let query = format!("{path}?software_product_reference={name}");
        wire.get(&query).value()
    };
    assert_eq!(list("demo"), Value::List(vec![Value::text(SR)]));
    assert_eq!(list("zz"), Value::List(vec![]));
    for query in [
        "?software_release_url=x",
        "?software_release_url=x&software_product_reference=y",
        "",
    ] {
        assert_eq!(wire.get(&format!("{path}{query}")).status, 400);
    }
}
