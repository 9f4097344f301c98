//! T: what holds for every call.

use super::{C, Req, Wire};
use axum::body::Body;
use axum::http::Request;
use serde_json::json;

#[test]
fn t01_run_id_is_of_one_start() {
    let wire = Wire::proxy();
    let id = wire.get("/getRunId").ok().to_owned();
    assert_eq!(id.len(), 32);
    assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{id}");
    assert_eq!(wire.get("/getRunId").ok(), id);
}

#[test]
fn t02_t03_unknown_paths_and_wrong_verbs_are_refused() {
    let wire = Wire::proxy();
    assert_eq!(wire.get("/nope").status, 404);
    assert_eq!(wire.call("slapos.get.v0.nope", &json!({})).status, 404);
    assert_eq!(wire.get("/supplySupply").status, 405);
    assert_eq!(wire.post("/getFullComputerInformation", &[]).status, 405);
}

#[test]
fn t04_t05_missing_fields_are_said() {
    let wire = Wire::proxy();
    let answer = wire.get("/getFullComputerInformation");
    assert_eq!(answer.status, 400);
    assert!(answer.text.contains("`computer_id`"), "{}", answer.text);
    let answer = wire.post("/supplySupply", &[("url", "x"), ("computer_id", C)]);
    assert_eq!(answer.status, 400);
    assert!(answer.text.contains("`state`"), "{}", answer.text);
}

#[test]
fn t06_the_root_says_that_it_is_up() {
    assert!(Wire::proxy().get("/").status < 500);
}

#[test]
fn t07_marshalled_answers_are_ascii_xml() {
    let wire = Wire::formatted(1);
    let title = "é & <b>";
    let answer = wire.request(&Req::new(title));
    assert!(answer.ok().is_ascii());
    assert_eq!(answer.headers["content-type"], "text/xml; charset=utf-8");
    assert_eq!(super::text(&wire.given("part0"), "instance_title"), title);
}

#[test]
fn t08_forwarding_headers_are_believed_on_a_proxy_only() {
    let headers = [
        ("x-forwarded-proto", "https"),
        ("x-forwarded-prefix", "/pfx"),
    ];
    let url = |wire: &Wire| {
        let answer = wire.call_as("slapos.get.v0.hateoas_url", &json!({}), &headers);
        answer.json()["hateoas_url"].as_str().unwrap().to_owned()
    };
    assert_eq!(url(&Wire::proxy()), "https://localhost/pfx/hateoas/");
    assert_eq!(url(&Wire::master()), "http://localhost/hateoas/");
}

#[test]
fn t09_none_empty_and_absent_name_no_share() {
    let wire = Wire::formatted(1);
    wire.request(&Req::new("a")).ok();
    let value = slapos_api::slap::Value::dict([("x", slapos_api::slap::Value::int(1))]);
    for share in ["None", "none", ""] {
        assert_eq!(wire.publish("part0", &value, share).ok(), "done");
    }
}

#[test]
fn transport_a_page_of_another_site_reaches_no_proxy() {
    let wire = Wire::formatted(1);
    let answer = wire.post_as(
        "/supplySupply",
        &[("url", "x:y"), ("computer_id", C), ("state", "available")],
        &[("sec-fetch-site", "cross-site")],
    );
    assert_eq!(answer.status, 403);
}

#[test]
fn transport_the_reason_phrase_explains() {
    let wire = Wire::proxy();
    let request = Request::get("/getFullComputerInformation?computer_id=COMP-NONE");
    let answer = wire.send(request.body(Body::empty()).unwrap());
    assert_eq!(answer.status, 404);
    assert!(answer.text.contains("COMP-NONE"), "{}", answer.text);
}
