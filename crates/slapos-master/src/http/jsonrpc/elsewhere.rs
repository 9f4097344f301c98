//! Requests that are answered without an instance of this master: served by another master, or by
//! nobody but the address that was given.

use crate::http::slap::frontend::FakeFrontend;
use crate::http::slap::instance::to_map;
use crate::http::slap::request::Asked;
use serde_json::{Value as Json, json};
use slapos_api::slap::{Value, python_text};

/// What another master serves, as far as its answer says.
pub(super) fn elsewhere_json(asked: &Asked, answer: &Value) -> Json {
    let text = |key: &str| answer.find(key).map(python_text).unwrap_or_default();
    let texts = |key: &str| {
        let entries = answer.find(key).and_then(Value::as_dict);
        Json::Object(to_map(entries.unwrap_or_default()))
    };
    json!({
        "title": asked.title,
        "instance_guid": text("_instance_guid"),
        "software_release_uri": asked.release,
        "software_type": text("slap_software_type"),
        "state": asked.state,
        "connection_parameters": texts("_connection_dict"),
        "parameters": asked.parameters,
        "shared": asked.shared,
        "root_instance_title": asked.title,
        "ip_list": [], "full_ip_list": [], "sla_parameters": {},
        "computer_guid": text("slap_computer_id"),
        "compute_partition_id": text("slap_computer_partition_id"),
        "processing_timestamp": 0,
        "access_status_message": "",
    })
}

/// What is told of a frontend that is not there.
pub(super) fn fake_json(asked: &Asked, fake: &FakeFrontend) -> Json {
    json!({
        "title": asked.title,
        "instance_guid": format!("{}______1", asked.title),
        "software_release_uri": asked.release,
        "software_type": asked.software_type,
        "state": asked.state,
        "connection_parameters": fake.connection,
        "parameters": asked.parameters,
        "shared": true,
        "root_instance_title": asked.title,
        "ip_list": [], "full_ip_list": [], "sla_parameters": {},
        "computer_guid": "",
        "compute_partition_id": fake.partition,
        "processing_timestamp": 0,
        "access_status_message": "",
    })
}
