//! The sections `[multimaster/URL]`: other masters that serve what this proxy is asked.

use super::ini::Ini;
use crate::failure::Failure;
use slapos_master::OtherMaster;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// How the section of another master begins, and what may stand in it.
pub(super) const MASTER: &str = "multimaster/";
pub(super) const MASTER_KEYS: [&str; 6] = [
    "key",
    "cert",
    "ca",
    "software_release_list",
    "computer",
    "partition",
];

/// Reads them all.
pub(super) fn read_masters(ini: &Ini) -> Result<BTreeMap<String, OtherMaster>, Failure> {
    let mut masters = BTreeMap::new();
    for section in ini.sections() {
        let Some(url) = section.strip_prefix(MASTER) else {
            continue;
        };
        let find = |key: &str| ini.find(section, key);
        let path = |key: &str| Ok::<_, Failure>(find(key)?.map(PathBuf::from));
        let releases = find("software_release_list")?.unwrap_or_default();
        let releases = releases.lines().map(str::trim);
        let other = OtherMaster {
            key: path("key")?,
            cert: path("cert")?,
            ca: path("ca")?,
            releases: releases
                .filter(|line| !line.is_empty())
                .map(str::to_owned)
                .collect(),
            seat: find("computer")?.zip(find("partition")?),
        };
        masters.insert(url.to_owned(), other);
    }
    Ok(masters)
}
