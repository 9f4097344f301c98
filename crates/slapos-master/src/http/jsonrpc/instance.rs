//! Methods about instances and shares.

use super::elsewhere::{elsewhere_json, fake_json};
use super::refusal::JsonRefusal;
use super::{Answer, Call};
use crate::app::caller::Act;
use crate::app::tree::{self, Removal};
use crate::app::{AppError, Caller, Proof};
use crate::http::slap::instance::{
    Network, Shown, by_form, flat, json_to_map, sla_of, status_text,
};
use crate::http::slap::partition::{NOT_ASKED, children_text, keep_state};
use crate::http::slap::request::{Asked, Outcome, ask, host_of};
use crate::http::slap::who::Seat;
use crate::http::slap::{Dialect, certificate, frontend};
use crate::store::instance::InstanceRow;
use crate::store::{Tx, node, tree as trees};
use axum::http::StatusCode;
use serde_json::{Value as Json, json};
use slapos_api::ErrorCode;
use slapos_api::wire::JsonMap;
use std::sync::Arc;

const INSTANCE_MISSING: &str = "SOFTWARE-INSTANCE-NOT-FOUND";

/// Whether the addresses of a share's host are shown: the original shows them to who asks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Addresses {
    OfHost,
    OwnOnly,
}

fn to_json(dialect: &Dialect, shown: &Shown, addresses: Addresses) -> Json {
    let row = &shown.row;
    let is_proxy = dialect.proxy().is_some();
    let (plain, full) = address_lists(dialect, shown, addresses);
    // A proxy knows of no time of a share that was just asked for.
    let is_fresh = row.is_shared && is_proxy && addresses == Addresses::OfHost;
    let processed_at = if is_fresh {
        0
    } else {
        row.stamp.as_micros() / 1_000_000
    };
    let sla = if is_proxy {
        JsonMap::new()
    } else {
        sla_of(row)
    };
    json!({
        "title": row.name,
        "instance_guid": dialect.json_guid(row, &shown.root_name),
        "software_release_uri": row.url,
        "software_type": row.software_type,
        "state": row.requested_state,
        "connection_parameters": flat(&row.connection),
        "parameters": flat(&row.parameters),
        "shared": row.is_shared,
        "root_instance_title": shown.root_name,
        "ip_list": plain,
        "full_ip_list": full,
        "sla_parameters": sla,
        "computer_guid": shown.computer(dialect),
        "compute_partition_id": shown.partition(),
        "processing_timestamp": processed_at,
        "access_status_message": if is_proxy { String::new() } else { status_text(row) },
    })
}

/// (interface, address), and the whole of those with a gateway, which a master gives there instead.
fn address_lists(dialect: &Dialect, shown: &Shown, addresses: Addresses) -> (Vec<Json>, Vec<Json>) {
    let is_hidden = shown.row.is_shared && addresses == Addresses::OwnOnly;
    let networks: &[Network] = if is_hidden { &[] } else { &shown.networks };
    let (plain, full) = by_form(dialect, networks);
    let pair = |network: &Network| json!([network.interface, network.address]);
    let whole = |network: &Network| {
        let (gateway, netmask, net) = (&network.gateway, &network.netmask, &network.network);
        json!([network.interface, network.address, gateway, netmask, net])
    };
    (
        plain.into_iter().map(pair).collect(),
        full.into_iter().map(whole).collect(),
    )
}

fn not_ready() -> Json {
    json!({"message": "Software Instance Not Ready", "status": 102,
        "name": "SoftwareInstanceNotReady"})
}

/// Who asks, and the instance or share of a guid, as far as they may do that with it.
fn find(
    tx: &mut Tx<'_>,
    dialect: &Dialect,
    (proof, guid, act): (&Proof, &str, Act),
) -> Result<(Caller, InstanceRow), JsonRefusal> {
    let caller = dialect.caller(tx, proof)?;
    let kind = if dialect.is_share_guid(guid) {
        "shared"
    } else {
        "software"
    };
    let text = if dialect.is_guid(guid) {
        format!("No {kind} instance {guid} found.")
    } else {
        format!("instance_guid {guid} not handled.")
    };
    let missing = || JsonRefusal::missing(INSTANCE_MISSING, text.clone());
    let row = dialect
        .find_by_guid(tx, &caller, guid)?
        .ok_or_else(missing)?;
    let seat = match &row.host_id {
        Some(host_id) if row.is_shared => crate::store::instance::find(tx, host_id)?,
        _ => Some(row.clone()),
    };
    // On a proxy nobody proves anything: what a node would say is believed of that node.
    let caller = match (dialect, &seat, act) {
        (Dialect::Proxy(_), Some(seat), Act::Run) => match &seat.node_id {
            Some(node_id) => {
                let node = node::find(tx, node_id)?.ok_or_else(missing)?;
                Caller::of_node(&node)
            }
            None => caller,
        },
        _ => caller,
    };
    let judged = seat.as_ref().filter(|_| act == Act::Run).unwrap_or(&row);
    match caller.require_on(judged, act) {
        Ok(()) => {}
        Err(error) if error.code == ErrorCode::NotFound => return Err(missing()),
        Err(error) => return Err(error.into()),
    }
    if let Some(text) = not_offered(tx, dialect, seat.as_ref())? {
        return Err(JsonRefusal::missing(INSTANCE_MISSING, text));
    }
    Ok((caller, row))
}

/// A proxy shows nothing on a partition that its node no longer offers; it is kept all the same,
/// and there again when the node offers it again.
fn not_offered(
    tx: &mut Tx<'_>,
    dialect: &Dialect,
    seat: Option<&InstanceRow>,
) -> Result<Option<String>, AppError> {
    if dialect.proxy().is_none() {
        return Ok(None);
    }
    let Some((seat, name)) = seat.and_then(|seat| Some((seat, seat.partition_name.as_deref()?)))
    else {
        return Ok(None);
    };
    let node_id = seat.node_id.as_deref().unwrap_or_default();
    let partition = node::find_partition(tx, node_id, name)?;
    let is_gone = partition.is_some_and(|partition| !partition.is_enabled);
    Ok(is_gone.then(|| {
        let computer = dialect.computer_of(seat);
        format!("The node {computer} does not offer the partition {name} any more; what is in it is kept.")
    }))
}

pub(super) async fn read(call: Call) -> Answer {
    let guid = call.text("instance_guid");
    let (dialect, proof) = (Arc::clone(&call.face.dialect), call.proof);
    let reading = call.face.context.store.read(move |tx| {
        let (_, row) = find(tx, &dialect, (&proof, &guid, Act::Read))?;
        let shown = Shown::load(tx, row)?;
        Ok(to_json(&dialect, &shown, Addresses::OwnOnly))
    });
    reading.await
}

pub(super) async fn read_partition(call: Call) -> Answer {
    let seat = Seat {
        computer: call.text("computer_guid"),
        partition: call.text("compute_partition_id"),
    };
    let (dialect, proof) = (Arc::clone(&call.face.dialect), call.proof);
    let reading = call.face.context.store.read(move |tx| {
        let missing = || {
            let text = format!("No instance on partition {} found.", seat.partition);
            JsonRefusal::missing(INSTANCE_MISSING, text)
        };
        let seated = match dialect.on_partition(tx, &proof, &seat) {
            Err(error) if error.code == ErrorCode::NotFound => return Err(missing()),
            found => found?,
        };
        let row = seated.instance.ok_or_else(missing)?;
        seated.caller.require_on(&row, Act::Read)?;
        let shown = Shown::load(tx, row)?;
        Ok(to_json(&dialect, &shown, Addresses::OwnOnly))
    });
    reading.await
}

pub(super) async fn read_tree(call: Call) -> Answer {
    let title = call.text("title");
    let (dialect, proof) = (Arc::clone(&call.face.dialect), call.proof);
    let reading = call.face.context.store.read(move |tx| {
        let caller = dialect.caller(tx, &proof)?;
        let missing = || {
            let text = format!("No instance tree {title} found.");
            JsonRefusal::missing("INSTANCE-TREE-NOT-FOUND", text)
        };
        let found = crate::app::tree::find_root(tx, &caller, &title)?;
        let row = found.ok_or_else(missing)?;
        caller.require_on(&row, Act::Read).map_err(|_| missing())?;
        let shown = Shown::load(tx, row)?;
        if shown.seat.is_none() {
            return Ok(not_ready());
        }
        Ok(to_json(&dialect, &shown, Addresses::OwnOnly))
    });
    reading.await
}

pub(super) async fn list_trees(call: Call) -> Answer {
    let (dialect, proof) = (Arc::clone(&call.face.dialect), call.proof);
    let reading = call.face.context.store.read(move |tx| {
        let caller = dialect.caller(tx, &proof)?;
        caller.require_person()?;
        let limit = i64::try_from(crate::limits::LIST_MAX).unwrap_or(i64::MAX);
        let mut list = Vec::new();
        for project in caller.projects() {
            let rows = trees::list_roots(tx, project, limit)?;
            list.extend(rows.iter().map(|row| json!({"title": row.name})));
        }
        Ok(Json::Array(list))
    });
    let list: Result<Json, JsonRefusal> = reading.await;
    Ok(json!({"result_list": list?}))
}

pub(super) async fn list_shares(call: Call) -> Answer {
    let guid = call.text("instance_guid");
    let (dialect, proof) = (Arc::clone(&call.face.dialect), call.proof);
    let reading = call.face.context.store.read(move |tx| {
        let (_, host) = find(tx, &dialect, (&proof, &guid, Act::Read))?;
        if host.is_shared {
            let text = format!("No software instance {guid} found.");
            return Err(JsonRefusal::missing("HOST-INSTANCE-NOT-FOUND", text));
        }
        let mut list = Vec::new();
        for share in trees::list_shares(tx, &host.id)? {
            let root_name = tree::root_name(tx, &share)?;
            list.push(json!({
                "title": share.name,
                "instance_guid": dialect.json_guid(&share, &root_name),
                "software_type": share.software_type,
                "state": share.requested_state,
                "parameters": flat(&share.parameters),
                "compute_partition_id": host.partition_name.clone().unwrap_or_default(),
            }));
        }
        Ok(Json::Array(list))
    });
    let list: Result<Json, JsonRefusal> = reading.await;
    Ok(json!({"result_list": list?}))
}

pub(super) async fn request(call: Call) -> Answer {
    let state = Some(call.text("state")).filter(|state| !state.is_empty());
    let asked = Asked {
        release: call.text("software_release_uri"),
        software_type: call.text("software_type"),
        title: call.text("title"),
        shared: call
            .body
            .get("shared")
            .and_then(Json::as_bool)
            .unwrap_or(false),
        parameters: json_to_map(&call.map("parameters")),
        filter: call.map("sla_parameters"),
        state: state.unwrap_or_else(|| "started".to_owned()),
        seat: Seat::of_headers(&call.headers).map(|seat| (seat, true)),
        host: host_of(&call.headers),
    };
    let dialect = Arc::clone(&call.face.dialect);
    if let Some(fake) = frontend::find(&dialect, &asked) {
        return Ok(fake_json(&asked, &fake));
    }
    let words = asked.clone();
    match ask(&call.face, call.proof, asked).await? {
        Outcome::Placed(shown) => Ok(to_json(&dialect, &shown, Addresses::OfHost)),
        Outcome::Waits => Ok(not_ready()),
        Outcome::Elsewhere(answer) => Ok(elsewhere_json(&words, &answer)),
    }
}

pub(super) async fn report_state(call: Call) -> Answer {
    let state = call.text("reported_state");
    if state == "destroyed" {
        return report_removed(call).await;
    }
    let answer = call.done("Ignored", "State reported");
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
    let (guid, is_proxy) = (call.text("instance_guid"), call.is_proxy());
    let (dialect, proof) = (Arc::clone(&call.face.dialect), call.proof);
    let writing = call.face.context.store.write(move |tx| {
        let (caller, row) = match find(tx, &dialect, (&proof, &guid, Act::Run)) {
            // The original's proxy takes reports of what it does not know.
            Err(refusal) if is_proxy && refusal.is_missing() => return Ok(()),
            found => found?,
        };
        Ok(keep_state(tx, &caller, &row, (&state, &message))?)
    });
    writing.await
}

async fn report_removed(call: Call) -> Answer {
    let guid = call.text("instance_guid");
    let answer = call.done("Destroyed", "State reported");
    let ignored = call.done("Ignored", "State reported");
    let (dialect, proof) = (Arc::clone(&call.face.dialect), call.proof);
    let writing = call.face.context.store.write(move |tx| {
        let (caller, row) = find(tx, &dialect, (&proof, &guid, Act::Run))?;
        if row.is_shared {
            return Ok(None);
        }
        Ok(Some(dialect.finish_removed(tx, &caller, &row)?))
    });
    let outcome: Result<Option<Removal>, JsonRefusal> = writing.await;
    let refuse = |text: String| {
        // Kept: the children that were asked to go stay so, the refusal is only about this one.
        Err(JsonRefusal::missing(
            "SOFTWARE-INSTANCE-WRONG-REPORTED-STATE",
            text,
        ))
    };
    match outcome? {
        None => Ok(ignored),
        Some(Removal::Done) => Ok(answer),
        Some(Removal::Children(names)) => refuse(children_text(&names)),
        Some(Removal::NotAsked) => refuse(NOT_ASKED.to_owned()),
    }
}

pub(super) async fn publish(call: Call) -> Answer {
    let guid = call.text("instance_guid");
    let connection = json_to_map(&call.map("connection_parameter_dict"));
    let is_proxy = call.is_proxy();
    let (dialect, proof) = (Arc::clone(&call.face.dialect), call.proof);
    let writing = call.face.context.store.write(move |tx| {
        let (caller, row) = find(tx, &dialect, (&proof, &guid, Act::Run))?;
        Ok(tree::publish(tx, &caller, &row, &connection)?)
    });
    let is_new: Result<bool, JsonRefusal> = writing.await;
    let title = match (is_proxy, is_new?) {
        (true, _) => "Updated",
        (false, true) => "connection parameter updated",
        (false, false) => "connection parameter not modified as identical",
    };
    Ok(json!({"type": "success", "title": title}))
}

pub(super) async fn rename(call: Call) -> Answer {
    let title = call.text("title");
    let answer = call.done("Renamed", "Title updated");
    change(call, move |tx, caller, row| {
        refuse_shared(&row)?;
        Ok(tree::rename(tx, caller, &row, &title)?)
    })
    .await?;
    Ok(answer)
}

pub(super) async fn bang(call: Call) -> Answer {
    let message = call.text("message");
    let answer = call.done("Bang handled", "Bang handled");
    change(call, move |tx, caller, row| {
        refuse_shared(&row)?;
        Ok(tree::bang(tx, caller, &row, &message)?)
    })
    .await?;
    Ok(answer)
}

fn refuse_shared(row: &InstanceRow) -> Result<(), JsonRefusal> {
    if row.is_shared {
        return Err(JsonRefusal::of(StatusCode::FORBIDDEN, "NotImplemented"));
    }
    Ok(())
}

async fn change(
    call: Call,
    mut body: impl FnMut(&mut Tx<'_>, &Caller, InstanceRow) -> Result<(), JsonRefusal> + Send + 'static,
) -> Result<(), JsonRefusal> {
    let guid = call.text("instance_guid");
    let (dialect, proof) = (Arc::clone(&call.face.dialect), call.proof);
    let writing = call.face.context.store.write(move |tx| {
        let (caller, row) = find(tx, &dialect, (&proof, &guid, Act::Bang))?;
        body(tx, &caller, row)
    });
    writing.await
}

pub(super) async fn read_certificate(call: Call) -> Answer {
    if call.is_proxy() {
        return Ok(json!({"key": "", "certificate": ""}));
    }
    let guid = call.text("instance_guid");
    let (dialect, proof) = (Arc::clone(&call.face.dialect), Arc::new(call.proof));
    let same_proof = Arc::clone(&proof);
    let reading = call.face.context.store.read(move |tx| {
        let (_, row) = find(tx, &dialect, (&same_proof, &guid, Act::Run))?;
        Ok(row.id)
    });
    let id: Result<String, JsonRefusal> = reading.await;
    let issued = certificate::ensure_of_instance(&call.face, proof, id?).await?;
    Ok(json!({"key": issued.key_pem, "certificate": issued.pem}))
}
