//! What all actions share: where things are, who owns what, and the seam to the machine.
//!
//! It is made once at the start and never changes; threads share it.

use crate::config::Settings;
use crate::format::Formatted;
use crate::layout::Layout;
use crate::record::Records;
use crate::system::{Account, System};
use slapos_model::{Clock, RandomSource};
use slapos_supervise::GroupStatus;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// The node as its actions see it.
pub struct Node {
    /// Where everything lies.
    pub layout: Layout,
    /// The program for child processes.
    pub program: PathBuf,
    /// As told.
    pub settings: Settings,
    /// The machine.
    pub system: Arc<dyn System>,
    /// What is remembered.
    pub records: Records,
    /// What format made.
    pub formatted: Formatted,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where randomness comes from.
    pub random: Arc<dyn RandomSource>,
    /// Counts [`Snapshot`]s.
    pub snapshots: Mutex<u64>,
}

/// The supervisor's groups as they were seen once. They are asked for by several threads, and what
/// was seen first may arrive last: the number tells.
#[derive(Debug)]
pub struct Snapshot {
    /// Higher is newer.
    pub number: u64,
    /// The groups.
    pub groups: Vec<GroupStatus>,
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node")
            .field("root", &self.layout.root())
            .finish()
    }
}

impl Node {
    /// The user of a partition; `None` when everything runs as one user.
    ///
    /// # Errors
    /// When the partition is not one of this node or could not be made: why.
    pub fn account(&self, partition: &str) -> Result<Option<&Account>, String> {
        let Some(made) = self.formatted.partitions.get(partition) else {
            return Err(format!("{partition} is not a partition of this node"));
        };
        match &made.error {
            Some(error) => Err(format!("{partition} cannot be used: {error}")),
            None => Ok(made.account.as_ref()),
        }
    }

    /// Asks the supervisor for all its groups.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn take_snapshot(&self) -> std::io::Result<Snapshot> {
        // Held while asking, so that the order of numbers is the order of answers.
        let mut number = self
            .snapshots
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let groups = self.system.list_groups()?;
        *number += 1;
        Ok(Snapshot {
            number: *number,
            groups,
        })
    }

    /// A random part of a pause: up to `of` more.
    #[must_use]
    pub fn jitter(&self, of: std::time::Duration) -> std::time::Duration {
        slapos_model::jitter(&*self.random, of)
    }
}
