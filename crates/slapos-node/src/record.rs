//! What the agent remembers of each partition and release, in files of its own.
//!
//! `<root>/var/node/instance/<partition>.json` says whose content a partition holds: it is written
//! before the first file of an instance and removed after the last, so nothing is ever removed
//! that the agent did not put there. No tenant can write these folders. Adding a field needs
//! `#[serde(default)]`.

use crate::atomic_file;
use crate::layout::{Layout, url_digest};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use slapos_api::wire::JsonMap;
use slapos_build::PromiseSpec;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// What a partition holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InstanceRecord {
    /// Reference of the instance.
    pub id: String,
    /// Its name, for messages.
    pub name: String,
    /// The release that it is made from.
    #[serde(default)]
    pub software: String,
    /// The generation that was worked on last.
    pub generation: i64,
    /// Digest of what was installed last with success; empty when nothing was.
    #[serde(default)]
    pub digest: String,
    /// Whether everything of it is gone; kept until the master knows.
    #[serde(default)]
    pub is_removed: bool,
    /// Whether all its programs were seen up since the last installation.
    #[serde(default)]
    pub was_up: bool,
    /// The last installation, when it failed.
    #[serde(default)]
    pub failure: Option<FailureRecord>,
    /// What the last successful installation made.
    #[serde(default)]
    pub installed: Option<Installed>,
}

/// What is remembered of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoftwareRecord {
    /// The release's identity.
    pub url: String,
    /// The attempt that was worked on last.
    pub attempt: i64,
    /// The last build, when it failed.
    #[serde(default)]
    pub failure: Option<FailureRecord>,
    /// Whether it was removed as asked; kept until the master knows.
    #[serde(default)]
    pub is_removed: bool,
}

/// How something failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureRecord {
    /// What was tried; another digest is tried at once.
    pub digest: String,
    /// Why, with the end of the log.
    pub message: String,
    /// How often in a row.
    pub count: u32,
}

/// What an installation made.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Installed {
    /// Programs of `etc/run` and `etc/service`.
    #[serde(default)]
    pub programs: Vec<Program>,
    /// Promises.
    #[serde(default)]
    pub promises: Vec<PromiseSpec>,
    /// What is no promise although it should be one, and why.
    #[serde(default)]
    pub broken_promises: BTreeMap<String, String>,
    /// Connection values.
    #[serde(default)]
    pub connection: JsonMap,
}

/// A program of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// Its file's name.
    pub name: String,
    /// `etc/run` or `etc/service`.
    pub kind: ProgramKind,
    /// Its file.
    pub path: PathBuf,
    /// Changes when it must be restarted.
    pub digest: String,
}

/// Which folder a program is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProgramKind {
    /// `etc/run`: started, not started again when it ends well.
    Run,
    /// `etc/service`: kept running.
    Service,
}

impl ProgramKind {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Service => "service",
        }
    }
}

/// The folder of all records.
#[derive(Debug, Clone)]
pub struct Records {
    instances: PathBuf,
    software: PathBuf,
}

impl Records {
    /// The records of a root; makes their folders.
    ///
    /// # Errors
    /// When the folders cannot be made.
    pub fn open(layout: &Layout) -> io::Result<Self> {
        let records = Self {
            instances: layout.state().join("instance"),
            software: layout.state().join("software"),
        };
        atomic_file::make_folders(&records.instances, 0o700)?;
        atomic_file::make_folders(&records.software, 0o700)?;
        Ok(records)
    }

    /// The records of a root for reading only; its folders may be missing.
    #[must_use]
    pub fn look(layout: &Layout) -> Self {
        Self {
            instances: layout.state().join("instance"),
            software: layout.state().join("software"),
        }
    }

    /// All partitions that hold something. A damaged record is an error for its partition only.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn list_instances(&self) -> io::Result<(BTreeMap<String, InstanceRecord>, Vec<String>)> {
        list(&self.instances)
    }

    /// One partition; the second value says what is wrong with its record.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn list_instance(
        &self,
        partition: &str,
    ) -> io::Result<(Option<InstanceRecord>, Option<String>)> {
        let path = self.instance(partition);
        let Some(text) = atomic_file::read(&path)? else {
            return Ok((None, None));
        };
        match serde_json::from_slice(&text) {
            Ok(record) => Ok((Some(record), None)),
            Err(error) => Ok((
                None,
                Some(format!("{} is damaged: {error}", path.display())),
            )),
        }
    }

    /// All releases that are remembered, by URL.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn list_software(&self) -> io::Result<(BTreeMap<String, SoftwareRecord>, Vec<String>)> {
        let (by_file, faults) = list::<SoftwareRecord>(&self.software)?;
        let by_url = by_file
            .into_values()
            .map(|record| (record.url.clone(), record));
        Ok((by_url.collect(), faults))
    }

    /// Keeps what a partition holds; on disk when this returns.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn store_instance(&self, partition: &str, record: &InstanceRecord) -> io::Result<()> {
        atomic_file::write(&self.instance(partition), &serde_json::to_vec(record)?)
    }

    /// Says whose content a partition is about to hold. It reaches the disk no later than what
    /// follows it, so it does not wait for the disk.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn claim_instance(&self, partition: &str, record: &InstanceRecord) -> io::Result<()> {
        atomic_file::write_early(&self.instance(partition), &serde_json::to_vec(record)?)
    }

    /// Keeps what can be found out again.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn note_instance(&self, partition: &str, record: &InstanceRecord) -> io::Result<()> {
        atomic_file::write_soon(&self.instance(partition), &serde_json::to_vec(record)?)
    }

    /// Forgets a partition.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn forget_instance(&self, partition: &str) -> io::Result<()> {
        atomic_file::remove(&self.instance(partition))
    }

    /// Keeps what is remembered of a release.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn store_software(&self, record: &SoftwareRecord) -> io::Result<()> {
        let path = self.software_file(&record.url);
        atomic_file::write(&path, &serde_json::to_vec(record)?)
    }

    /// Forgets a release.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn forget_software(&self, url: &str) -> io::Result<()> {
        atomic_file::remove(&self.software_file(url))
    }

    fn instance(&self, partition: &str) -> PathBuf {
        self.instances.join(format!("{partition}.json"))
    }

    fn software_file(&self, url: &str) -> PathBuf {
        self.software.join(format!("{}.json", url_digest(url)))
    }
}

fn list<T: DeserializeOwned>(folder: &Path) -> io::Result<(BTreeMap<String, T>, Vec<String>)> {
    let mut records = BTreeMap::new();
    let mut faults = Vec::new();
    let entries = match fs_err::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((records, faults)),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        let name = path.file_stem().and_then(|stem| stem.to_str());
        let (Some(name), Some("json")) = (name, path.extension().and_then(|e| e.to_str())) else {
            continue;
        };
        match serde_json::from_slice(&fs_err::read(&path)?) {
            Ok(record) => {
                records.insert(name.to_owned(), record);
            }
            Err(error) => faults.push(format!("{} is damaged: {error}", path.display())),
        }
    }
    Ok((records, faults))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_kept_are_listed_until_forgotten() {
        let root = tempfile::tempdir().unwrap();
        let records = Records::open(&Layout::new(root.path())).unwrap();
        let record = InstanceRecord {
            id: "SOFTINST-1".to_owned(),
            name: "my_db".to_owned(),
            software: "/x/software.cfg".to_owned(),
            generation: 4,
            digest: "d".to_owned(),
            is_removed: false,
            was_up: true,
            failure: None,
            installed: Some(Installed::default()),
        };
        records.store_instance("slappart3", &record).unwrap();
        let (all, faults) = records.list_instances().unwrap();
        assert_eq!((all["slappart3"].clone(), faults), (record, vec![]));
        records.forget_instance("slappart3").unwrap();
        assert!(records.list_instances().unwrap().0.is_empty());
    }

    #[test]
    fn records_one_damaged_leaves_the_others() {
        let root = tempfile::tempdir().unwrap();
        let records = Records::open(&Layout::new(root.path())).unwrap();
        let record = SoftwareRecord {
            url: "/x/software.cfg".to_owned(),
            attempt: 1,
            failure: None,
            is_removed: false,
        };
        records.store_software(&record).unwrap();
        fs_err::write(root.path().join("var/node/software/bad.json"), "{").unwrap();
        let (all, faults) = records.list_software().unwrap();
        assert_eq!(all["/x/software.cfg"], record);
        assert_eq!(faults.len(), 1);
    }

    // The first release's file; it must be readable for ever.
    #[test]
    fn record_of_format_1_is_readable() {
        let text = r#"{"id":"SOFTINST-1","name":"my_db","generation":2,"digest":"ab",
            "installed":{"programs":[{"name":"redis","kind":"service","path":"/p/etc/service/redis","digest":"1"}],
            "promises":[{"name":"listens","check":"port","host":"127.0.0.1","port":6379,"period_s":30}],
            "connection":{"url":"redis://127.0.0.1:6379"}}}"#;
        let record: InstanceRecord = serde_json::from_str(text).unwrap();
        let installed = record.installed.unwrap();
        assert_eq!(installed.programs[0].kind, ProgramKind::Service);
        assert_eq!(installed.promises[0].period_s, 30);
    }
}
