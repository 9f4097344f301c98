//! What the machine offers, in words and numbers that filters and people can use.
//!
//! What is lacking is said, never silently skipped: each isolation layer has its own fact.

use crate::layout::Layout;
use crate::system::System;
use serde_json::json;
use slapos_api::wire::JsonMap;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The facts of this machine.
pub fn probe_facts(system: &dyn System, layout: &Layout) -> JsonMap {
    let mut facts = JsonMap::new();
    let users = if system.is_root() {
        "separate"
    } else {
        "single"
    };
    facts.insert("users".to_owned(), json!(users));
    if let Ok(name) = nix::sys::utsname::uname() {
        let text = |value: &std::ffi::OsStr| json!(value.to_string_lossy());
        facts.insert("kernel".to_owned(), text(name.release()));
        facts.insert("machine".to_owned(), text(name.machine()));
    }
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    facts.insert("cpus".to_owned(), json!(cpus));
    if let Some(bytes) = memory_bytes() {
        facts.insert("memory_bytes".to_owned(), json!(bytes));
    }
    if let Ok(disk) = nix::sys::statvfs::statvfs(layout.root()) {
        let size = disk.fragment_size();
        facts.insert("disk_bytes".to_owned(), json!(disk.blocks() * size));
    }
    facts.insert("cgroup".to_owned(), json!(cgroup()));
    facts.insert(
        "landlock_abi".to_owned(),
        json!(crate::system::landlock_abi()),
    );
    facts.insert("no_new_privs".to_owned(), json!(true));
    if let Some(name) = os_name() {
        facts.insert("os".to_owned(), json!(name));
    }
    facts
}

/// `v2`, `v1`, or `none`; with `read-only` when groups cannot be made there.
fn cgroup() -> String {
    let base = Path::new("/sys/fs/cgroup");
    let version = if base.join("cgroup.controllers").exists() {
        "v2"
    } else if base.join("memory").is_dir() {
        "v1"
    } else {
        return "none".to_owned();
    };
    let is_writable = nix::unistd::access(base, nix::unistd::AccessFlags::W_OK).is_ok();
    if is_writable {
        version.to_owned()
    } else {
        format!("{version} read-only")
    }
}

fn memory_bytes() -> Option<u64> {
    let text = fs_err::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

fn os_name() -> Option<String> {
    let text = fs_err::read_to_string("/etc/os-release").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    Some(line.trim_matches('"').to_owned())
}

/// Folders above the root that the partitions' users cannot enter, one sentence each.
#[must_use]
pub fn closed_parents(root: &Path) -> Vec<String> {
    let above = root.ancestors();
    let closed = above.filter(|folder| {
        fs_err::symlink_metadata(folder).is_ok_and(|facts| facts.mode() & 0o001 == 0)
    });
    closed
        .map(|folder| {
            format!(
                "the users of the partitions cannot enter {0}: run `chmod o+x {0}`, or choose another root",
                folder.display()
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn closed_parents_names_the_folder_and_the_way_out() {
        let world = tempfile::tempdir().unwrap();
        let closed = world.path().join("closed");
        fs_err::create_dir_all(closed.join("root")).unwrap();
        fs_err::set_permissions(&closed, PermissionsExt::from_mode(0o700)).unwrap();
        fs_err::set_permissions(world.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let said = closed_parents(&closed.join("root"));
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].contains("chmod o+x") && said[0].contains("closed"));
    }
}
