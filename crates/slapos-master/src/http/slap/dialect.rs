//! The two ways of speaking: as the ERP5 master, or as `slapos proxy`.
//!
//! They differ in references, in a few texts that old tests compare, and in who has to prove what.
//! What differs in more than one call is a method of [`Dialect`]; a call that differs alone asks which
//! it is.

use crate::app::instance::destroy;
use crate::app::tree::{self as rules, Removal};
use crate::app::{AppError, Caller, catalog};
use crate::forward::OtherMaster;
use crate::store::instance::{self, InstanceRow};
use crate::store::node::NodeRow;
use crate::store::{Tx, tree};
use std::collections::BTreeMap;

/// Longest guid that is looked up: two names and what stands between.
const GUID_BYTES_MAX: usize = 1024;

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
    /// Address of another master → how it is reached and what it serves.
    pub masters: BTreeMap<String, OtherMaster>,
    /// New at each start: 32 letters and digits.
    pub run_id: String,
}

impl ProxyDialect {
    /// The other master that is always asked for a release.
    pub(super) fn master_of(&self, release: &str) -> Option<&str> {
        let mut masters = self.masters.iter();
        let found = masters.find(|(_, other)| other.releases.iter().any(|one| one == release));
        found.map(|(url, _)| url.as_str())
    }
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

    /// The guid of an instance in JSON.
    pub(in crate::http) fn json_guid(&self, row: &InstanceRow, root_name: &str) -> String {
        match self {
            Self::Master => row.id.clone(),
            Self::Proxy(_) => {
                let root = if row.root_id == row.id { "" } else { root_name };
                format!("{}___{root}___{}", row.name, u8::from(row.is_shared))
            }
        }
    }

    /// Has a guid the form of this dialect?
    pub(in crate::http) fn is_guid(&self, guid: &str) -> bool {
        self.proxy().is_none() || guid.ends_with("___0") || guid.ends_with("___1")
    }

    /// Does a guid say that it is a share's?
    pub(in crate::http) fn is_share_guid(&self, guid: &str) -> bool {
        self.proxy().is_some() && guid.ends_with("___1")
    }

    /// The living instance or share of a guid in JSON, among those of the caller's projects.
    pub(in crate::http) fn find_by_guid(
        &self,
        tx: &mut Tx<'_>,
        caller: &Caller,
        guid: &str,
    ) -> Result<Option<InstanceRow>, AppError> {
        if *self == Self::Master {
            let row = instance::find(tx, guid)?;
            return Ok(row.filter(|row| row.partition_id.is_some() || row.host_id.is_some()));
        }
        let Some(project) = caller.roles().first() else {
            return Ok(None);
        };
        let (rest, is_shared) = match (guid.strip_suffix("___0"), guid.strip_suffix("___1")) {
            (Some(rest), _) => (rest, false),
            (None, Some(rest)) => (rest, true),
            (None, None) => return Ok(None),
        };
        // Three underscores a query: a guid has two names and no more.
        if rest.len() > GUID_BYTES_MAX {
            return Ok(None);
        }
        // Names may hold the separator themselves: every reading is tried.
        for (at, _) in rest.match_indices("___") {
            let (name, root) = (&rest[..at], &rest[at + 3..]);
            let found = tree::find_named(tx, &project.project_id, (root, name), is_shared)?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// A node removed an instance. A proxy's node is also believed that it was to go.
    pub(in crate::http) fn finish_removed(
        &self,
        tx: &mut Tx<'_>,
        caller: &Caller,
        row: &InstanceRow,
    ) -> Result<Removal, AppError> {
        match (self, rules::finish_removed(tx, caller, row)?) {
            (Self::Proxy(_), Removal::NotAsked) => {
                let row = destroy(tx, caller, row.clone())?;
                rules::finish_removed(tx, caller, &row)
            }
            (_, outcome) => Ok(outcome),
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
