//! Requests that are answered without an instance of this master: served by another master, or by
//! nobody but the address that was given.
//!
//! Nothing is decided here: what was asked, beside what another said. Start with
//! [`elsewhere_json`] and [`fake_json`].

use crate::http::slap::frontend::FakeFrontend;
use crate::http::slap::instance::to_map;
use crate::http::slap::request::Asked;
use serde_json::{Value as Json, json};
use slapos_api::slap::{Value, python_text};

/// What another master serves, as far as its answer says.
pub(super) fn elsewhere_json(asked: &Asked, answer: &Value) -> Json {
    let text = |key: &str| answer.find(key).map(python_text).unwrap_or_default();
    let connection = answer.find("_connection_dict").and_then(Value::as_dict);
    let given = Given {
        guid: text("_instance_guid"),
        software_type: text("slap_software_type"),
        connection: Json::Object(to_map(connection.unwrap_or_default())),
        node: text("slap_computer_id"),
        partition: text("slap_computer_partition_id"),
    };
    to_json(asked, &given)
}

/// What is told of a frontend that is not there.
pub(super) fn fake_json(asked: &Asked, fake: &FakeFrontend) -> Json {
    let given = Given {
        guid: format!("{}______1", asked.title),
        software_type: asked.software_type.clone(),
        connection: json!(fake.connection),
        node: String::new(),
        partition: fake.partition.clone(),
    };
    to_json(asked, &given)
}

/// What somebody else gives.
struct Given {
    guid: String,
    software_type: String,
    connection: Json,
    node: String,
    partition: String,
}

fn to_json(asked: &Asked, given: &Given) -> Json {
    json!({
        "title": asked.title,
        "instance_guid": given.guid,
        "software_release_uri": asked.release,
        "software_type": given.software_type,
        "state": asked.state,
        "connection_parameters": given.connection,
        "parameters": asked.parameters,
        "shared": asked.shared,
        "root_instance_title": asked.title,
        "ip_list": [], "full_ip_list": [], "sla_parameters": {},
        "computer_guid": given.node,
        "compute_partition_id": given.partition,
        "processing_timestamp": 0,
        "access_status_message": "",
    })
}
