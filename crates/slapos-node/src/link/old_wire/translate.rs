//! Documents of the old wire ↔ what the agent works from. Nothing of a document is trusted: an item
//! that cannot be understood is left out by the agent, a document that is none is refused whole.

use slapos_api::slap::{Value, python_text, text_of, texts_of, unwrapped};
use slapos_api::wire::JsonMap;
use slapos_api::wire::node::{DesiredInstance, DesiredSoftware, NodeFormat, SharedInstance};
use std::collections::BTreeMap;

/// What this wire puts among the parameters of an instance.
const RESERVED: &[&str] = &[
    "full_address_list",
    "full_ip_list",
    "instance_title",
    "ip_list",
    "root_instance_short_title",
    "root_instance_title",
    "slap_computer_id",
    "slap_computer_partition_id",
    "slap_software_release_url",
    "slap_software_type",
    "slave_instance_list",
    "timestamp",
];

/// And among those of a share.
const RESERVED_OF_SHARE: &[&str] = &[
    "slap_software_type",
    "slave_reference",
    "slave_title",
    "timestamp",
];

/// What a node is asked.
#[derive(Debug, Default)]
pub(super) struct ReadNode {
    pub(super) software: Vec<DesiredSoftware>,
    pub(super) instances: Vec<DesiredInstance>,
    /// Guid → partition.
    pub(super) seats: BTreeMap<String, String>,
    /// Guid → what it published.
    pub(super) published: BTreeMap<String, JsonMap>,
}

/// Reads the answer of `getFullComputerInformation`.
pub(super) fn read_node(document: &Value) -> Result<ReadNode, String> {
    let list = |key: &str| {
        let items = document.find(key).and_then(Value::as_items);
        items.ok_or_else(|| format!("the document of the node has no `{key}`"))
    };
    let mut read = ReadNode::default();
    for release in list("_software_release_list")? {
        let url = text(release, "_software_release");
        let state = text(release, "_requested_state").unwrap_or_else(|| "available".to_owned());
        read.software.extend(url.map(|url| DesiredSoftware {
            url,
            state,
            attempt: 0,
        }));
    }
    for partition in list("_computer_partition_list")? {
        let Some(instance) = read_partition(partition) else {
            continue;
        };
        let values = partition.find("_connection_dict").and_then(Value::as_dict);
        let (id, seat) = (instance.id.clone(), instance.partition.clone());
        read.published
            .insert(id.clone(), texts_of(values.unwrap_or_default()));
        read.seats.insert(id, seat);
        read.instances.push(instance);
    }
    Ok(read)
}

/// What is in a partition; none when it is free.
fn read_partition(partition: &Value) -> Option<DesiredInstance> {
    let release = partition.find("_software_release_document")?;
    // A master that is in a hurry gives the address alone.
    let software = match release {
        Value::Text(url) => Some(url.clone()),
        release => text(release, "_software_release"),
    }?;
    let name = text(partition, "_partition_id")?;
    let given = partition.find("_parameter_dict");
    let of_given = |key: &str| given.and_then(|given| text(given, key));
    let computer = text(partition, "_computer_id").unwrap_or_default();
    let id = text(partition, "_instance_guid").filter(|guid| !guid.is_empty());
    let title = of_given("instance_title").unwrap_or_else(|| name.clone());
    let entries = given.and_then(Value::as_dict).unwrap_or_default();
    let shares = given.and_then(|given| given.find("slave_instance_list"));
    let shares = shares.and_then(Value::as_items).unwrap_or_default();
    Some(DesiredInstance {
        id: id.unwrap_or_else(|| format!("{computer}-{name}")),
        generation: generation(of_given("timestamp").as_deref()),
        partition: name,
        root_name: of_given("root_instance_title").unwrap_or_else(|| title.clone()),
        name: title,
        software,
        software_type: of_given("slap_software_type").unwrap_or_else(|| "default".to_owned()),
        state: text(partition, "_requested_state")?,
        parameters: unwrapped(without(entries, RESERVED)),
        shared: shares.iter().filter_map(read_share).collect(),
    })
}

fn read_share(share: &Value) -> Option<SharedInstance> {
    let id = text(share, "slave_reference")?;
    Some(SharedInstance {
        name: text(share, "slave_title").unwrap_or_else(|| id.clone()),
        id,
        parameters: unwrapped(without(share.as_dict()?, RESERVED_OF_SHARE)),
    })
}

/// When it was last to be looked at, in microseconds: what a generation is on this wire.
fn generation(timestamp: Option<&str>) -> i64 {
    let text = timestamp.unwrap_or_default();
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    if whole.is_empty() {
        return 1;
    }
    let part: String = part.chars().chain("000000".chars()).take(6).collect();
    format!("{whole}{part}").parse().unwrap_or(1)
}

/// The entries of a document without those that this wire put among them.
fn without(entries: &[(Value, Value)], reserved: &[&str]) -> JsonMap {
    let mut map = texts_of(entries);
    map.retain(|key, _| !reserved.contains(&key.as_str()));
    map
}

fn text(value: &Value, key: &str) -> Option<String> {
    match value.find(key)? {
        Value::None => None,
        other => Some(python_text(other)),
    }
}

/// Connection values as the texts that this wire carries.
pub(super) fn texts(map: &JsonMap) -> JsonMap {
    let pairs = map.iter();
    pairs
        .map(|(key, value)| (key.clone(), text_of(value).into()))
        .collect()
}

/// The document with which a node makes itself known.
pub(super) fn offer_document(computer: &str, offer: &NodeFormat) -> Value {
    let partition = |partition: &slapos_api::wire::node::PartitionOffer| {
        let addresses = partition.addresses.iter().map(|address| {
            let netmask = match address.contains(':') {
                true => "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                false => "255.255.255.255",
            };
            Value::dict([
                ("addr", Value::text(address)),
                ("netmask", Value::text(netmask)),
            ])
        });
        Value::dict([
            ("reference", Value::text(&partition.name)),
            ("tap", Value::dict([("name", Value::text(&partition.name))])),
            ("address_list", Value::List(addresses.collect())),
        ])
    };
    let address = offer
        .partitions
        .first()
        .and_then(|one| one.addresses.first());
    Value::dict([
        ("reference", Value::text(computer)),
        (
            "address",
            Value::text(address.map_or("127.0.0.1", String::as_str)),
        ),
        ("netmask", Value::text("255.255.255.255")),
        ("slapos_version", Value::text(&offer.version)),
        (
            "partition_list",
            Value::List(offer.partitions.iter().map(partition).collect()),
        ),
    ])
}

/// How many partitions the master knows of a node.
pub(super) fn partition_count(document: &Value) -> usize {
    let list = document.find("_computer_partition_list");
    list.and_then(Value::as_items).map_or(0, <[Value]>::len)
}

/// Does the master know just the partitions that are offered?
pub(super) fn offers_same(document: &Value, offer: &NodeFormat) -> bool {
    let list = document
        .find("_computer_partition_list")
        .and_then(Value::as_items);
    let known = list.unwrap_or_default().iter();
    let mut known: Vec<String> = known.filter_map(|one| text(one, "_partition_id")).collect();
    let mut offered: Vec<&String> = offer.partitions.iter().map(|one| &one.name).collect();
    known.sort();
    offered.sort();
    known.iter().eq(offered)
}

#[cfg(test)]
mod tests {
    use super::*;
    use slapos_api::slap::{Class, read, write};

    fn partition(more: Vec<(&'static str, Value)>) -> Value {
        let mut state = vec![
            ("_computer_id", Value::text("comp")),
            ("_partition_id", Value::text("slappart1")),
            ("_instance_guid", Value::text("comp-slappart1")),
        ];
        state.extend(more);
        Value::object(Class::ComputerPartition, vec![], state)
    }

    fn node(partitions: Vec<Value>) -> Value {
        let release = [
            ("_software_release", Value::text("/sr")),
            ("_requested_state", Value::text("available")),
        ];
        let release = Value::object(Class::SoftwareRelease, vec![], release);
        Value::object(
            Class::Computer,
            vec![],
            [
                ("_computer_id", Value::text("comp")),
                ("_computer_partition_list", Value::List(partitions)),
                ("_software_release_list", Value::List(vec![release])),
            ],
        )
    }

    fn busy() -> Value {
        let share = [
            ("slave_reference", Value::text("_site")),
            ("slave_title", Value::text("_site")),
            ("timestamp", Value::text("1")),
            ("name", Value::text("you")),
        ];
        let given = [
            ("_", Value::text("{\"n\": 9007199254740993}")),
            ("instance_title", Value::text("web")),
            ("slap_software_type", Value::text("RootSoftwareInstance")),
            ("timestamp", Value::text("1795562858.142")),
            ("ip_list", Value::List(vec![])),
            ("slave_instance_list", Value::List(vec![Value::dict(share)])),
        ];
        let release = [("_software_release", Value::text("/sr"))];
        partition(vec![
            ("_requested_state", Value::text("started")),
            (
                "_software_release_document",
                Value::object(Class::SoftwareRelease, vec![], release),
            ),
            ("_parameter_dict", Value::dict(given)),
            (
                "_connection_dict",
                Value::dict([("url", Value::text("http://x"))]),
            ),
        ])
    }

    #[test]
    fn read_node_finds_what_is_asked_and_no_word_of_the_wire_among_it() {
        let free = partition(vec![
            ("_requested_state", Value::text("destroyed")),
            ("_software_release_document", Value::None),
        ]);
        let document = read(&write(&node(vec![free, busy()])).unwrap()).unwrap();
        let read = read_node(&document).unwrap();
        assert_eq!(read.software[0].url, "/sr");
        assert_eq!(read.instances.len(), 1);
        let web = &read.instances[0];
        assert_eq!(
            (web.id.as_str(), web.name.as_str()),
            ("comp-slappart1", "web")
        );
        assert_eq!(web.generation, 1_795_562_858_142_000);
        let given = serde_json::Value::Object(web.parameters.clone()).to_string();
        assert_eq!(given, r#"{"n":9007199254740993}"#);
        assert_eq!(web.shared[0].parameters.len(), 1);
        assert_eq!(read.seats["comp-slappart1"], "slappart1");
        assert_eq!(read.published["comp-slappart1"]["url"], "http://x");
    }

    #[test]
    fn read_node_of_something_else_is_refused_whole() {
        for other in [
            Value::None,
            Value::dict([("a", Value::None)]),
            Value::text("<html>"),
        ] {
            assert!(read_node(&other).is_err(), "{other:?}");
        }
    }

    #[test]
    fn generation_of_any_timestamp_is_a_number() {
        assert_eq!(generation(Some("12")), 12_000_000);
        assert_eq!(generation(Some("12.5")), 12_500_000);
        assert_eq!(generation(Some("12.1234567")), 12_123_456);
        assert_eq!(generation(Some("None")), 1);
        assert_eq!(generation(None), 1);
    }

    /// Anything, with the keys that are looked for among it.
    fn any_value() -> impl proptest::strategy::Strategy<Value = Value> {
        use proptest::prelude::*;
        let key = "(_computer_partition_list|_software_release_list|_software_release_document|\
            _software_release|_requested_state|_partition_id|_parameter_dict|_connection_dict|\
            _instance_guid|slave_instance_list|slave_reference|timestamp|_|x)";
        let leaf = prop_oneof![
            Just(Value::None),
            "[-0-9.é{}]{0,12}".prop_map(Value::Text),
            any::<i64>().prop_map(Value::int),
        ];
        leaf.prop_recursive(5, 60, 8, move |inner| {
            let entry = (key, inner.clone());
            let entries = prop::collection::vec(entry, 0..10).prop_map(|entries| {
                let entries = entries.into_iter();
                entries
                    .map(|(key, value)| (Value::Text(key), value))
                    .collect::<Vec<_>>()
            });
            prop_oneof![
                prop::collection::vec(inner, 0..8).prop_map(Value::List),
                entries.clone().prop_map(Value::Dict),
                entries.prop_map(|state| Value::Object {
                    class: Class::ComputerPartition,
                    arguments: vec![],
                    state,
                }),
            ]
        })
    }

    proptest::proptest! {
        #[test]
        fn read_node_of_anything_never_panics_and_seats_what_it_reads(
            partitions in proptest::collection::vec(any_value(), 0..6),
            other in any_value(),
        ) {
            drop(read_node(&other));
            let count = partitions.len();
            if let Ok(read) = read_node(&node(partitions)) {
                proptest::prop_assert!(read.instances.len() <= count);
                for instance in &read.instances {
                    proptest::prop_assert!(read.seats.contains_key(&instance.id));
                }
            }
        }

        #[test]
        fn generation_of_any_text_never_panics(text in "\\PC{0,40}") {
            generation(Some(&text));
        }
    }

    #[test]
    fn offers_same_is_about_names_in_any_order() {
        let offer = |names: &[&str]| NodeFormat {
            partitions: names
                .iter()
                .map(|&name| slapos_api::wire::node::PartitionOffer {
                    name: name.to_owned(),
                    addresses: vec![],
                })
                .collect(),
            ..NodeFormat::default()
        };
        let document = node(vec![busy()]);
        assert!(offers_same(&document, &offer(&["slappart1"])));
        assert!(!offers_same(&document, &offer(&["slappart1", "slappart2"])));
        assert!(!offers_same(&Value::None, &offer(&["slappart1"])));
    }
}
