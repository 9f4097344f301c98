//! The HATEOAS pages, as far as the Python client reads them: lists and one page of a service or a
//! node.
//!
//! The client sends a handful of fixed queries; anything else is refused. A page is only ever one
//! of our own: where the original redirects to whatever the query names, we do not.

use super::slap::form::Form;
use super::slap::instance::{Shown, flat};
use super::slap::person::base_url;
use super::slap::{Dialect, Face, Refusal};
use crate::app::caller::Act;
use crate::app::{AppError, Caller, Proof};
use crate::http::answer::json;
use crate::store::node::{self, NodeRow};
use crate::store::{Tx, instance, tree};
use axum::Router;
use axum::extract::{Path, State};
use axum::http::{Extensions, HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value as Json, json};
use slapos_api::slap::write_instance_xml;
use std::sync::Arc;

type Reply = Result<Response, Refusal>;

/// The pages.
pub(super) fn routes() -> Router<Face> {
    Router::new()
        .route("/hateoas", get(move_to_root))
        .route("/hateoas/", get(read))
        .route("/hateoas/services/{reference}", get(read_service))
        .route("/hateoas/computers/{reference}", get(read_computer))
        .route(
            "/hateoas/computer_module/Base_getComputerToken",
            get(refuse_token),
        )
}

async fn move_to_root() -> Response {
    (
        StatusCode::PERMANENT_REDIRECT,
        [(header::LOCATION, "/hateoas/")],
    )
        .into_response()
}

/// As the original answers since its tokens are made on the panel only.
async fn refuse_token() -> Refusal {
    let text = "tokens are made with `slapos` or on the panel".to_owned();
    Refusal::Status(StatusCode::GONE, text)
}

async fn read(
    State(face): State<Face>,
    proof: Proof,
    headers: HeaderMap,
    extensions: Extensions,
    form: Form,
) -> Reply {
    match form.find("mode") {
        None => {
            let base = base_url(&face.dialect, &headers, &extensions)?;
            Ok(json(&root(&base)))
        }
        Some("search") => {
            let query = form.require("query")?.to_owned();
            let contents = search(&face, proof, query).await?;
            Ok(json(&json!({"_embedded": {"contents": contents}})))
        }
        Some("traverse") => traverse(&form),
        Some(mode) => Err(Refusal::bad(format!("Unhandled mode: {mode}"))),
    }
}

fn root(base: &str) -> Json {
    let search = format!("{base}/hateoas/?mode=search&query={{query}}&select_list={{select_list}}");
    let traverse =
        format!("{base}/hateoas/?mode=traverse&relative_url={{relative_url}}&view={{view}}");
    json!({"_links": {
        "self": {"href": format!("{base}/hateoas")},
        "raw_search": {"href": search},
        "traverse": {"href": traverse},
    }})
}

/// To a page of ours, and to no other place.
fn traverse(form: &Form) -> Reply {
    let url = form.require("relative_url")?;
    let rest = url.strip_prefix("/hateoas/services/");
    let rest = rest.or_else(|| url.strip_prefix("/hateoas/computers/"));
    let is_ours = rest.is_some_and(|rest| {
        let is_plain =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~' | '%');
        !rest.is_empty() && rest.chars().all(is_plain)
    });
    if !is_ours {
        let text = "there is no such page".to_owned();
        return Err(Refusal::Status(StatusCode::NOT_FOUND, text));
    }
    Ok((StatusCode::FOUND, [(header::LOCATION, url)]).into_response())
}

const SERVICES: &str = "portal_type:\"Instance Tree\" AND validation_state:validated";
const NODES: &str = "portal_type:\"Compute Node\" AND validation_state:validated";

/// What a query of the client asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Query {
    Services(Option<String>),
    Nodes(Option<String>),
}

/// The value of the query's last condition is in quotes that the client does not escape: one that
/// holds a quote itself cannot be read.
fn read_query(query: &str) -> Option<Query> {
    let quoted = |rest: &str, field: &str| {
        let value = rest.strip_prefix(" AND ")?.strip_prefix(field)?;
        let value = value.strip_prefix(":=\"")?.strip_suffix('"')?;
        (!value.contains('"')).then(|| value.to_owned())
    };
    if let Some(rest) = query.strip_prefix(SERVICES) {
        return match rest {
            "" => Some(Query::Services(None)),
            rest => quoted(rest, "title").map(|title| Query::Services(Some(title))),
        };
    }
    match query.strip_prefix(NODES)? {
        "" => Some(Query::Nodes(None)),
        rest => quoted(rest, "reference").map(|reference| Query::Nodes(Some(reference))),
    }
}

async fn search(face: &Face, proof: Proof, query: String) -> Result<Vec<Json>, Refusal> {
    let unhandled = || Refusal::bad(format!("Unhandled query: {query}"));
    let wanted = read_query(&query).ok_or_else(unhandled)?;
    let dialect = Arc::clone(&face.dialect);
    let reading = face.context.store.read(move |tx| {
        let caller = dialect.caller(tx, &proof)?;
        caller.require_person()?;
        match &wanted {
            Query::Services(title) => list_services(tx, &caller, title.as_deref()),
            Query::Nodes(reference) => list_nodes(tx, &dialect, &caller, reference.as_deref()),
        }
    });
    let contents: Result<Vec<Json>, AppError> = reading.await;
    Ok(contents?)
}

fn list_services(
    tx: &mut Tx<'_>,
    caller: &Caller,
    title: Option<&str>,
) -> Result<Vec<Json>, AppError> {
    let limit = i64::try_from(crate::limits::LIST_MAX).unwrap_or(i64::MAX);
    let mut rows = Vec::new();
    match title {
        Some(title) => rows.extend(crate::app::tree::find_root(tx, caller, title)?),
        None => {
            for held in caller.roles() {
                rows.extend(tree::list_roots(tx, &held.project_id, limit)?);
            }
        }
    }
    let contents = rows.iter().map(|row| {
        json!({
            "title": row.name,
            "relative_url": format!("/hateoas/services/{}", row.id),
            "url_string": row.url,
            "portal_type": "Instance Tree",
        })
    });
    Ok(contents.collect())
}

fn list_nodes(
    tx: &mut Tx<'_>,
    dialect: &Dialect,
    caller: &Caller,
    reference: Option<&str>,
) -> Result<Vec<Json>, AppError> {
    let mut contents = Vec::new();
    for held in caller.roles() {
        let rows = node::list(tx, &held.project_id)?;
        let rows = rows.iter();
        let wanted = |row: &&NodeRow| {
            reference.is_none_or(|reference| row.name == reference || row.id == reference)
        };
        contents.extend(rows.filter(wanted).map(|row| {
            json!({
                "title": row.name,
                "reference": dialect.computer_id(row),
                "relative_url": format!("/hateoas/computers/{}", row.id),
                "portal_type": "Compute Node",
            })
        }));
    }
    Ok(contents)
}

async fn read_service(
    State(face): State<Face>,
    proof: Proof,
    Path(reference): Path<String>,
) -> Reply {
    let dialect = Arc::clone(&face.dialect);
    let reading = face.context.store.read(move |tx| {
        let missing = || AppError::not_found("such service");
        let caller = dialect.caller(tx, &proof)?;
        let row = instance::find(tx, &reference)?;
        let row = row.filter(|row| row.reported_state != "destroyed");
        let row = row.ok_or_else(missing)?;
        caller.require_on(&row, Act::Read).map_err(|_| missing())?;
        let shown = Shown::load(tx, row)?;
        Ok(service_page(&dialect, &shown))
    });
    let page: Result<Json, AppError> = reading.await;
    Ok(json(&page?))
}

fn service_page(dialect: &Dialect, shown: &Shown) -> Json {
    let row = &shown.row;
    let field = |name: &str, kind: &str, value: Json| json!({"type": kind, "key": format!("field_{name}"), "default": value});
    let text = |name: &str, value: &str| field(name, "StringField", json!(value));
    let is_proxy = dialect.proxy().is_some();
    // The original's proxy keeps no state of shares, and its client prints this word.
    let state = if row.is_shared && is_proxy {
        "unused"
    } else {
        &row.requested_state
    };
    let connection = flat(&row.connection);
    let connection = if is_proxy {
        json!(write_instance_xml(&connection))
    } else {
        let pairs = connection.iter();
        let pairs =
            pairs.map(|(key, value)| json!({"connection_key": key, "connection_value": value}));
        Json::Array(pairs.collect())
    };
    let mut view = json!({
        "form_id": {"type": "StringField", "key": "form_id", "default": "InstanceTree_viewAsHateoas"},
        "my_reference": text("my_reference", &row.name),
        "my_slap_state": text("my_slap_state", state),
        "my_text_content": text("my_text_content", &write_instance_xml(&flat(&row.parameters))),
        "my_connection_parameter_list": field("my_connection_parameter_list", "StringField", connection),
        "my_url_string": text("my_url_string", &row.url),
        "my_source_reference": text("my_source_reference", &row.software_type),
        "my_root_slave": field("my_root_slave", "IntegerField", json!(i32::from(row.is_shared))),
    });
    if !is_proxy && let Some(view) = view.as_object_mut() {
        let news = json!({"instance": [{"text": super::slap::instance::status_text(row)}]});
        view.insert("my_news".to_owned(), field("my_news", "StringField", news));
    }
    json!({"_embedded": {"_view": view}, "_links": {"type": {"name": "Instance Tree"}}})
}

async fn read_computer(
    State(face): State<Face>,
    proof: Proof,
    Path(reference): Path<String>,
) -> Reply {
    let dialect = Arc::clone(&face.dialect);
    let reading = face.context.store.read(move |tx| {
        let caller = dialect.caller(tx, &proof)?;
        caller.require_person()?;
        let (_, row) = dialect.on_node_as(tx, caller, &reference)?;
        Ok(computer_page(dialect.computer_id(&row), &row.name))
    });
    let page: Result<Json, AppError> = reading.await;
    Ok(json(&page?))
}

fn computer_page(reference: &str, title: &str) -> Json {
    let field = |value: &str| json!({"type": "StringField", "key": "reference", "default": value});
    json!({
        "_embedded": {"_view": {
            "form_id": {"type": "StringField", "key": "computer", "default": reference},
            "my_reference": field(reference),
            "my_title": field(title),
        }},
        "_links": {"type": {"name": "Computer"}},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h03_the_four_queries_of_the_client_are_read() {
        assert_eq!(read_query(SERVICES), Some(Query::Services(None)));
        let one = format!("{SERVICES} AND title:=\"a b\"");
        assert_eq!(
            read_query(&one),
            Some(Query::Services(Some("a b".to_owned())))
        );
        assert_eq!(read_query(NODES), Some(Query::Nodes(None)));
        let one = format!("{NODES} AND reference:=\"COMP-1\"");
        assert_eq!(
            read_query(&one),
            Some(Query::Nodes(Some("COMP-1".to_owned())))
        );
    }

    #[test]
    fn h05_h06_other_queries_are_not_read() {
        assert_eq!(read_query("portal_type:\"Person\""), None);
        assert_eq!(read_query(&format!("{SERVICES} AND title:=\"a\"b\"")), None);
    }
}
