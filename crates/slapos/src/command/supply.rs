//! `slapos supply` and `slapos remove`: which software is to be installed on which node.

use crate::cli::Context;
use crate::client_file::connect;
use crate::failure::{Exit, Outcome};
use crate::print;
use crate::story::progress;
use slapos_api::wire::supply::{SupplySet, SupplyView};

const EXAMPLES: &str = "\
Examples:
  slapos supply redis local
  slapos supply https://example.com/app/software.cfg local
  slapos supply                        List what is ordered where
  slapos remove redis local";

/// Order a software to be installed on a node, before it is asked for; or list all such orders.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SupplyArgs {
    /// A catalogue name, a profile's path or URL.
    #[arg(requires = "node")]
    software: Option<String>,
    /// The node's name or reference.
    node: Option<String>,
}

/// Remove a software from a node. One that a service needs stays.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct RemoveArgs {
    /// A catalogue name, a profile's path or URL.
    software: String,
    /// The node's name or reference.
    node: String,
}

/// Runs `supply`.
pub(crate) fn run(context: &Context, args: SupplyArgs) -> Outcome {
    if let (Some(software), Some(node)) = (args.software, args.node) {
        return set(context, &software, node, "available");
    }
    let list = connect(&context.folder)?.list_supplies()?;
    if context.json {
        print::json(&list)?;
    } else {
        let rows: Vec<Vec<String>> = list.items.iter().map(row).collect();
        print::table(&["NODE", "STATE", "SOFTWARE"], &rows)?;
    }
    Ok(Exit::Done)
}

/// Runs `remove`.
pub(crate) fn run_remove(context: &Context, args: RemoveArgs) -> Outcome {
    set(context, &args.software, args.node, "destroyed")
}

fn set(context: &Context, software: &str, node: String, state: &str) -> Outcome {
    let view = connect(&context.folder)?.set_supply(&SupplySet {
        node,
        software: crate::ask::absolute(software)?,
        state: state.to_owned(),
    })?;
    if context.json {
        print::json(&view)?;
    } else {
        print::line(tell(&view))?;
    }
    Ok(Exit::Done)
}

fn tell(view: &SupplyView) -> String {
    let mut text = format!(
        "{}: {} asked on node {}, {}",
        view.url, view.requested_state, view.node, view.reported_state
    );
    if let Some(now) = &view.progress {
        text.push_str(&format!("  {}", progress(now)));
    }
    if let Some(message) = &view.message {
        text.push_str(&format!(": {}", message.trim_end()));
    }
    text
}

fn row(view: &SupplyView) -> Vec<String> {
    vec![
        view.node.clone(),
        view.reported_state.clone(),
        view.url.clone(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tell_of_a_failed_build_shows_its_message() {
        let view = SupplyView {
            node: "local".into(),
            url: "catalog:redis/1/software.cfg".into(),
            requested_state: "available".into(),
            reported_state: "failed".into(),
            message: Some("make failed\n".into()),
            progress: None,
            changed_at: String::new(),
        };
        assert_eq!(
            tell(&view),
            "catalog:redis/1/software.cfg: available asked on node local, failed: make failed"
        );
    }
}
