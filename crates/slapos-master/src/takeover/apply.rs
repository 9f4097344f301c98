//! The proxy's state asked for here, by the rules of `app`: nodes, releases, roots, children, shares.
//!
//! Each instance is asked for by whoever asked the proxy, then put into the partition that it is
//! in. What is to go is asked to go last, since nothing can be asked for under a root that goes.

use super::state::{Instance, Node, Share, State};
use super::{Became, Step};
use crate::app::requester::Requester;
use crate::app::schema::Schemas;
use crate::app::{
    AppError, Caller, allocate, catalog, instance as rules, node as nodes, supply as supplies, tree,
};
use crate::http::slap::offer;
use crate::store::instance::{self, InstanceRow};
use crate::store::node::{self, NodeRow};
use crate::store::{Tx, subject};
use slapos_api::wire::JsonMap;
use slapos_api::wire::instance::InstanceRequest;
use slapos_api::wire::supply::SupplySet;
use std::collections::BTreeMap;

/// Asks for all of it.
pub(super) fn apply(tx: &mut Tx<'_>, state: &State) -> Result<Vec<Step>, AppError> {
    let person = subject::find_first_person(tx)?;
    let person = person.ok_or_else(|| AppError::not_found("owner of this master"))?;
    let owner = Caller::of_person(tx, person)?;
    let project = owner.choose_project(None)?.project_id.clone();
    let mut work = Work {
        owner,
        project,
        nodes: BTreeMap::new(),
        seated: BTreeMap::new(),
        roots: BTreeMap::new(),
        going: Vec::new(),
        steps: Vec::new(),
    };
    for node in &state.nodes {
        work.take_node(tx, node)?;
    }
    for release in &state.releases {
        work.take_release(tx, (&release.url, &release.node, &release.state))?;
    }
    work.take_instances(tx, &state.instances)?;
    for share in &state.shares {
        work.take_share(tx, share)?;
    }
    work.end_what_goes(tx)?;
    for (title, master) in &state.forwarded {
        let note = format!("to {master}: goes on when it is asked for again");
        work.note("forwarded", title, (Became::Left, Some(note)));
    }
    Ok(work.steps)
}

struct Work {
    owner: Caller,
    project: String,
    nodes: BTreeMap<String, NodeRow>,
    /// (node, partition) → what is in it.
    seated: BTreeMap<(String, String), String>,
    /// Title → root.
    roots: BTreeMap<String, String>,
    /// Taken now, and to go.
    going: Vec<String>,
    steps: Vec<Step>,
}

impl Work {
    fn note(&mut self, kind: &'static str, name: &str, (outcome, note): (Became, Option<String>)) {
        self.steps.push(Step {
            kind,
            name: name.to_owned(),
            outcome,
            note,
        });
    }

    fn take_node(&mut self, tx: &mut Tx<'_>, wanted: &Node) -> Result<(), AppError> {
        let known = node::find_in_project(tx, &self.project, &wanted.name)?;
        let outcome = known.map_or(Became::Taken, |_| Became::Known);
        let row = nodes::ensure_keyless(tx, &self.owner, (&self.project, &wanted.name))?;
        self.note("node", &wanted.name, (outcome, None));
        let is_new = node::list_partitions(tx, &row.id)?.is_empty();
        if is_new {
            let partitions = wanted.partitions.clone();
            let offered = offer(String::new(), JsonMap::new(), partitions);
            let caller = Caller::of_node(&row);
            nodes::format_with(tx, &caller, &offered.format, &offered.networks)?;
        }
        let outcome = if is_new { Became::Taken } else { Became::Known };
        for (partition, _) in &wanted.partitions {
            let name = format!("{} on {}", partition, wanted.name);
            self.note("partition", &name, (outcome, None));
        }
        self.nodes.insert(wanted.name.clone(), row);
        Ok(())
    }

    fn take_release(
        &mut self,
        tx: &mut Tx<'_>,
        (url, node, state): (&str, &str, &str),
    ) -> Result<(), AppError> {
        let name = format!("{url} on {node}");
        let Some(row) = self.nodes.get(node) else {
            let note = "its node is not there".to_owned();
            self.note("release", &name, (Became::Left, Some(note)));
            return Ok(());
        };
        if crate::store::supply::find(tx, &row.id, url)?.is_some() {
            self.note("release", &name, (Became::Known, None));
            return Ok(());
        }
        let ask = SupplySet {
            software: url.to_owned(),
            node: row.id.clone(),
            state: state.to_owned(),
        };
        let resolve = |tx: &mut Tx<'_>| Ok(catalog::resolve_address(tx, url)?.url);
        let set = supplies::set_resolved(tx, &self.owner, &ask, resolve);
        let outcome = match set {
            Ok(_) => (Became::Taken, None),
            Err(error) => (Became::Left, Some(refused(error)?)),
        };
        self.note("release", &name, outcome);
        Ok(())
    }

    /// Roots first, then whoever was asked for by one that is there, until nothing moves.
    fn take_instances(&mut self, tx: &mut Tx<'_>, all: &[Instance]) -> Result<(), AppError> {
        let (roots, mut waiting): (Vec<_>, Vec<_>) =
            all.iter().partition(|instance| instance.root.is_none());
        for root in roots {
            let owner = self.owner.clone();
            if let Some(id) = self.take_instance(tx, root, &owner)? {
                self.roots.insert(root.title.clone(), id);
            }
        }
        while !waiting.is_empty() {
            let before = waiting.len();
            let mut left = Vec::new();
            for child in waiting {
                match self.requester_of(tx, child, false)? {
                    Some(caller) => drop(self.take_instance(tx, child, &caller)?),
                    None => left.push(child),
                }
            }
            waiting = left;
            if waiting.len() == before {
                break;
            }
        }
        for child in waiting {
            match self.requester_of(tx, child, true)? {
                Some(caller) => drop(self.take_instance(tx, child, &caller)?),
                None => {
                    let note = "the root of its tree is not there".to_owned();
                    self.note("instance", &child.title, (Became::Left, Some(note)));
                }
            }
        }
        Ok(())
    }

    /// Who asked for a child: the partition that did, or else (when nothing better is there) the
    /// root of its tree.
    fn requester_of(
        &self,
        tx: &mut Tx<'_>,
        child: &Instance,
        is_last: bool,
    ) -> Result<Option<Caller>, AppError> {
        let asked_by = child.asked_by.clone();
        let place = asked_by.map(|partition| (child.node.clone(), partition));
        let direct = place.as_ref().and_then(|place| self.seated.get(place));
        let root = child.root.as_ref().and_then(|title| self.roots.get(title));
        let id = match (direct, place, is_last) {
            (Some(id), ..) => Some(id),
            (None, None, _) | (None, _, true) => root,
            (None, Some(_), false) => None,
        };
        let Some(id) = id else { return Ok(None) };
        Ok(instance::find(tx, id)?.map(|row| Caller::of_instance(&row)))
    }

    fn take_instance(
        &mut self,
        tx: &mut Tx<'_>,
        wanted: &Instance,
        caller: &Caller,
    ) -> Result<Option<String>, AppError> {
        let name = format!(
            "{} in {} on {}",
            wanted.title, wanted.partition, wanted.node
        );
        let place = (wanted.node.clone(), wanted.partition.clone());
        if let Some(known) = self.find_known(tx, caller, (&wanted.title, false))? {
            self.seated.insert(place, known.clone());
            self.note("instance", &name, (Became::Known, None));
            return Ok(Some(known));
        }
        let ask = InstanceRequest {
            name: wanted.title.clone(),
            software: wanted.url.clone(),
            project: None,
            software_type: wanted.software_type.clone(),
            parameters: Some(wanted.parameters.clone()),
            filter: Some(filter(&[("node", &wanted.node)])),
            state: Some(living(&wanted.state).to_owned()),
            shared: false,
        };
        let mut row = match request(tx, caller, &ask) {
            Ok(row) => row,
            Err(error) => {
                let note = refused(error)?;
                self.note("instance", &name, (Became::Left, Some(note)));
                return Ok(None);
            }
        };
        let note = self.seat(tx, &mut row, wanted)?;
        if !wanted.connection.is_empty()
            && let Some(node) = self.nodes.get(&wanted.node)
        {
            tree::publish(tx, &Caller::of_node(node), &row, &wanted.connection)?;
        }
        if wanted.state == "destroyed" {
            self.going.push(row.id.clone());
        }
        self.seated.insert(place, row.id.clone());
        self.note("instance", &name, (Became::Taken, note));
        Ok(Some(row.id))
    }

    /// Puts an instance where it is on its node, whatever place it was given here.
    fn seat(
        &self,
        tx: &mut Tx<'_>,
        row: &mut InstanceRow,
        wanted: &Instance,
    ) -> Result<Option<String>, AppError> {
        if row.partition_name.as_deref() == Some(&wanted.partition) {
            return Ok(None);
        }
        let Some(node) = self.nodes.get(&wanted.node) else {
            return Ok(Some(
                "its node is not there; it has another place".to_owned(),
            ));
        };
        let place = node::find_partition(tx, &node.id, &wanted.partition)?;
        let is_put = match place {
            Some(place) => allocate::put(tx, row, (node.clone(), place))?,
            None => false,
        };
        let note = "its partition holds another; it has another place";
        Ok((!is_put).then(|| note.to_owned()))
    }

    fn take_share(&mut self, tx: &mut Tx<'_>, wanted: &Share) -> Result<(), AppError> {
        let name = format!("{} on {}", wanted.reference, wanted.node);
        let Some((software_type, parameters)) = &wanted.told else {
            let note = "it was destroyed; the proxy only forgot to remove its row".to_owned();
            self.note("share", &name, (Became::Left, Some(note)));
            return Ok(());
        };
        let host = self.seated.get(&(wanted.node.clone(), wanted.host.clone()));
        let host = match host {
            Some(id) => instance::find(tx, id)?,
            None => None,
        };
        let found = self.name_of_share(tx, wanted)?;
        let (Some(host), Some((caller, title))) = (host, found) else {
            let note = "its host or the root of its tree is not there".to_owned();
            self.note("share", &name, (Became::Left, Some(note)));
            return Ok(());
        };
        if self.find_known(tx, &caller, (&title, true))?.is_some() {
            self.note("share", &name, (Became::Known, None));
            return Ok(());
        }
        let ask = InstanceRequest {
            name: title,
            software: host.url.clone(),
            project: None,
            software_type: software_type
                .clone()
                .or_else(|| Some(host.software_type.clone())),
            parameters: Some(parameters.clone()),
            filter: Some(filter(&[
                ("node", &wanted.node),
                ("instance_guid", &host.id),
            ])),
            state: Some("started".to_owned()),
            shared: true,
        };
        let row = match request(tx, &caller, &ask) {
            Ok(row) => row,
            Err(error) => {
                let note = refused(error)?;
                self.note("share", &name, (Became::Left, Some(note)));
                return Ok(());
            }
        };
        if !wanted.connection.is_empty() {
            tree::publish(tx, &Caller::of_instance(&host), &row, &wanted.connection)?;
        }
        self.note("share", &name, (Became::Taken, None));
        Ok(())
    }

    /// Who asked for a share, and under which name: its reference is the root's title and its own.
    fn name_of_share(
        &self,
        tx: &mut Tx<'_>,
        wanted: &Share,
    ) -> Result<Option<(Caller, String)>, AppError> {
        let asked_by = wanted.asked_by.clone();
        let direct = asked_by.and_then(|by| self.seated.get(&(wanted.node.clone(), by)));
        if let Some(id) = direct
            && let Some(row) = instance::find(tx, id)?
        {
            let root = tree::root_name(tx, &row)?;
            let title = wanted.reference.strip_prefix(&format!("{root}_"));
            let title = title.map(str::to_owned);
            return Ok(title.map(|title| (Caller::of_instance(&row), title)));
        }
        if let Some(title) = wanted.reference.strip_prefix('_') {
            return Ok(Some((self.owner.clone(), title.to_owned())));
        }
        // Titles may hold the separator themselves: the longest root that fits is meant.
        let fitting = self.roots.iter().filter_map(|(root, id)| {
            let rest = wanted.reference.strip_prefix(root.as_str())?;
            Some((root.len(), id, rest.strip_prefix('_')?))
        });
        let Some((_, id, title)) = fitting.max_by_key(|(length, ..)| *length) else {
            return Ok(None);
        };
        let row = instance::find(tx, id)?;
        Ok(row.map(|row| (Caller::of_instance(&row), title.to_owned())))
    }

    fn find_known(
        &self,
        tx: &mut Tx<'_>,
        caller: &Caller,
        (title, is_shared): (&str, bool),
    ) -> Result<Option<String>, AppError> {
        let Some(requester) = Requester::find(tx, caller, None)? else {
            return Ok(None);
        };
        let known = instance::find_asked(tx, &requester.subject_id, title, is_shared)?;
        Ok(known.map(|row| row.id))
    }

    fn end_what_goes(&mut self, tx: &mut Tx<'_>) -> Result<(), AppError> {
        for id in std::mem::take(&mut self.going) {
            // It may have gone with its root.
            let row = instance::find(tx, &id)?;
            if let Some(row) = row.filter(|row| row.requested_state != "destroyed") {
                rules::destroy(tx, &self.owner, row)?;
            }
        }
        Ok(())
    }
}

fn request(
    tx: &mut Tx<'_>,
    caller: &Caller,
    ask: &InstanceRequest,
) -> Result<InstanceRow, AppError> {
    // What was judged by the proxy is not judged again by a schema.
    let schemas = Schemas::default();
    rules::request_row(tx, &schemas, caller, ask, catalog::resolve_address)
}

/// What a rule says of a thing that is left; a failure of the store ends everything.
fn refused(error: AppError) -> Result<String, AppError> {
    match error.code {
        slapos_api::ErrorCode::Internal | slapos_api::ErrorCode::Unavailable => Err(error),
        _ => Ok(error.message),
    }
}

/// The state in which something is asked for first.
fn living(state: &str) -> &str {
    match state {
        "started" => "started",
        _ => "stopped",
    }
}

fn filter(pairs: &[(&str, &str)]) -> JsonMap {
    let pairs = pairs.iter();
    pairs
        .map(|(key, value)| ((*key).to_owned(), (*value).into()))
        .collect()
}
