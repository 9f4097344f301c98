//! Following one service until it is as asked, and showing how it gets there.
//!
//! The watch stream only makes us look sooner; what is true is what the master answers when asked,
//! so a lost event costs at most [`LOOK_AGAIN`]. A master that restarts in between is waited for.

use crate::failure::{Exit, Failure};
use crate::limits::{LOOK_AGAIN, MASTER_AWAY, OLD_FAILURE};
use crate::print;
use crate::story::{Line, Story};
use indicatif::{ProgressBar, ProgressStyle};
use slapos_api::wire::instance::InstanceView;
use slapos_api::{Client, ClientError, ErrorCode};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

/// How following ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// As asked, every promise kept.
    Green,
    /// It failed.
    Failed,
    /// The time is over.
    NotYet,
}

impl From<Ending> for Exit {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Green => Self::Done,
            Ending::Failed => Self::Failed,
            Ending::NotYet => Self::NotYet,
        }
    }
}

/// Where a view stands: `None` while it is on its way.
pub(crate) fn ending_of(view: &InstanceView) -> Option<Ending> {
    let is_applied = view.applied_generation >= view.generation;
    match (view.requested_state.as_str(), view.state.as_str()) {
        ("started", "started") | ("stopped", "stopped") if is_applied => Some(Ending::Green),
        ("destroyed", "destroyed") => Some(Ending::Green),
        (_, "failed") => Some(Ending::Failed),
        _ => None,
    }
}

/// Says that something happened on the master. Made before the request that one wants to follow,
/// so that nothing is missed in between.
#[derive(Debug)]
pub(crate) struct Waker {
    receiver: Receiver<()>,
}

impl Waker {
    /// Watches the master in a thread of its own, which ends with the process.
    pub(crate) fn new(client: &Client) -> Self {
        // One place: a second event before we looked adds nothing.
        let (sender, receiver) = sync_channel(1);
        let client = client.clone();
        std::thread::spawn(move || watch_forever(&client, &sender));
        Self { receiver }
    }

    /// Waits for an event, for at most `limit`.
    pub(crate) fn wait(&self, limit: Duration) {
        if self.receiver.recv_timeout(limit) == Err(RecvTimeoutError::Disconnected) {
            std::thread::park_timeout(limit);
        }
    }
}

/// Follows a service until it is as asked, failed, or `limit` is over. `show` gets every view. The
/// last view is given back.
pub(crate) fn follow(
    client: &Client,
    waker: &Waker,
    first: InstanceView,
    limit: Duration,
    show: &mut dyn FnMut(&InstanceView) -> Result<(), Failure>,
) -> Result<(Ending, InstanceView), Failure> {
    let start = Instant::now();
    let deadline = start + limit;
    let mut view = first;
    let mut away_since = None;
    // A failure that stood before we asked is told only when it stays.
    let mut is_old_failure = view.state == "failed";
    loop {
        is_old_failure &= view.state == "failed" && start.elapsed() < OLD_FAILURE;
        if !is_old_failure {
            show(&view)?;
            if let Some(ending) = ending_of(&view) {
                return Ok((ending, view));
            }
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok((Ending::NotYet, view));
        }
        waker.wait(left.min(LOOK_AGAIN));
        match client.find_instance(&view.id) {
            Ok(next) => {
                away_since = None;
                view = next;
            }
            Err(error) if is_gone(&error) && view.requested_state == "destroyed" => {
                "destroyed".clone_into(&mut view.state);
            }
            Err(error) if error.is_temporary() => {
                let since: Instant = *away_since.get_or_insert_with(Instant::now);
                if since.elapsed() > MASTER_AWAY {
                    return Err(error.into());
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Shows a story as it goes: one line that moves on a terminal, plain lines elsewhere.
#[derive(Debug)]
pub(crate) struct Teller {
    story: Story,
    bar: Option<ProgressBar>,
    key: String,
}

impl Teller {
    /// A teller for standard output.
    pub(crate) fn new() -> Self {
        Self {
            story: Story::default(),
            bar: print::is_terminal().then(moving_line),
            key: String::new(),
        }
    }

    /// A teller that never moves a line: several of them can share a terminal.
    pub(crate) fn plain() -> Self {
        Self {
            story: Story::default(),
            bar: None,
            key: String::new(),
        }
    }

    /// Takes `view` as told already.
    pub(crate) fn know(&mut self, view: &InstanceView) {
        for line in self.story.tell(view) {
            if let Line::Moving { key, .. } = line {
                self.key = key;
            }
        }
    }

    /// Shows what is new of `view`.
    pub(crate) fn tell(&mut self, view: &InstanceView) -> Result<(), Failure> {
        for line in self.story.tell(view) {
            match (line, &self.bar) {
                (Line::Moving { text, .. }, Some(bar)) => {
                    bar.set_message(text);
                    bar.tick();
                }
                (Line::Moving { text, key }, None) => {
                    if key != self.key {
                        self.key = key;
                        print::line(text)?;
                    }
                }
                (Line::Said(text), Some(bar)) => {
                    bar.set_message("");
                    bar.suspend(|| print::line(text))?;
                }
                (Line::Said(text), None) => print::line(text)?,
            }
        }
        Ok(())
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn moving_line() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    // The template is a constant that indicatif knows.
    if let Ok(style) = ProgressStyle::with_template("{msg}") {
        bar.set_style(style);
    }
    bar
}

fn is_gone(error: &ClientError) -> bool {
    error
        .refusal()
        .is_some_and(|body| body.code == ErrorCode::NotFound)
}

fn watch_forever(client: &Client, sender: &SyncSender<()>) {
    let mut after = None;
    loop {
        if let Ok(mut watch) = client.watch(after) {
            // Whatever happened before the stream stood is seen by looking once.
            wake(sender);
            while let Ok(event) = watch.next_event() {
                after = (event.seq > 0).then_some(event.seq).or(after);
                wake(sender);
            }
        }
        std::thread::park_timeout(LOOK_AGAIN);
    }
}

fn wake(sender: &SyncSender<()>) {
    // Full means that a look is due already; closed, that nobody looks any more.
    let _ = sender.try_send(());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::tests::view;
    use serde_json::json;

    fn ending(changes: serde_json::Value) -> Option<Ending> {
        ending_of(&view(changes))
    }

    #[test]
    fn ending_of_started_counts_once_the_newest_request_is_applied() {
        let started = |generation: i64| json!({"state": "started", "generation": generation, "applied_generation": 1});
        assert_eq!(ending(started(1)), Some(Ending::Green));
        assert_eq!(ending(started(2)), None);
    }

    #[test]
    fn ending_of_a_state_that_was_not_asked_is_open() {
        let stopping = json!({"requested_state": "stopped", "state": "started",
            "applied_generation": 1});
        assert_eq!(ending(stopping), None);
        let stopped = json!({"requested_state": "stopped", "state": "stopped",
            "applied_generation": 1});
        assert_eq!(ending(stopped), Some(Ending::Green));
    }

    #[test]
    fn ending_of_degraded_is_open_and_of_failed_is_failed() {
        assert_eq!(
            ending(json!({"state": "degraded", "applied_generation": 1})),
            None
        );
        assert_eq!(ending(json!({"state": "failed"})), Some(Ending::Failed));
    }
}
