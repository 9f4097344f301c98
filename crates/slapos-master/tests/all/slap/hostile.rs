//! What a stranger may send: refused with a right status, quickly, in bounded memory.

use super::{C, Req, Wire, format_document, m};
use axum::body::Body;
use axum::http::Request;
use slapos_api::slap::Value;
use slapos_model::RandomSource;
use slapos_testkit::SeededRandom;
use std::time::{Duration, Instant};

fn load(wire: &Wire, xml: &str) -> u16 {
    wire.post("/loadComputerConfigurationFromXML", &[("xml", xml)])
        .status
}

#[test]
fn hostile_entity_bombs_are_refused() {
    let wire = Wire::proxy();
    let mut entities = "<!ENTITY a0 \"ha\">".to_owned();
    for level in 1..40 {
        let before = level - 1;
        entities.push_str(&format!("<!ENTITY a{level} \"&a{before};&a{before};\">"));
    }
    let bomb = format!("<!DOCTYPE m [{entities}]><marshal><string>&a39;</string></marshal>");
    assert_eq!(load(&wire, &bomb), 400);
    let outside = "<!DOCTYPE m [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><marshal><string>&x;</string></marshal>";
    assert_eq!(load(&wire, outside), 400);
}

#[test]
fn hostile_nesting_references_and_sizes_are_bounded() {
    let wire = Wire::proxy();
    let started = Instant::now();
    let deep = format!(
        "<marshal>{}{}</marshal>",
        "<list id=\"i2\">".repeat(50_000),
        "</list>".repeat(50_000)
    );
    assert_eq!(load(&wire, &deep), 413);
    let mut doubling = "<list id=\"i1\"><int>1</int></list>".to_owned();
    for level in 2..50 {
        let before = level - 1;
        doubling.push_str(&format!("<list id=\"i{level}\"><reference id=\"i{before}\"/><reference id=\"i{before}\"/></list>"));
    }
    assert_eq!(
        load(
            &wire,
            &format!("<marshal><list id=\"i0\">{doubling}</list></marshal>")
        ),
        413
    );
    let long = "x".repeat(1024 * 1024);
    let again = "<reference id=\"i1\"/>".repeat(10_000);
    let repeating = format!(
        "<marshal><list id=\"i0\"><list id=\"i1\"><string>{long}</string></list>{again}</list></marshal>"
    );
    assert_eq!(load(&wire, &repeating), 413);
    let huge = "x".repeat(9 * 1024 * 1024);
    let request = Request::post("/supplySupply")
        .body(Body::from(huge))
        .unwrap();
    assert_eq!(wire.send(request).status, 413);
    let large = Value::dict([("a", Value::text("x".repeat(2 * 1024 * 1024)))]);
    let req = Req::new("a").with("partition_parameter_xml", m(&large));
    assert_eq!(wire.request(&req).status, 400);
    let fields = "a=b&".repeat(10_000);
    let request = Request::post("/supplySupply")
        .body(Body::from(fields))
        .unwrap();
    assert_eq!(wire.send(request).status, 400);
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[test]
fn hostile_classes_and_types_are_refused() {
    let wire = Wire::formatted(1);
    wire.request(&Req::new("a")).ok();
    let object = "<marshal><object id=\"i2\" module=\"os\" class=\"system\"><tuple><string>id</string></tuple>\
                  <dictionary id=\"i3\"/></object></marshal>";
    let publish = |xml: &str| {
        let fields = [
            ("computer_id", C),
            ("computer_partition_id", "part0"),
            ("connection_xml", xml),
        ];
        wire.post("/setComputerPartitionConnectionXml", &fields)
            .status
    };
    assert_eq!(publish(object), 400);
    assert_eq!(publish("<marshal/>"), 400);
    assert_eq!(publish(""), 400);
    assert_eq!(
        wire.request(&Req::new("b").with("shared_xml", "<marshal><what/></marshal>"))
            .status,
        400
    );
    assert_eq!(
        wire.request(
            &Req::new("b").with("partition_parameter_xml", "<marshal><int>1</int></marshal>")
        )
        .status,
        400
    );
    let bad_name = "a\nb";
    assert_eq!(wire.request(&Req::new(bad_name)).status, 400);
    let no_utf8 = Request::post("/supplySupply")
        .body(Body::from(vec![b'u', b'=', 0xff, 0xfe]))
        .unwrap();
    assert_eq!(wire.send(no_utf8).status, 400);
}

#[test]
fn hostile_json_is_refused() {
    let wire = Wire::proxy();
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let body = format!(
        "{{\"title\":\"a\",\"software_release_uri\":\"b\",\"software_type\":\"c\",\"parameters\":{{\"x\":{deep}}}}}"
    );
    let request = Request::post("/slapos.post.v0.software_instance")
        .header("content-type", "application/json");
    assert_eq!(
        wire.send(request.body(Body::from(body)).unwrap()).status,
        400
    );
}

/// The body, with bytes changed, and a piece of it cut out or said twice.
fn mutated(body: &str, random: &SeededRandom) -> Vec<u8> {
    let number = |below: usize| {
        let mut bytes = [0; 4];
        random.fill(&mut bytes);
        usize::try_from(u32::from_le_bytes(bytes)).unwrap() % below.max(1)
    };
    let mut bytes = body.as_bytes().to_vec();
    for _ in 0..=number(4) {
        let at = number(bytes.len());
        bytes[at] = u8::try_from(number(256)).unwrap();
    }
    let (one, other) = (number(bytes.len()), number(bytes.len()));
    let piece = one.min(other)..one.max(other);
    match number(3) {
        0 => drop(bytes.drain(piece)),
        1 => {
            let again = bytes[piece.clone()].to_vec();
            drop(bytes.splice(piece.start..piece.start, again));
        }
        _ => {}
    }
    bytes
}

#[test]
fn hostile_bodies_made_of_good_ones_are_answered_and_no_fault_of_ours() {
    let wire = Wire::formatted(2);
    wire.request(&Req::new("a")).ok();
    let random = SeededRandom::new(7);
    let form = |fields: &[(&str, &str)]| {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(fields).finish()
    };
    let req = Req::new("b").parameters(&[("size", Value::text("10 é<&>"))]);
    let asked: Vec<(&str, &str)> = req.fields.iter().map(|(k, v)| (*k, v.as_str())).collect();
    let values = m(&Value::dict([("url", Value::text("http://[::1]/"))]));
    let seat = [("computer_id", C), ("computer_partition_id", "part0")];
    let published = [&seat[..], &[("connection_xml", values.as_str())]].concat();
    let json = r#"{"title": "c", "software_release_uri": "/sr", "software_type": "default",
        "state": "started", "parameters": {"a": [1, "é"]}, "shared": false}"#;
    let bodies = [
        ("/requestComputerPartition", form(&asked)),
        (
            "/loadComputerConfigurationFromXML",
            form(&[("xml", &format_document(C, 2))]),
        ),
        ("/setComputerPartitionConnectionXml", form(&published)),
        (
            "/softwareInstanceRename",
            form(&[&seat[..], &[("new_name", "d")]].concat()),
        ),
        (
            "/supplySupply",
            form(&[("url", "/sr"), ("computer_id", C), ("state", "available")]),
        ),
        ("/slapos.post.v0.software_instance", json.to_owned()),
    ];
    let mut is_taken = [false; 2];
    for _ in 0..150 {
        for (path, body) in &bodies {
            let body = mutated(body, &random);
            let kind = match path.starts_with("/slapos.") {
                true => "application/json",
                false => "application/x-www-form-urlencoded",
            };
            let request = Request::post(*path)
                .header("host", "localhost")
                .header("content-type", kind)
                .body(Body::from(body.clone()))
                .unwrap();
            let answer = wire.send(request);
            let (status, body) = (answer.status, String::from_utf8_lossy(&body));
            assert!(status < 500, "{path} {status} {}\n{body}", answer.text);
            is_taken[usize::from(status == 200)] = true;
        }
    }
    // Both were met, or nothing was tried.
    assert_eq!(is_taken, [true, true]);
    wire.full();
}
