//! Certificates of persons, nodes and instances, as the old wire hands them out.
//!
//! There the master makes the keys, since the clients cannot. A token in `X-Access-Token` is a
//! token of this master. The reference of a node is cut out of the certificate's text by the
//! client, from `COMP-` to `/email`, so that text stands before the PEM.

use super::answer::{Refusal, marshal};
use super::document;
use super::form::Form;
use super::who::Seat;
use super::{Face, Reply};
use crate::app::identity::{self, Issued};
use crate::app::{AppError, Caller, Proof, node as rules};
use crate::http::answer::json;
use crate::store::Tx;
use crate::store::instance::{self, InstanceRow};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::json;
use slapos_api::ErrorCode;
use slapos_api::slap::Value;
use slapos_model::fresh_id;
use std::sync::Arc;

impl Face {
    /// A new key with a certificate for it.
    pub(in crate::http) fn issue(&self, name: &str) -> Result<Issued, Refusal> {
        let today = (self.context.today)(self.context.clock.as_ref());
        let made = self.context.pki.issue_client(name, today);
        made.map_err(|error| {
            AppError::new(
                ErrorCode::Internal,
                format!("cannot make a certificate: {error}"),
            )
            .into()
        })
    }

    fn is_proxy(&self) -> bool {
        self.dialect.proxy().is_some()
    }
}

/// A certificate's text for people, with what clients cut out of it.
fn with_text(name: &str, pem: &str) -> String {
    format!(
        "Certificate:\n    Data:\n        Subject: CN={name}/emailAddress=noreply@slapos.invalid\n{pem}"
    )
}

fn pair(certificate: &str, key: &str) -> Value {
    Value::dict([
        ("certificate", Value::text(certificate)),
        ("key", Value::text(key)),
    ])
}

/// `GET getComputerPartitionCertificate`: nothing on a proxy, which asks for none.
pub(super) async fn read_partition(State(face): State<Face>, proof: Proof, form: Form) -> Reply {
    let seat = Seat::require(&form)?;
    if face.is_proxy() {
        return marshal(&pair("", ""));
    }
    let issued = ensure_certificate(&face, proof, seat).await?;
    marshal(&pair(&issued.pem, &issued.key_pem))
}

/// The certificate of what is in a partition.
async fn ensure_certificate(face: &Face, proof: Proof, seat: Seat) -> Result<Issued, Refusal> {
    let proof = Arc::new(proof);
    let (dialect, same_proof) = (Arc::clone(&face.dialect), Arc::clone(&proof));
    let reading = face.context.store.read(move |tx| {
        let (_, row) = dialect.on_partition(tx, &same_proof, &seat)?.busy()?;
        Ok(row.id)
    });
    let id: Result<String, AppError> = reading.await;
    ensure_of_instance(face, proof, id?).await
}

/// The certificate of an instance that is known by its reference; a key is made only when there is
/// none yet.
pub(in crate::http) async fn ensure_of_instance(
    face: &Face,
    proof: Arc<Proof>,
    id: String,
) -> Result<Issued, Refusal> {
    let (dialect, same_proof, same_id) =
        (Arc::clone(&face.dialect), Arc::clone(&proof), id.clone());
    let reading = face.context.store.read(move |tx| {
        let caller = dialect.caller(tx, &same_proof)?;
        let row = living(tx, &same_id)?;
        identity::find_instance(tx, &caller, &row)
    });
    let known: Result<Option<Issued>, AppError> = reading.await;
    if let Some(known) = known? {
        return Ok(known);
    }
    let offered = face.issue(&id)?;
    let dialect = Arc::clone(&face.dialect);
    let writing = face.context.store.write(move |tx| {
        let caller = dialect.caller(tx, &proof)?;
        let row = living(tx, &id)?;
        identity::ensure_instance(tx, &caller, &row, &offered)
    });
    let kept: Result<Issued, AppError> = writing.await;
    Ok(kept?)
}

fn living(tx: &mut Tx<'_>, id: &str) -> Result<InstanceRow, AppError> {
    let row = instance::find(tx, id)?.filter(|row| row.reported_state != "destroyed");
    row.ok_or_else(|| AppError::not_found("such instance"))
}

/// `POST Person_getCertificate`.
pub(super) async fn read_person(State(face): State<Face>, headers: HeaderMap) -> Reply {
    let proof = token_of(&headers);
    let serial = fresh_id(
        "",
        face.context.clock.as_ref(),
        face.context.random.as_ref(),
    );
    let issued = face.issue(&format!("PERSON-{serial}"))?;
    let (kept, proof) = (issued.clone(), Arc::new(proof));
    let writing = face.context.store.write(move |tx| {
        let caller = Caller::identify(tx, &proof)?;
        identity::keep_person(tx, &caller, &kept)
    });
    let done: Result<(), AppError> = writing.await;
    done.map_err(denied)?;
    Ok(json(
        &json!({"certificate": issued.pem, "key": issued.key_pem}),
    ))
}

/// `POST Person_requestComputer`: a node joins.
pub(super) async fn register(State(face): State<Face>, headers: HeaderMap, form: Form) -> Reply {
    let title = form.require("title")?.to_owned();
    let (id, issued) = join(&face, token_of(&headers), title).await?;
    Ok(registered(&id, &issued))
}

fn registered(id: &str, issued: &Issued) -> Response {
    json(&json!({
        "certificate": with_text(id, &issued.pem),
        "key": issued.key_pem,
        "reference": id,
        "relative_url": format!("compute_node_module/{id}"),
    }))
}

/// A new node, with a certificate under the reference that it got.
async fn join(face: &Face, proof: Proof, title: String) -> Result<(String, Issued), Refusal> {
    let key = face.context.pki.make_key();
    let key = key.map_err(|error| AppError::new(ErrorCode::Internal, error))?;
    let hash = key.key_hash();
    let writing = face.context.store.write(move |tx| {
        let caller = Caller::identify(tx, &proof)?;
        rules::register(tx, &caller, None, &title, &hash)
    });
    let row = writing.await.map_err(|error: AppError| match error.code {
        // The words that old clients look for.
        ErrorCode::Conflict => {
            AppError::conflict(format!("Certificate still active. {error}")).into()
        }
        _ => denied(error),
    })?;
    let today = (face.context.today)(face.context.clock.as_ref());
    let issued = face.context.pki.issue_client_for(&key, &row.id, today);
    let issued = issued.map_err(|error| AppError::new(ErrorCode::Internal, error))?;
    Ok((row.id, issued))
}

/// Old clients know 403 for a token that is no good.
fn denied(error: AppError) -> Refusal {
    match error.code {
        ErrorCode::Unauthenticated => {
            Refusal::Status(StatusCode::FORBIDDEN, "this token is not valid".to_owned())
        }
        _ => error.into(),
    }
}

fn token_of(headers: &HeaderMap) -> Proof {
    let token = headers
        .get("x-access-token")
        .and_then(|token| token.to_str().ok());
    token.map_or(Proof::None, |token| Proof::of_token(token.trim()))
}

/// `POST requestComputer`: a node is made, its certificate asked for apart.
pub(super) async fn request_computer(State(face): State<Face>, proof: Proof, form: Form) -> Reply {
    let title = form.require("computer_title")?.to_owned();
    if face.is_proxy() {
        return Err(not_here());
    }
    let (id, _) = join(&face, proof, title).await?;
    marshal(&document::computer(&id, vec![], vec![]))
}

fn not_here() -> Refusal {
    let text = "a proxy has no certificates: its nodes are known by their format".to_owned();
    Refusal::Status(StatusCode::NOT_FOUND, text)
}

/// `POST generateComputerCertificate`: a new key takes the place of that of before.
pub(super) async fn generate_computer(State(face): State<Face>, proof: Proof, form: Form) -> Reply {
    let computer = form.require("computer_id")?.to_owned();
    if face.is_proxy() {
        return Err(not_here());
    }
    let (id, issued) = replace_key(&face, proof, computer).await?;
    marshal(&pair(&with_text(&id, &issued.pem), &issued.key_pem))
}

/// A new key of a node, asked for by itself or by an operator of its project.
pub(in crate::http) async fn replace_key(
    face: &Face,
    proof: Proof,
    computer: String,
) -> Result<(String, Issued), Refusal> {
    let key = face.context.pki.make_key();
    let key = key.map_err(|error| AppError::new(ErrorCode::Internal, error))?;
    let hash = key.key_hash();
    let dialect = Arc::clone(&face.dialect);
    let writing = face.context.store.write(move |tx| {
        let (caller, row) = dialect.on_node(tx, &proof, &computer)?;
        identity::replace_node_key(tx, &caller, &row, &hash)?;
        Ok(row.id)
    });
    let id: Result<String, AppError> = writing.await;
    let id = id?;
    let today = (face.context.today)(face.context.clock.as_ref());
    let issued = face.context.pki.issue_client_for(&key, &id, today);
    let issued = issued.map_err(|error| AppError::new(ErrorCode::Internal, error))?;
    Ok((id, issued))
}

/// `POST revokeComputerCertificate`.
pub(super) async fn revoke_computer(State(face): State<Face>, proof: Proof, form: Form) -> Reply {
    let computer = form.require("computer_id")?.to_owned();
    if face.is_proxy() {
        return Err(not_here());
    }
    revoke_key(&face, proof, computer).await?;
    Ok(super::answer::words("OK"))
}

/// The key of a node is no longer believed.
pub(in crate::http) async fn revoke_key(
    face: &Face,
    proof: Proof,
    computer: String,
) -> Result<(), Refusal> {
    let nobody = fresh_id(
        "revoked:",
        face.context.clock.as_ref(),
        face.context.random.as_ref(),
    );
    let dialect = Arc::clone(&face.dialect);
    let writing = face.context.store.write(move |tx| {
        let (caller, row) = dialect.on_node(tx, &proof, &computer)?;
        identity::replace_node_key(tx, &caller, &row, &nobody)
    });
    let done: Result<(), AppError> = writing.await;
    Ok(done?)
}
