//! J: JSON-RPC.

use super::{C, Req, SR, Wire, ask, seat, text};
use axum::body::Body;
use axum::http::Request;
use serde_json::{Value as Json, json};

const GET: &str = "slapos.get.v0.software_instance";
const POST: &str = "slapos.post.v0.software_instance";

#[test]
fn j01_j18_every_method_answers_as_its_schema_says() {
    let wire = Wire::formatted(3);
    wire.call(POST, &ask("jr")).ok();
    let mut shared = ask("sh");
    shared["shared"] = json!(true);
    wire.call(POST, &shared).ok();
    let (guid, node) = (
        json!({"instance_guid": "jr______0"}),
        json!({"computer_guid": C}),
    );
    let with = |base: &Json, more: Json| {
        let mut body = base.clone();
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        body
    };
    let release = with(&node, json!({"software_release_uri": SR}));
    let done = |title: &str| Some(json!({"type": "success", "title": title}));
    let keys = Some(json!({"key": "", "certificate": ""}));
    let supplied = format!("Supplied {SR} to be available");
    let calls: Vec<(&str, Json, Option<Json>)> = vec![
        (
            "slapos.get.v0.hateoas_url",
            json!({}),
            Some(json!({"hateoas_url": "http://localhost/hateoas/"})),
        ),
        (
            "slapos.post.v0.software_installation",
            release.clone(),
            done(&supplied),
        ),
        (
            "slapos.allDocs.v0.compute_node_software_installation_list",
            node.clone(),
            Some(json!({"result_list": [{"software_release_uri": SR, "state": "available"}]})),
        ),
        (
            "slapos.put.v0.software_installation_reported_state",
            with(&release, json!({"reported_state": "building"})),
            done("Ignored"),
        ),
        (
            "slapos.put.v0.software_installation_error",
            with(&release, json!({"message": "x"})),
            done("Ignored"),
        ),
        (
            "slapos.put.v0.compute_node_bang",
            with(&node, json!({"message": "x"})),
            done("Ignored"),
        ),
        (
            "slapos.post.v0.compute_node_usage",
            with(&node, json!({"tioxml": "<journal/>"})),
            done("Ignored"),
        ),
        (
            "slapos.post.v0.compute_node_certificate",
            node.clone(),
            keys.clone(),
        ),
        (
            "slapos.remove.v0.compute_node_certificate",
            node.clone(),
            done("Ignored"),
        ),
        (
            "slapos.get.v0.compute_node_status",
            node.clone(),
            Some(json!({"text": "Unknown (not implemented)"})),
        ),
        (
            "slapos.allDocs.v0.compute_node_instance_list",
            node.clone(),
            Some(json!({"result_list": [{"title": "jr",
            "instance_guid": "jr______0", "state": "started", "compute_partition_id": "part0", "software_release_uri": SR}]})),
        ),
        (
            "slapos.allDocs.WIP.compute_node_list",
            json!({}),
            Some(json!({"result_list": [{"computer_guid": C}]})),
        ),
        (GET, guid.clone(), None),
        (
            "slapos.get.v0.compute_partition",
            with(&node, json!({"compute_partition_id": "part0"})),
            None,
        ),
        ("slapos.get.v0.instance_tree", json!({"title": "jr"}), None),
        (
            "slapos.allDocs.v0.instance_tree_list",
            json!({}),
            Some(json!({"result_list": [{"title": "jr"}, {"title": "sh"}]})),
        ),
        (
            "slapos.allDocs.v0.instance_node_instance_list",
            guid.clone(),
            Some(json!({"result_list": [{"title": "sh",
            "instance_guid": "sh______1", "software_type": "default", "state": "started", "parameters": {},
            "compute_partition_id": "part0"}]})),
        ),
        (
            "slapos.put.v0.software_instance_reported_state",
            with(&guid, json!({"reported_state": "started"})),
            done("Ignored"),
        ),
        (
            "slapos.put.v0.software_instance_connection_parameter",
            with(&guid, json!({"connection_parameter_dict": {"a": "b"}})),
            done("Updated"),
        ),
        (
            "slapos.put.v0.software_instance_bang",
            with(&guid, json!({"message": "x"})),
            done("Bang handled"),
        ),
        (
            "slapos.put.v0.software_instance_error",
            with(&guid, json!({"message": "x"})),
            done("Ignored"),
        ),
        (
            "slapos.get.v0.software_instance_certificate",
            guid.clone(),
            keys,
        ),
        (
            "slapos.put.v0.software_instance_title",
            with(&guid, json!({"title": "new"})),
            done("Renamed"),
        ),
        (
            "slapos.put.v0.compute_node_format",
            with(&node, json!({"compute_partition_list": []})),
            done("Formatted"),
        ),
    ];
    for (method, body, wanted) in calls {
        let answer = wire.call(method, &body);
        assert_eq!(answer.status, 200, "{method}: {}", answer.text);
        if let Some(wanted) = wanted {
            assert_eq!(answer.json(), wanted, "{method}");
        }
    }
}

#[test]
fn j02_j03_j07_j08_bodies_are_checked_first() {
    let wire = Wire::proxy();
    let refused = |method: &str, body: &str| {
        let request =
            Request::post(format!("/{method}")).header("content-type", "application/json");
        let answer = wire.send(request.body(Body::from(body.to_owned())).unwrap());
        assert_eq!(answer.status, 400, "{}", answer.text);
        assert_eq!(answer.json()["type"], "Bad Request");
        answer.json()["title"].as_str().unwrap().to_owned()
    };
    let extra = refused("slapos.get.v0.hateoas_url", r#"{"x":1}"#);
    assert_eq!(
        extra,
        "Additional properties are not allowed ('x' was unexpected)"
    );
    refused(POST, "");
    refused(POST, "{bad");
    let mut long = ask("a");
    long["title"] = json!("x".repeat(201));
    refused(POST, &long.to_string());
    let mut wrong = ask("a");
    wrong["sla_parameters"] = json!({"computer_guid": 1});
    assert_eq!(
        refused(POST, &wrong.to_string()),
        "1 is not of type 'string'"
    );
    let mut wrong = ask("a");
    wrong["shared"] = json!("yes");
    refused(POST, &wrong.to_string());
}

#[test]
fn j04_j05_j06_only_json_by_post() {
    let wire = Wire::proxy();
    let path = "/slapos.get.v0.hateoas_url";
    let send = |kind: &str, accept: &str| {
        let request = Request::post(path)
            .header("content-type", kind)
            .header("accept", accept);
        let answer = wire.send(
            request
                .header("host", "127.0.0.1:5000")
                .body(Body::from("{}"))
                .unwrap(),
        );
        assert_eq!(
            answer.json()["status"].as_u64().unwrap_or(200),
            u64::from(answer.status)
        );
        answer.status
    };
    assert_eq!(send("text/plain", "*/*"), 415);
    assert_eq!(send("application/json", "text/html"), 406);
    assert_eq!(
        send(
            "application/json; charset=utf-8",
            "text/html, application/json;q=0.5"
        ),
        200
    );
    assert_eq!(wire.get(path).status, 405);
}

#[test]
fn j09_j11_one_instance_reads_alike_everywhere() {
    let wire = Wire::formatted(2);
    let first = wire.call(POST, &ask("jr")).json();
    assert_eq!(wire.call(POST, &ask("jr")).json(), first);
    let partition = json!({"computer_guid": C, "compute_partition_id": "part0"});
    for (method, body) in [
        (GET, json!({"instance_guid": "jr______0"})),
        ("slapos.get.v0.compute_partition", partition),
        ("slapos.get.v0.instance_tree", json!({"title": "jr"})),
    ] {
        assert_eq!(wire.call(method, &body).json(), first);
    }
}

#[test]
fn j10_j12_a_child_is_asked_by_the_header() {
    let wire = Wire::formatted(2);
    wire.call(POST, &ask("jr")).ok();
    let header = seat(C, "part0");
    let child = wire
        .call_as(POST, &ask("child"), &[("authorization", &header)])
        .json();
    assert_eq!(child["root_instance_title"], "jr");
    assert_eq!(child["instance_guid"], "child___jr___0");
    let header = seat(C, "nope");
    let refused = wire.call_as(POST, &ask("x"), &[("authorization", &header)]);
    assert_eq!(refused.status, 400);
    let tree = wire.call("slapos.get.v0.instance_tree", &json!({"title": "child"}));
    assert_eq!(tree.status, 403);
}

#[test]
fn j13_unknown_guids_are_refused_with_403() {
    let wire = Wire::formatted(1);
    for guid in ["SOFTINST-1", "a______0", "a______1", "a___b", "______0"] {
        let answer = wire.call(GET, &json!({"instance_guid": guid}));
        assert_eq!(answer.status, 403, "{guid}");
    }
}

#[test]
fn j14_j17_both_faces_show_the_same() {
    let wire = Wire::formatted(2);
    let exact = r#"{"n":12345678901234567890,"f":1.10,"u":"é","e":"","z":null}"#;
    let mut body = ask("jr");
    body["parameters"] = json!({"n": 3, "b": true, "o": {"x": 1}, "_": exact});
    let answer = wire.call(POST, &body).json();
    let texts = json!({"n": "3", "b": "True", "o": "{'x': 1}", "_": exact});
    assert_eq!(answer["parameters"], texts);
    let given = wire.given("part0");
    for key in ["n", "b", "o", "_"] {
        assert_eq!(texts[key].as_str().unwrap(), text(&given, key));
    }
    let of_form = Req::new("form").parameters(&[("_", slapos_api::slap::Value::text(exact))]);
    wire.request(&of_form).ok();
    let read = wire
        .call(GET, &json!({"instance_guid": "form______0"}))
        .json();
    assert_eq!(read["parameters"], json!({"_": exact}));
    let header = format!("Bearer {}", wire.token);
    let request = Request::get("/v1/instances/form").header("authorization", header);
    let native = wire.send(request.body(Body::empty()).unwrap()).json();
    assert_eq!(native["parameters"], json!({"_": exact}));
}

#[test]
fn j15_a_bang_is_seen_by_both_faces() {
    let wire = Wire::formatted(1);
    wire.call(POST, &ask("jr")).ok();
    let before = wire.stamp("part0");
    wire.clock.advance(std::time::Duration::from_secs(2));
    let body = json!({"instance_guid": "jr______0", "message": "x"});
    wire.call("slapos.put.v0.software_instance_bang", &body)
        .ok();
    assert!(wire.stamp("part0") > before);
}

#[test]
fn j16_a_root_is_renamed_for_its_children_too() {
    let wire = Wire::formatted(2);
    wire.call(POST, &ask("jr")).ok();
    wire.request(&Req::new("c").from("part0")).ok();
    let body = json!({"instance_guid": "jr______0", "title": "new"});
    wire.call("slapos.put.v0.software_instance_title", &body)
        .ok();
    assert_eq!(
        wire.call(GET, &json!({"instance_guid": "jr______0"}))
            .status,
        403
    );
    assert_eq!(
        wire.call(GET, &json!({"instance_guid": "new______0"}))
            .status,
        200
    );
    let child = wire
        .call(GET, &json!({"instance_guid": "c___new___0"}))
        .json();
    assert_eq!(child["root_instance_title"], "new");
}

#[test]
fn json_names_with_the_separator_are_found() {
    let wire = Wire::formatted(1);
    wire.call(POST, &ask("a___b___0")).ok();
    let guid = json!({"instance_guid": "a___b___0______0"});
    assert_eq!(wire.call(GET, &guid).json()["title"], "a___b___0");
}
