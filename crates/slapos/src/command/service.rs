//! `slapos service …`: what there is, and what to do with it.

use crate::cli::Context;
use crate::client_file::connect;
use crate::command::request::{end, object_of};
use crate::failure::{Exit, Failure, Outcome};
use crate::follow::{Teller, Waker, follow};
use crate::limits::WAIT_DEFAULT_S;
use crate::print;
use crate::story::{connection_lines, progress, software};
use clap::Subcommand;
use serde_json::json;
use slapos_api::wire::instance::{InstanceView, PromiseView};
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  slapos service list
  slapos service info my_db
  slapos service logs my_db -f
  slapos service stop my_db
  slapos service destroy my_db --wait";

/// List services, look at one, stop, start or destroy it.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List all services and how they stand.
    List,
    /// Show all that is known of a service: state, promises, parameters, connection.
    Info {
        /// The service's name or reference.
        name: String,
    },
    /// Show the logs of a service.
    Logs(super::logs::Args),
    /// Start a service that was stopped.
    Start(Change),
    /// Stop a service; its data stays.
    Stop(Change),
    /// Stop a service, then start it again.
    Restart(Change),
    /// Destroy a service and its data. There is no way back.
    Destroy(Change),
}

/// A change of the requested state.
#[derive(Debug, clap::Args)]
struct Change {
    /// The service's name or reference.
    name: String,
    /// Wait until it is so.
    #[arg(long)]
    wait: bool,
    /// How long to wait, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = WAIT_DEFAULT_S)]
    timeout: u64,
}

/// Runs it.
pub(crate) fn run(context: &Context, args: Args) -> Outcome {
    match args.action {
        Action::List => list(context),
        Action::Info { name } => info(context, &name),
        Action::Logs(args) => super::logs::run(context, &args),
        Action::Start(change) => set_state(context, &change, "started"),
        Action::Stop(change) => set_state(context, &change, "stopped"),
        Action::Restart(change) => restart(context, change),
        Action::Destroy(change) => set_state(context, &change, "destroyed"),
    }
}

/// Prints all services; `slapos status` shows them too.
pub(crate) fn print_list(items: &[InstanceView]) -> Result<(), Failure> {
    if items.is_empty() {
        return print::line("No services. Ask for one: slapos request redis my_db");
    }
    let rows: Vec<Vec<String>> = items.iter().map(row).collect();
    print::table(&["NAME", "STATE", "PROMISES", "SOFTWARE", "WHERE"], &rows)
}

fn list(context: &Context) -> Outcome {
    let list = connect(&context.folder)?.list_instances()?;
    if context.json {
        print::json(&list)?;
    } else {
        print_list(&list.items)?;
    }
    Ok(Exit::Done)
}

fn row(view: &InstanceView) -> Vec<String> {
    vec![
        view.name.clone(),
        view.state.clone(),
        format!("{}/{}", view.promises.kept, view.promises.total),
        software(view),
        place(view),
    ]
}

fn place(view: &InstanceView) -> String {
    match (&view.node, &view.partition) {
        (Some(node), Some(partition)) => format!("{node}/{partition}"),
        _ => "-".to_owned(),
    }
}

fn info(context: &Context, name: &str) -> Outcome {
    let client = connect(&context.folder)?;
    let view = client.find_instance(name)?;
    let promises = client.list_promises(&view.id)?.items;
    if context.json {
        let mut object = object_of(&view)?;
        object["promise_list"] = json!(promises);
        print::json(&object)?;
    } else {
        for line in info_lines(&view, &promises) {
            print::line(line)?;
        }
    }
    Ok(Exit::Done)
}

fn info_lines(view: &InstanceView, promises: &[PromiseView]) -> Vec<String> {
    let mut lines = vec![
        format!("name: {}", view.name),
        format!("reference: {}", view.id),
        format!("state: {}", print::state(&view.state)),
        format!("requested: {}", view.requested_state),
        format!("software: {} ({})", software(view), view.software.url),
        format!("type: {}", view.software_type),
        format!("where: {}", place(view)),
        format!("changed: {}", view.changed_at),
    ];
    lines.extend(view.message.iter().map(|text| format!("message: {text}")));
    lines.extend(
        view.progress
            .iter()
            .map(|now| format!("progress: {}", progress(now))),
    );
    if let Some(seconds) = view.seconds_to_green {
        lines.push(format!("green after: {seconds:.1} s"));
    }
    if !view.parameters.is_empty() {
        lines.push("parameters:".to_owned());
        lines.extend(
            view.parameters
                .iter()
                .map(|(key, value)| format!("  {key}: {value}")),
        );
    }
    if !view.connection.is_empty() {
        lines.push("connection:".to_owned());
        lines.extend(
            connection_lines(view)
                .iter()
                .map(|line| format!("  {line}")),
        );
    }
    lines.push(format!(
        "promises: {} of {} kept",
        view.promises.kept, view.promises.total
    ));
    lines.extend(promises.iter().map(|promise| {
        let message = promise.message.lines().next().unwrap_or_default();
        format!(
            "  {} {}: {message}",
            print::state(&promise.state),
            promise.name
        )
    }));
    lines
}

fn set_state(context: &Context, change: &Change, state: &str) -> Outcome {
    let client = connect(&context.folder)?;
    let waker = change.wait.then(|| Waker::new(&client));
    let mut view = client.set_instance_state(&change.name, state)?;
    let mut teller = (!context.json).then(Teller::new);
    let mut show = |view: &InstanceView| teller.as_mut().map_or(Ok(()), |teller| teller.tell(view));
    let outcome = match waker {
        None => show(&view).map(|()| Exit::Done),
        Some(waker) => {
            let limit = Duration::from_secs(change.timeout);
            let (ending, last) = follow(&client, &waker, view, limit, &mut show)?;
            view = last;
            end(ending, &view, change.timeout)
        }
    };
    if context.json {
        print::json(&object_of(&view)?)?;
    }
    outcome
}

/// Stops first and waits for that: asking for "started" at once would change nothing.
fn restart(context: &Context, change: Change) -> Outcome {
    let client = connect(&context.folder)?;
    let waker = Waker::new(&client);
    let view = client.set_instance_state(&change.name, "stopped")?;
    let mut teller = (!context.json).then(Teller::new);
    let limit = Duration::from_secs(change.timeout);
    let (ending, view) = follow(&client, &waker, view, limit, &mut |view| {
        teller.as_mut().map_or(Ok(()), |teller| teller.tell(view))
    })?;
    drop(teller);
    end(ending, &view, change.timeout)?;
    set_state(context, &change, "started")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::tests::view;

    #[test]
    fn info_lines_show_parameters_connection_and_promises() {
        let view = view(
            json!({"state": "degraded", "parameters": {"maxmemory": "64mb"},
            "connection": {"url": "redis://h"}, "promises": {"kept": 0, "total": 1}}),
        );
        let promise: PromiseView =
            serde_json::from_value(json!({"name": "ping", "state": "broken",
            "message": "no answer\nmore", "checked_at": "", "since": ""}))
            .unwrap();
        let text = info_lines(&view, &[promise]).join("\n");
        for line in [
            "software: redis 7.0.15 (catalog:redis/7.0.15/software.cfg)",
            "  maxmemory: \"64mb\"",
            "  url: redis://h",
            "promises: 0 of 1 kept",
            "  broken ping: no answer",
        ] {
            assert!(
                text.lines().any(|have| have == line),
                "{line} not in\n{text}"
            );
        }
    }
}
