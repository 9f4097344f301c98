//! Tar archives, uncompressed already.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use fs_err as fs;
use tar::EntryType;

use super::{Budget, Kept, check_parents, inside, make_room, put_file, put_link, refused, time_of};

/// Unpacks into an empty folder.
pub(super) fn unpack(reader: impl Read, into: &Path) -> io::Result<()> {
    let mut archive = tar::Archive::new(reader);
    let mut budget = Budget::new();
    let mut seen = false;
    for entry in archive.entries()? {
        let entry = entry?;
        budget.take(entry.size())?;
        unpack_entry(entry, into)?;
        seen = true;
    }
    if seen {
        Ok(())
    } else {
        Err(refused("it is no tar archive, or an empty one"))
    }
}

fn unpack_entry(mut entry: tar::Entry<'_, impl Read>, into: &Path) -> io::Result<()> {
    let name = entry.path()?.into_owned();
    let Some(inside) = inside(&name)? else {
        return Ok(());
    };
    match entry.header().entry_type() {
        EntryType::Directory => {
            check_parents(into, &inside)?;
            fs::create_dir_all(into.join(&inside))
        }
        EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
            let kept = Kept {
                mode: entry.header().mode().ok(),
                modified: entry.header().mtime().ok().and_then(time_of),
            };
            put_file(&mut entry, (into, &inside), &kept)
        }
        EntryType::Symlink => put_link(&link_target(&entry, &name)?, into, &inside),
        EntryType::Link => {
            let target = link_target(&entry, &name)?;
            let target = super::inside(&target)?
                .ok_or_else(|| refused(format!("{} links to nothing", name.display())))?;
            check_parents(into, &target)?;
            make_room(into, &inside)?;
            fs::hard_link(into.join(target), into.join(&inside))
        }
        EntryType::XGlobalHeader => Ok(()),
        _ => Err(refused(format!(
            "{} is a device or something else special",
            name.display()
        ))),
    }
}

fn link_target(entry: &tar::Entry<'_, impl Read>, name: &Path) -> io::Result<PathBuf> {
    let target = entry.link_name()?;
    let target = target.map(std::borrow::Cow::into_owned);
    target.ok_or_else(|| refused(format!("{} links to nothing", name.display())))
}
