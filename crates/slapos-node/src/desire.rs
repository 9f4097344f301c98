//! What the master wants of this node, as the agent understands it.
//!
//! [`Desired::read`] turns the wire into these types and refuses each item that could lead the
//! agent astray (a partition called `../etc`) by itself, so that one bad item never holds up the
//! others. [`DesiredFile`] keeps the last of it on disk, so that the node works with no master.

use crate::atomic_file;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use slapos_api::wire::node as wire;
use slapos_model::RequestedState;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// All that is wanted of the node.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Desired {
    /// Releases by URL.
    pub software: BTreeMap<String, WantedSoftware>,
    /// Instances by partition.
    pub instances: BTreeMap<String, WantedInstance>,
}

/// A release to have or to remove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedSoftware {
    /// To have it, or to have it removed.
    pub is_available: bool,
    /// Raised when a person asks for another attempt now.
    pub attempt: i64,
}

/// An instance to run, to keep stopped or to remove.
#[derive(Debug, Clone, PartialEq)]
pub struct WantedInstance {
    /// What should become of it.
    pub state: RequestedState,
    /// As it came, for the installation.
    pub ask: wire::DesiredInstance,
}

impl Desired {
    /// Understands the wire. The second value says what could not be used, one sentence each.
    #[must_use]
    pub fn read(wire: &wire::Desired) -> (Self, Vec<String>) {
        let mut desired = Self::default();
        let mut faults = Vec::new();
        for software in &wire.software {
            if let Err(fault) = desired.add_software(software) {
                faults.push(fault);
            }
        }
        for instance in &wire.instances {
            if let Err(fault) = desired.add_instance(instance) {
                faults.push(fault);
            }
        }
        (desired, faults)
    }

    fn add_software(&mut self, software: &wire::DesiredSoftware) -> Result<(), String> {
        let is_available = match software.state.as_str() {
            "available" => true,
            "destroyed" => false,
            other => return Err(format!("release {} is wanted `{other}`", software.url)),
        };
        if software.url.is_empty() || software.url.contains(char::is_control) {
            return Err(format!("a release is called {:?}", software.url));
        }
        let wanted = WantedSoftware {
            is_available,
            attempt: software.attempt,
        };
        self.software.insert(software.url.clone(), wanted);
        Ok(())
    }

    fn add_instance(&mut self, ask: &wire::DesiredInstance) -> Result<(), String> {
        if !is_file_name(&ask.partition) {
            return Err(format!(
                "instance {} is placed in a partition called {:?}",
                ask.id, ask.partition
            ));
        }
        let Ok(state) = ask.state.parse::<RequestedState>() else {
            return Err(format!("instance {} is wanted `{}`", ask.id, ask.state));
        };
        let wanted = WantedInstance {
            state,
            ask: ask.clone(),
        };
        // The one to remove goes first when two are placed in one partition.
        match self.instances.get(&ask.partition) {
            Some(other) if other.state == RequestedState::Destroyed => Err(format!(
                "instance {} waits until {} is removed from {}",
                ask.id, other.ask.id, ask.partition
            )),
            Some(other) if state != RequestedState::Destroyed => Err(format!(
                "instances {} and {} are both placed in {}",
                other.ask.id, ask.id, ask.partition
            )),
            _ => {
                self.instances.insert(ask.partition.clone(), wanted);
                Ok(())
            }
        }
    }
}

/// Whether a text can be a file name on its own and a group of the supervisor.
#[must_use]
pub fn is_file_name(text: &str) -> bool {
    (1..=100).contains(&text.len())
        && !text.starts_with(['.', '-'])
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

impl WantedInstance {
    /// A text that changes when the instance must be installed again: what is asked, and the build
    /// (`software_stamp`) that it is made from.
    #[must_use]
    pub fn digest(&self, software_stamp: &str) -> String {
        let mut hash = Sha256::new();
        // A struct of texts, numbers and JSON values: serialising it cannot fail.
        hash.update(serde_json::to_vec(&self.ask).unwrap_or_default());
        hash.update([0]);
        hash.update(software_stamp.as_bytes());
        hex(&hash.finalize())
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// What becomes of an answer of the master.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is what the node works from already.
    Same,
    /// It is newer, or from another life of the master.
    Newer,
    /// It is older than what the node has: a late answer, never acted on.
    Older,
}

/// Judges `offered` against what the node has.
#[must_use]
pub fn judge(current: Option<&wire::Desired>, offered: &wire::Desired) -> Verdict {
    match current {
        None => Verdict::Newer,
        Some(current) if current.master_epoch != offered.master_epoch => Verdict::Newer,
        Some(current) if offered.generation < current.generation => Verdict::Older,
        Some(current) if current == offered => Verdict::Same,
        Some(_) => Verdict::Newer,
    }
}

/// `<root>/var/node/desired.json`.
#[derive(Debug)]
pub struct DesiredFile {
    path: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    format: u32,
    desired: wire::Desired,
}

impl DesiredFile {
    /// The file in the agent's state folder.
    #[must_use]
    pub fn new(state: &Path) -> Self {
        Self {
            path: state.join("desired.json"),
        }
    }

    /// What was asked last; `None` when nothing ever was.
    ///
    /// # Errors
    /// When the file is there and cannot be read or understood.
    pub fn load(&self) -> io::Result<Option<wire::Desired>> {
        let Some(text) = atomic_file::read(&self.path)? else {
            return Ok(None);
        };
        let stored: Stored = serde_json::from_slice(&text).map_err(|error| {
            io::Error::other(format!(
                "{} is damaged ({error}); remove it, the master will say again what it wants",
                self.path.display()
            ))
        })?;
        Ok(Some(stored.desired))
    }

    /// Keeps it. When this returns `Ok`, it survives a power cut.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn store(&self, desired: &wire::Desired) -> io::Result<()> {
        let stored = Stored {
            format: 1,
            desired: desired.clone(),
        };
        atomic_file::write(&self.path, &serde_json::to_vec(&stored)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance(id: &str, partition: &str, state: &str) -> wire::DesiredInstance {
        wire::DesiredInstance {
            id: id.to_owned(),
            generation: 1,
            partition: partition.to_owned(),
            name: "my_db".to_owned(),
            root_name: "my_db".to_owned(),
            software: "catalog:redis/7.0.15/software.cfg".to_owned(),
            software_type: "default".to_owned(),
            state: state.to_owned(),
            parameters: serde_json::Map::new(),
            shared: Vec::new(),
        }
    }

    fn at(epoch: &str, generation: i64) -> wire::Desired {
        wire::Desired {
            master_epoch: epoch.to_owned(),
            generation,
            ..wire::Desired::default()
        }
    }

    #[test]
    fn read_a_bad_item_leaves_the_others() {
        let wire = wire::Desired {
            instances: vec![
                instance("SOFTINST-1", "../../etc", "started"),
                instance("SOFTINST-2", "slappart1", "running"),
                instance("SOFTINST-3", "slappart2", "started"),
            ],
            ..at("a", 1)
        };
        let (desired, faults) = Desired::read(&wire);
        assert_eq!(desired.instances.len(), 1);
        assert_eq!(faults.len(), 2, "{faults:?}");
    }

    #[test]
    fn read_two_in_one_partition_removes_first() {
        for order in [[0, 1], [1, 0]] {
            let both = [
                instance("SOFTINST-1", "slappart0", "destroyed"),
                instance("SOFTINST-2", "slappart0", "started"),
            ];
            let wire = wire::Desired {
                instances: order.iter().map(|index| both[*index].clone()).collect(),
                ..at("a", 1)
            };
            let (desired, _) = Desired::read(&wire);
            assert_eq!(desired.instances["slappart0"].ask.id, "SOFTINST-1");
        }
    }

    #[test]
    fn judge_within_one_epoch_never_goes_back() {
        let current = at("a", 5);
        assert_eq!(judge(Some(&current), &at("a", 4)), Verdict::Older);
        assert_eq!(judge(Some(&current), &at("a", 5)), Verdict::Same);
        assert_eq!(judge(Some(&current), &at("a", 6)), Verdict::Newer);
    }

    #[test]
    fn judge_another_epoch_may_carry_any_generation() {
        assert_eq!(judge(Some(&at("a", 5)), &at("b", 1)), Verdict::Newer);
        assert_eq!(judge(None, &at("a", 0)), Verdict::Newer);
    }

    #[test]
    fn digest_changes_with_what_is_asked_and_with_the_build() {
        let wanted = WantedInstance {
            state: RequestedState::Started,
            ask: instance("SOFTINST-1", "slappart0", "started"),
        };
        let digest = wanted.digest("one");
        assert_eq!(digest, wanted.digest("one"));
        assert_ne!(digest, wanted.digest("two"));
        let mut other = wanted.clone();
        other
            .ask
            .parameters
            .insert("maxmemory".to_owned(), "64mb".into());
        assert_ne!(digest, other.digest("one"));
    }

    #[test]
    fn desired_file_keeps_what_was_stored() {
        let folder = tempfile::tempdir().unwrap();
        let file = DesiredFile::new(folder.path());
        assert_eq!(file.load().unwrap(), None);
        let mut wire = at("a", 7);
        wire.instances
            .push(instance("SOFTINST-1", "slappart0", "started"));
        file.store(&wire).unwrap();
        assert_eq!(file.load().unwrap(), Some(wire));
    }

    // The first release's file; it must be readable for ever.
    #[test]
    fn desired_file_of_format_1_is_readable() {
        let folder = tempfile::tempdir().unwrap();
        let text = r#"{"format":1,"desired":{"master_epoch":"e1","generation":3,
            "software":[{"url":"catalog:redis/7.0.15/software.cfg","state":"available","attempt":2}],
            "instances":[{"id":"SOFTINST-1","generation":2,"partition":"slappart0","name":"my_db",
            "root_name":"my_db","software":"catalog:redis/7.0.15/software.cfg","type":"default",
            "state":"started","parameters":{"maxmemory":"64mb"},"shared":[]}]}}"#;
        fs_err::write(folder.path().join("desired.json"), text).unwrap();
        let wire = DesiredFile::new(folder.path()).load().unwrap().unwrap();
        assert_eq!((wire.master_epoch.as_str(), wire.generation), ("e1", 3));
        assert_eq!(wire.instances[0].parameters["maxmemory"], "64mb");
    }

    #[test]
    fn desired_file_damaged_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        fs_err::write(folder.path().join("desired.json"), "{").unwrap();
        let error = DesiredFile::new(folder.path()).load().unwrap_err();
        assert!(error.to_string().contains("remove it"), "{error}");
    }
}
