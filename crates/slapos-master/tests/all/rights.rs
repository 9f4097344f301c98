//! The rights table: every operation of the OpenAPI file × who calls → the status.
//!
//! An operation without a row fails the test, so that none can be added and forgotten. Bodies are
//! valid, so that a 400 never hides a missing check.

use crate::server::{Server, ask};
use serde_json::{Value, json};
use slapos_api::wire::log::LogAnswer;
use slapos_api::{Client, Credential};
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// operation, method, path, body, then the status for: anonymous, stranger (owner of another
/// project), viewer, member, operator, owner, node.
type RightsRow = (
    &'static str,
    &'static str,
    &'static str,
    Option<Value>,
    [u16; 7],
);

fn table() -> Vec<RightsRow> {
    let request = json!({"name": "mine", "software": "/srv/profile/software.cfg", "project": "@"});
    let (state, bang) = (json!({"state": "started"}), json!({"message": ""}));
    let supply = json!({"node": "local", "software": "/srv/x.cfg", "state": "available"});
    let csr = rcgen::CertificateParams::default()
        .serialize_request(&rcgen::KeyPair::generate().unwrap())
        .unwrap()
        .pem()
        .unwrap();
    let register = json!({"name": "new", "csr_pem": csr, "project": "@"});
    let (member, role) = (
        json!({"name": "n", "role": "viewer"}),
        json!({"role": "viewer"}),
    );
    let format = json!({"version": "1", "partitions": []});
    let report = json!({"sequence": 1});
    let log = json!(LogAnswer::default());
    vec![
        ("health", "GET", "/v1/health", None, [200; 7]),
        (
            "me",
            "GET",
            "/v1/me",
            None,
            [401, 200, 200, 200, 200, 200, 200],
        ),
        (
            "list_projects",
            "GET",
            "/v1/projects",
            None,
            [401, 200, 200, 200, 200, 200, 403],
        ),
        (
            "create_project",
            "POST",
            "/v1/projects",
            Some(json!({"name": "@"})),
            [401, 200, 200, 200, 200, 200, 403],
        ),
        (
            "list_members",
            "GET",
            "/v1/projects/default/members",
            None,
            [401, 404, 200, 200, 200, 200, 403],
        ),
        (
            "create_member",
            "POST",
            "/v1/projects/default/members",
            Some(member),
            [401, 404, 403, 403, 403, 200, 403],
        ),
        (
            "set_member",
            "PUT",
            "/v1/projects/default/members/@viewer",
            Some(role),
            [401, 404, 403, 403, 403, 200, 403],
        ),
        (
            "remove_member",
            "DELETE",
            "/v1/projects/default/members/SUBJ-none",
            None,
            [401, 404, 403, 403, 403, 404, 403],
        ),
        (
            "list_tokens",
            "GET",
            "/v1/tokens",
            None,
            [401, 200, 200, 200, 200, 200, 403],
        ),
        (
            "create_token",
            "POST",
            "/v1/tokens",
            Some(json!({"label": "x"})),
            [401, 200, 200, 200, 200, 200, 403],
        ),
        (
            "revoke_token",
            "DELETE",
            "/v1/tokens/TOKEN-none",
            None,
            [401, 404, 404, 404, 404, 404, 403],
        ),
        (
            "list_catalog",
            "GET",
            "/v1/catalog",
            None,
            [401, 200, 200, 200, 200, 200, 200],
        ),
        (
            "find_catalog_entry",
            "GET",
            "/v1/catalog/none",
            None,
            [401, 404, 404, 404, 404, 404, 404],
        ),
        (
            "read_release",
            "GET",
            "/v1/releases?url=catalog:none",
            None,
            [401, 404, 404, 404, 404, 404, 404],
        ),
        (
            "list_instances",
            "GET",
            "/v1/instances",
            None,
            [401, 200, 200, 200, 200, 200, 403],
        ),
        (
            "request_instance",
            "POST",
            "/v1/instances",
            Some(request),
            [401, 200, 403, 200, 200, 200, 403],
        ),
        (
            "find_instance",
            "GET",
            "/v1/instances/@instance",
            None,
            [401, 404, 200, 200, 200, 200, 403],
        ),
        (
            "set_instance_state",
            "PUT",
            "/v1/instances/@instance/state",
            Some(state),
            [401, 404, 403, 200, 200, 200, 403],
        ),
        (
            "bang_instance",
            "POST",
            "/v1/instances/@instance/bang",
            Some(bang),
            [401, 404, 403, 200, 200, 200, 403],
        ),
        (
            "list_promises",
            "GET",
            "/v1/instances/@instance/promises",
            None,
            [401, 404, 200, 200, 200, 200, 403],
        ),
        (
            "explain_instance",
            "GET",
            "/v1/instances/@instance/why",
            None,
            [401, 404, 200, 200, 200, 200, 403],
        ),
        // The service has no partition, hence no log: 409 says that the caller may ask.
        (
            "read_logs",
            "GET",
            "/v1/instances/@instance/logs",
            None,
            [401, 404, 409, 409, 409, 409, 403],
        ),
        (
            "list_supplies",
            "GET",
            "/v1/supplies",
            None,
            [401, 200, 200, 200, 200, 200, 403],
        ),
        (
            "set_supply",
            "PUT",
            "/v1/supplies",
            Some(supply),
            [401, 404, 403, 403, 200, 200, 403],
        ),
        (
            "list_nodes",
            "GET",
            "/v1/nodes",
            None,
            [401, 200, 200, 200, 200, 200, 403],
        ),
        // The operator's registration makes the node, the owner's finds its key and name again; the
        // stranger's is in a project of its own and comes first, so the key is taken for the others.
        (
            "register_node",
            "POST",
            "/v1/nodes",
            Some(register),
            [401, 200, 403, 403, 409, 409, 403],
        ),
        (
            "format_node",
            "PUT",
            "/v1/node/format",
            Some(format),
            [401, 403, 403, 403, 403, 403, 200],
        ),
        (
            "read_desired",
            "GET",
            "/v1/node/desired",
            None,
            [401, 403, 403, 403, 403, 403, 200],
        ),
        (
            "report",
            "POST",
            "/v1/node/report",
            Some(report),
            [401, 403, 403, 403, 403, 403, 204],
        ),
        (
            "answer_log",
            "POST",
            "/v1/node/logs/LOG-none",
            Some(log),
            [401, 403, 403, 403, 403, 403, 404],
        ),
        (
            "list_events",
            "GET",
            "/v1/events",
            None,
            [401, 200, 200, 200, 200, 200, 200],
        ),
        (
            "watch",
            "GET",
            "/v1/watch",
            None,
            [401, 200, 200, 200, 200, 200, 200],
        ),
    ]
}

#[test]
fn rights_every_operation_answers_as_the_table_says() {
    let server = Server::start();
    let owner = server.owner();
    let instance = owner.request_instance(&ask("theirs")).unwrap().id;
    let node = server.node("local", 0);
    let people = people(&server);
    let viewer_id = people[2].me().unwrap().subject.id;
    let callers: Vec<&Client> = people.iter().chain([&node]).collect();
    let mut wrong = Vec::new();
    for (operation, method, path, body, expected) in table() {
        for (index, (caller, expected)) in callers.iter().zip(expected).enumerate() {
            let path = path
                .replace("@instance", &instance)
                .replace("@viewer", &viewer_id);
            let body = body.clone().map(|body| fill(body, index));
            let status = caller.status_of(method, &path, body.as_ref()).unwrap();
            if status != expected {
                wrong.push(format!(
                    "{operation} by caller {index}: {status}, not {expected}"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A name of its own for each caller's project; the stranger asks in the one it owns.
fn fill(mut body: Value, caller: usize) -> Value {
    if let Some(name) = body.get_mut("name").filter(|name| **name == "@") {
        *name = json!(format!("project {caller}"));
    }
    if let Some(project) = body.get_mut("project") {
        *project = json!(if caller == 1 { "other" } else { "default" });
    }
    body
}

fn people(server: &Server) -> Vec<Client> {
    let owner = server.owner();
    let member = |role: &str| -> Client {
        let body = json!({"name": role, "role": role});
        let created: BTreeMap<String, String> = owner
            .call("POST", "/v1/projects/default/members", Some(&body))
            .unwrap();
        server.client(Credential::Token(created["token"].clone()))
    };
    let stranger = member("owner");
    let _: Value = stranger
        .call("POST", "/v1/projects", Some(&json!({"name": "other"})))
        .unwrap();
    let id = stranger.me().unwrap().subject.id;
    let gone = owner.status_of(
        "DELETE",
        &format!("/v1/projects/default/members/{id}"),
        None,
    );
    assert_eq!(gone.unwrap(), 204);
    let anonymous = server.client(Credential::None);
    let mut people = vec![anonymous, stranger];
    people.extend(["viewer", "member", "operator"].map(member));
    people.push(server.owner());
    people
}

#[test]
fn rights_table_has_a_row_for_every_operation() {
    let text = slapos_master::http::openapi_json().unwrap();
    let api: Value = serde_json::from_str(&text).unwrap();
    let described: BTreeSet<String> = api["paths"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|path| path.as_object().unwrap().values())
        .filter_map(|call| Some(call.get("operationId")?.as_str()?.to_owned()))
        .collect();
    let listed: BTreeSet<String> = table().iter().map(|row| row.0.to_owned()).collect();
    assert_eq!(described, listed);
}
