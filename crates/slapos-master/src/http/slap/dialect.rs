//! The two ways of speaking: as the ERP5 master, or as `slapos proxy`.
//!
//! They differ in references, in a few texts that old tests compare, and in who has to prove what.
//! Whatever differs is asked of [`Dialect`], so that no other file has a switch of its own.

use crate::app::{AppError, catalog};
use crate::store::Tx;
use crate::store::instance::InstanceRow;
use crate::store::node::NodeRow;
use std::collections::BTreeMap;

/// How the face speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dialect {
    /// References of this master, certificates, what waits is answered with 408.
    Master,
    /// Names as references, loopback without certificates, what finds no room is refused.
    Proxy(ProxyDialect),
}

/// What a proxy is told in its configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProxyDialect {
    /// The node that is meant where none is named; it is known before it was formatted.
    pub computer_id: String,
    /// Name of a product → address of its release.
    pub products: BTreeMap<String, String>,
    /// New at each start: 32 letters and digits.
    pub run_id: String,
}

/// Name → release, as `app::instance::request_row` wants it.
pub(super) type Resolve = fn(&mut Tx<'_>, &str) -> Result<catalog::Resolved, AppError>;

impl Dialect {
    /// The proxy's settings, when it is one.
    pub(in crate::http) fn proxy(&self) -> Option<&ProxyDialect> {
        match self {
            Self::Master => None,
            Self::Proxy(proxy) => Some(proxy),
        }
    }

    /// How a node is called.
    pub(in crate::http) fn computer_id<'n>(&self, node: &'n NodeRow) -> &'n str {
        match self {
            Self::Master => &node.id,
            Self::Proxy(_) => &node.name,
        }
    }

    /// How the node of an instance is called.
    pub(in crate::http) fn computer_of<'r>(&self, row: &'r InstanceRow) -> &'r str {
        let known = match self {
            Self::Master => row.node_id.as_deref(),
            Self::Proxy(_) => row.node_name.as_deref(),
        };
        known.unwrap_or_default()
    }

    /// The guid of an instance on this wire.
    pub(super) fn instance_guid(&self, row: &InstanceRow) -> String {
        match self {
            Self::Proxy(_) if !row.is_shared => {
                let partition = row.partition_name.as_deref().unwrap_or_default();
                format!("{}-{partition}", self.computer_of(row))
            }
            _ => row.id.clone(),
        }
    }

    /// What a host calls a share of it.
    pub(super) fn share_reference(&self, row: &InstanceRow, root_name: &str) -> String {
        match self {
            Self::Master => row.id.clone(),
            Self::Proxy(_) if row.root_id == row.id => format!("_{}", row.name),
            Self::Proxy(_) => format!("{root_name}_{}", row.name),
        }
    }

    /// What a host calls the title of a share of it.
    pub(super) fn share_title(&self, row: &InstanceRow, root_name: &str) -> String {
        match self {
            Self::Master => row.name.clone(),
            Self::Proxy(_) => self.share_reference(row, root_name),
        }
    }

    /// What a release's name means: a catalogue name where it can be one, on a master.
    pub(super) fn resolve(&self) -> Resolve {
        match self {
            Self::Master => |tx, text| match catalog::resolve(tx, text) {
                Ok(known) => Ok(known),
                Err(error) if text.contains(['/', ':']) => {
                    catalog::resolve_address(tx, text).map_err(|_| error)
                }
                Err(error) => Err(error),
            },
            Self::Proxy(_) => catalog::resolve_address,
        }
    }
}
