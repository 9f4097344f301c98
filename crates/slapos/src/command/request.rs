//! `slapos request`: create or get a service.

use super::parameter_args::ParameterArgs;
use crate::ask::{Ask, ask};
use crate::cli::Context;
use crate::client_file::connect;
use crate::failure::{Exit, Failure, Outcome};
use crate::follow::{Ending, Teller, Waker, follow};
use crate::limits::WAIT_DEFAULT_S;
use crate::order::{Order, read_order};
use crate::print;
use clap::ValueEnum;
use serde_json::{Value, json};
use slapos_api::wire::instance::InstanceView;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  slapos request redis my_db
  slapos request redis@7.0.15 my_db --wait
  slapos request redis my_db --parameters maxmemory=64mb
  slapos request https://example.com/app/software.cfg my_app
  slapos request redis my_db --state destroyed

Asking twice changes nothing. What is left out stays as it was before; --parameters gives the
whole set. The order of the old client, NAME and then the URL or path of a profile, works too.

Exit codes with --wait: 0 as asked and every promise kept, 1 it failed, 4 not yet (time-out).";

/// Create or get a service, and show how it stands.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// What to run: a name of `slapos catalog list` (redis, redis@7.0.15), a profile's path, or
    /// its URL.
    software: String,
    /// Your name for the service.
    #[arg(required_unless_present = "named")]
    name: Option<String>,
    /// The same, where SOFTWARE NAME could be read in two ways.
    #[arg(
        long = "name",
        id = "named",
        value_name = "NAME",
        conflicts_with = "name"
    )]
    named: Option<String>,
    #[command(flatten)]
    parameters: ParameterArgs,
    /// The state to have it in [default: as before, or started].
    #[arg(long, value_enum)]
    state: Option<State>,
    /// Software type [default: as before, or default].
    #[arg(long = "type", value_name = "TYPE")]
    software_type: Option<String>,
    /// The only node where it may run, by name or reference.
    #[arg(long)]
    node: Option<String>,
    /// A share of an instance that runs already, instead of one of its own.
    #[arg(long)]
    shared: bool,
    /// Wait until it is as asked and every promise is kept.
    #[arg(long)]
    wait: bool,
    /// How long to wait, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = WAIT_DEFAULT_S, requires = "wait")]
    timeout: u64,
}

/// The states that can be asked for.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum State {
    Started,
    Stopped,
    Destroyed,
}

/// Runs it.
pub(crate) fn run(context: &Context, args: Args) -> Outcome {
    let order = order_of(&args)?;
    let client = connect(&context.folder)?;
    let waker = args.wait.then(|| Waker::new(&client));
    let question = Ask {
        parameters: args.parameters,
        state: args.state.map(word),
        software_type: args.software_type,
        node: args.node,
        shared: args.shared,
    };
    let view = ask(&client, &order, &question)?;
    let Some(waker) = waker else {
        show_once(context, &view)?;
        return Ok(Exit::Done);
    };
    let mut teller = (!context.json).then(Teller::new);
    let limit = Duration::from_secs(args.timeout);
    let (ending, view) = follow(&client, &waker, view, limit, &mut |view| {
        teller.as_mut().map_or(Ok(()), |teller| teller.tell(view))
    })?;
    drop(teller);
    if context.json {
        print::json(&object_of(&view)?)?;
    }
    end(ending, &view, args.timeout)
}

/// The answer as one object, with the fields that programs rely on always there.
pub(crate) fn object_of(view: &InstanceView) -> Result<Value, Failure> {
    let mut object = serde_json::to_value(view)
        .map_err(|error| Failure::new(format!("cannot write the answer as JSON: {error}")))?;
    for key in ["node", "partition", "message", "seconds_to_green"] {
        if object.get(key).is_none() {
            object[key] = json!(null);
        }
    }
    Ok(object)
}

/// The exit code of a wait, with a sentence when it was in vain.
pub(crate) fn end(ending: Ending, view: &InstanceView, seconds: u64) -> Outcome {
    let name = &view.name;
    match ending {
        Ending::Green => Ok(Exit::Done),
        Ending::Failed => Err(Failure::new(format!("The service {name} failed."))
            .with_hint(format!("see what went wrong: slapos why {name}"))),
        Ending::NotYet => Err(Failure {
            exit: Exit::NotYet,
            ..Failure::new(format!(
                "After {seconds} s the service {name} is {}, not {} with every promise kept.",
                view.state, view.requested_state
            ))
            .with_hint(format!(
                "it goes on; see what it waits for: slapos why {name}"
            ))
        }),
    }
}

fn order_of(args: &Args) -> Result<Order, Failure> {
    match (&args.name, &args.named) {
        (Some(name), _) => read_order(&args.software, name),
        (None, Some(name)) => Ok(Order {
            software: args.software.clone(),
            name: name.clone(),
        }),
        // clap requires one of them.
        (None, None) => Err(Failure::usage("A service needs a name.")),
    }
}

fn show_once(context: &Context, view: &InstanceView) -> Result<(), Failure> {
    if context.json {
        print::json(&object_of(view)?)
    } else {
        Teller::new().tell(view)
    }
}

fn word(state: State) -> String {
    match state {
        State::Started => "started",
        State::Stopped => "stopped",
        State::Destroyed => "destroyed",
    }
    .to_owned()
}
