//! `slapos up`: a whole SlapOS on this machine, in one folder.

use super::parameter_args::ParameterArgs;
use crate::ask::Ask;
use crate::cli::Context;
use crate::failure::{Failure, Outcome};
use crate::launcher::check::{self, Notice};
use crate::launcher::up_file::UpLock;
use crate::launcher::{Launcher, Plan, find_running};
use crate::order::{Order, read_order};
use crate::present::{Present, Wish, present, watch_services};
use crate::print;
use crate::system::SystemClock;
use serde_json::json;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const EXAMPLES: &str = "\
Examples:
  slapos up                                 Start, show the panel's address, run until Ctrl-C
  slapos up --request redis my_db           The same, and ask for a Redis
  slapos up --detach                        Start in the background; `slapos down` stops it
  slapos up --root /tmp/try --listen 127.0.0.1:5000

Ctrl-C, SIGTERM and `slapos down` stop the services, the agent and the master; started again,
everything goes on where it was. When `up` itself is killed, master and agent end by themselves
while the services run on; the next `up` takes them back without restarting them.

As root each partition gets its own user. Without root everything runs as the current user.";

/// Start SlapOS on this machine: a master, a node agent and a supervisor in one folder.
///
/// The first start makes a certificate authority, an owner and their token, and a client
/// configuration that all other commands find by themselves.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Address and port of the master [default: that of the last start, or 127.0.0.1:4321, or a
    /// free port when that is taken at the first start].
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Go to the background once everything is ready.
    #[arg(long)]
    detach: bool,
    /// How many partitions the node has [default: as before, or 10].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    partitions: Option<u32>,
    /// Ask for a service too, and show how it gets there.
    #[arg(long, num_args = 2, value_names = ["SOFTWARE", "NAME"])]
    request: Vec<String>,
    #[command(flatten)]
    parameters: ParameterArgs,
    /// This is the background process of --detach.
    #[arg(long, hide = true, conflicts_with = "detach")]
    detached: bool,
}

/// Runs it.
pub(crate) fn run(context: &Context, mut args: Args) -> Outcome {
    let wish = wish(&mut args)?;
    if let Some(outcome) = use_running(context, &wish)? {
        return outcome;
    }
    if args.detached {
        // We were just started and lead no process group, so this succeeds.
        nix::unistd::setsid()
            .map_err(|error| Failure::new(format!("cannot leave the terminal: {error}")))?;
    }
    let notices = check::prepare(&context.folder, &SystemClock)?;
    if !args.detached {
        show_notices(&notices);
    }
    let plan = Plan {
        folder: context.folder.clone(),
        listen: args.listen,
        partitions: args.partitions,
    };
    if args.detach {
        crate::launcher::detach::start(&plan)?;
        let running = find_running(&plan.folder)?
            .ok_or_else(|| Failure::new("SlapOS ended just after it was started"))?;
        let shown = Present::new(context, running, false);
        return present(&shown, wish.as_ref());
    }
    let Some(lock) = UpLock::take(&plan.folder)? else {
        return use_running(context, &wish)?.unwrap_or_else(|| {
            Err(Failure::new("another `slapos up` is just starting here")
                .with_hint("wait a moment and try again"))
        });
    };
    let launcher = Launcher::start(&plan, lock)?;
    let is_stopping = Arc::new(AtomicBool::new(false));
    if !args.detached {
        show_in_background(context, wish, Arc::clone(&is_stopping))?;
    }
    let json = context.json;
    launcher.run(&mut |text| {
        is_stopping.store(text == "stopping", Ordering::Relaxed);
        // When nobody reads any more, the services still matter.
        let _ = if json {
            print::json(&json!({"event": text}))
        } else {
            print::line(text)
        };
    })
}

/// Where one runs already, it is used.
fn use_running(context: &Context, wish: &Option<Wish>) -> Result<Option<Outcome>, Failure> {
    let Some(running) = find_running(&context.folder)? else {
        return Ok(None);
    };
    if !context.json {
        print::line(format!(
            "SlapOS runs already in {}",
            context.folder.root().display()
        ))?;
    }
    let shown = Present::new(context, running, false);
    Ok(Some(present(&shown, wish.as_ref())))
}

/// Shows the panel's address, the request, then what happens, beside the launcher.
fn show_in_background(
    context: &Context,
    wish: Option<Wish>,
    is_stopping: Arc<AtomicBool>,
) -> Result<(), Failure> {
    let file = crate::client_file::ClientFile::load(&context.folder)?
        .ok_or_else(|| Failure::new("the client configuration is gone"))?;
    let shown = Present::new(context, file, true).until(is_stopping);
    std::thread::spawn(move || {
        if let Err(failure) = present(&shown, wish.as_ref())
            && !failure.message.is_empty()
        {
            tell(&failure.to_string());
        }
        // Only for a person: where nobody looks, `up` is to stay small.
        if !shown.json && print::is_terminal() {
            watch_services(&shown);
        }
    });
    Ok(())
}

fn wish(args: &mut Args) -> Result<Option<Wish>, Failure> {
    let [software, name] = args.request.as_slice() else {
        if args.parameters.is_given() {
            return Err(
                Failure::usage("Parameters are for a service that is asked for.")
                    .with_hint("add --request SOFTWARE NAME"),
            );
        }
        return Ok(None);
    };
    let order: Order = read_order(software, name)?;
    let ask = Ask {
        parameters: std::mem::take(&mut args.parameters),
        ..Ask::default()
    };
    Ok(Some(Wish { order, ask }))
}

fn show_notices(notices: &[Notice]) {
    for notice in notices {
        tell(&format!("{}: {}", notice.weight, notice.message));
        if let Some(hint) = &notice.hint {
            tell(&format!("hint: {hint}"));
        }
    }
}

fn tell(text: &str) {
    // Standard error that is gone stops nothing.
    let _ = writeln!(std::io::stderr(), "{text}");
}
