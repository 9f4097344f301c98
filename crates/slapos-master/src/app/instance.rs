//! Asking for services: create or get, change, stop, destroy.

use super::catalog::{Listed, Resolved};
use super::requester::Requester;
use super::schema::Schemas;
use super::{AppError, Caller, allocate, catalog, event, share, tree, view};
use crate::limits::{LIST_MAX, PROMISES_MAX};
use crate::store::instance::{self, InstanceRow};
use crate::store::{Tx, certificate, node, promise, supply, tree as trees};
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
    is_shared: bool,
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
    let row = request_row(tx, schemas, caller, ask, catalog::resolve)?;
    Ok(view::instance(&row))
}

/// The same for a wire that says by itself what a software's name means; answers the row.
///
/// # Errors
/// As [`request`].
pub fn request_row(
    tx: &mut Tx<'_>,
    schemas: &Schemas,
    caller: &Caller,
    ask: &InstanceRequest,
    resolve: fn(&mut Tx<'_>, &str) -> Result<Resolved, AppError>,
) -> Result<InstanceRow, AppError> {
    let requester = Requester::ensure(tx, caller, ask.project.as_deref())?;
    let standing = instance::find_asked(tx, &requester.subject_id, &ask.name, ask.shared)?;
    let state = requested_state(ask, standing.as_ref())?;
    match (standing, state) {
        (Some(row), RequestedState::Destroyed) => destroy(tx, caller, row),
        (None, RequestedState::Destroyed) => Err(AppError::not_found(format!(
            "service `{}` to destroy",
            ask.name
        ))),
        (standing, _) => {
            let state = not_above_root(&requester, standing.as_ref(), state);
            let release = resolve(tx, &ask.software)?;
            let ask = complete(schemas, ask, state, standing.as_ref(), release)?;
            match standing {
                Some(row) => change(tx, caller, &requester, row, &ask),
                None => create(tx, caller, &requester, &ask),
            }
        }
    }
}

/// A child that stands never runs while the root of its tree does not.
fn not_above_root(
    requester: &Requester,
    standing: Option<&InstanceRow>,
    state: RequestedState,
) -> RequestedState {
    let root = requester.instance.as_ref().map(|asking| &asking.root);
    match (root, standing) {
        (Some(root), Some(_)) if root.requested_state == "stopped" => RequestedState::Stopped,
        _ => state,
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
    Ok(find_unchanged_row(tx, caller, ask)?.map(|row| view::instance(&row)))
}

/// The same as a row.
///
/// # Errors
/// When the caller may not.
pub fn find_unchanged_row(
    tx: &mut Tx<'_>,
    caller: &Caller,
    ask: &InstanceRequest,
) -> Result<Option<InstanceRow>, AppError> {
    let Some(requester) = Requester::find(tx, caller, ask.project.as_deref())? else {
        return Ok(None);
    };
    let root_runs = requester
        .instance
        .as_ref()
        .is_none_or(|asking| asking.root.requested_state == "started");
    let found = instance::find_asked(tx, &requester.subject_id, &ask.name, ask.shared)?;
    let Some(row) = found.filter(|_| root_runs) else {
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
        && row.requested_state != "destroyed"
        && row.parent_id.as_deref() == requester.parent_id()
        && is_same(ask.state.as_deref(), &row.requested_state)
        && is_same(ask.software_type.as_deref(), &row.software_type)
        && is_same_map(&ask.parameters, &row.parameters)
        && is_same_map(&ask.filter, &row.filter);
    Ok(is_unchanged.then_some(row))
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
    schemas: &Schemas,
    ask: &InstanceRequest,
    state: RequestedState,
    standing: Option<&InstanceRow>,
    release: Resolved,
) -> Result<Ask, AppError> {
    let name: Name = ask
        .name
        .parse()
        .map_err(|error| AppError::invalid("name", error))?;
    let parameters = match (&ask.parameters, standing) {
        (Some(map), _) => Parameters::from_map(map.clone()),
        (None, Some(row)) => Parameters::parse(&row.parameters),
        (None, None) => Ok(Parameters::default()),
    }
    .map_err(|error| AppError::invalid("parameters", error))?;
    // A schema is about an instance: what a share is given is its host's to judge.
    if let Some(listed) = release.listed.as_ref().filter(|_| !ask.shared) {
        let given = Parameters::from_map(tree::unwrapped(&parameters.to_text()))
            .map_err(|error| AppError::invalid("parameters", error))?;
        schemas.check(&release.url, &listed.schema, &given)?;
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
        is_shared: ask.shared,
    })
}

fn create(
    tx: &mut Tx<'_>,
    caller: &Caller,
    requester: &Requester,
    ask: &Ask,
) -> Result<InstanceRow, AppError> {
    if let Some(asking) = &requester.instance
        && asking.root.requested_state == "destroyed"
    {
        return Err(AppError::conflict(format!(
            "service `{}` is being destroyed and cannot ask for others",
            asking.root.name
        )));
    }
    let id = InstanceId::fresh(tx.clock(), tx.random()).to_string();
    let listed = ask.listed.as_ref();
    let root_id = requester
        .instance
        .as_ref()
        .map_or_else(|| id.clone(), |asking| asking.root.id.clone());
    let mut row = InstanceRow {
        root_id,
        parent_id: requester.parent_id().map(str::to_owned),
        is_shared: ask.is_shared,
        id,
        project_id: requester.project.project_id.clone(),
        project_name: requester.project.project_name.clone(),
        requester_id: requester.subject_id.clone(),
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
        stamp: tx.now(),
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
    if row.is_shared {
        instance::insert(tx, &row)?;
        share::place(tx, &mut row)?;
    } else {
        allocate::choose(tx, &mut row)?;
        instance::insert(tx, &row)?;
        allocate::follow(tx, &mut row)?;
    }
    Ok(row)
}

/// A partition for an instance, a host for a share, when it has none yet.
fn find_place(tx: &mut Tx<'_>, row: &mut InstanceRow) -> Result<(), AppError> {
    match (row.is_shared, &row.host_id, &row.partition_id) {
        (true, None, _) => share::place(tx, row),
        (false, _, None) => allocate::allocate(tx, row),
        _ => Ok(()),
    }
}

fn change(
    tx: &mut Tx<'_>,
    caller: &Caller,
    requester: &Requester,
    mut row: InstanceRow,
    ask: &Ask,
) -> Result<InstanceRow, AppError> {
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
    // Who asked last is told what the instance publishes; that and the filter of one that has its
    // place are no news to the instance itself.
    let is_asked_alike = row.filter == filter && row.parent_id.as_deref() == requester.parent_id();
    if !is_asked_alike {
        row.filter = filter;
        row.parent_id = requester.parent_id().map(str::to_owned);
        trees::set_asked(tx, &row.id, &row.filter, row.parent_id.as_deref())?;
    }
    let is_same = row.url == ask.url
        && row.software_type == ask.software_type
        && row.parameters == parameters
        && before == ask.state;
    if !is_same {
        let is_other_release = row.url != ask.url;
        row.url.clone_from(&ask.url);
        row.software_type.clone_from(&ask.software_type);
        row.parameters = parameters;
        row.requested_state = ask.state.to_string();
        touch(tx, caller, &mut row)?;
        if is_other_release
            && let Some(node_id) = row.node_id.as_deref()
            && supply::find(tx, node_id, &row.url)?.is_none()
        {
            supply::set_requested(tx, node_id, &row.url, "available", false)?;
        }
    }
    if !is_same || !is_asked_alike {
        find_place(tx, &mut row)?;
        return reread(tx, &row.id);
    }
    Ok(row)
}

/// Raises the generation after a change of what is asked, writes it and tells; a share's host is
/// told as well.
fn touch(tx: &mut Tx<'_>, caller: &Caller, row: &mut InstanceRow) -> Result<(), AppError> {
    row.generation += 1;
    row.changed_at = tx.now();
    row.stamp = tx.now();
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
    match row.host_id.as_deref() {
        Some(host_id) => tree::renew(tx, host_id),
        None => Ok(()),
    }
}

/// Asks an instance to go. What has no partition is gone at once; the rest when its node says so.
///
/// # Errors
/// The store's.
pub fn destroy(
    tx: &mut Tx<'_>,
    caller: &Caller,
    mut row: InstanceRow,
) -> Result<InstanceRow, AppError> {
    if row.requested_state != "destroyed" {
        row.requested_state = "destroyed".to_owned();
        touch(tx, caller, &mut row)?;
    }
    if row.partition_id.is_none() && row.reported_state != "destroyed" {
        tree::end_children(tx, caller, &row)?;
        finish_destroyed(tx, &mut row)?;
    }
    Ok(row)
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
    if let Some(subject_id) = row.subject_id.as_deref() {
        certificate::revoke_of_subject(tx, subject_id)?;
    }
    share::leave_host(tx, &row.id)?;
    tree::finish_root_of(tx, row)?;
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
        return destroy(tx, caller, row).map(|row| view::instance(&row));
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
    stamp_bang(tx, caller, &row, message)?;
    Ok(view::instance(&row))
}

/// One instance is to be looked at again now.
///
/// # Errors
/// The store's.
pub fn stamp_bang(
    tx: &mut Tx<'_>,
    caller: &Caller,
    row: &InstanceRow,
    message: &str,
) -> Result<(), AppError> {
    let message: String = message.chars().take(500).collect();
    let data = json!({"message": message});
    tx.record(event::about(
        row,
        event::INSTANCE_BANG,
        Some(caller.subject_id()),
        data,
    ));
    let now = tx.now();
    trees::set_stamp(tx, &row.id, now)?;
    if let Some(node_id) = row.node_id.as_deref() {
        let failed = supply::find(tx, node_id, &row.url)?
            .is_some_and(|supply| supply.reported_state == "failed");
        if failed {
            supply::set_requested(tx, node_id, &row.url, "available", true)?;
        }
        node::raise_generation(tx, node_id)?;
    }
    Ok(())
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

fn reread(tx: &mut Tx<'_>, id: &str) -> Result<InstanceRow, AppError> {
    let row = instance::find(tx, id)?;
    row.ok_or_else(|| AppError::not_found("such service"))
}
