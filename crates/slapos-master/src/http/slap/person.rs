//! Calls of persons, and those that need no subject: where things are, which releases there are.

use super::answer::{Refusal, marshal, words};
use super::form::Form;
use super::{Dialect, Face, Reply};
use crate::app::{AppError, Proof, catalog};
use crate::http::auth::Connection;
use axum::extract::State;
use axum::http::{Extensions, HeaderMap, StatusCode, header};
use slapos_api::slap::Value;
use std::sync::Arc;

/// `GET getRunId`: of a proxy only; another value means another start.
pub(super) async fn run_id(State(face): State<Face>) -> Reply {
    let proxy = face.dialect.proxy();
    let run_id = proxy.map(|proxy| words(&proxy.run_id));
    run_id.ok_or_else(|| {
        let text = "only a proxy has a run id".to_owned();
        Refusal::Status(StatusCode::NOT_FOUND, text)
    })
}

/// `GET getHateoasUrl`.
pub(super) async fn hateoas_url(
    State(face): State<Face>,
    headers: HeaderMap,
    extensions: Extensions,
) -> Reply {
    let base = base_url(&face.dialect, &headers, &extensions)?;
    Ok(words(&format!("{base}/hateoas/")))
}

/// How this master was reached: the host that was asked for, by the kind of connection. Forwarding
/// headers are believed on a proxy, whose callers are all on this machine; of nobody else, since no
/// front is known to be trusted.
pub(in crate::http) fn base_url(
    dialect: &Dialect,
    headers: &HeaderMap,
    extensions: &Extensions,
) -> Result<String, Refusal> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let forwarded = |name: &str| text(name).filter(|_| dialect.proxy().is_some());
    let host = text(header::HOST.as_str());
    let is_host = |host: &&str| {
        let is_plain =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']' | '_');
        !host.is_empty() && host.chars().all(is_plain)
    };
    let host = host
        .filter(is_host)
        .ok_or_else(|| Refusal::bad("the header Host is missing or no host"))?;
    let connection = extensions.get::<Connection>();
    let is_tls = connection.is_some_and(|connection| connection.is_tls)
        || forwarded("x-forwarded-proto") == Some("https");
    let scheme = if is_tls { "https" } else { "http" };
    let prefix = forwarded("x-forwarded-prefix").unwrap_or_default();
    let is_path = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.');
    if !prefix.chars().all(is_path) {
        return Err(Refusal::bad("the header X-Forwarded-Prefix is no path"));
    }
    Ok(format!("{scheme}://{host}{}", prefix.trim_end_matches('/')))
}

/// `GET getSoftwareReleaseListFromSoftwareProduct`.
pub(super) async fn list_releases(State(face): State<Face>, proof: Proof, form: Form) -> Reply {
    let product = form.find("software_product_reference").map(str::to_owned);
    let product = match (product, form.find("software_release_url")) {
        (Some(product), None) => product,
        (None, None) => return Err(Refusal::bad("name a `software_product_reference`")),
        (_, Some(_)) => {
            return Err(Refusal::bad(
                "releases are listed by `software_product_reference` alone",
            ));
        }
    };
    let dialect = Arc::clone(&face.dialect);
    let reading = face.context.store.read(move |tx| {
        dialect.caller(tx, &proof)?;
        if let Some(proxy) = dialect.proxy() {
            return Ok(proxy.products.get(&product).cloned());
        }
        match catalog::resolve(tx, &product) {
            Ok(release) => Ok(Some(release.url)),
            Err(error) if error.code == slapos_api::ErrorCode::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    });
    let found: Result<Option<String>, AppError> = reading.await;
    let list = found?.into_iter().map(Value::text);
    marshal(&Value::List(list.collect()))
}
