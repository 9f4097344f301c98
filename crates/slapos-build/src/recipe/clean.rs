//! The environment of the steps of a build: nothing of the agent's own, the same on every machine.

use std::collections::BTreeMap;
use std::path::Path;

use fs_err as fs;

use crate::work::{PartFailure, Work, failing};

/// The whole of it; HOME and TMPDIR are made below the build folder.
pub(super) fn environment(
    path: &str,
    folder: &Path,
    work: &Work<'_>,
) -> Result<BTreeMap<String, String>, PartFailure> {
    let (home, temporary) = (folder.join("home"), folder.join("tmp"));
    for path in [&home, &temporary] {
        fs::create_dir_all(path).map_err(failing("making", path))?;
    }
    let pairs = [
        ("PATH", path.to_owned()),
        ("HOME", home.to_string_lossy().into_owned()),
        ("TMPDIR", temporary.to_string_lossy().into_owned()),
        ("LANG", "C.UTF-8".to_owned()),
        ("LC_ALL", "C.UTF-8".to_owned()),
        ("TZ", "UTC".to_owned()),
        // 1980-01-01, the earliest that every archive format can hold: builds carry no date.
        ("SOURCE_DATE_EPOCH", "315532800".to_owned()),
        ("MAKEFLAGS", work.site.make_flags()),
    ];
    let pairs = pairs.map(|(name, value)| (name.to_owned(), value));
    Ok(pairs.into_iter().collect())
}
