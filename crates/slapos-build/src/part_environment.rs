//! What the steps of a part ran with, kept so that a person can stand where they stood.
//!
//! Written when a part is built, `<folder>/.slapos/environment/<part>.json`; read by `slapos build shell`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::software::io_error;
use crate::work::safe_name;
use crate::{BuildError, file};

/// Where the steps of a part ran, and their whole environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartEnvironment {
    /// The unpacked sources; gone when the part was installed well.
    pub tree: PathBuf,
    /// Where it is installed.
    pub location: PathBuf,
    pub variables: BTreeMap<String, String>,
}

impl PartEnvironment {
    /// Of a part that was built into this folder, well or not.
    pub fn load(root: &Path, part: &str) -> Result<PartEnvironment, BuildError> {
        let path = place(root, part);
        let text = file::read_text(&path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => BuildError::Request(format!(
                "the part `{part}` was never built in {}; a shared part may have been built by another release",
                root.display()
            )),
            _ => io_error("reading", &path)(error),
        })?;
        serde_json::from_str(&text).map_err(|error| io_error("reading", &path)(error.into()))
    }

    pub(crate) fn save(&self, root: &Path, part: &str) -> std::io::Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        file::write_if_changed(&place(root, part), text.as_bytes(), 0o644).map(drop)
    }
}

fn place(root: &Path, part: &str) -> PathBuf {
    let name = format!("{}.json", safe_name(part));
    root.join(".slapos/environment").join(name)
}
