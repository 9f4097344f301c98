//! `/request`: asking for a service, and changing what was asked, by a form made from the schema.

use super::field::{Choice, Field, fields, typed};
use super::page::{Frame, Page, render, see};
use super::service::catalog_entry;
use super::submission::{Submission, Unreadable};
use super::{Panel, home};
use crate::app::schema::Schemas;
use crate::app::{AppError, Caller, Proof, catalog, instance, node};
use crate::store::Tx;
use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde_json::{Value, json};
use slapos_api::ErrorCode;
use slapos_api::wire::JsonMap;
use slapos_api::wire::catalog::CatalogEntry;
use slapos_api::wire::instance::{InstanceRequest, InstanceView};
use slapos_model::Role;
use std::collections::BTreeMap;
use std::sync::Arc;

type Pairs = Form<Vec<(String, String)>>;

#[derive(Template)]
#[template(path = "request.html")]
struct ChoosePage {
    frame: Frame,
    entries: Vec<CatalogEntry>,
}

/// `GET /request`: the catalogue.
pub(super) async fn choose(State(panel): State<Panel>, proof: Proof) -> Page {
    let page = panel.read(proof, |tx, caller| {
        caller.require_person()?;
        Ok(ChoosePage {
            frame: Frame::new(caller, "request", "Request a service"),
            entries: catalog::list(tx)?,
        })
    });
    Ok(render(&page.await?))
}

#[derive(Template)]
#[template(path = "order.html")]
struct OrderPage {
    frame: Frame,
    /// Where the form is sent.
    action: String,
    /// Where "cancel" leads.
    back: String,
    software: String,
    summary: String,
    /// The catalogue's page about it.
    about: Option<String>,
    /// Of a new service; one that stands keeps its own.
    name: Option<NameField>,
    fields: Vec<Field>,
    nodes: Vec<Choice>,
    fault: Option<Fault>,
}

/// The name of a new service.
#[derive(Default)]
struct NameField {
    value: String,
    error: Option<String>,
    hint: Option<String>,
}

/// What is wrong with no field in particular.
struct Fault {
    message: String,
    hint: Option<String>,
}

/// `GET /request/{name}`: the form.
pub(super) async fn show(
    State(panel): State<Panel>,
    proof: Proof,
    Path(software): Path<String>,
) -> Page {
    let page = panel.read(proof, move |tx, caller| {
        order_page(tx, caller, &software, &Submission::default())
    });
    Ok(render(&page.await?))
}

/// `POST /request/{name}`.
pub(super) async fn send(
    State(panel): State<Panel>,
    proof: Proof,
    Path(software): Path<String>,
    Form(pairs): Pairs,
) -> Page {
    let proof = Arc::new(proof);
    let submission = Submission::new(pairs);
    let (sent, asked) = (submission.clone(), software.clone());
    let schemas = Arc::clone(&panel.context.schemas);
    let done = panel.write(Arc::clone(&proof), move |tx, caller| {
        create(tx, &schemas, caller, (&asked, &sent))
    });
    let error = match done.await {
        Ok(view) => return Ok(see(&format!("/services/{}", view.id))),
        Err(error) => refuse_unless_mendable(error)?,
    };
    let page = panel.read(Arc::clone(&proof), move |tx, caller| {
        let mut page = order_page(tx, caller, &software, &submission)?;
        place(&mut page, &error);
        Ok(page)
    });
    Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&page.await?)).into_response())
}

/// A form can mend what is wrong with its fields; anything else is a page of its own.
fn refuse_unless_mendable(error: AppError) -> Result<AppError, AppError> {
    match error.code {
        ErrorCode::Unauthenticated | ErrorCode::Internal => Err(error),
        _ => Ok(error),
    }
}

fn create(
    tx: &mut Tx<'_>,
    schemas: &Schemas,
    caller: &Caller,
    (software, sent): (&str, &Submission),
) -> Result<InstanceView, AppError> {
    let entry = catalog::find(tx, software)?;
    let wanted_node = sent.field("node");
    let ask = InstanceRequest {
        name: sent.field("name").to_owned(),
        software: entry.url.clone(),
        parameters: Some(sent.parameters(&entry.schema).map_err(unreadable)?),
        filter: Some(wanted_node)
            .filter(|node| !node.is_empty())
            .map(|node| [("node".to_owned(), json!(node))].into_iter().collect()),
        ..InstanceRequest::default()
    };
    // A form that was sent twice asks for the same; one for another service of that name does not
    // mean to change what stands.
    if let Some(same) = instance::find_unchanged(tx, caller, &ask)? {
        return Ok(same);
    }
    refuse_taken_name(tx, caller, &ask.name)?;
    instance::request(tx, schemas, caller, &ask)
}

fn refuse_taken_name(tx: &mut Tx<'_>, caller: &Caller, name: &str) -> Result<(), AppError> {
    let standing = instance::find_for(tx, caller, name, Role::Viewer).ok();
    let is_own = |row: &&_| is_requester(row, caller);
    if standing.as_ref().filter(is_own).is_none() {
        return Ok(());
    }
    let message = format!("you have a service named `{name}` already");
    Err(AppError::invalid("name", message)
        .hint("choose another name, or open that service to change it"))
}

fn is_requester(row: &crate::store::instance::InstanceRow, caller: &Caller) -> bool {
    row.requester_id == caller.subject_id()
}

fn unreadable(fault: Unreadable) -> AppError {
    AppError::invalid(&format!("parameters.{}", fault.key), fault.message)
}

fn order_page(
    tx: &mut Tx<'_>,
    caller: &Caller,
    software: &str,
    sent: &Submission,
) -> Result<OrderPage, AppError> {
    caller.require_person()?;
    let entry = catalog::find(tx, software)?;
    let escaped = slapos_api::client::escape(software);
    Ok(OrderPage {
        frame: Frame::new(caller, "request", &format!("Request {}", entry.title)),
        action: format!("/request/{escaped}"),
        back: "/request".to_owned(),
        software: format!("{} {}", entry.name, entry.version),
        summary: entry.summary,
        about: Some(format!("/catalog/{escaped}")),
        name: Some(NameField {
            value: sent.field("name").to_owned(),
            ..NameField::default()
        }),
        fields: fields(&entry.schema, &sent.typed),
        nodes: node_choices(tx, caller, sent.field("node"))?,
        fault: None,
    })
}

fn node_choices(tx: &mut Tx<'_>, caller: &Caller, now: &str) -> Result<Vec<Choice>, AppError> {
    let anywhere = Choice {
        value: String::new(),
        label: "any node that fits".to_owned(),
        is_chosen: now.is_empty(),
    };
    let nodes = node::list(tx, caller)?;
    let named = nodes.into_iter().map(|node| Choice {
        is_chosen: node.name == now,
        label: if node.online {
            node.name.clone()
        } else {
            format!("{} (offline)", node.name)
        },
        value: node.name,
    });
    Ok(std::iter::once(anywhere).chain(named).collect())
}

/// Puts an error where it belongs.
fn place(page: &mut OrderPage, error: &AppError) {
    let field = error.field.as_deref().unwrap_or_default();
    if let ("name", Some(name)) = (field, page.name.as_mut()) {
        name.error = Some(error.message.clone());
        name.hint.clone_from(&error.hint);
        return;
    }
    let path = field.strip_prefix("parameters.").unwrap_or_default();
    // The fault may be deep inside of a parameter: the longest key that fits is its field.
    let is_inside = |key: &str| path == key || path.starts_with(&format!("{key}."));
    let missing = missing_property(&error.message);
    let found = page
        .fields
        .iter_mut()
        .filter(|field| is_inside(&field.key) || missing == Some(field.key.as_str()))
        .max_by_key(|field| field.key.len());
    match found {
        Some(field) => {
            field.error = Some(error.message.replace("parameters.", ""));
            field.hint.clone_from(&error.hint);
        }
        None => {
            page.fault = Some(Fault {
                message: error.message.clone(),
                hint: error.hint.clone(),
            });
        }
    }
}

/// `… "site" is a required property`: which.
fn missing_property(message: &str) -> Option<&str> {
    let before = message.strip_suffix(" is a required property")?;
    let name = before.rsplit_once(' ').map_or(before, |(_, name)| name);
    Some(name.trim_matches('"'))
}

/// `GET /services/{service}/edit`: the same form over what stands.
pub(super) async fn edit(
    State(panel): State<Panel>,
    proof: Proof,
    Path(which): Path<String>,
) -> Page {
    let page = panel.read(proof, move |tx, caller| {
        let (view, schema) = standing(tx, caller, &which)?;
        let given = typed(&schema, &view.parameters);
        Ok(edit_page(caller, (&view, &schema), &given))
    });
    Ok(render(&page.await?))
}

/// `POST /services/{service}/edit`.
pub(super) async fn change(
    State(panel): State<Panel>,
    proof: Proof,
    Path(which): Path<String>,
    Form(pairs): Pairs,
) -> Page {
    let proof = Arc::new(proof);
    let submission = Submission::new(pairs);
    let (sent, asked) = (submission.clone(), which.clone());
    let schemas = Arc::clone(&panel.context.schemas);
    let done = panel.write(Arc::clone(&proof), move |tx, caller| {
        let (view, schema) = standing(tx, caller, &asked)?;
        let ask = InstanceRequest {
            name: view.name,
            software: view.software.url,
            parameters: Some(sent.parameters(&schema).map_err(unreadable)?),
            ..InstanceRequest::default()
        };
        match instance::find_unchanged(tx, caller, &ask)? {
            Some(same) => Ok(same),
            None => instance::request(tx, &schemas, caller, &ask),
        }
    });
    let error = match done.await {
        Ok(view) => return Ok(see(&format!("/services/{}", view.id))),
        Err(error) => refuse_unless_mendable(error)?,
    };
    let page = panel.read(Arc::clone(&proof), move |tx, caller| {
        let (view, schema) = standing(tx, caller, &which)?;
        let mut page = edit_page(caller, (&view, &schema), &submission.typed);
        place(&mut page, &error);
        Ok(page)
    });
    Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&page.await?)).into_response())
}

/// A service of the caller and the schema of its parameters. Requests are keyed by requester and
/// name, so a request of somebody else would make another service instead of changing this one.
fn standing(
    tx: &mut Tx<'_>,
    caller: &Caller,
    which: &str,
) -> Result<(InstanceView, JsonMap), AppError> {
    let row = instance::find_for(tx, caller, which, Role::Member)?;
    if !is_requester(&row, caller) {
        let message = format!(
            "only who requested `{}` can change its parameters",
            row.name
        );
        return Err(AppError::forbidden(message));
    }
    let view = instance::find(tx, caller, &row.id)?;
    let entry = catalog_entry(tx, &view)?;
    let schema = entry.map(|entry| entry.schema);
    let schema = schema.unwrap_or_else(|| schema_of_what_stands(&view.parameters));
    Ok((view, schema))
}

/// Of a release without a schema only what was given is known: a box of JSON for each.
fn schema_of_what_stands(parameters: &JsonMap) -> JsonMap {
    let properties: JsonMap = parameters
        .keys()
        .map(|key| (key.clone(), json!({})))
        .collect();
    [("properties".to_owned(), Value::Object(properties))]
        .into_iter()
        .collect()
}

fn edit_page(
    caller: &Caller,
    (view, schema): (&InstanceView, &JsonMap),
    given: &BTreeMap<String, String>,
) -> OrderPage {
    OrderPage {
        frame: Frame::new(caller, "services", &format!("Change {}", view.name)),
        action: format!("/services/{}/edit", view.id),
        back: format!("/services/{}", view.id),
        software: home::software(view),
        summary: "Only what these parameters touch is configured and restarted.".to_owned(),
        about: None,
        name: None,
        fields: fields(schema, given),
        nodes: Vec::new(),
        fault: None,
    }
}
