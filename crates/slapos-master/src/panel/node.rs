//! `/nodes`: the machines, their partitions, and what is built on them.

use super::Panel;
use super::home::{Progress, progress};
use super::page::{Frame, Page, render};
use super::show::{Badge, plain};
use crate::app::{Proof, node, supply};
use askama::Template;
use axum::extract::State;
use serde_json::Value;
use slapos_api::wire::node::{NodeView, PartitionView};
use slapos_api::wire::supply::SupplyView;

#[derive(Template)]
#[template(path = "nodes.html")]
struct NodesPage {
    frame: Frame,
    nodes: Vec<NodeCard>,
}

/// A node.
struct NodeCard {
    node: NodeView,
    badge: Badge,
    facts: Vec<(String, String)>,
    partitions: Vec<(Badge, PartitionView)>,
    free: usize,
    supplies: Vec<SupplyLine>,
}

/// A release on a node.
struct SupplyLine {
    supply: SupplyView,
    badge: Badge,
    progress: Option<Progress>,
    /// What failed.
    message: Option<String>,
    /// The end of its log.
    log: Option<String>,
}

/// `GET /nodes`.
pub(super) async fn show(State(panel): State<Panel>, proof: Proof) -> Page {
    let page = panel.read(proof, |tx, caller| {
        let supplies = supply::list(tx, caller)?;
        let nodes = node::list(tx, caller)?;
        Ok(NodesPage {
            frame: Frame::new(caller, "nodes", "Nodes").live(""),
            nodes: nodes
                .into_iter()
                .map(|node| card(node, &supplies))
                .collect(),
        })
    });
    Ok(render(&page.await?))
}

fn card(mut node: NodeView, supplies: &[SupplyView]) -> NodeCard {
    let partitions: Vec<_> = std::mem::take(&mut node.partitions)
        .into_iter()
        .map(|partition| (Badge::of(&partition.state), partition))
        .collect();
    let own = supplies.iter().filter(|supply| supply.node == node.name);
    NodeCard {
        badge: Badge::of(if node.online { "online" } else { "offline" }),
        facts: node
            .facts
            .iter()
            .map(|(key, value)| fact(key, value))
            .collect(),
        free: partitions
            .iter()
            .filter(|(_, partition)| partition.state == "free")
            .count(),
        partitions,
        supplies: own.cloned().map(supply_line).collect(),
        node,
    }
}

/// A fact in words: sizes in GiB, a list without its brackets.
fn fact(key: &str, value: &Value) -> (String, String) {
    if let (Some(name), Some(bytes)) = (key.strip_suffix("_bytes"), value.as_f64()) {
        let text = format!("{:.1} GiB", bytes / f64::from(1 << 30));
        return (name.replace('_', " "), text);
    }
    let text = match value {
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        other => plain(other),
    };
    (key.replace('_', " "), text)
}

fn supply_line(supply: SupplyView) -> SupplyLine {
    let said = supply
        .message
        .as_deref()
        .map(|text| match text.split_once('\n') {
            Some((first, rest)) => (first.to_owned(), Some(rest.trim_end().to_owned())),
            None => (text.to_owned(), None),
        });
    let (message, log) = said.map_or((None, None), |(first, rest)| (Some(first), rest));
    SupplyLine {
        badge: Badge::of(&supply.reported_state),
        progress: supply
            .progress
            .as_ref()
            .filter(|_| supply.reported_state == "building")
            .map(progress),
        log: log.filter(|log| !log.is_empty()),
        message,
        supply,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fact_is_said_in_words() {
        let said = |key, value| fact(key, &value);
        let pair = |key: &str, text: &str| (key.to_owned(), text.to_owned());
        let wanted = pair("memory", "15.6 GiB");
        assert_eq!(said("memory_bytes", json!(16_777_216_000_u64)), wanted);
        assert_eq!(
            said("no_new_privs", json!(true)),
            pair("no new privs", "yes")
        );
        assert_eq!(said("a", json!(["b", 1])), pair("a", "b, 1"));
    }
}
