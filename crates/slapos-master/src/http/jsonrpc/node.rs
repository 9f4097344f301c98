//! Methods about nodes and the releases on them.

use super::refusal::JsonRefusal;
use super::{Answer, Call};
use crate::app::Proof;
use crate::app::caller::Act;
use crate::app::{AppError, Caller};
use crate::http::slap::computer::{self, is_listed, node_status};
use crate::http::slap::format::offer;
use crate::http::slap::instance::Network;
use crate::http::slap::{certificate, person};
use crate::store::{instance, node, supply};
use serde_json::{Value as Json, json};
use slapos_api::ErrorCode;
use slapos_api::wire::JsonMap;
use slapos_api::wire::node::SoftwareReport;
use slapos_api::wire::supply::SupplySet;
use std::sync::Arc;

const NODE_MISSING: &str = "COMPUTE-NODE-NOT-FOUND";

pub(super) fn hateoas_url(call: &Call) -> Answer {
    let base = person::base_url(&call.face.dialect, &call.headers, &call.extensions)?;
    Ok(json!({"hateoas_url": format!("{base}/hateoas/")}))
}

pub(super) async fn supply(call: Call) -> Answer {
    let state = Some(call.text("state")).filter(|state| !state.is_empty());
    let ask = SupplySet {
        node: call.text("computer_guid"),
        software: call.text("software_release_uri"),
        state: state.unwrap_or_else(|| "available".to_owned()),
    };
    let text = format!("Supplied {} to be {}", ask.software, ask.state);
    let answer = call.done(&text, "State changed");
    let done = computer::order(&call.face, call.proof, ask).await;
    done.map_err(|refusal| JsonRefusal::from(refusal).or_code("SUPPLY-FAILED"))?;
    Ok(answer)
}

/// The words of the original for a node that it does not know.
fn not_registered(error: AppError, computer: &str) -> JsonRefusal {
    match error.code {
        ErrorCode::NotFound => {
            JsonRefusal::missing(NODE_MISSING, format!("{computer} is not registered."))
        }
        _ => error.into(),
    }
}

pub(super) async fn list_installations(call: Call) -> Answer {
    let computer = call.text("computer_guid");
    let (dialect, proof) = (Arc::clone(&call.face.dialect), call.proof);
    let reading = call.face.context.store.read(move |tx| {
        let found = dialect.on_node(tx, &proof, &computer);
        let (_, row) = found.map_err(|error| not_registered(error, &computer))?;
        let rows = supply::list_of_node(tx, &row.id)?;
        let rows = rows
            .iter()
            .filter(|row| is_listed(&dialect, row))
            .map(|row| json!({"software_release_uri": row.url, "state": row.requested_state}));
        Ok(Json::Array(rows.collect()))
    });
    let list: Result<Json, JsonRefusal> = reading.await;
    Ok(json!({"result_list": list?}))
}

pub(super) async fn report_state(call: Call) -> Answer {
    let state = call.text("reported_state");
    let answer = if state == "destroyed" {
        call.done("Destroyed", "State reported")
    } else {
        call.done("Ignored", "State reported")
    };
    report(call, state, None).await?;
    Ok(answer)
}

pub(super) async fn report_error(call: Call) -> Answer {
    let message = Some(call.text("message"));
    let answer = call.done("Ignored", "Error reported");
    report(call, "failed".to_owned(), message).await?;
    Ok(answer)
}

async fn report(call: Call, state: String, message: Option<String>) -> Result<(), JsonRefusal> {
    let said = SoftwareReport {
        url: call.text("software_release_uri"),
        state,
        message,
        progress: None,
    };
    let computer = call.text("computer_guid");
    let kept = computer::report_release(&call.face, call.proof, computer, said).await;
    kept.map_err(|refusal| JsonRefusal::from(refusal).or_code(NODE_MISSING))
}

pub(super) async fn format(call: Call) -> Answer {
    let computer = call.text("computer_guid");
    let partitions = call
        .body
        .get("compute_partition_list")
        .and_then(Json::as_array);
    let partitions = partitions.map(Vec::as_slice).unwrap_or_default();
    let partitions = partitions.iter().map(read_partition).collect();
    let answer = call.done("Formatted", "Format handled");
    let offer = offer(String::new(), JsonMap::new(), partitions);
    let kept = computer::keep_offer(&call.face, call.proof, computer, offer).await;
    kept.map_err(|refusal| JsonRefusal::from(refusal).or_code(NODE_MISSING))?;
    Ok(answer)
}

fn read_partition(json: &Json) -> (String, Vec<Network>) {
    let text = |json: &Json, name: &str| {
        let value = json.get(name).and_then(Json::as_str);
        value.unwrap_or_default().to_owned()
    };
    let name = text(json, "partition_id");
    let addresses = json.get("ip_list").and_then(Json::as_array);
    let addresses = addresses.map(Vec::as_slice).unwrap_or_default();
    let networks = addresses.iter().map(|address| {
        let interface = text(address, "network-interface");
        Network {
            interface: if interface.is_empty() {
                name.clone()
            } else {
                interface
            },
            address: text(address, "ip-address"),
            netmask: text(address, "netmask"),
            gateway: text(address, "gateway-ip-address"),
            network: text(address, "network-address"),
        }
    });
    let networks = networks.collect();
    (name, networks)
}

pub(super) async fn bang(call: Call) -> Answer {
    let (computer, message) = (call.text("computer_guid"), call.text("message"));
    let answer = call.done("Ignored", "Bang handled");
    let done = computer::bang_node(&call.face, call.proof, computer, message).await;
    done.map_err(|refusal| JsonRefusal::from(refusal).or_code(NODE_MISSING))?;
    Ok(answer)
}

pub(super) async fn keep_usage(call: Call) -> Answer {
    let (computer, document) = (call.text("computer_guid"), call.text("tioxml"));
    let answer = call.done("Ignored", "Usage reported");
    let kept = computer::keep_usage_of(&call.face, call.proof, computer, document).await;
    kept.map_err(|refusal| JsonRefusal::from(refusal).or_code(NODE_MISSING))?;
    Ok(answer)
}

pub(super) async fn make_certificate(call: Call) -> Answer {
    if call.is_proxy() {
        return Ok(json!({"key": "", "certificate": ""}));
    }
    let computer = call.text("computer_guid");
    let made = certificate::replace_key(&call.face, call.proof, computer).await;
    let (_, issued) = made.map_err(|refusal| JsonRefusal::from(refusal).or_code(NODE_MISSING))?;
    Ok(json!({"key": issued.key_pem, "certificate": issued.pem}))
}

pub(super) async fn remove_certificate(call: Call) -> Answer {
    let answer = call.done("Ignored", "Certificate removed");
    if call.is_proxy() {
        return Ok(answer);
    }
    let computer = call.text("computer_guid");
    let done = certificate::revoke_key(&call.face, call.proof, computer).await;
    done.map_err(|refusal| JsonRefusal::from(refusal).or_code(NODE_MISSING))?;
    Ok(answer)
}

pub(super) async fn read_status(call: Call) -> Answer {
    if call.is_proxy() {
        return Ok(json!({"text": "Unknown (not implemented)"}));
    }
    let computer = call.text("computer_guid");
    let (dialect, proof) = (Arc::clone(&call.face.dialect), call.proof);
    let reading = call.face.context.store.read(move |tx| {
        let found = dialect.on_node(tx, &proof, &computer);
        let (_, row) = found.map_err(|error| not_registered(error, &computer))?;
        Ok(json!({"text": node_status(tx, &row)}))
    });
    reading.await
}

pub(super) async fn list_instances(call: Call) -> Answer {
    let computer = call.text("computer_guid");
    let (dialect, proof) = (Arc::clone(&call.face.dialect), call.proof);
    let reading = call.face.context.store.read(move |tx| {
        let found = dialect.on_node(tx, &proof, &computer);
        let (caller, row) = found.map_err(|error| not_registered(error, &computer))?;
        let mut list = Vec::new();
        for row in instance::list_of_node(tx, &row.id)? {
            if caller.require_on(&row, Act::Read).is_err() {
                continue;
            }
            let root_name = crate::app::tree::root_name(tx, &row)?;
            list.push(json!({
                "title": row.name,
                "instance_guid": dialect.json_guid(&row, &root_name),
                "state": row.requested_state,
                "compute_partition_id": row.partition_name.clone().unwrap_or_default(),
                "software_release_uri": row.url,
            }));
        }
        Ok(Json::Array(list))
    });
    let list: Result<Json, JsonRefusal> = reading.await;
    Ok(json!({"result_list": list?}))
}

pub(super) async fn list_nodes(call: Call) -> Answer {
    let dialect = Arc::clone(&call.face.dialect);
    let proof: Proof = call.proof;
    let reading = call.face.context.store.read(move |tx| {
        let caller = dialect.caller(tx, &proof)?;
        let mut list = Vec::new();
        match &caller {
            Caller::Person { roles, .. } => {
                for held in roles {
                    let rows = node::list(tx, &held.project_id)?;
                    let guids = rows
                        .iter()
                        .map(|row| json!({"computer_guid": dialect.computer_id(row)}));
                    list.extend(guids);
                }
            }
            Caller::Node { id, .. } => list.push(json!({"computer_guid": id})),
            Caller::Instance { .. } => {}
        }
        Ok(Json::Array(list))
    });
    let list: Result<Json, JsonRefusal> = reading.await;
    Ok(json!({"result_list": list?}))
}
