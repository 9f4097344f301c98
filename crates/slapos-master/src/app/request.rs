//! Asking for a service: create or get, change. What is asked is checked and completed first.
//!
//! Keyed by (requester, name, share or not): asking twice changes nothing. Start with [`request`].

use super::catalog::{Listed, Resolved};
use super::instance::{destroy, read_state, reread, touch};
use super::requester::Requester;
use super::schema::Schemas;
use super::{AppError, Caller, allocate, catalog, event, share, tree, view};
use crate::store::instance::{self, InstanceRow};
use crate::store::{Tx, supply, tree as trees};
use serde_json::json;
use slapos_api::wire::JsonMap;
use slapos_api::wire::instance::{InstanceRequest, InstanceView};
use slapos_model::limits::PARAMETERS_BYTES_MAX;
use slapos_model::{InstanceId, Name, ParameterError, Parameters, RequestedState};

/// What is asked, checked and completed from what stands.
struct Ask {
    name: Name,
    url: String,
    listed: Option<Listed>,
    software_type: String,
    /// As it is stored and compared.
    parameters: String,
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

/// What holds of every request, whoever serves it; what is to go was judged when it came.
///
/// # Errors
/// When something of what is asked breaks a rule.
pub fn check(ask: &InstanceRequest) -> Result<(), AppError> {
    if requested_state(ask, None)? == RequestedState::Destroyed {
        return Ok(());
    }
    read_name(ask)?;
    read_parameters(ask, None)?;
    check_type(ask.software_type.as_deref().unwrap_or_default())
}

fn read_name(ask: &InstanceRequest) -> Result<Name, AppError> {
    let name = ask.name.parse();
    name.map_err(|error| AppError::invalid("name", error))
}

/// The parameters as they are stored and compared.
fn read_parameters(
    ask: &InstanceRequest,
    standing: Option<&InstanceRow>,
) -> Result<String, AppError> {
    let parameters = match (&ask.parameters, standing) {
        (Some(map), _) => Parameters::from_map(map.clone()),
        (None, Some(row)) => Parameters::parse(&row.parameters),
        (None, None) => Ok(Parameters::default()),
    };
    let parameters = parameters.map_err(|error| AppError::invalid("parameters", error))?;
    let text = parameters.to_text();
    if text.len() > PARAMETERS_BYTES_MAX {
        let fault = ParameterError::TooLarge(text.len());
        return Err(AppError::invalid("parameters", fault));
    }
    Ok(text)
}

fn check_type(software_type: &str) -> Result<(), AppError> {
    if software_type.len() > 200 || software_type.chars().any(char::is_control) {
        return Err(AppError::invalid(
            "type",
            "a software type is a short word such as `default`",
        ));
    }
    Ok(())
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
    let name = read_name(ask)?;
    let text = read_parameters(ask, standing)?;
    // A schema is about an instance: what a share is given is its host's to judge.
    if let Some(listed) = release.listed.as_ref().filter(|_| !ask.shared) {
        let given = Parameters::from_map(tree::unwrapped(&text))
            .map_err(|error| AppError::invalid("parameters", error))?;
        schemas.check(&release.url, &listed.schema, &given)?;
    }
    let software_type = super::state::software_type_of(ask, standing);
    check_type(&software_type)?;
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
        parameters: text,
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
    let mut row = new_row(tx, requester, ask);
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

fn new_row(tx: &Tx<'_>, requester: &Requester, ask: &Ask) -> InstanceRow {
    let id = InstanceId::fresh(tx.clock(), tx.random()).to_string();
    let listed = ask.listed.as_ref();
    let root_id = requester
        .instance
        .as_ref()
        .map_or_else(|| id.clone(), |asking| asking.root.id.clone());
    InstanceRow {
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
        parameters: ask.parameters.clone(),
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
    }
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
        && row.parameters == ask.parameters
        && before == ask.state;
    if !is_same {
        let is_other_release = row.url != ask.url;
        row.url.clone_from(&ask.url);
        row.software_type.clone_from(&ask.software_type);
        row.parameters.clone_from(&ask.parameters);
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
