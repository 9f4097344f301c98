//! Tells the supervisor which programs an instance has.

use crate::job::launch::environment;
use crate::node::Node;
use crate::record::{InstanceRecord, Program, ProgramKind};
use slapos_supervise::{GroupSpec, ProgramSpec, User, Wanted};
use std::io;

/// Makes the programs of the last installation those of the supervisor. Only programs whose digest
/// changed are restarted.
///
/// # Errors
/// When the supervisor does not take it.
pub fn supervise_instance(
    node: &Node,
    partition: &str,
    record: &InstanceRecord,
    is_wanted: bool,
) -> io::Result<()> {
    node.system
        .apply_group(&group_of(node, partition, record, is_wanted)?)
}

/// Stops the programs; the supervisor still knows them.
///
/// # Errors
/// When the supervisor does not take it.
pub fn stop_instance(node: &Node, partition: &str, record: &InstanceRecord) -> io::Result<()> {
    supervise_instance(node, partition, record, false)
}

/// Takes the programs from the supervisor, which stops them.
///
/// # Errors
/// When the supervisor does not take it.
pub fn withdraw_instance(node: &Node, partition: &str) -> io::Result<()> {
    node.system.remove_group(partition)
}

fn group_of(
    node: &Node,
    partition: &str,
    record: &InstanceRecord,
    is_wanted: bool,
) -> io::Result<GroupSpec> {
    let account = node.account(partition).map_err(io::Error::other)?;
    let directory = node.layout.partition(partition);
    let user = account.map(|account| User {
        uid: account.uid,
        gid: account.gid,
        groups: account.groups.clone(),
    });
    let program = |program: &Program| ProgramSpec {
        directory: directory.clone(),
        user: user.clone(),
        environment: environment(account, &directory).into_iter().collect(),
        digest: program.digest.clone(),
        ..ProgramSpec::new(
            program.name.clone(),
            match program.kind {
                ProgramKind::Run => slapos_supervise::ProgramKind::Run,
                ProgramKind::Service => slapos_supervise::ProgramKind::Service,
            },
            vec![program.path.to_string_lossy().into_owned()],
        )
    };
    let installed = record
        .installed
        .iter()
        .flat_map(|installed| &installed.programs);
    Ok(GroupSpec {
        name: partition.to_owned(),
        wanted: if is_wanted {
            Wanted::Running
        } else {
            Wanted::Stopped
        },
        programs: installed.map(program).collect(),
    })
}
