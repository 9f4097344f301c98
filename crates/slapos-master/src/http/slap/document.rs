//! Rows as the four objects of the old wire.

use super::Dialect;
use super::instance::{
    Network, Shown, by_form, flat, networks, of_json, seconds, sla_of, status_text,
};
use crate::store::instance::InstanceRow;
use crate::store::node::{NodeRow, PartitionRow};
use crate::store::supply::SupplyRow;
use serde_json::Value as Json;
use slapos_api::slap::{Class, Value, python_text};
use std::collections::BTreeMap;

/// A node with all that is on it.
pub(super) fn computer(id: &str, releases: Vec<Value>, partitions: Vec<Value>) -> Value {
    Value::object(
        Class::Computer,
        vec![Value::text(id)],
        [
            ("_computer_id", Value::text(id)),
            ("_computer_partition_list", Value::List(partitions)),
            ("_software_release_list", Value::List(releases)),
        ],
    )
}

/// A release that is ordered on a node.
pub(super) fn ordered_release(supply: &SupplyRow, computer: &str) -> Value {
    let state = Value::text(&supply.requested_state);
    release(&supply.url, computer, Some(("_requested_state", state)))
}

fn release(url: &str, computer: &str, more: Option<(&'static str, Value)>) -> Value {
    let state = [
        ("_computer_guid", Value::text(computer)),
        ("_software_instance_list", Value::List(vec![])),
        ("_software_release", Value::text(url)),
    ];
    let arguments = vec![Value::text(url), Value::text(computer)];
    let state = state.into_iter().chain(more);
    Value::object(Class::SoftwareRelease, arguments, state)
}

/// A partition with what is in it.
pub(super) fn partition(
    dialect: &Dialect,
    node: &NodeRow,
    row: &PartitionRow,
    shown: Option<&Shown>,
) -> Value {
    let computer = dialect.computer_id(node);
    let mut state = vec![
        ("_computer_id", Value::text(computer)),
        ("_partition_id", Value::text(&row.name)),
        ("_request_dict", Value::None),
    ];
    match shown {
        None => state.extend([
            ("_need_modification", Value::int(0)),
            ("_requested_state", Value::text("destroyed")),
            ("_instance_guid", free_guid(dialect, computer, row)),
            ("_software_release_document", Value::None),
        ]),
        Some(shown) => state.extend(busy(dialect, computer, (row, shown))),
    }
    let arguments = vec![Value::text(computer), Value::text(&row.name), Value::None];
    Value::object(Class::ComputerPartition, arguments, state)
}

fn free_guid(dialect: &Dialect, computer: &str, row: &PartitionRow) -> Value {
    match dialect {
        Dialect::Master => Value::None,
        Dialect::Proxy(_) => Value::text(format!("{computer}-{}", row.name)),
    }
}

fn busy(
    dialect: &Dialect,
    computer: &str,
    (partition, shown): (&PartitionRow, &Shown),
) -> Vec<(&'static str, Value)> {
    let row = &shown.row;
    let mut state = vec![
        ("_connection_dict", texts(&flat(&row.connection))),
        ("_instance_guid", Value::text(dialect.instance_guid(row))),
        ("_need_modification", Value::int(1)),
        (
            "_parameter_dict",
            parameters(dialect, computer, (partition, shown)),
        ),
        ("_requested_state", Value::text(&row.requested_state)),
        (
            "_software_release_document",
            release(&row.url, computer, None),
        ),
    ];
    if *dialect == Dialect::Master {
        state.push(("_access_status", Value::text(status_text(row))));
        state.push(("_filter_dict", filter(row)));
    }
    state
}

/// What an instance is given: its parameters, over which the keys of this wire stand.
fn parameters(
    dialect: &Dialect,
    computer: &str,
    (partition, shown): (&PartitionRow, &Shown),
) -> Value {
    let row = &shown.row;
    let addresses = networks(partition);
    let mut all: BTreeMap<String, Value> = flat(&row.parameters)
        .into_iter()
        .map(|(key, value)| (key, Value::Text(value)))
        .collect();
    let shares = shown.shares.iter().map(|share| shared(dialect, share));
    let (ips, full) = address_lists(dialect, &addresses);
    let reserved = [
        ("full_address_list", full.clone()),
        ("full_ip_list", full),
        ("instance_title", Value::text(&row.name)),
        ("ip_list", ips),
        ("root_instance_title", Value::text(&shown.root_name)),
        ("slap_computer_id", Value::text(computer)),
        ("slap_computer_partition_id", Value::text(&partition.name)),
        ("slap_software_release_url", Value::text(&row.url)),
        ("slap_software_type", Value::text(&row.software_type)),
        ("slave_instance_list", Value::List(shares.collect())),
        ("timestamp", Value::text(seconds(row.stamp))),
    ];
    all.extend(reserved.map(|(key, value)| (key.to_owned(), value)));
    if *dialect == Dialect::Master {
        let short = Value::text(&row.root_id);
        all.insert("root_instance_short_title".to_owned(), short);
    }
    Value::dict(all)
}

/// A share as its host is told of it.
fn shared(dialect: &Dialect, (row, root_name): &(InstanceRow, String)) -> Value {
    let mut all: BTreeMap<String, Value> = BTreeMap::new();
    if *dialect == Dialect::Master {
        let connection = flat(&row.connection).into_iter();
        all.extend(connection.map(|(key, value)| (key, Value::Text(value))));
        all.insert("timestamp".to_owned(), Value::int(row.stamp.as_micros()));
    }
    let parameters = flat(&row.parameters).into_iter();
    all.extend(parameters.map(|(key, value)| (key, Value::Text(value))));
    let reserved = [
        ("slap_software_type", row.software_type.clone()),
        ("slave_reference", dialect.share_reference(row, root_name)),
        ("slave_title", dialect.share_title(row, root_name)),
    ];
    all.extend(reserved.map(|(key, value)| (key.to_owned(), Value::Text(value))));
    Value::dict(all)
}

/// (interface, address) pairs, and the full form of those with a gateway, which a master gives
/// there instead.
fn address_lists(dialect: &Dialect, addresses: &[Network]) -> (Value, Value) {
    let (plain, full) = by_form(dialect, addresses);
    let plain = plain.into_iter().map(pair);
    let full = full.into_iter().map(|network| {
        let parts = [
            &network.interface,
            &network.address,
            &network.gateway,
            &network.netmask,
            &network.network,
        ];
        Value::Tuple(parts.map(Value::text).into())
    });
    (Value::List(plain.collect()), Value::List(full.collect()))
}

/// (interface, address).
pub(super) fn pair(network: &Network) -> Value {
    let (interface, address) = (&network.interface, &network.address);
    Value::Tuple(vec![Value::text(interface), Value::text(address)])
}

/// What a request is answered with.
pub(super) fn software_instance(dialect: &Dialect, shown: &Shown) -> Value {
    let row = &shown.row;
    let seat = shown.seat.as_ref().unwrap_or(row);
    let mut given: BTreeMap<String, String> = flat(&row.parameters);
    if !row.is_shared {
        given.insert("timestamp".to_owned(), seconds(row.stamp));
    }
    let (ips, full) = address_lists(dialect, &shown.networks);
    let mut state = vec![
        ("_connection_dict", texts(&flat(&row.connection))),
        ("_instance_guid", Value::text(dialect.instance_guid(row))),
        ("_parameter_dict", texts(&given)),
        ("_requested_state", Value::text(&row.requested_state)),
        ("connection_xml", Value::None),
        ("full_ip_list", full),
        ("ip_list", ips),
        ("slap_computer_id", Value::text(shown.computer(dialect))),
        ("slap_computer_partition_id", Value::text(shown.partition())),
        ("slap_server_url", Value::text("slap_server_url")),
        ("slap_software_release_url", Value::text(&row.url)),
        ("slap_software_type", Value::text(&seat.software_type)),
    ];
    if *dialect == Dialect::Master {
        // A share that is to stop is one that its host hears no more of.
        let shares = shown.shares.iter();
        let shares = shares.filter(|(share, _)| share.requested_state == "started");
        let shares = shares.map(|share| shared(dialect, share));
        state.extend([
            ("_filter_dict", filter(row)),
            ("instance_title", Value::text(&row.name)),
            ("root_instance_title", Value::text(&shown.root_name)),
            ("root_instance_short_title", Value::text(&row.root_id)),
            ("slave_instance_list", Value::List(shares.collect())),
            ("timestamp", Value::text(seconds(row.stamp))),
        ]);
    }
    Value::object(Class::SoftwareInstance, vec![], state)
}

fn filter(row: &InstanceRow) -> Value {
    let entries = sla_of(row).into_iter().map(|(key, value)| {
        let text = match value {
            Json::String(text) => text,
            other => python_text(&of_json(&other)),
        };
        (key, Value::Text(text))
    });
    Value::dict(entries)
}

fn texts(map: &BTreeMap<String, String>) -> Value {
    Value::dict(
        map.iter()
            .map(|(key, value)| (key.clone(), Value::text(value))),
    )
}
