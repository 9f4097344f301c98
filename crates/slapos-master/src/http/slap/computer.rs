//! Calls about a node: what it is to run, what it offers, its releases, its usage.

use super::answer::{Refusal, marshal, words};
use super::document;
use super::form::Form;
use super::format::{Offer, read_document};
use super::instance::Shown;
use super::{Dialect, Face, Reply};
use crate::app::caller::Act;
use crate::app::{AppError, Caller, Proof, node as rules, report, supply as supplies, tree, usage};
use crate::store::node::{self, NodeRow};
use crate::store::{Tx, instance, supply, tree as trees};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::IntoResponse;
use slapos_api::slap::Value;
use slapos_api::wire::node::{NodeReport, SoftwareReport};
use slapos_api::wire::supply::SupplySet;
use std::collections::HashMap;
use std::sync::Arc;

/// `GET getFullComputerInformation`. Who sends the tag of its last answer is told when nothing has
/// changed since; old clients never do.
pub(super) async fn read(
    State(face): State<Face>,
    proof: Proof,
    headers: HeaderMap,
    form: Form,
) -> Reply {
    let computer = form.require("computer_id")?.to_owned();
    let dialect = Arc::clone(&face.dialect);
    // Asked before anything is read, so that the answer is never older than its tag.
    let tag = face.context.store.version().map(|at| format!("\"{at:x}\""));
    let known = headers.get(header::IF_NONE_MATCH);
    let is_known = tag.is_some() && known.and_then(|text| text.to_str().ok()) == tag.as_deref();
    let reading = face.context.store.read(move |tx| {
        let (caller, row) = dialect.on_node(tx, &proof, &computer)?;
        match is_known {
            true => Ok(None),
            false => write_computer(tx, &dialect, (&caller, &row)).map(Some),
        }
    });
    let document: Result<Option<Value>, AppError> = reading.await;
    let mut response = match document? {
        Some(document) => marshal(&document)?,
        None => StatusCode::NOT_MODIFIED.into_response(),
    };
    if let Some(Ok(tag)) = tag.map(HeaderValue::try_from) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}

/// The node as the caller may see it: of a neighbour an instance learns that its partition is
/// there, and nothing of what is in it.
fn write_computer(
    tx: &mut Tx<'_>,
    dialect: &Dialect,
    (caller, row): (&Caller, &NodeRow),
) -> Result<Value, AppError> {
    let computer = dialect.computer_id(row);
    let releases = supply::list_of_node(tx, &row.id)?;
    let releases = releases.iter().filter(|supply| is_listed(dialect, supply));
    let releases = releases.map(|supply| document::ordered_release(supply, computer));
    let mut busy = load_instances(tx, row)?;
    busy.retain(|_, shown| caller.require_on(&shown.row, Act::Read).is_ok());
    if let Caller::Instance { id, .. } = caller {
        // What others asked of a host is for the host alone, not for the rest of its tree.
        for shown in busy.values_mut().filter(|shown| shown.row.id != *id) {
            shown.shares.clear();
        }
    }
    let mut partitions = Vec::new();
    for partition in node::list_partitions(tx, &row.id)? {
        let shown = partition
            .instance_id
            .as_ref()
            .and_then(|id| busy.remove(id));
        if partition.is_enabled || shown.is_some() {
            partitions.push(document::partition(
                dialect,
                row,
                &partition,
                shown.as_ref(),
            ));
        }
    }
    Ok(document::computer(computer, releases.collect(), partitions))
}

/// A release that was to go and went is no longer there. A proxy lists what persons ordered, since
/// its users order what their instances need themselves.
pub(in crate::http) fn is_listed(dialect: &Dialect, supply: &supply::SupplyRow) -> bool {
    let is_gone = supply.requested_state == "destroyed" && supply.reported_state == "destroyed";
    !is_gone && (supply.is_by_person || dialect.proxy().is_none())
}

/// All that is on a node, in two queries and one for each root that is elsewhere.
fn load_instances(tx: &mut Tx<'_>, row: &NodeRow) -> Result<HashMap<String, Shown>, AppError> {
    let rows = instance::list_of_node(tx, &row.id)?;
    let shares = trees::list_shares_on_node(tx, &row.id)?;
    let mut names: HashMap<String, String> = HashMap::new();
    for known in rows
        .iter()
        .chain(&shares)
        .filter(|row| row.root_id == row.id)
    {
        names.insert(known.id.clone(), known.name.clone());
    }
    let mut of_host: HashMap<String, Vec<(instance::InstanceRow, String)>> = HashMap::new();
    for share in shares {
        let root_name = name_of_root(tx, &mut names, &share)?;
        let host_id = share.host_id.clone().unwrap_or_default();
        of_host.entry(host_id).or_default().push((share, root_name));
    }
    let mut all = HashMap::new();
    for row in rows {
        let root_name = name_of_root(tx, &mut names, &row)?;
        let shown = Shown {
            shares: of_host.remove(&row.id).unwrap_or_default(),
            seat: None,
            networks: Vec::new(),
            root_name,
            row,
        };
        all.insert(shown.row.id.clone(), shown);
    }
    Ok(all)
}

fn name_of_root(
    tx: &mut Tx<'_>,
    names: &mut HashMap<String, String>,
    row: &instance::InstanceRow,
) -> Result<String, AppError> {
    if let Some(known) = names.get(&row.root_id) {
        return Ok(known.clone());
    }
    let name = tree::root_name(tx, row)?;
    names.insert(row.root_id.clone(), name.clone());
    Ok(name)
}

/// `GET getComputerStatus`.
pub(super) async fn read_status(State(face): State<Face>, proof: Proof, form: Form) -> Reply {
    let computer = form.require("computer_id")?.to_owned();
    let dialect = Arc::clone(&face.dialect);
    let reading = face.context.store.read(move |tx| {
        let (_, row) = dialect.on_node(tx, &proof, &computer)?;
        let text = node_status(tx, &row);
        let quiet = |minutes| Value::int(i64::from(rules::is_quiet(tx, &row, minutes)));
        Ok(Value::dict([
            ("user", Value::text(dialect.computer_id(&row))),
            ("text", Value::text(text)),
            ("reference", Value::text(dialect.computer_id(&row))),
            ("portal_type", Value::text("Compute Node")),
            ("no_data_since_5_minutes", quiet(5)),
            ("no_data_since_15_minutes", quiet(15)),
        ]))
    });
    let status: Result<Value, AppError> = reading.await;
    marshal(&status?)
}

/// One line about a node.
pub(in crate::http) fn node_status(tx: &Tx<'_>, row: &NodeRow) -> String {
    match row.seen_at {
        Some(at) if rules::is_online(tx, row) => format!("#access seen at {at}"),
        Some(at) => format!("#error silent since {at}"),
        None => format!("#error no data found for {}", row.id),
    }
}

/// `POST loadComputerConfigurationFromXML`.
pub(super) async fn load(State(face): State<Face>, proof: Proof, form: Form) -> Reply {
    let document = form.value("xml")?;
    let document = document.ok_or_else(|| Refusal::bad("the field `xml` is missing"))?;
    let (computer, offer) = read_document(&document)?;
    keep_offer(&face, proof, computer, offer).await?;
    Ok(words("done"))
}

/// Keeps what a node offers, all of it or nothing. A proxy gets to know new nodes so.
pub(in crate::http) async fn keep_offer(
    face: &Face,
    proof: Proof,
    computer: String,
    offer: Offer,
) -> Result<(), Refusal> {
    let dialect = Arc::clone(&face.dialect);
    let writing = face.context.store.write(move |tx| {
        if dialect.proxy().is_some() {
            ensure_node(tx, &dialect, &computer)?;
        }
        let (caller, _) = dialect.on_node(tx, &proof, &computer)?;
        rules::format_with(tx, &caller, &offer.format, &offer.networks)?;
        Ok(())
    });
    let kept: Result<(), AppError> = writing.await;
    Ok(kept?)
}

/// A node of a proxy, known by its name: nobody proves a key there, so none can ever match it.
///
/// # Errors
/// When it is no name.
pub fn ensure_node(tx: &mut Tx<'_>, dialect: &Dialect, name: &str) -> Result<(), AppError> {
    let owner = dialect.caller(tx, &Proof::None)?;
    let project = owner.roles().first().map(|held| held.project_id.clone());
    let project = project.ok_or_else(|| AppError::not_found("project"))?;
    rules::ensure_keyless(tx, &owner, (&project, name)).map(drop)
}

/// `POST useComputer`.
pub(super) async fn keep_usage(State(face): State<Face>, proof: Proof, form: Form) -> Reply {
    let computer = form.require("computer_id")?.to_owned();
    let document = form.find("use_string").unwrap_or_default().to_owned();
    keep_usage_of(&face, proof, computer, document).await?;
    let is_proxy = face.dialect.proxy().is_some();
    Ok(words(if is_proxy { "Ignored" } else { "OK" }))
}

/// Keeps a usage report; an empty one says nothing.
pub(in crate::http) async fn keep_usage_of(
    face: &Face,
    proof: Proof,
    computer: String,
    document: String,
) -> Result<(), Refusal> {
    let dialect = Arc::clone(&face.dialect);
    let writing = face.context.store.write(move |tx| {
        let found = dialect.on_node(tx, &proof, &computer);
        let (caller, _) = match found {
            // A proxy of the original takes reports of nodes that it does not know.
            Err(error) if dialect.proxy().is_some() && document.is_empty() => {
                return if error.code == slapos_api::ErrorCode::NotFound {
                    Ok(())
                } else {
                    Err(error)
                };
            }
            found => found?,
        };
        if document.is_empty() {
            return caller.require_node().map(drop);
        }
        usage::keep(tx, &caller, &document)
    });
    let kept: Result<(), AppError> = writing.await;
    Ok(kept?)
}

/// `POST computerBang`.
pub(super) async fn bang(State(face): State<Face>, proof: Proof, form: Form) -> Reply {
    let computer = form.require("computer_id")?.to_owned();
    let message = form.find("message").unwrap_or_default().to_owned();
    bang_node(&face, proof, computer, message).await?;
    marshal(&Value::text(""))
}

/// Lets all on a node be looked at again.
pub(in crate::http) async fn bang_node(
    face: &Face,
    proof: Proof,
    computer: String,
    message: String,
) -> Result<(), Refusal> {
    let dialect = Arc::clone(&face.dialect);
    let writing = face.context.store.write(move |tx| {
        let (caller, _) = dialect.on_node(tx, &proof, &computer)?;
        tree::bang_node(tx, &caller, &message)
    });
    let done: Result<(), AppError> = writing.await;
    Ok(done?)
}

/// `POST supplySupply`.
pub(super) async fn supply(State(face): State<Face>, proof: Proof, form: Form) -> Reply {
    let field = |name: &str| form.require(name).map(str::to_owned);
    let ask = SupplySet {
        software: field("url")?,
        node: field("computer_id")?,
        state: field("state")?,
    };
    let text = format!("Supplied '{}' to be {}", ask.software, ask.state);
    order(&face, proof, ask).await?;
    Ok(words(&text))
}

/// Orders a release on a node, or its removal.
pub(in crate::http) async fn order(
    face: &Face,
    proof: Proof,
    ask: SupplySet,
) -> Result<(), Refusal> {
    let dialect = Arc::clone(&face.dialect);
    let writing = face.context.store.write(move |tx| {
        let caller = dialect.caller(tx, &proof)?;
        let resolve = dialect.resolve();
        supplies::set_resolved(tx, &caller, &ask, |tx| Ok(resolve(tx, &ask.software)?.url))?;
        Ok(())
    });
    let done: Result<(), AppError> = writing.await;
    Ok(done?)
}

/// `POST buildingSoftwareRelease`.
pub(super) async fn building(State(face): State<Face>, proof: Proof, form: Form) -> Reply {
    report_of_form(&face, proof, &form, "building").await
}

/// `POST availableSoftwareRelease`.
pub(super) async fn available(State(face): State<Face>, proof: Proof, form: Form) -> Reply {
    report_of_form(&face, proof, &form, "available").await
}

/// `POST softwareReleaseError`.
pub(super) async fn release_error(State(face): State<Face>, proof: Proof, form: Form) -> Reply {
    report_of_form(&face, proof, &form, "failed").await
}

/// `POST destroyedSoftwareRelease`.
pub(super) async fn destroyed(State(face): State<Face>, proof: Proof, form: Form) -> Reply {
    report_of_form(&face, proof, &form, "destroyed").await?;
    Ok(words("OK"))
}

async fn report_of_form(face: &Face, proof: Proof, form: &Form, state: &str) -> Reply {
    let said = SoftwareReport {
        url: form.require("url")?.to_owned(),
        state: state.to_owned(),
        message: form.find("error_log").map(str::to_owned),
        progress: None,
    };
    let computer = form.require("computer_id")?.to_owned();
    report_release(face, proof, computer, said).await?;
    Ok(words("Ignored"))
}

/// Keeps what a node says of a release; the original's proxy takes that of nodes it does not know.
pub(in crate::http) async fn report_release(
    face: &Face,
    proof: Proof,
    computer: String,
    said: SoftwareReport,
) -> Result<(), Refusal> {
    let dialect = Arc::clone(&face.dialect);
    let report = NodeReport {
        software: vec![said],
        ..NodeReport::default()
    };
    let writing = face.context.store.write(move |tx| {
        let (caller, node) = match dialect.on_node(tx, &proof, &computer) {
            Err(error)
                if dialect.proxy().is_some() && error.code == slapos_api::ErrorCode::NotFound =>
            {
                return Ok(());
            }
            found => found?,
        };
        if dialect.proxy().is_some() {
            // Its node is also believed that a release which it removed was to go.
            for said in report
                .software
                .iter()
                .filter(|said| said.state == "destroyed")
            {
                supplies::believe_removed(tx, &node, &said.url)?;
            }
        }
        report::keep(tx, &caller, &report)
    });
    let kept: Result<(), AppError> = writing.await;
    Ok(kept?)
}

/// `GET getSoftwareInstallationStatus`.
pub(super) async fn read_installation(State(face): State<Face>, proof: Proof, form: Form) -> Reply {
    let url = form.require("url")?.to_owned();
    let computer = form.require("computer_id")?.to_owned();
    let dialect = Arc::clone(&face.dialect);
    let reading = face.context.store.read(move |tx| {
        let (caller, row) = dialect.on_node(tx, &proof, &computer)?;
        require_reader(&caller)?;
        let known = supply::find(tx, &row.id, &url)?;
        known.ok_or_else(|| AppError::not_found(format!("release {url} on {computer}")))
    });
    let known: Result<supply::SupplyRow, AppError> = reading.await;
    let known = known?;
    let text = match known.reported_state.as_str() {
        "available" => "#access software release available".to_owned(),
        "failed" => format!("#error {}", known.message.as_deref().unwrap_or_default()),
        other => format!("#building {other}"),
    };
    marshal(&Value::dict([
        ("text", Value::text(text)),
        ("state", Value::text(known.requested_state)),
        ("since", Value::text(known.changed_at.to_string())),
        ("portal_type", Value::text("Software Installation")),
    ]))
}

fn require_reader(caller: &Caller) -> Result<(), AppError> {
    match caller {
        Caller::Instance { .. } => Err(AppError::forbidden(
            "only a person or the node may see this",
        )),
        _ => Ok(()),
    }
}
