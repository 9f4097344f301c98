//! Calls about one partition: what it is to be, how it is, what it published.

use super::answer::{Refusal, marshal, words};
use super::document;
use super::form::Form;
use super::instance::{Shown, status_text, to_map};
use super::who::Seat;
use super::{Dialect, Face, Reply};
use crate::app::caller::Act;
use crate::app::tree::{self, Removal};
use crate::app::{AppError, Caller, Proof, report};
use crate::store::instance::{self, InstanceRow};
use crate::store::{Tx, tree as trees};
use axum::extract::State;
use slapos_api::ErrorCode;
use slapos_api::slap::Value;
use slapos_api::wire::node::InstanceReport;
use std::sync::Arc;

/// `GET registerComputerPartition`.
pub(super) async fn read(State(face): State<Face>, proof: Proof, form: Form) -> Reply {
    let seat = Seat {
        computer: form.require("computer_reference")?.to_owned(),
        partition: form.require("computer_partition_reference")?.to_owned(),
    };
    let dialect = Arc::clone(&face.dialect);
    let reading = face.context.store.read(move |tx| {
        let seated = dialect.on_partition(tx, &proof, &seat)?;
        let shown = match seated.instance {
            Some(row) => {
                seated.caller.require_on(&row, Act::Read)?;
                Some(Shown::load_whole(tx, row)?)
            }
            None => None,
        };
        let (node, partition) = (&seated.node, &seated.partition);
        Ok(document::partition(
            &dialect,
            node,
            partition,
            shown.as_ref(),
        ))
    });
    let document: Result<Value, AppError> = reading.await;
    marshal(&document?)
}

/// `GET getComputerPartitionStatus`.
pub(super) async fn read_status(State(face): State<Face>, proof: Proof, form: Form) -> Reply {
    if face.dialect.proxy().is_some() {
        return marshal(&Value::text("Not implemented."));
    }
    let seat = Seat::require(&form)?;
    let dialect = Arc::clone(&face.dialect);
    let reading = face.context.store.read(move |tx| {
        let (caller, row) = dialect.on_partition(tx, &proof, &seat)?.busy()?;
        caller.require_on(&row, Act::Read)?;
        Ok(row)
    });
    let row: Result<InstanceRow, AppError> = reading.await;
    let row = row?;
    marshal(&Value::dict([
        ("user", Value::text(&row.id)),
        ("text", Value::text(status_text(&row))),
        ("state", Value::text(&row.reported_state)),
        ("reference", Value::text(&row.id)),
        ("portal_type", Value::text("Software Instance")),
    ]))
}

/// `POST setComputerPartitionConnectionXml`.
pub(super) async fn publish(State(face): State<Face>, proof: Proof, form: Form) -> Reply {
    let seat = Seat::require(&form)?;
    let given = form.value("connection_xml")?;
    let connection = match given.as_ref().map(|value| value.as_dict().map(to_map)) {
        Some(Some(map)) => map,
        Some(None) => return Err(Refusal::bad("connection_xml: this is no dictionary")),
        None => return Err(Refusal::bad("the field `connection_xml` is missing")),
    };
    let share = form.find("slave_reference").map(str::to_owned);
    let dialect = Arc::clone(&face.dialect);
    let writing = face.context.store.write(move |tx| {
        let (caller, row) = dialect.on_partition(tx, &proof, &seat)?.busy()?;
        let row = match &share {
            Some(reference) => find_share(tx, &dialect, &row, reference)?,
            None => row,
        };
        tree::publish(tx, &caller, &row, &connection)
    });
    let kept: Result<bool, AppError> = writing.await;
    kept?;
    Ok(words("done"))
}

/// The share that a host calls so.
fn find_share(
    tx: &mut Tx<'_>,
    dialect: &Dialect,
    host: &InstanceRow,
    reference: &str,
) -> Result<InstanceRow, AppError> {
    if *dialect == Dialect::Master {
        let share = instance::find(tx, reference)?;
        if let Some(share) = share.filter(|share| share.host_id.as_ref() == Some(&host.id)) {
            return Ok(share);
        }
    } else {
        for share in trees::list_shares(tx, &host.id)? {
            let root_name = tree::root_name(tx, &share)?;
            if dialect.share_reference(&share, &root_name) == reference {
                return Ok(share);
            }
        }
    }
    Err(AppError::not_found(format!(
        "share `{reference}` of `{}`",
        host.name
    )))
}

/// `POST startedComputerPartition`.
pub(super) async fn started(State(face): State<Face>, proof: Proof, form: Form) -> Reply {
    report_of_form(&face, proof, &form, "started").await
}

/// `POST stoppedComputerPartition`.
pub(super) async fn stopped(State(face): State<Face>, proof: Proof, form: Form) -> Reply {
    report_of_form(&face, proof, &form, "stopped").await
}

/// `POST softwareInstanceError`.
pub(super) async fn error(State(face): State<Face>, proof: Proof, form: Form) -> Reply {
    report_of_form(&face, proof, &form, "failed").await
}

async fn report_of_form(face: &Face, proof: Proof, form: &Form, state: &str) -> Reply {
    let (seat, share) = (
        Seat::require(form)?,
        form.find("slave_reference").map(str::to_owned),
    );
    let message = form.find("error_log").map(str::to_owned);
    let state = state.to_owned();
    let dialect = Arc::clone(&face.dialect);
    let writing = face.context.store.write(move |tx| {
        let seated = dialect.on_partition(tx, &proof, &seat)?;
        // Late news of what left its partition meanwhile.
        let Some(row) = seated.instance else {
            return Ok(());
        };
        let row = match &share {
            Some(reference) => find_share(tx, &dialect, &row, reference)?,
            None => row,
        };
        keep_state(tx, &seated.caller, &row, (&state, &message))
    });
    let kept: Result<(), AppError> = writing.await;
    kept?;
    Ok(words("Ignored"))
}

/// Keeps how an instance is; this wire does not say of which generation, so it is the newest.
pub(in crate::http) fn keep_state(
    tx: &mut Tx<'_>,
    caller: &Caller,
    row: &InstanceRow,
    (state, message): (&str, &Option<String>),
) -> Result<(), AppError> {
    if row.is_shared {
        return Ok(());
    }
    let said = InstanceReport {
        id: row.id.clone(),
        generation: row.generation,
        state: Some(state.to_owned()),
        message: message.clone(),
        connection: None,
        promises: None,
        processes: None,
    };
    report::keep_of_instance(tx, caller, row, &said)
}

/// `POST destroyedComputerPartition`.
pub(super) async fn destroyed(State(face): State<Face>, proof: Proof, form: Form) -> Reply {
    let seat = Seat::require(&form)?;
    let unknown = format!(
        "Unknown partition '{}' on '{}'",
        seat.partition, seat.computer
    );
    let dialect = Arc::clone(&face.dialect);
    let writing = face.context.store.write(move |tx| {
        let seated = match dialect.on_partition(tx, &proof, &seat) {
            Err(error) if error.code == ErrorCode::NotFound => return Ok(None),
            found => found?,
        };
        match seated.instance {
            Some(row) => dialect.finish_removed(tx, &seated.caller, &row).map(Some),
            None => Ok(Some(Removal::Done)),
        }
    });
    let outcome: Result<Option<Removal>, AppError> = writing.await;
    Ok(words(&match outcome? {
        None => unknown,
        Some(Removal::Done) => "OK".to_owned(),
        Some(Removal::Children(names)) => children_text(&names),
        Some(Removal::NotAsked) => NOT_ASKED.to_owned(),
    }))
}

/// Said of an instance that a node removed though nobody asked for that.
pub(in crate::http) const NOT_ASKED: &str =
    "Not destroying because nobody asked for its destruction";

/// Said of a root whose children are still there.
pub(in crate::http) fn children_text(names: &[String]) -> String {
    format!(
        "Not destroying yet because this partition has child partitions: {}",
        names.join(", ")
    )
}

/// `POST softwareInstanceBang`.
pub(super) async fn bang(State(face): State<Face>, proof: Proof, form: Form) -> Reply {
    let seat = Seat::require(&form)?;
    let message = form.find("message").unwrap_or_default().to_owned();
    let dialect = Arc::clone(&face.dialect);
    let writing = face.context.store.write(move |tx| {
        let (caller, row) = dialect.on_partition(tx, &proof, &seat)?.busy()?;
        tree::bang(tx, &caller, &row, &message)
    });
    let done: Result<(), AppError> = writing.await;
    done?;
    Ok(words("OK"))
}

/// `POST softwareInstanceRename`.
pub(super) async fn rename(State(face): State<Face>, proof: Proof, form: Form) -> Reply {
    let (seat, name) = (Seat::require(&form)?, form.require("new_name")?.to_owned());
    let share = form.find("slave_reference").map(str::to_owned);
    let dialect = Arc::clone(&face.dialect);
    let writing = face.context.store.write(move |tx| {
        let (caller, row) = dialect.on_partition(tx, &proof, &seat)?.busy()?;
        let caller = acting(caller, &row);
        let row = match &share {
            Some(reference) => find_share(tx, &dialect, &row, reference)?,
            None => row,
        };
        tree::rename(tx, &caller, &row, &name)
    });
    let done: Result<(), AppError> = writing.await;
    done?;
    Ok(words("done"))
}

/// A node that speaks for its partition.
fn acting(caller: Caller, row: &InstanceRow) -> Caller {
    match caller {
        Caller::Node { .. } => Caller::of_instance(row),
        other => other,
    }
}

/// `GET getHostingSubscriptionIpList`: the addresses of all instances of the tree.
pub(super) async fn list_addresses(State(face): State<Face>, proof: Proof, form: Form) -> Reply {
    let seat = Seat::require(&form)?;
    let dialect = Arc::clone(&face.dialect);
    let reading = face.context.store.read(move |tx| {
        let (caller, row) = dialect.on_partition(tx, &proof, &seat)?.busy()?;
        caller.require_on(&row, Act::Read)?;
        let mut members = trees::list_children(tx, &row.root_id)?;
        members.extend(crate::store::instance::find(tx, &row.root_id)?);
        let mut pairs = Vec::new();
        for member in members.into_iter().filter(|member| !member.is_shared) {
            let shown = Shown::load(tx, member)?;
            pairs.extend(shown.networks.iter().map(document::pair));
        }
        Ok(Value::List(pairs))
    });
    let list: Result<Value, AppError> = reading.await;
    marshal(&list?)
}

/// `POST updateComputerPartitionRelatedInstanceList`: read and passed over, as by the original's
/// master, which has this disabled.
pub(super) async fn keep_related(State(face): State<Face>, proof: Proof, form: Form) -> Reply {
    let seat = Seat::require(&form)?;
    form.value("instance_reference_xml")?;
    let dialect = Arc::clone(&face.dialect);
    let reading = face.context.store.read(move |tx| {
        let (caller, row) = dialect.on_partition(tx, &proof, &seat)?.busy()?;
        caller.require_on(&row, Act::Run)
    });
    let known: Result<(), AppError> = reading.await;
    known?;
    Ok(words("OK"))
}
