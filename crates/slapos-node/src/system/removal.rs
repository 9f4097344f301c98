//! Removal of what a tenant left, without being led by the tenant.
//!
//! Every step is relative to an open folder and never follows a link. A mount inside is left
//! alone and is an error. Depth is bounded in memory and descriptors: what lies too deep is moved
//! up to the top first.

use nix::dir::{Dir, Type};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, renameat};
use nix::sys::stat::{FchmodatFlags, Mode, fchmodat, fstat, fstatat};
use nix::unistd::{UnlinkatFlags, unlinkat};
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

/// Folders open at once.
const DEPTH_MAX: usize = 64;

/// Removes everything in `folder`, which stays. Says how many entries were removed.
///
/// # Errors
/// With the first entry that could not be removed; the others are gone.
pub fn remove_content(folder: &Path) -> io::Result<u64> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let top = nix::fcntl::open(folder, flags, Mode::empty()).map_err(io::Error::from)?;
    let mut removal = Removal {
        device: fstat(&top)?.st_dev,
        top,
        removed: 0,
        moved: 0,
        fault: None,
    };
    // What was moved up needs another turn; each turn empties all that it can.
    loop {
        let moved = removal.moved;
        let top = removal.top.try_clone()?;
        removal.empty(&top, 0)?;
        if removal.moved == moved {
            break;
        }
    }
    match removal.fault {
        None => Ok(removal.removed),
        Some((name, error)) => Err(io::Error::new(
            io::Error::from(error).kind(),
            format!("cannot remove {name:?} in {}: {error}", folder.display()),
        )),
    }
}

struct Removal {
    device: libc::dev_t,
    top: OwnedFd,
    removed: u64,
    moved: u64,
    fault: Option<(CString, Errno)>,
}

impl Removal {
    fn empty(&mut self, folder: &OwnedFd, depth: usize) -> io::Result<()> {
        for (name, is_folder) in entries(folder)? {
            let done = if is_folder {
                self.remove_folder(folder, &name, depth)
            } else {
                unlinkat(folder, name.as_c_str(), UnlinkatFlags::NoRemoveDir)
            };
            match done {
                Ok(()) => self.removed += 1,
                Err(Errno::ENOENT) => {}
                Err(error) => {
                    self.fault.get_or_insert((name, error));
                }
            }
        }
        Ok(())
    }

    fn remove_folder(&mut self, parent: &OwnedFd, name: &CStr, depth: usize) -> nix::Result<()> {
        if depth >= DEPTH_MAX {
            self.moved += 1;
            let aside = format!(".slapos-removing-{}", self.moved);
            return renameat(parent, name, &self.top, aside.as_str());
        }
        let folder = open_folder(parent, name)?;
        if fstat(&folder)?.st_dev != self.device {
            return Err(Errno::EXDEV);
        }
        if self.empty(&folder, depth + 1).is_err() {
            return Err(Errno::EIO);
        }
        drop(folder);
        unlinkat(parent, name, UnlinkatFlags::RemoveDir)
    }
}

/// Opens a folder beneath `parent`; one that its owner closed to himself is opened up first.
fn open_folder(parent: &OwnedFd, name: &CStr) -> nix::Result<OwnedFd> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let mode = fstatat(parent, name, AtFlags::AT_SYMLINK_NOFOLLOW)?;
    // Root needs no permission, so it changes none by name.
    if !nix::unistd::geteuid().is_root()
        && mode.st_uid == nix::unistd::geteuid().as_raw()
        && mode.st_mode & libc::S_IFMT == libc::S_IFDIR
        && mode.st_mode & 0o700 != 0o700
    {
        fchmodat(parent, name, Mode::S_IRWXU, FchmodatFlags::FollowSymlink)?;
    }
    openat(parent, name, flags, Mode::empty())
}

fn entries(folder: &OwnedFd) -> io::Result<Vec<(CString, bool)>> {
    // A descriptor of its own, since reading moves the position of a shared one.
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let mut dir = Dir::from_fd(openat(folder, c".", flags, Mode::empty())?)?;
    let mut names = Vec::new();
    for entry in dir.iter() {
        let entry = entry?;
        let name = entry.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        let is_folder = match entry.file_type() {
            Some(kind) => kind == Type::Directory,
            None => {
                let facts = fstatat(folder.as_fd(), name, AtFlags::AT_SYMLINK_NOFOLLOW)?;
                facts.st_mode & libc::S_IFMT == libc::S_IFDIR
            }
        };
        names.push((name.to_owned(), is_folder));
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use fs_err as fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn removal_of_hostile_links_leaves_what_they_point_to() {
        let world = tempfile::tempdir().unwrap();
        let outside = world.path().join("outside");
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("precious"), "x").unwrap();
        let partition = world.path().join("slappart0");
        fs::create_dir_all(partition.join("srv/deep")).unwrap();
        symlink(&outside, partition.join("link")).unwrap();
        symlink(outside.join("precious"), partition.join("srv/deep/file")).unwrap();
        symlink("/", partition.join("srv/root")).unwrap();
        fs::write(partition.join("srv/own"), "x").unwrap();
        assert_eq!(remove_content(&partition).unwrap(), 6);
        assert_eq!(fs::read_dir(&partition).unwrap().count(), 0);
        assert_eq!(fs::read(outside.join("precious")).unwrap(), b"x");
    }

    #[test]
    fn removal_of_a_partition_that_is_a_link_is_refused() {
        let world = tempfile::tempdir().unwrap();
        let outside = world.path().join("outside");
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("precious"), "x").unwrap();
        symlink(&outside, world.path().join("slappart0")).unwrap();
        assert!(remove_content(&world.path().join("slappart0")).is_err());
        assert!(outside.join("precious").exists());
    }

    #[test]
    fn removal_of_a_very_deep_tree_ends() {
        let world = tempfile::tempdir().unwrap();
        let partition = world.path().join("slappart0");
        fs::create_dir(&partition).unwrap();
        let mut parent = fs::File::open(&partition).unwrap().into_parts().0.into();
        for _ in 0..300 {
            let mode = Mode::S_IRWXU;
            nix::sys::stat::mkdirat(&parent, "d", mode).unwrap();
            parent = open_folder(&parent, c"d").unwrap();
        }
        drop::<OwnedFd>(parent);
        remove_content(&partition).unwrap();
        assert_eq!(fs::read_dir(&partition).unwrap().count(), 0);
    }

    #[test]
    fn removal_of_closed_folders_opens_them() {
        use std::os::unix::fs::PermissionsExt;
        let world = tempfile::tempdir().unwrap();
        let closed = world.path().join("p/closed");
        fs::create_dir_all(closed.join("in")).unwrap();
        fs::set_permissions(&closed, PermissionsExt::from_mode(0o000)).unwrap();
        remove_content(&world.path().join("p")).unwrap();
        assert!(!closed.exists());
    }
}
