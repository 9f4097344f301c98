//! Cgroups (version 2) as nets for process trees: `slapos-<id>/<group>/<program>`.
//!
//! No controller is used, only membership and `cgroup.kill`. Only folders below the own top group
//! are ever made or removed; everything that exists already belongs to somebody else. Where none
//! can be made, [`Cgroups::find`] says `None` and `tree.rs` uses process groups instead.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use fs_err as fs;

/// The own top group.
#[derive(Debug)]
pub(crate) struct Cgroups {
    top: PathBuf,
}

/// The cgroup of one program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cgroup {
    folder: PathBuf,
}

impl Cgroups {
    /// The top group of the supervisor of `dir`, made when possible. Its name comes from the folder's
    /// identity, so the next supervisor finds the same.
    pub(crate) fn find(dir: &Path) -> Option<Self> {
        let identity = fs::metadata(dir).ok()?;
        let name = format!("slapos-{:x}-{:x}", identity.dev(), identity.ino());
        let mounts = [
            Path::new("/sys/fs/cgroup"),
            Path::new("/sys/fs/cgroup/unified"),
        ];
        let mount = mounts
            .into_iter()
            .find(|mount| mount.join("cgroup.procs").exists())?;
        let own = own_folder(mount);
        // Root makes it at the top, so that the end of a login session does not end the services.
        let places = [Some(mount.to_owned()), own];
        places
            .into_iter()
            .flatten()
            .map(|place| place.join(&name))
            .find_map(|top| {
                let is_usable = top.is_dir() || fs::create_dir(&top).is_ok();
                is_usable
                    .then_some(Self { top })
                    .filter(Cgroups::can_make_groups)
            })
    }

    /// The cgroup of a program; it may not exist yet.
    pub(crate) fn of(&self, group: &str, program: &str) -> Cgroup {
        Cgroup {
            folder: self.top.join(group).join(program),
        }
    }

    /// Removes the folder of a group that has no program any more.
    pub(crate) fn remove_group(&self, group: &str) {
        // A folder that is still in use stays; that is the meaning of rmdir here.
        let _ = fs::remove_dir(self.top.join(group));
    }

    /// Removes the top group when it is empty.
    pub(crate) fn remove_top(&self) {
        let _ = fs::remove_dir(&self.top);
    }

    fn can_make_groups(&self) -> bool {
        let probe = self.top.join(".probe");
        let is_made = fs::create_dir(&probe).is_ok() || probe.is_dir();
        let is_kind = probe.join("cgroup.kill").exists();
        is_made && fs::remove_dir(&probe).is_ok() && is_kind
    }
}

impl Cgroup {
    /// Opens the folder to be born in, making it when it is missing.
    pub(crate) fn open(&self) -> io::Result<fs::File> {
        fs::create_dir_all(&self.folder)?;
        fs::File::open(&self.folder)
    }

    /// Moves a process into it.
    pub(crate) fn take_in(&self, pid: i32) -> io::Result<()> {
        fs::write(self.folder.join("cgroup.procs"), pid.to_string())
    }

    /// Whether no process is in it or below it.
    pub(crate) fn is_empty(&self) -> bool {
        let events = std::fs::read_to_string(self.folder.join("cgroup.events"));
        !events.is_ok_and(|text| text.lines().any(|line| line == "populated 1"))
    }

    /// Kills everything in it and below it, at once.
    pub(crate) fn kill(&self) -> io::Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        fs::write(self.folder.join("cgroup.kill"), "1")
    }

    /// The processes in it and below it.
    pub(crate) fn pids(&self) -> Vec<i32> {
        let mut pids = vec![];
        collect_pids(&self.folder, &mut pids);
        pids
    }

    /// Removes it with the groups that the program made below.
    pub(crate) fn remove(&self) {
        remove_tree(&self.folder);
    }
}

/// The cgroup that this process is in.
fn own_folder(mount: &Path) -> Option<PathBuf> {
    let text = fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = text.lines().find_map(|line| line.strip_prefix("0::/"))?;
    Some(mount.join(path))
}

fn collect_pids(folder: &Path, pids: &mut Vec<i32>) {
    let text = std::fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
    pids.extend(text.lines().filter_map(|line| line.parse::<i32>().ok()));
    for below in folders_in(folder) {
        collect_pids(&below, pids);
    }
}

fn remove_tree(folder: &Path) {
    for below in folders_in(folder) {
        remove_tree(&below);
    }
    let _ = fs::remove_dir(folder);
}

fn folders_in(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    folders.map(|entry| entry.path()).collect()
}
