//! What nodes have to act upon, each to its own stream.
//!
//! Ten thousand nodes watch, and an entry is for one of them: one task looks at each entry and
//! wakes that one. A stream whose mailbox is full is ended, since its node reads everything wanted
//! when it comes back. Never decides who may see what: that is `app::event`. Start with
//! [`Mailboxes::open`].

use crate::app::event::is_for_nodes;
use crate::limits::MAILBOX_MAX;
use crate::store::Store;
use crate::store::event::{EventRow, list_after};
use slapos_api::limits::EVENT_PAGE_MAX;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;

/// The mailbox of each stream of a node, by the node's reference.
#[derive(Debug, Clone, Default)]
pub(super) struct Mailboxes(Arc<Mutex<Boxes>>);

type Boxes = HashMap<String, Vec<mpsc::Sender<Arc<EventRow>>>>;

impl Mailboxes {
    /// What is for that node from now on.
    pub(super) fn open(&self, node_id: &str) -> mpsc::Receiver<Arc<EventRow>> {
        let (sender, receiver) = mpsc::channel(MAILBOX_MAX);
        let mut boxes = self.lock();
        let own = boxes.entry(node_id.to_owned()).or_default();
        // Streams end without a word; here is where their mailboxes are swept.
        own.retain(|sender| !sender.is_closed());
        own.push(sender);
        receiver
    }

    /// Puts an entry where it belongs.
    fn deliver(&self, row: &Arc<EventRow>) {
        let Some(node_id) = row.node_id.as_ref().filter(|_| is_for_nodes(row)) else {
            return;
        };
        let mut boxes = self.lock();
        if let Some(own) = boxes.get_mut(node_id) {
            own.retain(|sender| sender.try_send(Arc::clone(row)).is_ok());
            if own.is_empty() {
                boxes.remove(node_id);
            }
        }
    }

    /// Hands out what the feed brings after position `last`, until the store ends.
    pub(super) async fn sort(self, store: Store, mut feed: Receiver<Arc<EventRow>>, mut last: i64) {
        loop {
            match feed.recv().await {
                // What is not kept has no position.
                Ok(row) if row.seq == 0 => self.deliver(&row),
                Ok(row) if row.seq <= last => {}
                Ok(row) => {
                    last = row.seq;
                    self.deliver(&row);
                }
                Err(RecvError::Lagged(_)) => last = self.catch_up(&store, last).await,
                Err(RecvError::Closed) => return,
            }
        }
    }

    /// One reading of the log makes good for all what the feed dropped.
    async fn catch_up(&self, store: &Store, mut last: i64) -> i64 {
        let limit = i64::try_from(EVENT_PAGE_MAX).unwrap_or(i64::MAX);
        loop {
            let page = match store.read(move |tx| list_after(tx, last, limit)).await {
                Ok(page) => page,
                Err(error) => {
                    tracing::error!(%error, "cannot read the event log; all nodes are asked to come back");
                    self.lock().clear();
                    return last;
                }
            };
            let is_full = page.len() == EVENT_PAGE_MAX;
            for row in page {
                last = row.seq;
                self.deliver(&Arc::new(row));
            }
            if !is_full {
                return last;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Boxes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::event::{INSTANCE_BANG, INSTANCE_REPORTED};

    fn entry(node: &str, kind: &str) -> Arc<EventRow> {
        Arc::new(EventRow {
            kind: kind.to_owned(),
            node_id: Some(node.to_owned()),
            ..EventRow::default()
        })
    }

    #[test]
    fn mailbox_has_what_is_for_its_node_to_act_upon() {
        let boxes = Mailboxes::default();
        let (mut one, mut two) = (boxes.open("COMP-1"), boxes.open("COMP-2"));
        boxes.deliver(&entry("COMP-1", INSTANCE_BANG));
        boxes.deliver(&entry("COMP-1", INSTANCE_REPORTED));
        assert_eq!(one.try_recv().unwrap().kind, INSTANCE_BANG);
        assert!(one.try_recv().is_err());
        assert!(two.try_recv().is_err());
    }

    #[test]
    fn mailbox_that_is_full_ends_and_one_that_ended_is_swept() {
        let boxes = Mailboxes::default();
        let mut slow = boxes.open("COMP-1");
        for _ in 0..=MAILBOX_MAX {
            boxes.deliver(&entry("COMP-1", INSTANCE_BANG));
        }
        for _ in 0..MAILBOX_MAX {
            assert!(slow.try_recv().is_ok());
        }
        assert!(matches!(
            slow.try_recv(),
            Err(mpsc::error::TryRecvError::Disconnected)
        ));
        for _ in 0..10 {
            drop(boxes.open("COMP-1"));
        }
        assert_eq!(boxes.lock()["COMP-1"].len(), 1);
    }
}
