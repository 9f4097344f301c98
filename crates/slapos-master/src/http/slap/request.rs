//! `POST requestComputerPartition`, and what JSON-RPC shares with it: asking for an instance.

use super::answer::{Refusal, marshal};
use super::dialect::Resolve;
use super::document;
use super::form::Form;
use super::forward;
use super::frontend;
use super::instance::{Shown, to_map};
use super::who::Seat;
use super::{Dialect, Face, Reply};
use crate::app::allocate::HOST_KEY;
use crate::app::schema::Schemas;
use crate::app::{AppError, Caller, Proof, instance as rules};
use crate::store::instance::InstanceRow;
use crate::store::{Tx, node, tree};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use serde_json::Value as Json;
use slapos_api::slap::Value;
use slapos_api::wire::JsonMap;
use slapos_api::wire::instance::InstanceRequest;
use std::sync::Arc;

/// What is asked for, in the words of either old face.
#[derive(Debug, Clone)]
pub(in crate::http) struct Asked {
    /// Address of the release.
    pub(in crate::http) release: String,
    /// Software type; an empty one means the default.
    pub(in crate::http) software_type: String,
    /// The requester's name for it.
    pub(in crate::http) title: String,
    /// A share?
    pub(in crate::http) shared: bool,
    /// Its parameters.
    pub(in crate::http) parameters: JsonMap,
    /// Where it may be.
    pub(in crate::http) filter: JsonMap,
    /// What is to become of it.
    pub(in crate::http) state: String,
    /// Who asks: a partition, and whether the header said so.
    pub(in crate::http) seat: Option<(Seat, bool)>,
    /// The name by which this master was reached.
    pub(in crate::http) host: String,
}

impl Asked {
    /// What tells it from others that the same caller asks for.
    fn key(&self) -> String {
        let seat = self.seat.as_ref().map(|(seat, _)| seat);
        let seat = seat.map(|seat| format!("{}/{}", seat.computer, seat.partition));
        format!(
            "{}\n{}\n{}",
            self.title,
            self.shared,
            seat.unwrap_or_default()
        )
    }
}

/// What became of it.
pub(in crate::http) enum Outcome {
    /// It is there.
    Placed(Box<Shown>),
    /// It waits for a place.
    Waits,
    /// Another master serves it, and answers so.
    Elsewhere(Box<Value>),
}

/// The call.
pub(super) async fn request(
    State(face): State<Face>,
    proof: Proof,
    headers: HeaderMap,
    form: Form,
) -> Reply {
    let asked = read_form(&headers, &form)?;
    if let Some(fake) = frontend::find(&face.dialect, &asked) {
        return marshal(&fake.to_value());
    }
    match ask(&face, proof, asked).await? {
        Outcome::Elsewhere(answer) => marshal(&answer),
        Outcome::Placed(shown) => marshal(&document::software_instance(&face.dialect, &shown)),
        Outcome::Waits => Err(Refusal::Status(
            StatusCode::REQUEST_TIMEOUT,
            "the instance is asked for and waits for a partition".to_owned(),
        )),
    }
}

fn read_form(headers: &HeaderMap, form: &Form) -> Result<Asked, Refusal> {
    let dict = |name: &str| -> Result<JsonMap, Refusal> {
        match form.value(name)? {
            None | Some(Value::None) => Ok(JsonMap::new()),
            Some(value) => match value.as_dict() {
                Some(entries) => Ok(to_map(entries)),
                None => Err(Refusal::bad(format!("{name}: this is no dictionary"))),
            },
        }
    };
    form.text("state")
        .ok_or_else(|| Refusal::bad("the field `state` is missing"))?;
    let state = match form.value("state")? {
        // Nothing means started, as on the original's master.
        None | Some(Value::None) => "started".to_owned(),
        Some(Value::Text(word)) => word,
        Some(_) => return Err(Refusal::bad("state: this is no text")),
    };
    let header = Seat::of_headers(headers).map(|seat| (seat, true));
    Ok(Asked {
        release: form.require("software_release")?.to_owned(),
        software_type: form.find("software_type").unwrap_or_default().to_owned(),
        title: form.require("partition_reference")?.to_owned(),
        shared: form
            .value("shared_xml")?
            .is_some_and(|value| value.is_true()),
        parameters: dict("partition_parameter_xml")?,
        filter: dict("filter_xml")?,
        state,
        seat: header.or_else(|| Seat::of_form(form).map(|seat| (seat, false))),
        host: host_of(headers),
    })
}

/// The name by which this master was reached.
pub(in crate::http) fn host_of(headers: &HeaderMap) -> String {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    host.unwrap_or_default().to_owned()
}

/// Asks. What stands unchanged is answered by a reader; on a proxy what finds no place is refused
/// and leaves nothing behind.
pub(in crate::http) async fn ask(
    face: &Face,
    proof: Proof,
    asked: Asked,
) -> Result<Outcome, Refusal> {
    let (asked, proof) = (Arc::new(asked), Arc::new(proof));
    if let Some(answer) = forward::forward(face, &proof, &asked).await? {
        return Ok(Outcome::Elsewhere(Box::new(answer)));
    }
    let key = asked.key();
    // What was never asked for needs no reader to say so.
    if face.context.asked.contains(&proof, &key)
        && let Some(shown) = find_unchanged(face, &proof, &asked).await?
    {
        return Ok(Outcome::Placed(Box::new(shown)));
    }
    let (dialect, schemas) = (Arc::clone(&face.dialect), Arc::clone(&face.context.schemas));
    let asking = Arc::clone(&proof);
    let writing = face.context.store.write(move |tx| {
        let (caller, request) = prepare(tx, &dialect, &asking, &asked)?;
        write(
            tx,
            &dialect,
            &schemas,
            (&caller, &request, dialect.resolve()),
        )
    });
    let outcome = writing.await?;
    face.context.asked.insert(&proof, &key);
    Ok(outcome)
}

/// What stands as it is asked for, by a reader.
async fn find_unchanged(
    face: &Face,
    proof: &Arc<Proof>,
    asked: &Arc<Asked>,
) -> Result<Option<Shown>, Refusal> {
    let (asked, proof) = (Arc::clone(asked), Arc::clone(proof));
    let dialect = Arc::clone(&face.dialect);
    let unchanged = face.context.store.read(move |tx| {
        let (caller, request) = prepare(tx, &dialect, &proof, &asked)?;
        let row = rules::find_unchanged_row(tx, &caller, &request)?;
        let row = row.filter(|row| has_place(row) && row.url == request.software);
        row.map(|row| Shown::load_whole(tx, row).map_err(Refusal::from))
            .transpose()
    });
    unchanged.await
}

fn write(
    tx: &mut Tx<'_>,
    dialect: &Dialect,
    schemas: &Schemas,
    (caller, request, resolve): (&Caller, &InstanceRequest, Resolve),
) -> Result<Outcome, Refusal> {
    let row = rules::request_row(tx, schemas, caller, request, resolve)?;
    let is_gone = row.reported_state == "destroyed";
    match (has_place(&row) || is_gone, dialect) {
        (true, _) => Ok(Outcome::Placed(Box::new(Shown::load_whole(tx, row)?))),
        (false, Dialect::Master) => Ok(Outcome::Waits),
        (false, Dialect::Proxy(_)) => Err(Refusal::Status(
            StatusCode::NOT_FOUND,
            format!("No free computer partition found for: {}", request.name),
        )),
    }
}

fn has_place(row: &InstanceRow) -> bool {
    if row.is_shared {
        row.host_id.is_some()
    } else {
        row.partition_id.is_some()
    }
}

/// The same in the words of the rules.
pub(super) fn prepare(
    tx: &mut Tx<'_>,
    dialect: &Dialect,
    proof: &Proof,
    asked: &Asked,
) -> Result<(Caller, InstanceRequest), Refusal> {
    let seat = asked.seat.as_ref();
    let caller = dialect.requester(tx, proof, seat.map(|(seat, is_header)| (seat, *is_header)))?;
    let project = asked.filter.get("project_guid").and_then(Json::as_str);
    let software_type = Some(asked.software_type.clone()).filter(|word| !word.is_empty());
    let request = InstanceRequest {
        name: asked.title.clone(),
        software: asked.release.clone(),
        project: project.map(str::to_owned),
        software_type: Some(software_type.unwrap_or_else(|| "default".to_owned())),
        parameters: Some(asked.parameters.clone()),
        filter: Some(filter(tx, dialect, &caller, asked)?),
        state: Some(asked.state.clone()),
        shared: asked.shared,
    };
    Ok((caller, request))
}

/// The filter of the old wire as the rules know it. A proxy looks at nothing but the node and the
/// host.
fn filter(
    tx: &mut Tx<'_>,
    dialect: &Dialect,
    caller: &Caller,
    asked: &Asked,
) -> Result<JsonMap, AppError> {
    let mut filter = JsonMap::new();
    let node = asked.filter.get("computer_guid").and_then(Json::as_str);
    let default = dialect.proxy().map(|proxy| proxy.computer_id.as_str());
    if let Some(node) = node.or(default) {
        filter.insert("node".to_owned(), Json::from(node));
    }
    if let Some(guid) = asked.filter.get(HOST_KEY).and_then(Json::as_str)
        && asked.shared
    {
        let host = match dialect {
            Dialect::Master => guid.to_owned(),
            Dialect::Proxy(_) => {
                find_host(tx, caller, node.or(default), guid)?.unwrap_or_else(|| guid.to_owned())
            }
        };
        filter.insert(HOST_KEY.to_owned(), Json::from(host));
    }
    if *dialect == Dialect::Master {
        let others = asked.filter.iter();
        let others = others.filter(|(key, _)| !matches!(key.as_str(), "computer_guid" | HOST_KEY));
        filter.extend(others.map(|(key, value)| (key.clone(), value.clone())));
    }
    Ok(filter)
}

/// The instance that a proxy calls `<node>-<partition>`, or by its partition alone.
fn find_host(
    tx: &mut Tx<'_>,
    caller: &Caller,
    computer: Option<&str>,
    guid: &str,
) -> Result<Option<String>, AppError> {
    let (Some(computer), Some(project)) = (computer, project_of(caller)) else {
        return Ok(None);
    };
    let Some(node) = node::find_in_project(tx, project, computer)? else {
        return Ok(None);
    };
    let partition = guid
        .strip_prefix(computer)
        .and_then(|rest| rest.strip_prefix('-'))
        .unwrap_or(guid);
    let row = tree::find_on_partition(tx, &node.id, partition)?;
    Ok(row.map(|row| row.id))
}

fn project_of(caller: &Caller) -> Option<&str> {
    match caller {
        Caller::Person { roles, .. } => roles.first().map(|held| held.project_id.as_str()),
        Caller::Node { project_id, .. } | Caller::Instance { project_id, .. } => Some(project_id),
    }
}
