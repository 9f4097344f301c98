//! Keeps a supervisor running and listens to it.
//!
//! When its socket is dead a new one is started at once; it takes back what still runs.

use super::Notice;
use crate::limits;
use crate::node::Node;
use crate::shutdown::Shutdown;
use crate::system::real::start_supervisor;
use slapos_supervise::{Client, ClientError, Subscription};
use std::io;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

/// Starts the thread; it ends with the process or some time after `shutdown`.
pub(crate) fn follow_supervisor(
    node: &Arc<Node>,
    sender: &SyncSender<Notice>,
    shutdown: &Shutdown,
) -> io::Result<()> {
    let (node, sender, shutdown) = (Arc::clone(node), sender.clone(), shutdown.clone());
    std::thread::Builder::new()
        .name("supervisor".to_owned())
        .stack_size(256 << 10)
        .spawn(move || follow(&node, &sender, &shutdown))
        .map(drop)
}

fn follow(node: &Node, sender: &SyncSender<Notice>, shutdown: &Shutdown) {
    let mut pause = Duration::from_millis(10);
    while !shutdown.is_requested() {
        let connected = ensure_supervisor(node, shutdown);
        let ended = connected.and_then(|subscription| {
            pause = Duration::from_millis(10);
            listen(node, sender, subscription)
        });
        if let Err(error) = ended {
            tracing::warn!(%error, "supervisor not there");
        }
        if sender.send(Notice::Groups(None)).is_err() || shutdown.wait(pause) {
            return;
        }
        pause = (pause * 2).min(limits::RECONNECT_MAX);
    }
}

/// Connects; starts a supervisor when nobody answers.
pub(crate) fn ensure_supervisor(node: &Node, shutdown: &Shutdown) -> io::Result<Subscription> {
    let dir = node.layout.supervise();
    let connect =
        || Client::connect_with(&dir, limits::SUPERVISOR_TIMEOUT).and_then(Client::subscribe);
    match connect() {
        Ok(subscription) => return Ok(subscription),
        Err(ClientError::Connect { .. }) => {}
        Err(error) => return Err(io::Error::other(error)),
    }
    tracing::info!("supervisor started");
    start_supervisor(&node.program, node.layout.root())?;
    let started = Instant::now();
    loop {
        match connect() {
            Ok(subscription) => return Ok(subscription),
            Err(error) if started.elapsed() > limits::SUPERVISOR_START => {
                return Err(io::Error::other(error));
            }
            // It makes its socket within milliseconds; nothing tells when.
            Err(_) if shutdown.wait(Duration::from_millis(2)) => {
                return Err(io::ErrorKind::Interrupted.into());
            }
            Err(_) => {}
        }
    }
}

fn listen(node: &Node, sender: &SyncSender<Notice>, mut events: Subscription) -> io::Result<()> {
    let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
    loop {
        let groups = node.take_snapshot()?;
        sender.send(Notice::Groups(Some(groups))).map_err(gone)?;
        // Long, since nothing has to be done while nothing happens.
        let mut event = events
            .next_within(Duration::from_secs(3600))
            .map_err(io::Error::other)?;
        // What happened together is looked at together.
        while let Some(happened) = event {
            sender
                .send(Notice::ProgramEvent(happened.group))
                .map_err(gone)?;
            event = events
                .next_within(Duration::from_millis(1))
                .map_err(io::Error::other)?;
        }
    }
}
