//! What is installed: one file that always reads back.
//!
//! A part is in it only when it is installed whole, and it leaves it before anything of it is touched.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use fs_err as fs;
use serde::{Deserialize, Serialize};

use crate::part_mark::{Given, UsedSource};
use crate::software::io_error;
use crate::{BuildError, file, own};

/// Changes when older programs could not read the file; such a file counts as nothing installed.
const FORMAT: u32 = 1;

/// Everything installed in one folder.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Records {
    format: u32,
    pub(crate) parts: BTreeMap<String, Record>,
}

/// One installed part.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) recipe: String,
    /// Over everything that can change it.
    pub(crate) signature: String,
    /// Its place in the order, so that parts are removed in reverse.
    pub(crate) index: usize,
    /// Files and folders that are removed with it.
    #[serde(default)]
    pub(crate) owned: Vec<PathBuf>,
    /// What must exist for it to count as installed, and is not removed with it.
    #[serde(default)]
    pub(crate) shared: Vec<PathBuf>,
    /// What was chosen once and is to stay, such as a port.
    #[serde(default)]
    pub(crate) kept: BTreeMap<String, String>,
    /// URLs of sources that have no hash.
    #[serde(default)]
    pub(crate) unpinned: Vec<String>,
    /// What was fetched for it.
    #[serde(default)]
    pub(crate) sources: Vec<UsedSource>,
    /// Who built it, when it was not built here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) given: Option<Given>,
}

impl Records {
    /// Reads the file; none, or one of another format, is nothing installed.
    ///
    /// One that does not read is an error and not thrown away: it may hold ports and names to keep.
    pub(crate) fn load(path: &Path) -> io::Result<Records> {
        let text = match file::read_text(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Records::default()),
            other => other?,
        };
        let records: Records = serde_json::from_str(&text).map_err(|error| {
            io::Error::other(format!(
                "{error}; remove the file to install everything again"
            ))
        })?;
        Ok(if records.format == FORMAT {
            records
        } else {
            Records::default()
        })
    }

    /// Of an installation that is there: one where nothing is installed is refused.
    pub(crate) fn of_installation(root: &Path) -> Result<Records, BuildError> {
        let path = own::records(root);
        let records =
            Records::load(&path).map_err(io_error("reading what is installed in", &path))?;
        match records.is_empty() {
            false => Ok(records),
            true => Err(BuildError::Request(format!(
                "nothing is installed in {}; name a folder that `slapos build` or a node built into",
                root.display()
            ))),
        }
    }

    /// Whether nothing was ever installed.
    pub(crate) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// These, and those of parts that are being touched: under an empty signature, which fits nothing.
    pub(crate) fn with_unfinished(&self, old: &BTreeMap<String, Record>) -> Records {
        let mut all = self.clone();
        all.parts.extend(old.iter().map(|(name, record)| {
            let record = Record {
                signature: String::new(),
                ..record.clone()
            };
            (name.clone(), record)
        }));
        all
    }

    /// Writes the file, synced.
    pub(crate) fn save(&self, path: &Path) -> io::Result<()> {
        let records = Records {
            format: FORMAT,
            parts: self.parts.clone(),
        };
        let text = serde_json::to_string_pretty(&records)?;
        let folder = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let mut file = tempfile::Builder::new()
            .prefix(".installed-")
            .tempfile_in(folder)?;
        io::Write::write_all(&mut file, text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|e| e.error)?;
        fs::File::open(folder)?.sync_all()
    }
}

impl Record {
    /// Whether everything of it is still there.
    pub(crate) fn is_present(&self) -> bool {
        self.owned
            .iter()
            .chain(&self.shared)
            .all(|path| fs::symlink_metadata(path).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn save_then_load_gives_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s/installed.json");
        assert_eq!(Records::load(&path).unwrap(), Records::default());
        let mut records = Records::default();
        records.parts.insert(
            "a".into(),
            Record {
                index: 3,
                ..Record::default()
            },
        );
        records.save(&path).unwrap();
        assert_eq!(Records::load(&path).unwrap().parts, records.parts);
        assert_eq!(fs::read_dir(dir.path().join("s")).unwrap().count(), 1);
    }

    #[test]
    fn load_of_a_damaged_file_says_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("installed.json");
        fs::write(&path, "{").unwrap();
        let text = Records::load(&path).unwrap_err().to_string();
        assert!(text.contains("remove the file"), "{text}");
        fs::write(&path, r#"{"format": 99, "parts": {}}"#).unwrap();
        assert_eq!(Records::load(&path).unwrap(), Records::default());
    }
}
