//! What all actions share: where things are, who owns what, and the seam to the machine.
//!
//! It is made once at the start and never changes; threads share it.

use crate::config::Settings;
use crate::format::Formatted;
use crate::layout::Layout;
use crate::record::Records;
use crate::system::{Account, System};
use slapos_model::{Clock, RandomSource};
use std::path::PathBuf;
use std::sync::Arc;

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

    /// A random part of a pause: up to `of` more.
    #[must_use]
    pub fn jitter(&self, of: std::time::Duration) -> std::time::Duration {
        let mut bytes = [0; 4];
        self.random.fill(&mut bytes);
        let share = f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX);
        of.mul_f64(share)
    }
}
