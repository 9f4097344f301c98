//! `/v1/me`, `/v1/projects`, `/v1/tokens`.

use super::Context;
use super::answer::{Body, Reply, json, list, nothing};
use crate::app::{AppError, Caller, Proof, project};
use axum::extract::{Path, State};
use slapos_api::ErrorBody;
use slapos_api::wire::List;
use slapos_api::wire::project::{
    Me, MemberCreate, MemberSet, MemberView, ProjectCreate, ProjectView, TokenCreate, TokenCreated,
    TokenView,
};

/// Who am I?
#[utoipa::path(get, path = "/v1/me", tag = "projects", operation_id = "me",
    responses((status = 200, body = Me), (status = "4XX", body = ErrorBody)))]
pub(super) async fn me(State(context): State<Context>, proof: Proof) -> Reply {
    let me = context.store.read(move |tx| {
        let caller = Caller::identify(tx, &proof)?;
        project::me(tx, &caller)
    });
    me.await.map(|me| json(&me))
}

/// The projects that the caller is in.
#[utoipa::path(get, path = "/v1/projects", tag = "projects", operation_id = "list_projects",
    responses((status = 200, body = List<ProjectView>), (status = "4XX", body = ErrorBody)))]
pub(super) async fn list_projects(State(context): State<Context>, proof: Proof) -> Reply {
    let views = context.store.read(move |tx| -> Result<_, AppError> {
        let caller = Caller::identify(tx, &proof)?;
        caller.require_person()?;
        Ok(project::list(&caller))
    });
    views.await.map(list)
}

/// Make a project; the caller owns it.
#[utoipa::path(post, path = "/v1/projects", tag = "projects", operation_id = "create_project",
    request_body = ProjectCreate,
    responses((status = 200, body = ProjectView), (status = "4XX", body = ErrorBody)))]
pub(super) async fn create_project(
    State(context): State<Context>,
    proof: Proof,
    Body(ask): Body<ProjectCreate>,
) -> Reply {
    let view = context.store.write(move |tx| {
        let caller = Caller::identify(tx, &proof)?;
        project::create(tx, &caller, &ask.name)
    });
    view.await.map(|view| json(&view))
}

/// Who is in a project.
#[utoipa::path(get, path = "/v1/projects/{project}/members", tag = "projects",
    operation_id = "list_members", params(("project" = String, Path, description = "Name or reference")),
    responses((status = 200, body = List<MemberView>), (status = "4XX", body = ErrorBody)))]
pub(super) async fn list_members(
    State(context): State<Context>,
    proof: Proof,
    Path(which): Path<String>,
) -> Reply {
    let views = context.store.read(move |tx| {
        let caller = Caller::identify(tx, &proof)?;
        project::list_members(tx, &caller, &which)
    });
    views.await.map(list)
}

/// A new person in a project, with a first token.
#[utoipa::path(post, path = "/v1/projects/{project}/members", tag = "projects",
    operation_id = "create_member", request_body = MemberCreate,
    params(("project" = String, Path, description = "Name or reference")),
    responses((status = 200, body = TokenCreated), (status = "4XX", body = ErrorBody)))]
pub(super) async fn create_member(
    State(context): State<Context>,
    proof: Proof,
    Path(which): Path<String>,
    Body(ask): Body<MemberCreate>,
) -> Reply {
    let created = context.store.write(move |tx| {
        let caller = Caller::identify(tx, &proof)?;
        project::create_member(tx, &caller, &which, &ask)
    });
    created.await.map(|created| json(&created))
}

/// Give a member another role.
#[utoipa::path(put, path = "/v1/projects/{project}/members/{subject}", tag = "projects",
    operation_id = "set_member", request_body = MemberSet,
    params(("project" = String, Path, description = "Name or reference"),
           ("subject" = String, Path, description = "Reference of the member")),
    responses((status = 200, body = MemberView), (status = "4XX", body = ErrorBody)))]
pub(super) async fn set_member(
    State(context): State<Context>,
    proof: Proof,
    Path((which, member)): Path<(String, String)>,
    Body(ask): Body<MemberSet>,
) -> Reply {
    let view = context.store.write(move |tx| {
        let caller = Caller::identify(tx, &proof)?;
        project::set_role(tx, &caller, &which, &member, &ask.role)
    });
    view.await.map(|view| json(&view))
}

/// Take a member out of a project.
#[utoipa::path(delete, path = "/v1/projects/{project}/members/{subject}", tag = "projects",
    operation_id = "remove_member",
    params(("project" = String, Path, description = "Name or reference"),
           ("subject" = String, Path, description = "Reference of the member")),
    responses((status = 204), (status = "4XX", body = ErrorBody)))]
pub(super) async fn remove_member(
    State(context): State<Context>,
    proof: Proof,
    Path((which, member)): Path<(String, String)>,
) -> Reply {
    let done = context.store.write(move |tx| {
        let caller = Caller::identify(tx, &proof)?;
        project::remove_member(tx, &caller, &which, &member)
    });
    done.await.map(|()| nothing())
}

/// The caller's tokens, without their secrets.
#[utoipa::path(get, path = "/v1/tokens", tag = "projects", operation_id = "list_tokens",
    responses((status = 200, body = List<TokenView>), (status = "4XX", body = ErrorBody)))]
pub(super) async fn list_tokens(State(context): State<Context>, proof: Proof) -> Reply {
    let views = context.store.read(move |tx| {
        let caller = Caller::identify(tx, &proof)?;
        project::list_tokens(tx, &caller)
    });
    views.await.map(list)
}

/// A new token of the caller; its secret is in this answer only.
#[utoipa::path(post, path = "/v1/tokens", tag = "projects", operation_id = "create_token",
    request_body = TokenCreate,
    responses((status = 200, body = TokenCreated), (status = "4XX", body = ErrorBody)))]
pub(super) async fn create_token(
    State(context): State<Context>,
    proof: Proof,
    Body(ask): Body<TokenCreate>,
) -> Reply {
    let created = context.store.write(move |tx| {
        let caller = Caller::identify(tx, &proof)?;
        project::create_token(tx, &caller, &ask)
    });
    created.await.map(|created| json(&created))
}

/// End a token of the caller.
#[utoipa::path(delete, path = "/v1/tokens/{token}", tag = "projects",
    operation_id = "revoke_token", params(("token" = String, Path, description = "Reference")),
    responses((status = 204), (status = "4XX", body = ErrorBody)))]
pub(super) async fn revoke_token(
    State(context): State<Context>,
    proof: Proof,
    Path(token): Path<String>,
) -> Reply {
    let done = context.store.write(move |tx| {
        let caller = Caller::identify(tx, &proof)?;
        project::revoke_token(tx, &caller, &token)
    });
    done.await.map(|()| nothing())
}
