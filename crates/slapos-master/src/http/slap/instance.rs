//! What both old faces show of an instance: its parameters as texts, where it is, what it hosts.

use super::Dialect;
use crate::app::{AppError, tree, view};
use crate::store::instance::{self, InstanceRow};
use crate::store::node::{self, PartitionRow};
use crate::store::{Tx, tree as trees};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use slapos_api::slap::{Value, python_text};
use slapos_api::wire::JsonMap;
use slapos_model::Timestamp;
use std::collections::BTreeMap;

/// An address as an old node names it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Network {
    /// Name of the interface.
    pub(crate) interface: String,
    /// The address.
    pub(crate) address: String,
    /// Its mask.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) netmask: String,
    /// The gateway, where there is one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) gateway: String,
    /// The network.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) network: String,
}

/// The addresses of a partition; those of a node of ours have no interface but the partition.
pub(in crate::http) fn networks(partition: &PartitionRow) -> Vec<Network> {
    let named: Vec<Network> = serde_json::from_str(&partition.networks).unwrap_or_default();
    if !named.is_empty() {
        return named;
    }
    let plain: Vec<String> = serde_json::from_str(&partition.addresses).unwrap_or_default();
    let of = |address| Network {
        interface: partition.name.clone(),
        address,
        ..Network::default()
    };
    plain.into_iter().map(of).collect()
}

/// An instance, or a share, with what the old faces show beside its row.
pub(in crate::http) struct Shown {
    pub(in crate::http) row: InstanceRow,
    /// Itself, or the host of a share: where it is.
    pub(in crate::http) seat: Option<InstanceRow>,
    /// The addresses there.
    pub(in crate::http) networks: Vec<Network>,
    /// Name of the root of its tree.
    pub(in crate::http) root_name: String,
    /// Shares of it, with the names of their roots.
    pub(in crate::http) shares: Vec<(InstanceRow, String)>,
}

impl Shown {
    /// Reads what belongs to a row, without the shares that it hosts.
    pub(in crate::http) fn load(tx: &mut Tx<'_>, row: InstanceRow) -> Result<Self, AppError> {
        let seat = match &row.host_id {
            Some(host_id) if row.is_shared => instance::find(tx, host_id)?,
            _ => Some(row.clone()),
        };
        let seat = seat.filter(|seat| seat.partition_id.is_some());
        let partition = match &seat {
            Some(seat) => {
                let node_id = seat.node_id.as_deref().unwrap_or_default();
                let name = seat.partition_name.as_deref().unwrap_or_default();
                node::find_partition(tx, node_id, name)?
            }
            None => None,
        };
        Ok(Self {
            root_name: tree::root_name(tx, &row)?,
            networks: partition.as_ref().map(networks).unwrap_or_default(),
            seat,
            shares: Vec::new(),
            row,
        })
    }

    /// The same with the shares that it hosts, for those who write them.
    pub(in crate::http) fn load_whole(tx: &mut Tx<'_>, row: InstanceRow) -> Result<Self, AppError> {
        let mut shown = Self::load(tx, row)?;
        for share in trees::list_shares(tx, &shown.row.id)? {
            let root_name = tree::root_name(tx, &share)?;
            shown.shares.push((share, root_name));
        }
        Ok(shown)
    }

    /// How its node is called.
    pub(in crate::http) fn computer(&self, dialect: &Dialect) -> String {
        let seat = self.seat.as_ref();
        seat.map_or_else(String::new, |seat| dialect.computer_of(seat).to_owned())
    }

    /// How its partition is called.
    pub(in crate::http) fn partition(&self) -> String {
        let seat = self.seat.as_ref();
        seat.and_then(|seat| seat.partition_name.clone())
            .unwrap_or_default()
    }
}

/// Parameters as texts, the only form of the old wire. What holds anything else, or a character that
/// no XML can hold, travels whole, as one JSON text under `_`, so that nothing of it is lost.
pub(in crate::http) fn flat(text: &str) -> BTreeMap<String, String> {
    let map = view::object(text);
    let is_plain =
        |(key, value): (&String, &Json)| is_xml(key) && value.as_str().is_some_and(is_xml);
    if map.iter().all(is_plain) {
        let pairs = map.into_iter();
        return pairs
            .map(|(key, value)| (key, value.as_str().unwrap_or_default().to_owned()))
            .collect();
    }
    // JSON escapes the control characters by itself.
    let text = Json::Object(map).to_string();
    let text = text
        .replace('\u{fffe}', "\\ufffe")
        .replace('\u{ffff}', "\\uffff");
    BTreeMap::from([("_".to_owned(), text)])
}

/// A filter as the old wires name its keys.
pub(in crate::http) fn sla_of(row: &InstanceRow) -> JsonMap {
    let filter = view::object(&row.filter).into_iter();
    filter
        .map(|(key, value)| match key.as_str() {
            "node" => ("computer_guid".to_owned(), value),
            _ => (key, value),
        })
        .collect()
}

/// Addresses without a gateway, and those with one, which a master gives in full.
pub(in crate::http) fn by_form<'a>(
    dialect: &Dialect,
    networks: &'a [Network],
) -> (Vec<&'a Network>, Vec<&'a Network>) {
    networks.iter().partition(|network| {
        dialect.proxy().is_some() || network.gateway.is_empty() || network.netmask.is_empty()
    })
}

/// Can XML 1.0 hold every character?
fn is_xml(text: &str) -> bool {
    !text
        .chars()
        .any(|c| matches!(c, '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\u{fffe}' | '\u{ffff}'))
}

/// What a client gave, as texts: the original keeps every value as Python writes it.
pub(in crate::http) fn to_map(entries: &[(Value, Value)]) -> JsonMap {
    let pairs = entries.iter();
    pairs
        .map(|(key, value)| (python_text(key), Json::String(python_text(value))))
        .collect()
}

/// The same for what came as JSON.
pub(in crate::http) fn json_to_map(map: &JsonMap) -> JsonMap {
    let pairs = map.iter();
    pairs
        .map(|(key, value)| (key.clone(), Json::String(python_text(&of_json(value)))))
        .collect()
}

pub(super) fn of_json(json: &Json) -> Value {
    match json {
        Json::Null => Value::None,
        Json::Bool(fact) => Value::Bool(*fact),
        Json::Number(number) => {
            let text = number.to_string();
            match text.contains(['.', 'e', 'E']) {
                true => text.parse().map_or(Value::Text(text), Value::Float),
                false => Value::Int(text),
            }
        }
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(items) => Value::List(items.iter().map(of_json).collect()),
        Json::Object(map) => {
            Value::dict(map.iter().map(|(key, value)| (key.clone(), of_json(value))))
        }
    }
}

/// Seconds since 1970 with as many decimals as needed, as Python prints them.
pub(super) fn seconds(at: Timestamp) -> String {
    let micros = at.as_micros();
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    let short = text.trim_end_matches('0');
    if short.ends_with('.') {
        format!("{short}0")
    } else {
        short.to_owned()
    }
}

/// One line about how it is, whose first word gives the colour.
pub(in crate::http) fn status_text(row: &InstanceRow) -> String {
    let message = row.message.as_deref().unwrap_or("no message");
    match row.reported_state.as_str() {
        "failed" => format!("#error {message}"),
        "started" => "#access Instance correctly started".to_owned(),
        "stopped" => "#access Instance correctly stopped".to_owned(),
        "unknown" => format!("#error no data found for {}", row.id),
        other => format!("#building {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flat_keeps_texts_and_wraps_everything_else() {
        assert_eq!(
            flat(r#"{"a":"é","_":"{\"x\": 1.0}"}"#)["_"],
            r#"{"x": 1.0}"#
        );
        let text = r#"{"n":123456789012345678901234567890,"f":1.10,"e":"","z":null}"#;
        assert_eq!(
            flat(text),
            BTreeMap::from([("_".to_owned(), text.to_owned())])
        );
        let held = r#"{"a":"line\r\n\ttwo"}"#;
        assert_eq!(flat(held)["a"], "line\r\n\ttwo");
        let not_held = flat("{\"a\":\"\\u0001\\uffff\"}");
        assert_eq!(not_held["_"], r#"{"a":"\u0001\uffff"}"#);
    }

    #[test]
    fn j17_values_become_texts_as_python_writes_them() {
        let map = view::object(r#"{"n":3,"b":true,"o":{"x":1}}"#);
        let texts = Json::Object(json_to_map(&map)).to_string();
        assert_eq!(texts, r#"{"n":"3","b":"True","o":"{'x': 1}"}"#);
    }

    #[test]
    fn seconds_have_no_more_decimals_than_needed() {
        let text = |micros| seconds(Timestamp::from_micros(micros));
        assert_eq!(text(1_795_562_858_142_875), "1795562858.142875");
        assert_eq!(text(1_795_562_858_000_000), "1795562858.0");
        assert_eq!(text(1_795_562_858_100_000), "1795562858.1");
    }
}
