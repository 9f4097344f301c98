//! What `up` shows once everything runs: the panel, the request, then what happens.
//!
//! Used by a foreground `up` in a thread, by `--detach`, and when an `up` runs already.

use crate::ask::{Ask, ask};
use crate::cli::Context;
use crate::client_file::ClientFile;
use crate::command::request::{end, object_of};
use crate::failure::{Exit, Failure, Outcome};
use crate::folder::Folder;
use crate::follow::{Teller, Waker, follow};
use crate::launcher::{supervisor, up_file};
use crate::limits::{IDLE_LOOK, NODE_LOOK, SUPERVISOR_READY, WAIT_DEFAULT_S};
use crate::order::Order;
use crate::print;
use serde_json::json;
use slapos_api::Client;
use slapos_api::wire::List;
use slapos_api::wire::instance::InstanceView;
use slapos_api::wire::node::NodeView;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Where to look, and how to show it.
#[derive(Debug)]
pub(crate) struct Present {
    folder: Folder,
    file: ClientFile,
    /// JSON objects instead of lines.
    pub(crate) json: bool,
    is_foreground: bool,
    is_stopping: Arc<AtomicBool>,
}

/// A service to ask for.
#[derive(Debug)]
pub(crate) struct Wish {
    /// What, under which name.
    pub(crate) order: Order,
    /// The rest.
    pub(crate) ask: Ask,
}

impl Present {
    /// Of the SlapOS that `file` leads to.
    pub(crate) fn new(context: &Context, file: ClientFile, is_foreground: bool) -> Self {
        Self {
            folder: context.folder.clone(),
            file,
            json: context.json,
            is_foreground,
            is_stopping: Arc::default(),
        }
    }

    /// Falls silent when the flag is set.
    pub(crate) fn until(self, is_stopping: Arc<AtomicBool>) -> Self {
        Self {
            is_stopping,
            ..self
        }
    }

    fn check_stopping(&self) -> Result<(), Failure> {
        if self.is_stopping.load(Ordering::Relaxed) {
            Err(Failure::quiet())
        } else {
            Ok(())
        }
    }
}

/// Shows the panel's address, asks for the service, and follows it until it is green.
pub(crate) fn present(shown: &Present, wish: Option<&Wish>) -> Outcome {
    if shown.json {
        print::json(&first_object(shown)?)?;
    } else {
        print::line(format!("panel: {}", shown.file.token_url()?))?;
        if shown.is_foreground && print::is_terminal() {
            print::line("Ctrl-C stops everything; started again, it goes on where it was.")?;
        }
    }
    match wish {
        Some(wish) => follow_wish(shown, wish),
        None => Ok(Exit::Done),
    }
}

/// For a person at a terminal: every change of every service, until the process ends.
pub(crate) fn watch_services(shown: &Present) {
    let Ok(client) = shown.file.connect() else {
        return;
    };
    let waker = Waker::new(&client);
    let mut tellers: HashMap<String, Teller> = HashMap::new();
    let mut is_first = true;
    while shown.check_stopping().is_ok() {
        if let Ok(list) = client.list_instances() {
            for view in list.items {
                if tell_change(&mut tellers, &view, is_first).is_err() {
                    return;
                }
            }
            is_first = false;
        }
        waker.wait(IDLE_LOOK);
    }
}

/// Says what is new of one service; what was there at the beginning is not news.
fn tell_change(
    tellers: &mut HashMap<String, Teller>,
    view: &InstanceView,
    is_first: bool,
) -> Result<(), Failure> {
    let teller = tellers.entry(view.id.clone()).or_insert_with(Teller::plain);
    if is_first {
        teller.know(view);
        return Ok(());
    }
    teller.tell(view)
}

fn first_object(shown: &Present) -> Result<serde_json::Value, Failure> {
    let supervisor = supervisor::wait_pid(&shown.folder, SUPERVISOR_READY);
    let pids = up_file::load(&shown.folder);
    let pid = |mark: Option<up_file::ProcessMark>| mark.map(|mark| mark.pid);
    Ok(json!({
        "url": shown.file.url,
        "token_url": shown.file.token_url()?,
        "root": shown.folder.root(),
        "pids": {
            "up": pid(pids.map(|file| file.up)),
            "master": pid(pids.and_then(|file| file.master)),
            "node": pid(pids.and_then(|file| file.node)),
            "supervisor": supervisor,
        },
    }))
}

fn follow_wish(shown: &Present, wish: &Wish) -> Outcome {
    let client = shown.file.connect()?;
    let waker = Waker::new(&client);
    wait_for_node(&client, &waker);
    let view = ask(&client, &wish.order, &wish.ask)?;
    let mut teller = (!shown.json).then(Teller::new);
    let mut last = String::new();
    let mut show = |view: &InstanceView| {
        shown.check_stopping()?;
        match &mut teller {
            Some(teller) => teller.tell(view),
            None => print_changed(view, &mut last),
        }
    };
    let limit = Duration::from_secs(WAIT_DEFAULT_S);
    let (ending, view) = follow(&client, &waker, view, limit, &mut show)?;
    drop(teller);
    end(ending, &view, WAIT_DEFAULT_S)
}

/// A node that is just joining is waited for, so that nobody reads "there is no node" at every first
/// start. One that does not come is no error here: the request says what it waits for.
fn wait_for_node(client: &Client, waker: &Waker) {
    let deadline = Instant::now() + SUPERVISOR_READY;
    let has_place = |nodes: List<NodeView>| {
        let mut nodes = nodes.items.into_iter();
        nodes.any(|node| node.online && !node.partitions.is_empty())
    };
    while !client.list_nodes().is_ok_and(has_place) && Instant::now() < deadline {
        waker.wait(NODE_LOOK);
    }
}

/// One object for each view that differs from the last in more than its times.
fn print_changed(view: &InstanceView, last: &mut String) -> Result<(), Failure> {
    let key = format!(
        "{} {:?} {:?} {:?} {:?}",
        view.state,
        view.message,
        view.promises,
        view.connection,
        view.progress.as_ref().map(|now| (now.index, &now.step))
    );
    if key == *last {
        return Ok(());
    }
    *last = key;
    print::json(&object_of(view)?)
}
