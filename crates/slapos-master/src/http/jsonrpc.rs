//! SLAP JSON-RPC: `POST /slapos.<verb>.v0.<noun>`, the second old face, in JSON.
//!
//! Every body is checked against the method's schema before anything else, every answer before it
//! is sent. What is not found is answered with 403, as clients of this wire expect. No rule is
//! here: methods call `app` through the same helpers as `http/slap`. Start with [`routes`].

mod elsewhere;
mod instance;
mod node;
mod refusal;
mod schema;

use super::slap::Face;
use crate::app::Proof;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Extensions, HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use refusal::JsonRefusal;
use serde_json::{Value as Json, json};
use slapos_api::wire::JsonMap;

/// One call, once its body was found to be as its schema wants it.
pub(super) struct Call {
    face: Face,
    proof: Proof,
    headers: HeaderMap,
    extensions: Extensions,
    body: JsonMap,
}

/// What a method gives back.
type Answer = Result<Json, JsonRefusal>;

impl Call {
    /// A text of the body; the schema says which are always there.
    fn text(&self, name: &str) -> String {
        let value = self.body.get(name).and_then(Json::as_str);
        value.unwrap_or_default().to_owned()
    }

    fn map(&self, name: &str) -> JsonMap {
        let value = self.body.get(name).and_then(Json::as_object);
        value.cloned().unwrap_or_default()
    }

    fn is_proxy(&self) -> bool {
        self.face.dialect.proxy().is_some()
    }

    /// The word for a success: the original's two servers say it differently.
    fn done(&self, proxy: &str, master: &str) -> Json {
        let title = if self.is_proxy() { proxy } else { master };
        json!({"type": "success", "title": title})
    }
}

/// One route for each method that has a schema.
pub(super) fn routes() -> Router<Face> {
    let mut router = Router::new();
    for method in &schema::METHODS {
        let handler = move |State(face): State<Face>,
                            proof: Proof,
                            headers: HeaderMap,
                            extensions: Extensions,
                            body: Bytes| {
            let call = Call {
                face,
                proof,
                headers,
                extensions,
                body: JsonMap::new(),
            };
            answer(method, call, body)
        };
        router = router.route(&format!("/{}", method.name), post(handler));
    }
    router
}

async fn answer(method: &'static schema::Method, call: Call, body: Bytes) -> Response {
    let dialect = std::sync::Arc::clone(&call.face.dialect);
    match answer_or_refuse(method, call, &body).await {
        Ok(json) => send(StatusCode::OK, &json),
        Err(refusal) => {
            let (status, json) = refusal.to_json(&dialect);
            send(status, &json)
        }
    }
}

async fn answer_or_refuse(method: &'static schema::Method, mut call: Call, body: &Bytes) -> Answer {
    check_headers(&call.headers)?;
    let json: Json = serde_json::from_slice(body)
        .map_err(|error| JsonRefusal::bad(format!("the body is no JSON: {error}")))?;
    method.check_input(&json).map_err(JsonRefusal::bad)?;
    let Json::Object(map) = json else {
        return Err(JsonRefusal::bad("the body is no object".to_owned()));
    };
    call.body = map;
    let answer = run(method.name, call).await?;
    method.check_output(&answer).map_err(|fault| {
        tracing::error!(method = method.name, %fault, "an answer is not as its schema wants it");
        JsonRefusal::internal()
    })?;
    Ok(answer)
}

fn check_headers(headers: &HeaderMap) -> Result<(), JsonRefusal> {
    let text = |name| {
        let value = headers
            .get(name)
            .and_then(|value: &header::HeaderValue| value.to_str().ok());
        value.unwrap_or_default().to_ascii_lowercase()
    };
    let kind = text(header::CONTENT_TYPE);
    let kind = kind.split(';').next().unwrap_or_default().trim().to_owned();
    if kind != "application/json" {
        return Err(JsonRefusal::of(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "the body must be application/json",
        ));
    }
    let accepted = text(header::ACCEPT);
    let accepts = ["", "*/*", "application/*", "application/json"];
    let is_accepted = accepted.split(',').any(|kind| {
        let kind = kind.split(';').next().unwrap_or_default().trim();
        accepts.contains(&kind)
    });
    if is_accepted {
        Ok(())
    } else {
        Err(JsonRefusal::of(
            StatusCode::NOT_ACCEPTABLE,
            "the answer is application/json",
        ))
    }
}

fn send(status: StatusCode, json: &Json) -> Response {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (status, kind, json.to_string()).into_response()
}

async fn run(method: &str, call: Call) -> Answer {
    match method {
        "slapos.get.v0.hateoas_url" => node::hateoas_url(&call),
        "slapos.post.v0.software_installation" => node::supply(call).await,
        "slapos.allDocs.v0.compute_node_software_installation_list" => {
            node::list_installations(call).await
        }
        "slapos.put.v0.software_installation_reported_state" => node::report_state(call).await,
        "slapos.put.v0.software_installation_error" => node::report_error(call).await,
        "slapos.put.v0.compute_node_format" => node::format(call).await,
        "slapos.put.v0.compute_node_bang" => node::bang(call).await,
        "slapos.post.v0.compute_node_usage" => node::keep_usage(call).await,
        "slapos.post.v0.compute_node_certificate" => node::make_certificate(call).await,
        "slapos.remove.v0.compute_node_certificate" => node::remove_certificate(call).await,
        "slapos.get.v0.compute_node_status" => node::read_status(call).await,
        "slapos.allDocs.v0.compute_node_instance_list" => node::list_instances(call).await,
        "slapos.allDocs.WIP.compute_node_list" => node::list_nodes(call).await,
        "slapos.get.v0.software_instance" => instance::read(call).await,
        "slapos.get.v0.compute_partition" => instance::read_partition(call).await,
        "slapos.get.v0.instance_tree" => instance::read_tree(call).await,
        "slapos.allDocs.v0.instance_tree_list" => instance::list_trees(call).await,
        "slapos.allDocs.v0.instance_node_instance_list" => instance::list_shares(call).await,
        "slapos.post.v0.software_instance" => instance::request(call).await,
        "slapos.put.v0.software_instance_reported_state" => instance::report_state(call).await,
        "slapos.put.v0.software_instance_connection_parameter" => instance::publish(call).await,
        "slapos.put.v0.software_instance_title" => instance::rename(call).await,
        "slapos.put.v0.software_instance_bang" => instance::bang(call).await,
        "slapos.put.v0.software_instance_error" => instance::report_error(call).await,
        "slapos.get.v0.software_instance_certificate" => instance::read_certificate(call).await,
        _ => Err(JsonRefusal::internal()),
    }
}
