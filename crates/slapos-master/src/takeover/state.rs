//! What the rows of each version mean.
//!
//! Up to version 16 a partition's `requested_by` is the partition that asked for it; since 17 it is
//! the title of the tree's root, and `requester_id` the partition. Before 11 no row names a node.
//! Nothing is decided here about what is taken. Start with [`read_state`].

use super::TakeoverError;
use super::database::{ProxyFile, Row};
use crate::http::slap::Network;
use slapos_api::slap::{read, read_instance_xml, texts_of};
use slapos_api::wire::JsonMap;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// The first version whose `requested_by` is a title.
const BY_TITLE: u32 = 17;

/// All that a proxy knew.
#[derive(Debug, Clone, Default)]
pub(super) struct State {
    pub(super) schema: u32,
    pub(super) nodes: Vec<Node>,
    pub(super) releases: Vec<Release>,
    pub(super) instances: Vec<Instance>,
    pub(super) shares: Vec<Share>,
    /// (title at the other master, its address).
    pub(super) forwarded: Vec<(String, String)>,
}

/// A node with what it offers.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) name: String,
    /// (partition, its addresses).
    pub(super) partitions: Vec<(String, Vec<Network>)>,
}

/// An order of a release.
#[derive(Debug, Clone)]
pub(super) struct Release {
    pub(super) url: String,
    pub(super) node: String,
    pub(super) state: String,
}

/// What is in a partition.
#[derive(Debug, Clone)]
pub(super) struct Instance {
    pub(super) title: String,
    pub(super) node: String,
    pub(super) partition: String,
    pub(super) url: String,
    pub(super) software_type: Option<String>,
    pub(super) parameters: JsonMap,
    pub(super) connection: JsonMap,
    pub(super) state: String,
    /// The title of its root; none for a root.
    pub(super) root: Option<String>,
    /// The partition that asked for it.
    pub(super) asked_by: Option<String>,
}

/// A share.
#[derive(Debug, Clone)]
pub(super) struct Share {
    pub(super) reference: String,
    pub(super) node: String,
    /// The partition of its host.
    pub(super) host: String,
    pub(super) asked_by: Option<String>,
    pub(super) connection: JsonMap,
    /// Type and parameters, as its host is told; none when its host is told nothing: it is gone.
    pub(super) told: Option<(Option<String>, JsonMap)>,
}

/// Reads a proxy's database.
pub(super) fn read_state(path: &Path, computer: Option<&str>) -> Result<State, TakeoverError> {
    let file = ProxyFile::open(path)?;
    let reader = Reader {
        file: &file,
        path,
        computer,
    };
    let partitions = reader.partitions()?;
    Ok(State {
        schema: file.schema,
        nodes: reader.nodes(&partitions)?,
        releases: reader.releases()?,
        instances: reader.instances(&partitions)?,
        shares: reader.shares(&partitions)?,
        forwarded: reader.forwarded()?,
    })
}

struct Reader<'a> {
    file: &'a ProxyFile,
    path: &'a Path,
    computer: Option<&'a str>,
}

/// Partitions by name: those of two nodes may bear the same.
struct Seats<'a> {
    own: HashMap<(&'a str, &'a str), &'a Row>,
    any: HashMap<&'a str, (&'a str, &'a Row)>,
}

impl<'a> Seats<'a> {
    fn of(partitions: &'a [(String, Row)]) -> Self {
        let (mut own, mut any) = (HashMap::new(), HashMap::new());
        for (node, row) in partitions {
            if let Some(name) = row.get("reference") {
                own.insert((node.as_str(), name.as_str()), row);
                any.entry(name.as_str()).or_insert((node.as_str(), row));
            }
        }
        Self { own, any }
    }

    /// That of the same node, or else the first of that name: a row does not say of which node
    /// the partition is that asked for it.
    fn find(&self, node: &'a str, name: &'a str) -> Option<(&'a str, &'a Row)> {
        let own = self.own.get(&(node, name));
        own.map(|row| (node, *row)).or(self.any.get(name).copied())
    }
}

impl Reader<'_> {
    /// The rows of a table, each with its node.
    fn rows(&self, table: &str, column: &str) -> Result<Vec<(String, Row)>, TakeoverError> {
        let of_row = |row: Row| {
            let named = row.get(column).cloned();
            let node = named.or_else(|| self.computer.map(str::to_owned));
            match node {
                Some(node) => Ok((node, row)),
                None => Err(TakeoverError::NoComputer(
                    self.path.to_owned(),
                    self.file.schema,
                )),
            }
        };
        self.file.rows(table)?.into_iter().map(of_row).collect()
    }

    fn partitions(&self) -> Result<Vec<(String, Row)>, TakeoverError> {
        self.rows("partition", "computer_reference")
    }

    /// Every node that any row names, in the order of their names.
    fn nodes(&self, partitions: &[(String, Row)]) -> Result<Vec<Node>, TakeoverError> {
        let mut nodes: BTreeMap<String, BTreeMap<String, Vec<Network>>> = BTreeMap::new();
        for (node, _) in self.rows("computer", "reference")? {
            nodes.entry(node).or_default();
        }
        let mut order: Vec<(String, String)> = Vec::new();
        for (node, row) in partitions {
            let name = self.need(row, "reference", "partition")?;
            order.push((node.clone(), name.clone()));
            nodes
                .entry(node.clone())
                .or_default()
                .entry(name)
                .or_default();
        }
        for (node, row) in self.rows("partition_network", "computer_reference")? {
            let partition = self.need(&row, "partition_reference", "partition_network")?;
            let found = nodes.get_mut(&node).and_then(|all| all.get_mut(&partition));
            if let Some(networks) = found {
                networks.push(Network {
                    interface: row.get("reference").cloned().unwrap_or_default(),
                    address: self.need(&row, "address", "partition_network")?,
                    netmask: row.get("netmask").cloned().unwrap_or_default(),
                    ..Network::default()
                });
            }
        }
        let in_order = |node: &str, mut all: BTreeMap<String, Vec<Network>>| {
            let own = order.iter().filter(|(of, _)| of == node);
            let own = own.filter_map(|(_, name)| Some((name.clone(), all.remove(name)?)));
            own.collect()
        };
        let nodes = nodes.into_iter();
        Ok(nodes
            .map(|(name, all)| Node {
                partitions: in_order(&name, all),
                name,
            })
            .collect())
    }

    fn releases(&self) -> Result<Vec<Release>, TakeoverError> {
        let rows = self.rows("software", "computer_reference")?.into_iter();
        rows.map(|(node, row)| {
            let state = row.get("requested_state").cloned();
            Ok(Release {
                url: self.need(&row, "url", "software")?,
                node,
                state: state.unwrap_or_else(|| "available".to_owned()),
            })
        })
        .collect()
    }

    fn instances(&self, partitions: &[(String, Row)]) -> Result<Vec<Instance>, TakeoverError> {
        let seats = Seats::of(partitions);
        let busy = partitions.iter();
        let busy = busy.filter(|(_, row)| row.get("slap_state").is_some_and(|s| s == "busy"));
        busy.map(|(node, row)| {
            let partition = self.need(row, "reference", "partition")?;
            let place = format!("partition {partition} of {node}");
            let text = |column: &str| row.get(column).filter(|text| !text.is_empty()).cloned();
            Ok(Instance {
                title: text("partition_reference").unwrap_or_default(),
                node: node.clone(),
                partition,
                url: text("software_release").unwrap_or_default(),
                software_type: text("software_type"),
                parameters: self.parameters(row.get("xml"), &place)?,
                connection: self.parameters(row.get("connection_xml"), &place)?,
                state: text("requested_state").unwrap_or_else(|| "started".to_owned()),
                root: self.root_of(node, row, &seats),
                asked_by: self.asked_by(row),
            })
        })
        .collect()
    }

    /// The partition that asked for what is in a row; none for a person.
    fn asked_by(&self, row: &Row) -> Option<String> {
        let column = match self.file.schema < BY_TITLE {
            true => "requested_by",
            false => "requester_id",
        };
        let by = row.get(column).filter(|by| !by.is_empty() && *by != "user");
        by.cloned()
    }

    /// The title of the root of what is in a row; none when that is itself.
    fn root_of(&self, node: &str, row: &Row, seats: &Seats<'_>) -> Option<String> {
        let named = row.get("requested_by").filter(|text| !text.is_empty())?;
        if self.file.schema >= BY_TITLE {
            return Some(named.clone());
        }
        let mut asking = seats.find(node, named)?;
        // No chain is longer than there are partitions, unless it goes round.
        for _ in 0..seats.own.len() {
            let (node, row) = asking;
            match row.get("requested_by").filter(|text| !text.is_empty()) {
                Some(next) => asking = seats.find(node, next)?,
                None => return row.get("partition_reference").cloned(),
            }
        }
        None
    }

    fn shares(&self, partitions: &[(String, Row)]) -> Result<Vec<Share>, TakeoverError> {
        let mut told: BTreeMap<(String, String), (Option<String>, JsonMap)> = BTreeMap::new();
        for (node, row) in partitions {
            self.read_told(node, row, &mut told)?;
        }
        let rows = self.rows("slave", "computer_reference")?.into_iter();
        rows.map(|(node, row)| {
            let reference = self.need(&row, "reference", "slave")?;
            let place = format!("share {reference} of {node}");
            let by = row.get("requester_id").or_else(|| row.get("asked_by"));
            let by = by.filter(|by| !by.is_empty() && *by != "user");
            Ok(Share {
                told: told.remove(&(node.clone(), reference.clone())),
                connection: self.parameters(row.get("connection_xml"), &place)?,
                host: row.get("hosted_by").cloned().unwrap_or_default(),
                asked_by: by.cloned(),
                reference,
                node,
            })
        })
        .collect()
    }

    /// What a host is told of its shares.
    fn read_told(
        &self,
        node: &str,
        row: &Row,
        told: &mut BTreeMap<(String, String), (Option<String>, JsonMap)>,
    ) -> Result<(), TakeoverError> {
        let Some(text) = row
            .get("slave_instance_list")
            .filter(|text| !text.is_empty())
        else {
            return Ok(());
        };
        let place = format!("the list of shares in a partition of {node}");
        let list = read(text).map_err(|error| self.file.damaged(&place, error))?;
        for share in list.as_items().unwrap_or_default() {
            let mut parameters = texts_of(share.as_dict().unwrap_or_default());
            let mut take = |key: &str| match parameters.remove(key) {
                Some(serde_json::Value::String(text)) => Some(text).filter(|text| !text.is_empty()),
                _ => None,
            };
            let (reference, software_type) = (take("slave_reference"), take("slap_software_type"));
            take("slave_title");
            take("timestamp");
            if let Some(reference) = reference {
                told.insert((node.to_owned(), reference), (software_type, parameters));
            }
        }
        Ok(())
    }

    fn forwarded(&self) -> Result<Vec<(String, String)>, TakeoverError> {
        let rows = self.file.rows("forwarded_partition_request")?.into_iter();
        let text = |row: &Row, column: &str| row.get(column).cloned().unwrap_or_default();
        Ok(rows
            .map(|row| (text(&row, "partition_reference"), text(&row, "master_url")))
            .collect())
    }

    fn need(&self, row: &Row, column: &str, table: &str) -> Result<String, TakeoverError> {
        let text = row.get(column).filter(|text| !text.is_empty());
        text.cloned().ok_or_else(|| {
            self.file
                .damaged(table, format!("a row without `{column}`"))
        })
    }

    fn parameters(&self, xml: Option<&String>, place: &str) -> Result<JsonMap, TakeoverError> {
        let Some(xml) = xml.filter(|xml| !xml.trim().is_empty()) else {
            return Ok(JsonMap::new());
        };
        let read = read_instance_xml(xml).map_err(|error| self.file.damaged(place, error))?;
        let pairs = read.into_iter();
        Ok(pairs
            .map(|(key, value)| (key, value.unwrap_or_default().into()))
            .collect())
    }
}
