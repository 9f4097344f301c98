//! Queries of the instances' table along its trees: children, shares, who is on a partition.

use super::instance::{InstanceRow, read, select_instance};
use super::{StoreError, Tx};
use crate::params;
use slapos_model::Timestamp;

/// The living instances and shares that one asked for, by name.
///
/// # Errors
/// The database's.
pub fn list_children(tx: &mut Tx<'_>, root_id: &str) -> Result<Vec<InstanceRow>, StoreError> {
    tx.query(
        select_instance!(
            "instance.root_id = $1 AND instance.parent_id IS NOT NULL
             AND instance.destroyed_at IS NULL
             ORDER BY instance.name, instance.id"
        ),
        params![root_id],
        read,
    )
}

/// The living shares of a host's capacity, oldest first.
///
/// # Errors
/// The database's.
pub fn list_shares(tx: &mut Tx<'_>, host_id: &str) -> Result<Vec<InstanceRow>, StoreError> {
    tx.query(
        select_instance!(
            "instance.host_id = $1 AND instance.destroyed_at IS NULL
             ORDER BY instance.created_at, instance.id"
        ),
        params![host_id],
        read,
    )
}

/// The living shares of all hosts on a node, oldest first.
///
/// # Errors
/// The database's.
pub fn list_shares_on_node(tx: &mut Tx<'_>, node_id: &str) -> Result<Vec<InstanceRow>, StoreError> {
    tx.query(
        select_instance!(
            "instance.host_id IN (SELECT host.id FROM instance AS host
                 WHERE host.node_id = $1 AND host.destroyed_at IS NULL)
             AND instance.destroyed_at IS NULL
             ORDER BY instance.created_at, instance.id"
        ),
        params![node_id],
        read,
    )
}

/// The living instances of a project that run a release, oldest first: who may host a share.
///
/// # Errors
/// The database's.
pub fn list_offers(
    tx: &mut Tx<'_>,
    project_id: &str,
    url: &str,
) -> Result<Vec<InstanceRow>, StoreError> {
    tx.query(
        select_instance!(
            "instance.project_id = $1 AND instance.url = $2 AND instance.is_shared = 0
             AND instance.destroyed_at IS NULL AND instance.requested_state <> 'destroyed'
             AND instance.partition_id IS NOT NULL
             ORDER BY instance.created_at, instance.id"
        ),
        params![project_id, url],
        read,
    )
}

/// The living shares of a release that have no host yet, oldest first.
///
/// # Errors
/// The database's.
pub fn list_lonely(
    tx: &mut Tx<'_>,
    project_id: &str,
    url: &str,
    limit: i64,
) -> Result<Vec<InstanceRow>, StoreError> {
    tx.query(
        select_instance!(
            "instance.project_id = $1 AND instance.url = $2 AND instance.is_shared = 1
             AND instance.host_id IS NULL AND instance.destroyed_at IS NULL
             ORDER BY instance.created_at, instance.id LIMIT $3"
        ),
        params![project_id, url, limit],
        read,
    )
}

/// The living roots of a project, shares too, by name.
///
/// # Errors
/// The database's.
pub fn list_roots(
    tx: &mut Tx<'_>,
    project_id: &str,
    limit: i64,
) -> Result<Vec<InstanceRow>, StoreError> {
    tx.query(
        select_instance!(
            "instance.project_id = $1 AND instance.root_id = instance.id
             AND instance.destroyed_at IS NULL
             ORDER BY instance.is_shared, instance.name, instance.id LIMIT $2"
        ),
        params![project_id, limit],
        read,
    )
}

/// The living root of a project under a name, one of its own before a share.
///
/// # Errors
/// The database's.
pub fn find_root(
    tx: &mut Tx<'_>,
    project_id: &str,
    name: &str,
) -> Result<Option<InstanceRow>, StoreError> {
    tx.query_first(
        select_instance!(
            "instance.project_id = $1 AND instance.name = $2 AND instance.root_id = instance.id
             AND instance.destroyed_at IS NULL
             ORDER BY instance.is_shared, instance.created_at"
        ),
        params![project_id, name],
        read,
    )
}

/// The living instance or share of a project under (name of its root, its own); a root itself under
/// an empty name of its root.
///
/// # Errors
/// The database's.
pub fn find_named(
    tx: &mut Tx<'_>,
    project_id: &str,
    (root_name, name): (&str, &str),
    is_shared: bool,
) -> Result<Option<InstanceRow>, StoreError> {
    tx.query_first(
        select_instance!(
            "instance.project_id = $1 AND instance.name = $2 AND instance.is_shared = $3
             AND instance.destroyed_at IS NULL AND (
                 ($4 = '' AND instance.root_id = instance.id)
                 OR instance.root_id <> instance.id AND EXISTS (
                     SELECT 1 FROM instance AS root
                     WHERE root.id = instance.root_id AND root.name = $4))
             ORDER BY instance.created_at"
        ),
        params![project_id, name, is_shared, root_name],
        read,
    )
}

/// The living instance on a partition of a node.
///
/// # Errors
/// The database's.
pub fn find_on_partition(
    tx: &mut Tx<'_>,
    node_id: &str,
    partition_name: &str,
) -> Result<Option<InstanceRow>, StoreError> {
    tx.query_first(
        select_instance!(
            "instance.node_id = $1 AND partition.name = $2 AND instance.destroyed_at IS NULL"
        ),
        params![node_id, partition_name],
        read,
    )
}

/// Lets an instance be looked at again.
///
/// # Errors
/// The database's.
pub fn set_stamp(tx: &mut Tx<'_>, id: &str, at: Timestamp) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE instance SET stamp = $1 WHERE id = $2",
        params![at, id],
    )
    .map(drop)
}

/// The same, with a generation of its own: what the instance is given is new, though nobody
/// changed what is asked of it.
///
/// # Errors
/// The database's.
pub fn renew(tx: &mut Tx<'_>, id: &str, at: Timestamp) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE instance SET stamp = $1, generation = generation + 1 WHERE id = $2",
        params![at, id],
    )
    .map(drop)
}

/// Keeps which subject an instance is.
///
/// # Errors
/// The database's.
pub fn set_subject(tx: &mut Tx<'_>, id: &str, subject_id: &str) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE instance SET subject_id = $1 WHERE id = $2",
        params![subject_id, id],
    )
    .map(drop)
}

/// Gives an instance another name.
///
/// # Errors
/// The database's, when the requester uses it already too.
pub fn set_name(tx: &mut Tx<'_>, id: &str, name: &str) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE instance SET name = $1 WHERE id = $2",
        params![name, id],
    )
    .map(drop)
}

/// Keeps where an instance may run, and who asked last, which is no news to the instance.
///
/// # Errors
/// The database's.
pub fn set_asked(
    tx: &mut Tx<'_>,
    id: &str,
    filter: &str,
    parent_id: Option<&str>,
) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE instance SET filter = $1, parent_id = $2 WHERE id = $3",
        params![filter, parent_id, id],
    )
    .map(drop)
}
