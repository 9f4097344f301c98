//! The format document of an old node → what a node offers.

use super::answer::Refusal;
use super::instance::Network;
use serde_json::json;
use slapos_api::slap::{Value, python_text};
use slapos_api::wire::JsonMap;
use slapos_api::wire::node::{NodeFormat, PartitionOffer};

/// A node's offer, with the interfaces of each partition as JSON texts.
pub(crate) struct Offer {
    pub(crate) format: NodeFormat,
    pub(crate) networks: Vec<String>,
}

/// Facts that are kept of a node besides its partitions, as it names them.
const FACTS: &[&str] = &[
    "address",
    "netmask",
    "os_type",
    "public_ipv4_address",
    "python_version",
    "software_root",
    "instance_root",
];

/// The offer in a document, and the node that it is of.
pub(super) fn read_document(document: &Value) -> Result<(String, Offer), Refusal> {
    let computer = text_of(document, "reference");
    let computer = computer.ok_or_else(|| Refusal::bad("the document has no `reference`"))?;
    let partitions = document.find("partition_list").and_then(Value::as_items);
    let partitions =
        partitions.ok_or_else(|| Refusal::bad("the document has no `partition_list`"))?;
    let facts = FACTS.iter().filter_map(|key| {
        let value = text_of(document, key)?;
        Some(((*key).to_owned(), serde_json::Value::String(value)))
    });
    let facts: JsonMap = facts.collect();
    let offered = partitions.iter().map(read_partition);
    let offered = offered.collect::<Result<Vec<_>, Refusal>>()?;
    let version = text_of(document, "slapos_version").unwrap_or_default();
    Ok((computer, offer(version, facts, offered)))
}

/// Puts an offer together.
pub(crate) fn offer(
    version: String,
    facts: JsonMap,
    partitions: Vec<(String, Vec<Network>)>,
) -> Offer {
    let networks = partitions.iter();
    let networks = networks.map(|(_, networks)| json!(networks).to_string());
    let networks = networks.collect();
    let to_offer = |(name, networks): (String, Vec<Network>)| PartitionOffer {
        name,
        addresses: networks
            .into_iter()
            .map(|network| network.address)
            .collect(),
    };
    let partitions = partitions.into_iter().map(to_offer).collect();
    Offer {
        format: NodeFormat {
            version,
            facts,
            partitions,
        },
        networks,
    }
}

fn read_partition(partition: &Value) -> Result<(String, Vec<Network>), Refusal> {
    let name = text_of(partition, "reference");
    let name = name.ok_or_else(|| Refusal::bad("a partition has no `reference`"))?;
    let tap = partition.find("tap");
    let of_tap = |key: &str| tap.and_then(|tap| text_of(tap, key)).unwrap_or_default();
    let interface = Some(of_tap("name")).filter(|name| !name.is_empty());
    let interface = interface.unwrap_or_else(|| name.clone());
    let addresses = partition.find("address_list").and_then(Value::as_items);
    let mut networks = Vec::new();
    for address in addresses.unwrap_or_default() {
        let addr = text_of(address, "addr");
        let addr = addr.ok_or_else(|| Refusal::bad("an address has no `addr`"))?;
        let kind = if addr.contains(':') { "ipv6" } else { "ipv4" };
        let is_of_tap = of_tap(&format!("{kind}_addr")) == addr;
        let of_own_tap = |key: &str| {
            Some(of_tap(&format!("{kind}_{key}")))
                .filter(|_| is_of_tap)
                .unwrap_or_default()
        };
        networks.push(Network {
            interface: interface.clone(),
            netmask: text_of(address, "netmask").unwrap_or_default(),
            gateway: of_own_tap("gateway"),
            network: of_own_tap("network"),
            address: addr,
        });
    }
    Ok((name, networks))
}

fn text_of(value: &Value, key: &str) -> Option<String> {
    match value.find(key)? {
        Value::None => None,
        other => Some(python_text(other)),
    }
}
