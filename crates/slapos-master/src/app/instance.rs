//! Asking for services: create or get, change, stop, destroy.

use super::caller::Membership;
use super::catalog::Listed;
use super::schema::Schemas;
use super::{AppError, Caller, allocate, catalog, event, view};
use crate::limits::{LIST_MAX, PROMISES_MAX};
use crate::store::instance::{self, InstanceRow};
use crate::store::{Tx, node, promise, supply};
use serde_json::json;
use slapos_api::wire::JsonMap;
use slapos_api::wire::instance::{InstanceRequest, InstanceView, PromiseChange, PromiseView};
use slapos_model::{InstanceId, Name, Parameters, RequestedState, Role};

/// What is asked, checked and completed from what stands.
struct Ask {
    name: Name,
    url: String,
    listed: Option<Listed>,
    software_type: String,
    parameters: Parameters,
    filter: JsonMap,
    state: RequestedState,
}

/// Create or get, keyed by (requester, name). Asking twice changes nothing.
///
/// # Errors
/// When something of what is asked breaks a rule; nothing is changed then.
pub fn request(
    tx: &mut Tx<'_>,
    schemas: &Schemas,
    caller: &Caller,
    ask: &InstanceRequest,
) -> Result<InstanceView, AppError> {
    let project = choose_project(caller, ask)?;
    let standing = instance::find_by_name(tx, caller.subject_id(), &ask.name)?;
    let state = requested_state(ask, standing.as_ref())?;
    match standing {
        Some(row) if state == RequestedState::Destroyed => destroy(tx, caller, row),
        Some(row) => {
            let ask = complete(tx, schemas, ask, state, Some(&row))?;
            change(tx, caller, row, &ask)
        }
        None if state == RequestedState::Destroyed => Err(AppError::not_found(format!(
            "service `{}` to destroy",
            ask.name
        ))),
        None => {
            let ask = complete(tx, schemas, ask, state, None)?;
            create(tx, caller, &project, &ask)
        }
    }
}

/// The answer to a request that would change nothing, without a change: what most requests are,
/// since everything asks again and again.
///
/// # Errors
/// When the caller may not.
pub fn find_unchanged(
    tx: &mut Tx<'_>,
    caller: &Caller,
    ask: &InstanceRequest,
) -> Result<Option<InstanceView>, AppError> {
    choose_project(caller, ask)?;
    let Some(row) = instance::find_by_name(tx, caller.subject_id(), &ask.name)? else {
        return Ok(None);
    };
    let is_same = |asked: Option<&str>, stands: &str| asked.is_none_or(|asked| asked == stands);
    let is_same_map = |asked: &Option<JsonMap>, stands: &str| {
        asked
            .as_ref()
            .is_none_or(|asked| *asked == view::object(stands))
    };
    let is_software = ask.software == row.url
        || row.release_name.as_deref() == Some(&ask.software)
            && catalog::resolve(tx, &ask.software).is_ok_and(|release| release.url == row.url);
    let is_unchanged = is_software
        && !ask.shared
        && row.requested_state != "destroyed"
        && is_same(ask.state.as_deref(), &row.requested_state)
        && is_same(ask.software_type.as_deref(), &row.software_type)
        && is_same_map(&ask.parameters, &row.parameters)
        && is_same_map(&ask.filter, &row.filter);
    Ok(is_unchanged.then(|| view::instance(&row)))
}

fn choose_project(caller: &Caller, ask: &InstanceRequest) -> Result<Membership, AppError> {
    let project = caller.choose_project(ask.project.as_deref())?.clone();
    caller.require(&project.project_id, Role::Member, "such project")?;
    Ok(project)
}

fn requested_state(
    ask: &InstanceRequest,
    standing: Option<&InstanceRow>,
) -> Result<RequestedState, AppError> {
    let word = ask
        .state
        .as_deref()
        .or(standing.map(|row| row.requested_state.as_str()));
    word.unwrap_or("started")
        .parse()
        .map_err(|error| AppError::invalid("state", error))
}

fn complete(
    tx: &mut Tx<'_>,
    schemas: &Schemas,
    ask: &InstanceRequest,
    state: RequestedState,
    standing: Option<&InstanceRow>,
) -> Result<Ask, AppError> {
    if ask.shared {
        return Err(AppError::invalid(
            "shared",
            "no software of the catalogue offers shared instances yet",
        ));
    }
    let name: Name = ask
        .name
        .parse()
        .map_err(|error| AppError::invalid("name", error))?;
    let release = catalog::resolve(tx, &ask.software)?;
    let parameters = match (&ask.parameters, standing) {
        (Some(map), _) => Parameters::from_map(map.clone()),
        (None, Some(row)) => Parameters::parse(&row.parameters),
        (None, None) => Ok(Parameters::default()),
    }
    .map_err(|error| AppError::invalid("parameters", error))?;
    if let Some(listed) = &release.listed {
        schemas.check(&release.url, &listed.schema, &parameters)?;
    }
    let software_type = super::state::software_type_of(ask, standing);
    if software_type.len() > 200 || software_type.chars().any(char::is_control) {
        return Err(AppError::invalid(
            "type",
            "a software type is a short word such as `default`",
        ));
    }
    let filter = ask
        .filter
        .clone()
        .or_else(|| standing.map(|row| view::object(&row.filter)))
        .unwrap_or_default();
    allocate::check_filter(&filter)?;
    Ok(Ask {
        name,
        url: release.url,
        listed: release.listed,
        software_type,
        parameters,
        filter,
        state,
    })
}

fn create(
    tx: &mut Tx<'_>,
    caller: &Caller,
    project: &Membership,
    ask: &Ask,
) -> Result<InstanceView, AppError> {
    let id = InstanceId::fresh(tx.clock(), tx.random()).to_string();
    let listed = ask.listed.as_ref();
    let mut row = InstanceRow {
        root_id: id.clone(),
        id,
        project_id: project.project_id.clone(),
        project_name: project.project_name.clone(),
        requester_id: caller.subject_id().to_owned(),
        name: ask.name.to_string(),
        url: ask.url.clone(),
        software_type: ask.software_type.clone(),
        parameters: ask.parameters.to_text(),
        filter: serde_json::Value::Object(ask.filter.clone()).to_string(),
        requested_state: ask.state.to_string(),
        generation: 1,
        reported_state: "unknown".to_owned(),
        connection: "{}".to_owned(),
        processes: "[]".to_owned(),
        created_at: tx.now(),
        changed_at: tx.now(),
        release_name: listed.map(|listed| listed.name.clone()),
        release_version: listed.map(|listed| listed.version.clone()),
        ..InstanceRow::default()
    };
    let data = json!({"software": row.url, "state": row.requested_state});
    tx.record(event::about(
        &row,
        event::INSTANCE_REQUESTED,
        Some(caller.subject_id()),
        data,
    ));
    // Its place first, so that the row is written once.
    allocate::choose(tx, &mut row)?;
    instance::insert(tx, &row)?;
    allocate::follow(tx, &mut row)?;
    Ok(view::instance(&row))
}

fn change(
    tx: &mut Tx<'_>,
    caller: &Caller,
    mut row: InstanceRow,
    ask: &Ask,
) -> Result<InstanceView, AppError> {
    let before: RequestedState = read_state(&row)?;
    if !before.may_become(ask.state) {
        return Err(AppError::conflict(format!(
            "service `{}` is being destroyed and cannot be asked for again until it is gone",
            row.name
        ))
        .hint("ask again in a moment, or choose another name"));
    }
    let parameters = ask.parameters.to_text();
    let filter = serde_json::Value::Object(ask.filter.clone()).to_string();
    let is_same = row.url == ask.url
        && row.software_type == ask.software_type
        && row.parameters == parameters
        && row.filter == filter
        && before == ask.state;
    if is_same {
        return Ok(view::instance(&row));
    }
    let is_other_release = row.url != ask.url;
    row.url.clone_from(&ask.url);
    row.software_type.clone_from(&ask.software_type);
    row.parameters = parameters;
    row.filter = filter;
    row.requested_state = ask.state.to_string();
    touch(tx, caller, &mut row)?;
    if is_other_release && let Some(node_id) = row.node_id.as_deref() {
        if supply::find(tx, node_id, &row.url)?.is_none() {
            supply::set_requested(tx, node_id, &row.url, "available", false)?;
        }
    } else if row.partition_id.is_none() {
        allocate::allocate(tx, &mut row)?;
    }
    reread(tx, &row.id)
}

/// Raises the generation after a change of what is asked, writes it and tells.
fn touch(tx: &mut Tx<'_>, caller: &Caller, row: &mut InstanceRow) -> Result<(), AppError> {
    row.generation += 1;
    row.changed_at = tx.now();
    row.green_at = None;
    instance::set_requested(tx, row)?;
    if let Some(node_id) = row.node_id.as_deref() {
        node::raise_generation(tx, node_id)?;
    }
    let data = json!({"state": row.requested_state, "generation": row.generation});
    tx.record(event::about(
        row,
        event::INSTANCE_CHANGED,
        Some(caller.subject_id()),
        data,
    ));
    Ok(())
}

fn destroy(
    tx: &mut Tx<'_>,
    caller: &Caller,
    mut row: InstanceRow,
) -> Result<InstanceView, AppError> {
    if row.requested_state == "destroyed" {
        return Ok(view::instance(&row));
    }
    row.requested_state = "destroyed".to_owned();
    touch(tx, caller, &mut row)?;
    // What never had a partition is gone at once; the rest when its node says so.
    if row.partition_id.is_none() {
        finish_destroyed(tx, &mut row)?;
    }
    Ok(view::instance(&row))
}

/// The instance is gone: its name and its partition are free again.
///
/// # Errors
/// The store's.
pub fn finish_destroyed(tx: &mut Tx<'_>, row: &mut InstanceRow) -> Result<(), AppError> {
    node::free_partition(tx, &row.id)?;
    instance::set_destroyed(tx, &row.id)?;
    if let Some(node_id) = row.node_id.as_deref() {
        node::raise_generation(tx, node_id)?;
    }
    row.reported_state = "destroyed".to_owned();
    tx.record(event::about(
        row,
        event::INSTANCE_DESTROYED,
        None,
        json!({}),
    ));
    allocate::allocate_waiting(tx, &row.project_id)
}

/// Changes the requested state alone.
///
/// # Errors
/// When there is no such service, the role is too low, or the move is not legal.
pub fn set_state(
    tx: &mut Tx<'_>,
    caller: &Caller,
    which: &str,
    state: &str,
) -> Result<InstanceView, AppError> {
    let state: RequestedState = state
        .parse()
        .map_err(|error| AppError::invalid("state", error))?;
    let mut row = find_for(tx, caller, which, Role::Member)?;
    let before = read_state(&row)?;
    if state == RequestedState::Destroyed {
        return destroy(tx, caller, row);
    }
    if !before.may_become(state) {
        return Err(AppError::conflict(format!(
            "service `{}` is being destroyed",
            row.name
        )));
    }
    if before != state {
        row.requested_state = state.to_string();
        touch(tx, caller, &mut row)?;
    }
    Ok(view::instance(&row))
}

/// Lets its node look at it again now.
///
/// # Errors
/// When there is no such service or the role is too low.
pub fn bang(
    tx: &mut Tx<'_>,
    caller: &Caller,
    which: &str,
    message: &str,
) -> Result<InstanceView, AppError> {
    let row = find_for(tx, caller, which, Role::Member)?;
    let message: String = message.chars().take(500).collect();
    let data = json!({"message": message});
    tx.record(event::about(
        &row,
        event::INSTANCE_BANG,
        Some(caller.subject_id()),
        data,
    ));
    if let Some(node_id) = row.node_id.as_deref() {
        let failed = supply::find(tx, node_id, &row.url)?
            .is_some_and(|supply| supply.reported_state == "failed");
        if failed {
            supply::set_requested(tx, node_id, &row.url, "available", true)?;
        }
        node::raise_generation(tx, node_id)?;
    }
    Ok(view::instance(&row))
}

/// The living services that the caller may see.
///
/// # Errors
/// When the caller is no person.
pub fn list(tx: &mut Tx<'_>, caller: &Caller) -> Result<Vec<InstanceView>, AppError> {
    caller.require_person()?;
    let limit = i64::try_from(LIST_MAX).unwrap_or(i64::MAX);
    let mut views = Vec::new();
    for held in caller.roles() {
        let rows = instance::list_of_project(tx, &held.project_id, limit)?;
        views.extend(rows.iter().map(view::instance));
    }
    Ok(views)
}

/// One service.
///
/// # Errors
/// When there is none that the caller may see.
pub fn find(tx: &mut Tx<'_>, caller: &Caller, which: &str) -> Result<InstanceView, AppError> {
    find_for(tx, caller, which, Role::Viewer).map(|row| view::instance(&row))
}

/// The promises of a service.
///
/// # Errors
/// When there is none that the caller may see.
pub fn list_promises(
    tx: &mut Tx<'_>,
    caller: &Caller,
    which: &str,
) -> Result<Vec<PromiseView>, AppError> {
    let row = find_for(tx, caller, which, Role::Viewer)?;
    let promises = promise::list(tx, &row.id)?;
    let views = promises
        .into_iter()
        .take(PROMISES_MAX)
        .map(|promise| PromiseView {
            name: promise.name,
            state: promise.state,
            message: promise.message,
            checked_at: promise.checked_at.to_string(),
            since: promise.since.to_string(),
            history: serde_json::from_str::<Vec<PromiseChange>>(&promise.history)
                .unwrap_or_default(),
        });
    Ok(views.collect())
}

/// The row of a service by reference or name, when the caller has at least that role: the caller's
/// own under that name first, then that of the projects it is in.
///
/// # Errors
/// When there is none, or several of other people.
pub fn find_for(
    tx: &mut Tx<'_>,
    caller: &Caller,
    which: &str,
    role: Role,
) -> Result<InstanceRow, AppError> {
    let missing = || format!("service `{which}`");
    let person = caller.require_person()?;
    let row = if which.starts_with(InstanceId::PREFIX) {
        instance::find(tx, which)?
    } else if let Some(own) = instance::find_by_name(tx, person, which)? {
        Some(own)
    } else {
        find_of_others(tx, caller, which)?
    };
    let row = row.ok_or_else(|| missing_with_hint(tx, caller, which))?;
    caller.require(&row.project_id, role, &missing())?;
    Ok(row)
}

fn find_of_others(
    tx: &mut Tx<'_>,
    caller: &Caller,
    name: &str,
) -> Result<Option<InstanceRow>, AppError> {
    let mut rows = Vec::new();
    for held in caller.roles() {
        rows.extend(instance::list_by_name(tx, &held.project_id, name)?);
    }
    if rows.len() > 1 {
        let references: Vec<_> = rows.iter().map(|row| row.id.as_str()).collect();
        return Err(
            AppError::conflict(format!("several services are named `{name}`"))
                .hint(format!("use a reference: {}", references.join(", "))),
        );
    }
    Ok(rows.pop())
}

fn missing_with_hint(tx: &mut Tx<'_>, caller: &Caller, which: &str) -> AppError {
    let error = AppError::not_found(format!("service `{which}`"));
    let Ok(known) = list(tx, caller) else {
        return error;
    };
    let names: Vec<&str> = known.iter().map(|view| view.name.as_str()).collect();
    match slapos_model::closest(which, names.iter().copied()) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None if names.is_empty() => {
            error.hint("there is none yet; ask for one with `slapos request SOFTWARE NAME`")
        }
        None => error.hint("list them with `slapos service list`"),
    }
}

fn read_state(row: &InstanceRow) -> Result<RequestedState, AppError> {
    row.requested_state.parse().map_err(|error| {
        AppError::new(
            slapos_api::ErrorCode::Internal,
            format!("{}: {error}", row.id),
        )
    })
}

fn reread(tx: &mut Tx<'_>, id: &str) -> Result<InstanceView, AppError> {
    let row = instance::find(tx, id)?;
    row.map(|row| view::instance(&row))
        .ok_or_else(|| AppError::not_found("such service"))
}
