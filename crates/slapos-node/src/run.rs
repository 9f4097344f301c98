//! The resident agent.

use crate::config::NodeConfig;
use crate::error::NodeError;
use crate::shutdown::Shutdown;
use slapos_model::{Clock, RandomSource};
use std::sync::Arc;

/// Runs the agent until `shutdown` is requested. Services go on after it.
///
/// # Errors
/// When another agent works in the same root, or its folders cannot be used.
pub fn run(
    config: &NodeConfig,
    clock: Arc<dyn Clock>,
    random: Arc<dyn RandomSource>,
    shutdown: &Shutdown,
) -> Result<(), NodeError> {
    let _ = (config, clock, random, shutdown);
    Err(NodeError::NotReady(
        "the agent is not written yet".to_owned(),
    ))
}
