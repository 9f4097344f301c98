//! Which requests another master serves, and how its answer is handed on.
//!
//! As the original's proxy: by the filter's `master_url`, or by a list of releases; only what is not
//! here already. What was forwarded once goes on to be, whatever the filter says. What breaks a rule
//! of ours is refused here as if it were served here. Start with [`forward`].

use super::answer::Refusal;
use super::request::{Asked, prepare};
use super::{Face, ProxyDialect};
use crate::app::requester::Requester;
use crate::app::{Proof, instance as rules};
use crate::forward::NotTaken;
use crate::store::{forward, instance};
use axum::http::StatusCode;
use serde_json::Value as Json;
use slapos_api::slap::{SlapRequest, Value, text_of};
use slapos_api::wire::JsonMap;
use std::sync::Arc;

/// The key of a filter that names another master.
pub(super) const MASTER_KEY: &str = "master_url";

/// As the original answers where another master is silent.
const SILENT: u16 = 523;

/// The answer of another master, when one is to serve what is asked.
pub(super) async fn forward(
    face: &Face,
    proof: &Arc<Proof>,
    asked: &Arc<Asked>,
) -> Result<Option<Value>, Refusal> {
    let (Some(proxy), Some(forwarder)) = (face.dialect.proxy(), &face.forwarder) else {
        return Ok(None);
    };
    let named = named_master(proxy, asked)?;
    if named.is_none() && proxy.masters.is_empty() {
        return Ok(None);
    }
    let asking = asked.seat.as_ref();
    let asking = asking.map_or("user", |(seat, _)| seat.partition.as_str());
    let title = format!("{asking}_{}", asked.title);
    let known = find_known(face, proof, asked, title.clone()).await?;
    let Known { is_here, forwarded } = known;
    if is_here {
        return Ok(None);
    }
    let Some(url) = named
        .or(forwarded.filter(|url| proxy.masters.contains_key(url)))
        .or_else(|| proxy.master_of(&asked.release).map(str::to_owned))
    else {
        return Ok(None);
    };
    let other = proxy.masters.get(&url);
    if url.starts_with("https") && other.is_none_or(|one| one.key.is_none() || one.cert.is_none()) {
        return Err(not_found(format!(
            "External master {url} configuration did not specify key or certificate."
        )));
    }
    let ask = words(asked, title, other.is_some_and(|one| one.seat.is_some()));
    match forwarder.ask(&url, ask).await {
        Ok(answer) => handed_on(answer, &url, &asked.release).map(Some),
        Err(NotTaken::IsSelf) => Ok(None),
        Err(NotTaken::Store(error)) => Err(error.into()),
        Err(error) => {
            let status = match &error {
                NotTaken::Refused(status, _) => *status,
                NotTaken::Later(_) => SILENT,
                _ => 404,
            };
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
            Err(Refusal::Status(status, error.to_string()))
        }
    }
}

fn not_found(text: String) -> Refusal {
    Refusal::Status(StatusCode::NOT_FOUND, text)
}

/// The other master that the filter names; none when it names this one.
fn named_master(proxy: &ProxyDialect, asked: &Asked) -> Result<Option<String>, Refusal> {
    let Some(url) = asked.filter.get(MASTER_KEY).and_then(Json::as_str) else {
        return Ok(None);
    };
    let is_own = url.trim_end_matches('/') == format!("http://{}", asked.host);
    match (url.is_empty() || is_own, proxy.masters.contains_key(url)) {
        (true, _) => Ok(None),
        (false, true) => Ok(Some(url.to_owned())),
        (false, false) => Err(not_found(format!(
            "External SlapOS Master URL {url} is not listed in multimaster list."
        ))),
    }
}

struct Known {
    is_here: bool,
    forwarded: Option<String>,
}

async fn find_known(
    face: &Face,
    proof: &Arc<Proof>,
    asked: &Arc<Asked>,
    title: String,
) -> Result<Known, Refusal> {
    let (dialect, proof, asked) = (
        Arc::clone(&face.dialect),
        Arc::clone(proof),
        Arc::clone(asked),
    );
    let reading = face.context.store.read(move |tx| {
        let (caller, request) = prepare(tx, &dialect, &proof, &asked)?;
        rules::check(&request)?;
        let requester = Requester::find(tx, &caller, request.project.as_deref())?;
        let is_here = match requester {
            Some(by) => {
                instance::find_asked(tx, &by.subject_id, &asked.title, asked.shared)?.is_some()
            }
            None => false,
        };
        Ok::<_, Refusal>(Known {
            is_here,
            forwarded: forward::find_master(tx, (&title, asked.shared))?,
        })
    });
    reading.await
}

/// What the other master is asked.
fn words(asked: &Asked, title: String, has_seat: bool) -> SlapRequest {
    let texts = |map: &JsonMap| -> Vec<(String, String)> {
        let pairs = map.iter();
        pairs
            .map(|(key, value)| (key.clone(), text_of(value)))
            .collect()
    };
    let mut filter = texts(&asked.filter);
    if !has_seat {
        filter.push(("source_instance_id".to_owned(), title.clone()));
    }
    SlapRequest {
        release: asked.release.clone(),
        software_type: asked.software_type.clone(),
        title,
        shared: asked.shared,
        parameters: texts(&asked.parameters),
        filter,
        state: asked.state.clone(),
        seat: None,
    }
}

/// The answer, with the two attributes that say where it is from.
fn handed_on(answer: Value, url: &str, release: &str) -> Result<Value, Refusal> {
    let Value::Object {
        class,
        arguments,
        mut state,
    } = answer
    else {
        let text = format!("the master at {url} answers a request with no instance");
        return Err(Refusal::Status(StatusCode::BAD_GATEWAY, text));
    };
    let own = [
        ("_master_url", url),
        ("_software_release_document", release),
    ];
    state.retain(|(key, _)| own.iter().all(|(name, _)| key.as_text() != Some(name)));
    state.extend(own.map(|(key, text)| (Value::text(key), Value::text(text))));
    Ok(Value::Object {
        class,
        arguments,
        state,
    })
}
