//! The master as the link sees it: one of ours over `/v1`, or one that speaks the old wire.
//!
//! What both can do is here; a watch stream and logs are of ours only.

use super::identity::{self, JoinError};
use super::old_wire::OldMaster;
use crate::node::Node;
use slapos_api::wire::catalog::ReleaseFiles;
use slapos_api::wire::node::{Desired, NodeFormat, NodeReport};
use slapos_api::{Client, ClientError};

/// A way to a master, as this node.
#[derive(Debug, Clone)]
pub enum Master {
    /// One of ours.
    Native(Client),
    /// A Python proxy or master, or ours by its old face.
    Old(OldMaster),
}

impl Master {
    /// The way that the node's settings say; joins a master of ours when that is still to be done.
    ///
    /// # Errors
    /// When that is not possible now.
    pub fn connect(node: &Node) -> Result<Self, JoinError> {
        match &node.settings.old_master {
            Some(settings) => OldMaster::open(node, settings).map(Self::Old),
            None => identity::connect(&node.layout, &node.settings).map(Self::Native),
        }
    }

    /// Makes the node known with what it offers.
    ///
    /// # Errors
    /// As every call; an old master that lost its state is told nothing.
    pub fn join(&self, node: &Node, offer: &NodeFormat) -> Result<(), JoinError> {
        match self {
            Self::Native(client) => Ok(client.format_node(offer).map(drop)?),
            Self::Old(master) => master.join(node, offer),
        }
    }

    /// All that the node is asked to run.
    ///
    /// # Errors
    /// As every call.
    pub fn read_desired(&self) -> Result<Desired, ClientError> {
        match self {
            Self::Native(client) => client.read_desired(),
            Self::Old(master) => master.read_desired(),
        }
    }

    /// What the node saw.
    ///
    /// # Errors
    /// As every call.
    pub fn report(&self, report: &NodeReport) -> Result<(), ClientError> {
        match self {
            Self::Native(client) => client.report(report),
            Self::Old(master) => master.report(report),
        }
    }

    /// The files of a release that the master holds.
    ///
    /// # Errors
    /// As every call, as a sentence.
    pub fn read_release(&self, url: &str) -> Result<ReleaseFiles, String> {
        match self {
            Self::Native(client) => client.read_release(url).map_err(|error| error.to_string()),
            Self::Old(_) => Err("a master of the old wire has no catalogue".to_owned()),
        }
    }
}
