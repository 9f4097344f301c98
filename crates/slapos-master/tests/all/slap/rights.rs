//! Who may call what on a master: by certificate, never by a header alone.

use super::{SR, Wire, m};
use axum::body::Body;
use axum::http::Request;
use serde_json::{Value as Json, json};
use slapos_api::slap::Value;
use slapos_master::pki::key_hash_of_certificate;

/// A node that joined as the old client makes it join, by the hash of its key.
struct Node {
    id: String,
    key: String,
}

fn key_of(pem: &str) -> String {
    use x509_parser::pem::parse_x509_pem;
    let start = pem.find("-----BEGIN").unwrap();
    let (_, parsed) = parse_x509_pem(&pem.as_bytes()[start..]).unwrap();
    key_hash_of_certificate(&parsed.contents.into()).unwrap()
}

fn join(wire: &Wire, title: &str) -> Node {
    let answer = wire.post_as(
        "/Person_requestComputer",
        &[("title", title)],
        &[("x-access-token", &wire.token)],
    );
    answer.ok();
    let json = answer.json();
    let certificate = json["certificate"].as_str().unwrap();
    // What the old client cuts out of the certificate's text is the reference.
    let cut = &certificate[certificate.find("COMP-").unwrap()..certificate.find("/email").unwrap()];
    assert_eq!(json["reference"], cut);
    Node {
        id: cut.to_owned(),
        key: key_of(certificate),
    }
}

fn post(path: &str, fields: &[(&str, &str)], seat: Option<&str>) -> Request<Body> {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(fields);
    let mut request = Request::post(path);
    if let Some(seat) = seat {
        request = request.header("authorization", seat);
    }
    request.body(Body::from(form.finish())).unwrap()
}

fn get(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

fn as_person(wire: &Wire, mut request: Request<Body>) -> super::Answer {
    let value = format!("Bearer {}", wire.token).parse().unwrap();
    request.headers_mut().insert("authorization", value);
    wire.send(request)
}

fn ask(title: &str) -> Vec<(&'static str, String)> {
    vec![
        ("software_release", SR.to_owned()),
        ("software_type", "default".to_owned()),
        ("partition_reference", title.to_owned()),
        ("state", m(&Value::None)),
    ]
}

fn pairs<'a>(fields: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    fields
        .iter()
        .map(|(key, value)| (*key, value.as_str()))
        .collect()
}

#[test]
fn r01_r04_r06_registration_needs_a_token_and_a_free_name() {
    let wire = Wire::master();
    let bad = [("x-access-token", "bad")];
    assert_eq!(
        wire.post_as("/Person_getCertificate", &[], &bad).status,
        403
    );
    assert_eq!(
        wire.post_as("/Person_requestComputer", &[("title", "n")], &bad)
            .status,
        403
    );
    join(&wire, "n");
    let good = [("x-access-token", wire.token.as_str())];
    let again = wire.post_as("/Person_requestComputer", &[("title", "n")], &good);
    assert_eq!(again.status, 409);
    assert!(
        again.text.contains("Certificate still active."),
        "{}",
        again.text
    );
    let person = wire.post_as("/Person_getCertificate", &[], &good).json();
    let key = key_of(person["certificate"].as_str().unwrap());
    let list = wire.call_by(&key, get("/hateoas/?mode=search&query=portal_type%3A%22Compute+Node%22+AND+validation_state%3Avalidated"));
    assert!(list.ok().contains("\"n\""));
    // Another takes its place.
    wire.post_as("/Person_getCertificate", &[], &good).ok();
    assert_eq!(
        wire.call_by(&key, get("/hateoas/?mode=search&query=x"))
            .status,
        400
    );
    let full = "/hateoas/?mode=search&query=portal_type%3A%22Compute+Node%22+AND+validation_state%3Avalidated";
    assert_eq!(wire.call_by(&key, get(full)).status, 401);
}

#[test]
fn certificate_of_a_person_ends_with_a_token_that_is_withdrawn() {
    let wire = Wire::master();
    let json = |request: axum::http::request::Builder, body: &str| {
        let request = request.header("content-type", "application/json");
        as_person(&wire, request.body(Body::from(body.to_owned())).unwrap())
    };
    let made = json(Request::post("/v1/tokens"), r#"{"label": "laptop"}"#).json();
    let lost = [("x-access-token", made["token"].as_str().unwrap())];
    let person = wire.post_as("/Person_getCertificate", &[], &lost).json();
    let key = key_of(person["certificate"].as_str().unwrap());
    let list = "/hateoas/?mode=search&query=portal_type%3A%22Compute+Node%22+AND+validation_state%3Avalidated";
    wire.call_by(&key, get(list)).ok();
    let path = format!("/v1/tokens/{}", made["id"].as_str().unwrap());
    assert_eq!(json(Request::delete(path), "").status, 204);
    assert_eq!(wire.call_by(&key, get(list)).status, 401);
    assert_eq!(
        wire.post_as("/Person_getCertificate", &[], &lost).status,
        403
    );
    // Another token is another way in.
    let good = [("x-access-token", wire.token.as_str())];
    wire.post_as("/Person_getCertificate", &[], &good).ok();
}

/// Two nodes with an instance each, and one waiting for room.
fn two_nodes() -> (Wire, Node, Node) {
    let wire = Wire::master();
    let nodes = ["one", "two"].map(|title| {
        let node = join(&wire, title);
        let document = super::format_document(&node.id, 1);
        let request = post(
            "/loadComputerConfigurationFromXML",
            &[("xml", &document)],
            None,
        );
        wire.call_by(&node.key, request).ok();
        let filter = m(&Value::dict([("computer_guid", Value::text(&node.id))]));
        let mut fields = ask(&format!("on {title}"));
        fields.push(("filter_xml", filter));
        as_person(
            &wire,
            post("/requestComputerPartition", &pairs(&fields), None),
        )
        .ok();
        node
    });
    let [one, two] = nodes;
    (wire, one, two)
}

#[test]
fn rights_every_call_about_a_node_is_its_own() {
    let (wire, one, two) = two_nodes();
    let seat = [
        ("computer_id", one.id.as_str()),
        ("computer_partition_id", "part0"),
    ];
    let with = |more: &[(&'static str, &'static str)]| {
        let mut fields: Vec<(&str, &str)> = seat.to_vec();
        fields.extend(more);
        fields
    };
    let connection = "<marshal><dictionary id=\"i2\"/></marshal>";
    let release: Vec<(&str, &str)> = vec![("url", SR), ("computer_id", &one.id)];
    let calls: Vec<(&str, Vec<(&str, &str)>)> = vec![
        ("startedComputerPartition", with(&[])),
        ("stoppedComputerPartition", with(&[])),
        ("softwareInstanceError", with(&[("error_log", "x")])),
        (
            "setComputerPartitionConnectionXml",
            with(&[("connection_xml", connection)]),
        ),
        ("softwareInstanceBang", with(&[("message", "x")])),
        ("softwareInstanceRename", with(&[("new_name", "renamed")])),
        ("updateComputerPartitionRelatedInstanceList", with(&[])),
        ("buildingSoftwareRelease", release.clone()),
        ("availableSoftwareRelease", release.clone()),
        ("softwareReleaseError", release.clone()),
        (
            "useComputer",
            vec![("computer_id", &one.id), ("use_string", "<journal/>")],
        ),
        (
            "computerBang",
            vec![("computer_id", &one.id), ("message", "x")],
        ),
        ("destroyedComputerPartition", with(&[])),
    ];
    let seat_header = super::seat(&one.id, "part0");
    for (call, fields) in &calls {
        let path = format!("/{call}");
        let header = Some(seat_header.as_str());
        assert_eq!(
            wire.send(post(&path, fields, header)).status,
            401,
            "{call} by nobody"
        );
        let other = wire.call_by(&two.key, post(&path, fields, header));
        // The end of a partition that is not one's own is answered as that of an unknown one.
        let words = format!("Unknown partition 'part0' on '{}'", one.id);
        assert!(
            other.status == 404 || other.text == words,
            "{call} by another node: {}",
            other.text
        );
        assert_eq!(
            wire.call_by(&one.key, post(&path, fields, header)).status,
            200,
            "{call} by itself"
        );
    }
    for path in [
        format!("/getFullComputerInformation?computer_id={}", one.id),
        format!("/getComputerStatus?computer_id={}", one.id),
        format!(
            "/registerComputerPartition?computer_reference={}&computer_partition_reference=part0",
            one.id
        ),
        format!(
            "/getComputerPartitionCertificate?computer_id={}&computer_partition_id=part0",
            one.id
        ),
        format!(
            "/getComputerPartitionStatus?computer_id={}&computer_partition_id=part0",
            one.id
        ),
        format!(
            "/getHostingSubscriptionIpList?computer_id={}&computer_partition_id=part0",
            one.id
        ),
    ] {
        assert_eq!(wire.send(get(&path)).status, 401, "{path} by nobody");
        assert_eq!(
            wire.call_by(&two.key, get(&path)).status,
            404,
            "{path} by another node"
        );
        assert_eq!(
            wire.call_by(&one.key, get(&path)).status,
            200,
            "{path} by itself"
        );
    }
}

#[test]
fn rights_a_partition_learns_nothing_of_its_neighbours() {
    let wire = Wire::master();
    let node = join(&wire, "one");
    let document = super::format_document(&node.id, 2);
    let format = post(
        "/loadComputerConfigurationFromXML",
        &[("xml", &document)],
        None,
    );
    wire.call_by(&node.key, format).ok();
    for title in ["mine", "theirs"] {
        let secret = Value::dict([("secret", Value::text(format!("secret of {title}")))]);
        let mut fields = ask(title);
        fields.push(("partition_parameter_xml", m(&secret)));
        let request = post("/requestComputerPartition", &pairs(&fields), None);
        as_person(&wire, request).ok();
    }
    let certificate = format!(
        "/getComputerPartitionCertificate?computer_id={}&computer_partition_id=part0",
        node.id
    );
    let answer = wire.call_by(&node.key, get(&certificate)).value();
    let key = key_of(&super::text(&answer, "certificate"));
    let whole = format!("/getFullComputerInformation?computer_id={}", node.id);
    let of_node = wire.call_by(&node.key, get(&whole)).text;
    assert!(of_node.contains("secret of mine") && of_node.contains("secret of theirs"));
    let of_partition = wire.call_by(&key, get(&whole));
    assert_eq!(of_partition.status, 200);
    assert!(of_partition.text.contains("secret of mine"));
    assert!(
        !of_partition.text.contains("theirs"),
        "{}",
        of_partition.text
    );
    let rename = |partition: &str| {
        let seat = [
            ("computer_id", node.id.as_str()),
            ("computer_partition_id", partition),
            ("new_name", "renamed"),
        ];
        wire.call_by(&key, post("/softwareInstanceRename", &seat, None))
            .status
    };
    assert_eq!(rename("part1"), 404);
    assert_eq!(rename("part0"), 200);
}

#[test]
fn rights_a_partition_asks_by_its_own_certificate() {
    let (wire, one, two) = two_nodes();
    let path = format!(
        "/getComputerPartitionCertificate?computer_id={}&computer_partition_id=part0",
        one.id
    );
    let first = wire.call_by(&one.key, get(&path)).value();
    assert_eq!(
        wire.call_by(&one.key, get(&path)).value(),
        first,
        "asking again changes nothing"
    );
    let key = key_of(&super::text(&first, "certificate"));
    let mut fields = ask("child");
    fields.push(("computer_id", one.id.clone()));
    fields.push(("computer_partition_id", "part0".to_owned()));
    let header = super::seat(&one.id, "part0");
    let request = || post("/requestComputerPartition", &pairs(&fields), Some(&header));
    // The header alone proves nothing: nobody, another node, a person.
    assert_eq!(wire.send(request()).status, 401);
    assert_eq!(wire.call_by(&two.key, request()).status, 400);
    // No room is left: accepted, and to be asked for again.
    assert_eq!(wire.call_by(&key, request()).status, 408);
    assert_eq!(wire.call_by(&one.key, request()).status, 408);
    let read = |partition: &str, node: &str| {
        let path = format!(
            "/registerComputerPartition?computer_reference={node}&computer_partition_reference={partition}"
        );
        wire.call_by(&key, get(&path)).status
    };
    assert_eq!(read("part0", &one.id), 200);
    assert_eq!(read("part0", &two.id), 404);
    // Its certificate ends with it.
    let mut gone = ask("on one");
    gone.retain(|(name, _)| *name != "state");
    gone.push(("state", m(&Value::text("destroyed"))));
    as_person(
        &wire,
        post("/requestComputerPartition", &pairs(&gone), None),
    )
    .ok();
    let seat = [
        ("computer_id", one.id.as_str()),
        ("computer_partition_id", "part0"),
    ];
    let mut words = String::new();
    for _ in 0..2 {
        words = wire
            .call_by(&one.key, post("/destroyedComputerPartition", &seat, None))
            .text;
    }
    assert_eq!(words, "OK");
    assert_eq!(
        wire.call_by(
            &key,
            get(&format!(
                "/getFullComputerInformation?computer_id={}",
                one.id
            ))
        )
        .status,
        401
    );
}

#[test]
fn rights_json_methods_answer_as_the_table_says() {
    let (wire, one, two) = two_nodes();
    let call = |key: Option<&str>, method: &str, body: &Json| {
        let request =
            Request::post(format!("/{method}")).header("content-type", "application/json");
        let request = request
            .header("host", "h")
            .body(Body::from(body.to_string()))
            .unwrap();
        match key {
            Some(key) => wire.call_by(key, request).status,
            None => wire.send(request).status,
        }
    };
    let node = json!({"computer_guid": one.id});
    let release = json!({"computer_guid": one.id, "software_release_uri": SR, "message": "x"});
    let table = [
        ("slapos.allDocs.v0.compute_node_instance_list", node.clone()),
        (
            "slapos.allDocs.v0.compute_node_software_installation_list",
            node.clone(),
        ),
        ("slapos.get.v0.compute_node_status", node.clone()),
        ("slapos.put.v0.software_installation_error", release),
        (
            "slapos.put.v0.compute_node_bang",
            json!({"computer_guid": one.id, "message": "x"}),
        ),
        (
            "slapos.post.v0.compute_node_usage",
            json!({"computer_guid": one.id, "tioxml": "<a/>"}),
        ),
        (
            "slapos.get.v0.compute_partition",
            json!({"computer_guid": one.id, "compute_partition_id": "part0"}),
        ),
    ];
    for (method, body) in table {
        assert_eq!(call(None, method, &body), 401, "{method} by nobody");
        assert_eq!(
            call(Some(&two.key), method, &body),
            403,
            "{method} by another node"
        );
        assert_eq!(
            call(Some(&one.key), method, &body),
            200,
            "{method} by itself"
        );
    }
    let answer = as_person(&wire, get("/v1/instances")).json();
    let items = answer["items"].as_array().unwrap();
    let mine = items.iter().find(|item| item["name"] == "on one").unwrap();
    let guid = json!({"instance_guid": mine["id"]});
    let with = |more: Json| {
        let mut body = guid.clone();
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        body
    };
    for (method, body) in [
        ("slapos.get.v0.software_instance", guid.clone()),
        ("slapos.get.v0.software_instance_certificate", guid.clone()),
        (
            "slapos.allDocs.v0.instance_node_instance_list",
            guid.clone(),
        ),
        (
            "slapos.put.v0.software_instance_reported_state",
            with(json!({"reported_state": "started"})),
        ),
        (
            "slapos.put.v0.software_instance_error",
            with(json!({"message": "x"})),
        ),
        (
            "slapos.put.v0.software_instance_bang",
            with(json!({"message": "x"})),
        ),
        (
            "slapos.put.v0.software_instance_title",
            with(json!({"title": "on one"})),
        ),
        (
            "slapos.put.v0.software_instance_connection_parameter",
            with(json!({"connection_parameter_dict": {}})),
        ),
    ] {
        assert_eq!(call(None, method, &body), 401, "{method} by nobody");
        assert_eq!(
            call(Some(&two.key), method, &body),
            403,
            "{method} by another node"
        );
        assert_eq!(
            call(Some(&one.key), method, &body),
            200,
            "{method} by its node"
        );
    }
}
