//! `slapos status`: the master, its nodes and the services in one look.

use crate::cli::Context;
use crate::client_file::connect;
use crate::failure::{Exit, Failure, Outcome};
use crate::print;
use serde_json::json;
use slapos_api::wire::node::NodeView;

/// Show how everything stands: the master, its nodes, the services.
///
/// Exit code 3 when no master answers.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Runs it.
pub(crate) fn run(context: &Context) -> Outcome {
    let client = connect(&context.folder)?;
    let health = client.health()?;
    let nodes = client.list_nodes()?.items;
    let services = client.list_instances()?.items;
    if context.json {
        print::json(&json!({
            "root": context.folder.root(),
            "master": {"url": client.url(), "version": health.version,
                       "master_epoch": health.master_epoch},
            "nodes": nodes,
            "services": services,
        }))?;
        return Ok(Exit::Done);
    }
    print::line(format!(
        "master: {} ({}) in {}",
        client.url(),
        health.version,
        context.folder.root().display()
    ))?;
    print::line("")?;
    print_nodes(&nodes)?;
    print::line("")?;
    super::service::print_list(&services)?;
    Ok(Exit::Done)
}

/// Prints nodes as a table; `slapos node list` shows it too.
pub(crate) fn print_nodes(nodes: &[NodeView]) -> Result<(), Failure> {
    let rows: Vec<Vec<String>> = nodes.iter().map(node_row).collect();
    print::table(&["NODE", "STATE", "PARTITIONS", "VERSION"], &rows)
}

fn node_row(node: &NodeView) -> Vec<String> {
    let busy = node.partitions.iter().filter(|slot| slot.state != "free");
    vec![
        node.name.clone(),
        if node.online { "online" } else { "offline" }.to_owned(),
        format!("{} of {} used", busy.count(), node.partitions.len()),
        node.version.clone(),
    ]
}
