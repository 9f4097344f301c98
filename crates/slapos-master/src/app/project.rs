//! Tenants, their members, and tokens.

use super::caller::hash_hex;
use super::{AppError, Caller, event};
use crate::store::Tx;
use crate::store::certificate;
use crate::store::event::EventRow;
use crate::store::subject::{self, SubjectRow, TokenRow};
use serde_json::json;
use slapos_api::wire::project::{
    Me, MemberCreate, MemberView, ProjectView, SubjectView, TokenCreate, TokenCreated, TokenView,
};
use slapos_model::{Name, ProjectId, Role, SubjectId, TokenId, fresh_id};
use std::time::Duration;

/// The caller.
///
/// # Errors
/// The store's.
pub fn me(tx: &mut Tx<'_>, caller: &Caller) -> Result<Me, AppError> {
    let row = subject::find(tx, caller.subject_id())?;
    let row = row.ok_or_else(AppError::unauthenticated)?;
    Ok(Me {
        subject: SubjectView {
            id: row.id,
            kind: row.kind,
            name: row.name,
        },
        projects: list(caller),
    })
}

/// The projects that the caller is in.
#[must_use]
pub fn list(caller: &Caller) -> Vec<ProjectView> {
    let to_view = |held: &super::caller::Membership| ProjectView {
        id: held.project_id.clone(),
        name: held.project_name.clone(),
        role: held.role.to_string(),
    };
    caller.roles().iter().map(to_view).collect()
}

/// Makes a project, with the caller as its owner.
///
/// # Errors
/// When the name is none or taken.
pub fn create(tx: &mut Tx<'_>, caller: &Caller, name: &str) -> Result<ProjectView, AppError> {
    let person = caller.require_person()?;
    let name: Name = name
        .parse()
        .map_err(|error| AppError::invalid("name", error))?;
    if subject::find_project(tx, name.as_str())?.is_some() {
        return Err(AppError::conflict(format!(
            "there is already a project named `{name}`"
        )));
    }
    let id = ProjectId::fresh(tx.clock(), tx.random()).to_string();
    subject::insert_project(tx, &id, name.as_str())?;
    subject::set_member(tx, &id, person, Role::Owner.as_str())?;
    record(tx, caller, &id, event::PROJECT_CHANGED);
    Ok(ProjectView {
        id,
        name: name.to_string(),
        role: Role::Owner.to_string(),
    })
}

fn record(tx: &mut Tx<'_>, caller: &Caller, project_id: &str, kind: &str) {
    tx.record(EventRow {
        kind: kind.to_owned(),
        project_id: Some(project_id.to_owned()),
        subject_id: Some(caller.subject_id().to_owned()),
        data: json!({}).to_string(),
        ..EventRow::default()
    });
}

/// The members of a project.
///
/// # Errors
/// When the caller is not in it.
pub fn list_members(
    tx: &mut Tx<'_>,
    caller: &Caller,
    project: &str,
) -> Result<Vec<MemberView>, AppError> {
    let project_id = caller.choose_project(Some(project))?.project_id.clone();
    let members = subject::list_members(tx, &project_id)?;
    let to_view = |row: subject::MemberRow| MemberView {
        subject: row.subject.id,
        name: row.subject.name,
        kind: row.subject.kind,
        role: row.role,
    };
    Ok(members.into_iter().map(to_view).collect())
}

/// A new person in a project, with a first token.
///
/// # Errors
/// When the role is too low or a word is none of ours.
pub fn create_member(
    tx: &mut Tx<'_>,
    caller: &Caller,
    project: &str,
    ask: &MemberCreate,
) -> Result<TokenCreated, AppError> {
    let project_id = owned_project(caller, project)?;
    let name: Name = ask
        .name
        .parse()
        .map_err(|error| AppError::invalid("name", error))?;
    let role: Role = ask
        .role
        .parse()
        .map_err(|error| AppError::invalid("role", error))?;
    let person = SubjectRow {
        id: SubjectId::fresh(tx.clock(), tx.random()).to_string(),
        kind: "person".to_owned(),
        name: name.to_string(),
    };
    subject::insert(tx, &person)?;
    subject::set_member(tx, &project_id, &person.id, role.as_str())?;
    record(tx, caller, &project_id, event::PROJECT_CHANGED);
    issue_token(
        tx,
        &person.id,
        &TokenCreate {
            label: "first".to_owned(),
            ttl_s: None,
        },
    )
}

/// Gives a member another role.
///
/// # Errors
/// When the role is too low, or the project would be left without an owner.
pub fn set_role(
    tx: &mut Tx<'_>,
    caller: &Caller,
    project: &str,
    member: &str,
    role: &str,
) -> Result<MemberView, AppError> {
    let project_id = owned_project(caller, project)?;
    let role: Role = role
        .parse()
        .map_err(|error| AppError::invalid("role", error))?;
    let members = subject::list_members(tx, &project_id)?;
    let row = members
        .iter()
        .find(|row| row.subject.id == member)
        .ok_or_else(|| AppError::not_found(format!("member `{member}`")))?;
    if role != Role::Owner {
        keep_an_owner(&members, member)?;
    }
    subject::set_member(tx, &project_id, member, role.as_str())?;
    record(tx, caller, &project_id, event::PROJECT_CHANGED);
    Ok(MemberView {
        subject: row.subject.id.clone(),
        name: row.subject.name.clone(),
        kind: row.subject.kind.clone(),
        role: role.to_string(),
    })
}

/// Takes a member out.
///
/// # Errors
/// When the role is too low, or the project would be left without an owner.
pub fn remove_member(
    tx: &mut Tx<'_>,
    caller: &Caller,
    project: &str,
    member: &str,
) -> Result<(), AppError> {
    let project_id = owned_project(caller, project)?;
    keep_an_owner(&subject::list_members(tx, &project_id)?, member)?;
    if !subject::remove_member(tx, &project_id, member)? {
        return Err(AppError::not_found(format!("member `{member}`")));
    }
    record(tx, caller, &project_id, event::PROJECT_CHANGED);
    Ok(())
}

fn owned_project(caller: &Caller, project: &str) -> Result<String, AppError> {
    let project_id = caller.choose_project(Some(project))?.project_id.clone();
    caller.require(&project_id, Role::Owner, "such project")?;
    Ok(project_id)
}

fn keep_an_owner(members: &[subject::MemberRow], leaving: &str) -> Result<(), AppError> {
    let is_owner_left = members
        .iter()
        .any(|row| row.role == Role::Owner.as_str() && row.subject.id != leaving);
    if is_owner_left {
        return Ok(());
    }
    Err(
        AppError::conflict("a project cannot be left without an owner")
            .hint("make somebody else an owner first"),
    )
}

/// A new token of the caller.
///
/// # Errors
/// When the label is none.
pub fn create_token(
    tx: &mut Tx<'_>,
    caller: &Caller,
    ask: &TokenCreate,
) -> Result<TokenCreated, AppError> {
    let person = caller.require_person()?.to_owned();
    issue_token(tx, &person, ask)
}

fn issue_token(
    tx: &mut Tx<'_>,
    subject_id: &str,
    ask: &TokenCreate,
) -> Result<TokenCreated, AppError> {
    let label: Name = ask
        .label
        .parse()
        .map_err(|error| AppError::invalid("label", error))?;
    // 160 random bits: two texts of 80 each.
    let secret = format!("slapos_{}", secret_text(tx));
    let row = TokenRow {
        id: TokenId::fresh(tx.clock(), tx.random()).to_string(),
        label: label.to_string(),
        created_at: tx.now(),
        expires_at: ask
            .ttl_s
            .map(|ttl| tx.now().plus(Duration::from_secs(u64::from(ttl)))),
    };
    subject::insert_token(tx, subject_id, &row, &hash_hex(secret.as_bytes()))?;
    Ok(TokenCreated {
        id: row.id,
        subject: subject_id.to_owned(),
        token: secret,
    })
}

fn secret_text(tx: &Tx<'_>) -> String {
    let half = || fresh_id("", tx.clock(), tx.random()).split_off(10);
    format!("{}{}", half(), half())
}

/// The caller's tokens.
///
/// # Errors
/// When the caller is no person.
pub fn list_tokens(tx: &mut Tx<'_>, caller: &Caller) -> Result<Vec<TokenView>, AppError> {
    let person = caller.require_person()?;
    let to_view = |row: TokenRow| TokenView {
        id: row.id,
        label: row.label,
        created_at: row.created_at.to_string(),
        expires_at: row.expires_at.map(|at| at.to_string()),
    };
    Ok(subject::list_tokens(tx, person)?
        .into_iter()
        .map(to_view)
        .collect())
}

/// Ends a token of the caller, and the certificate that whoever held it may have had made with it: a
/// lost machine has both.
///
/// # Errors
/// When there is no such.
pub fn revoke_token(tx: &mut Tx<'_>, caller: &Caller, id: &str) -> Result<(), AppError> {
    let person = caller.require_person()?;
    if subject::revoke_token(tx, person, id)? {
        Ok(certificate::revoke_of_subject(tx, person)?)
    } else {
        Err(AppError::not_found(format!("token `{id}`")))
    }
}

/// The first person, its project and its token, made once; the token's secret is in a file that
/// was written before, so that a crash between the two loses nothing.
///
/// # Errors
/// The store's.
pub fn ensure_owner(tx: &mut Tx<'_>, secret: &str) -> Result<(), AppError> {
    let hash = hash_hex(secret.as_bytes());
    if subject::find_by_token(tx, &hash)?.is_some() {
        return Ok(());
    }
    let owner = match subject::find_first_person(tx)? {
        Some(known) => known,
        None => make_owner(tx)?,
    };
    let row = TokenRow {
        id: TokenId::fresh(tx.clock(), tx.random()).to_string(),
        label: "owner of this machine".to_owned(),
        created_at: tx.now(),
        expires_at: None,
    };
    Ok(subject::insert_token(tx, &owner.id, &row, &hash)?)
}

fn make_owner(tx: &mut Tx<'_>) -> Result<SubjectRow, AppError> {
    let owner = SubjectRow {
        id: SubjectId::fresh(tx.clock(), tx.random()).to_string(),
        kind: "person".to_owned(),
        name: "owner".to_owned(),
    };
    subject::insert(tx, &owner)?;
    let project_id = ProjectId::fresh(tx.clock(), tx.random()).to_string();
    subject::insert_project(tx, &project_id, "default")?;
    subject::set_member(tx, &project_id, &owner.id, Role::Owner.as_str())?;
    Ok(owner)
}
