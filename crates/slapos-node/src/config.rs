//! What a node is told at its start: its root, the program for its children, its settings.
//!
//! Settings come from `<root>/etc/node.json`; a missing file means all defaults, an unknown key is
//! an error that names it, since a key that is silently ignored is a setting that does not hold.

use crate::layout::Layout;
use crate::limits;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// All that the agent is told.
#[derive(Debug, Clone)]
pub struct NodeConfig {
    /// The folder under which everything of the node lies.
    pub root: PathBuf,
    /// The `slapos` program itself, started with its hidden subcommands for jobs and supervisor.
    pub program: PathBuf,
    /// See [`Settings::load`].
    pub settings: Settings,
}

impl NodeConfig {
    /// Where everything lies.
    #[must_use]
    pub fn layout(&self) -> Layout {
        let settings = &self.settings;
        Layout::with_roots(
            &self.root,
            settings.software_root.as_deref(),
            settings.instance_root.as_deref(),
        )
    }
}

/// `<root>/etc/node.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The node's name, unique in its project.
    pub name: String,
    /// The project that owns it; the owner's only one when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// How many partitions.
    pub partitions: u32,
    /// What a partition's folder is called, before its number.
    pub partition_base_name: String,
    /// What a partition's user is called, before its number. Only used by root.
    pub user_base_name: String,
    /// The user that builds software. Only used by root.
    pub software_user: String,
    /// What a partition may bind.
    pub addresses: Vec<String>,
    /// Installations of instances that run at once.
    pub instance_jobs: u32,
    /// Builds that run at once.
    pub software_jobs: u32,
    /// Minutes after which a build is ended.
    pub software_timeout_min: u32,
    /// Minutes after which an installation of an instance is ended.
    pub instance_timeout_min: u32,
    /// Where releases are built, when not below the root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub software_root: Option<PathBuf>,
    /// Where partitions are, when not below the root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_root: Option<PathBuf>,
    /// Caches of sources that builds ask before the sites: a URL each, or `SHACACHE_URL,SHADIR_URL`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub source_caches: Vec<String>,
    /// Caches of built parts, named in the same way: what a trusted key signed there is not built here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub binary_caches: Vec<String>,
    /// The keys whose word counts there: certificates and public keys, PEM one after the other.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub trusted_keys: String,
    /// A master of the old wire in place of one of ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_master: Option<OldMasterSettings>,
}

/// A Python `slapos proxy` or master, and who the node is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OldMasterSettings {
    /// `http://…` or `https://…`.
    pub url: String,
    /// The node's reference there.
    pub computer_id: String,
    /// Certificate of the node, PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cert_file: Option<PathBuf>,
    /// Its private key, PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
    /// The authority to believe, PEM; an https address needs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            name: "local".to_owned(),
            project: None,
            partitions: limits::PARTITIONS_DEFAULT,
            partition_base_name: "slappart".to_owned(),
            user_base_name: "slapuser".to_owned(),
            software_user: "slapsoft".to_owned(),
            addresses: vec!["127.0.0.1".to_owned()],
            instance_jobs: limits::INSTANCE_JOBS,
            software_jobs: limits::SOFTWARE_JOBS,
            software_timeout_min: limits::SOFTWARE_TIMEOUT_MIN,
            instance_timeout_min: limits::INSTANCE_TIMEOUT_MIN,
            software_root: None,
            instance_root: None,
            source_caches: Vec::new(),
            binary_caches: Vec::new(),
            trusted_keys: String::new(),
            old_master: None,
        }
    }
}

/// Settings that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file is there and cannot be read.
    #[error("cannot read the node's settings: {0}")]
    Read(std::io::Error),
    /// It is not what it should be.
    #[error("the node's settings in {} cannot be used: {cause}; correct the file, or remove it to use the defaults", .path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
}

impl Settings {
    /// Reads `<root>/etc/node.json`; all defaults when there is none.
    ///
    /// # Errors
    /// When the file is there and is not readable, not JSON, or holds a value out of its range.
    pub fn load(root: &Path) -> Result<Self, SettingsError> {
        let path = Layout::new(root).settings_file();
        let text = match fs_err::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Err(error) => return Err(SettingsError::Read(error)),
        };
        let invalid = |cause: String| SettingsError::Invalid {
            path: path.clone(),
            cause,
        };
        let settings: Self =
            serde_json::from_slice(&text).map_err(|error| invalid(error.to_string()))?;
        settings.check().map_err(invalid)?;
        Ok(settings)
    }

    /// That every value is in its range.
    ///
    /// # Errors
    /// Which is not, in a sentence.
    pub fn check(&self) -> Result<(), String> {
        let ranges = [
            ("partitions", self.partitions, limits::PARTITIONS_MAX),
            ("instance_jobs", self.instance_jobs, limits::JOBS_MAX),
            ("software_jobs", self.software_jobs, limits::JOBS_MAX),
            ("software_timeout_min", self.software_timeout_min, 10_080),
            ("instance_timeout_min", self.instance_timeout_min, 1_440),
        ];
        for (name, value, max) in ranges {
            if value == 0 || value > max {
                return Err(format!("`{name}` is {value}, it must be from 1 to {max}"));
            }
        }
        if !self.binary_caches.is_empty() && self.trusted_keys.trim().is_empty() {
            let told = "`binary_caches` needs `trusted_keys`: built parts are taken on somebody's word only";
            return Err(told.to_owned());
        }
        for (name, value) in [
            ("partition_base_name", &self.partition_base_name),
            ("user_base_name", &self.user_base_name),
            ("software_user", &self.software_user),
        ] {
            let is_plain =
                |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
            if value.is_empty()
                || value.len() > 24
                || !value.starts_with(|c: char| c.is_ascii_lowercase())
                || !value.chars().all(is_plain)
            {
                return Err(format!(
                    "`{name}` is {value:?}; it must be 1 to 24 lower-case letters, digits, `-` or `_`, a letter first"
                ));
            }
        }
        for address in &self.addresses {
            if address.parse::<std::net::IpAddr>().is_err() {
                return Err(format!(
                    "`addresses` holds {address:?}, which is no IP address"
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Settings, SettingsError> {
        let root = tempfile::tempdir().unwrap();
        fs_err::create_dir_all(root.path().join("etc")).unwrap();
        fs_err::write(root.path().join("etc/node.json"), text).unwrap();
        Settings::load(root.path())
    }

    #[test]
    fn settings_without_a_file_are_the_defaults() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(Settings::load(root.path()).unwrap(), Settings::default());
    }

    #[test]
    fn settings_of_some_keys_keep_the_other_defaults() {
        let settings = load(r#"{"name": "edge7", "partitions": 3}"#).unwrap();
        assert_eq!(settings.name, "edge7");
        assert_eq!(settings.partitions, 3);
        assert_eq!(settings.user_base_name, "slapuser");
    }

    #[test]
    fn settings_with_an_unknown_key_name_it() {
        let error = load(r#"{"partition": 3}"#).unwrap_err().to_string();
        assert!(
            error.contains("`partition`") && error.contains("etc/node.json"),
            "{error}"
        );
    }

    #[test]
    fn settings_out_of_range_say_the_range() {
        let error = load(r#"{"partitions": 0}"#).unwrap_err().to_string();
        assert!(error.contains("from 1 to 1000"), "{error}");
        let error = load(r#"{"user_base_name": "../x"}"#)
            .unwrap_err()
            .to_string();
        assert!(error.contains("user_base_name"), "{error}");
    }
}
