//! A built part as one archive: tar, compressed with gzip.
//!
//! Unlike the sources of strangers it is what a trusted key signed, so its links may lead anywhere, as those of
//! installed software do. Still nothing is written through a link or outside of the place, and set-user-id is dropped.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use fs_err as fs;
use tar::{EntryType, Header};

use crate::part_mark::PartMark;
use crate::{archive, limits};

/// What came of packing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Packed {
    pub(super) bytes: u64,
    /// Whether the path of the part occurs in it.
    pub(super) is_bound: bool,
}

/// Packs a folder; the same files give the same bytes.
pub(super) fn pack(location: &Path, into: impl Write) -> io::Result<Packed> {
    let encoder = flate2::write::GzEncoder::new(into, flate2::Compression::new(6));
    let mut packing = Packing {
        location,
        archive: tar::Builder::new(encoder),
        packed: Packed::default(),
        linked: HashMap::new(),
    };
    packing.add_folder(Path::new(""))?;
    let packed = packing.packed;
    packing.archive.into_inner()?.finish()?.flush()?;
    Ok(packed)
}

struct Packing<'p, W: Write> {
    location: &'p Path,
    archive: tar::Builder<W>,
    packed: Packed,
    /// Files with several names, by device and inode.
    linked: HashMap<(u64, u64), PathBuf>,
}

impl<W: Write> Packing<'_, W> {
    fn add_folder(&mut self, inside: &Path) -> io::Result<()> {
        let entries = fs::read_dir(self.location.join(inside))?;
        let mut names = entries
            .map(|entry| entry.map(|entry| entry.file_name()))
            .collect::<io::Result<Vec<_>>>()?;
        names.sort();
        for name in names {
            if inside.as_os_str().is_empty() && PartMark::is_name(&name) {
                continue;
            }
            self.add(&inside.join(name))?;
        }
        Ok(())
    }

    fn add(&mut self, inside: &Path) -> io::Result<()> {
        let place = self.location.join(inside);
        let metadata = fs::symlink_metadata(&place)?;
        let mut head = Header::new_gnu();
        head.set_mode(metadata.permissions().mode() & 0o777);
        head.set_mtime(u64::try_from(metadata.mtime()).unwrap_or(0));
        head.set_size(0);
        if metadata.is_symlink() {
            let target = fs::read_link(&place)?;
            self.look_for_location(target.as_os_str().as_encoded_bytes());
            head.set_entry_type(EntryType::Symlink);
            return self.archive.append_link(&mut head, inside, target);
        }
        if metadata.is_dir() {
            head.set_entry_type(EntryType::Directory);
            self.archive.append_data(&mut head, inside, io::empty())?;
            return self.add_folder(inside);
        }
        if !metadata.is_file() {
            let told = format!("{} is no file, folder or link", place.display());
            return Err(io::Error::other(told));
        }
        if metadata.nlink() > 1 {
            let id = (metadata.dev(), metadata.ino());
            if let Some(first) = self.linked.get(&id) {
                head.set_entry_type(EntryType::Link);
                return self.archive.append_link(&mut head, inside, first);
            }
            self.linked.insert(id, inside.to_owned());
        }
        self.add_file(inside, head, metadata.len())
    }

    fn add_file(&mut self, inside: &Path, mut head: Header, size: u64) -> io::Result<()> {
        head.set_entry_type(EntryType::Regular);
        head.set_size(size);
        self.packed.bytes += size;
        let file = fs::File::open(self.location.join(inside))?;
        let mut watched = Watched {
            file: file.take(size),
            wanted: self.location.as_os_str().as_encoded_bytes(),
            tail: Vec::new(),
            is_seen: false,
        };
        self.archive.append_data(&mut head, inside, &mut watched)?;
        self.packed.is_bound |= watched.is_seen;
        Ok(())
    }

    fn look_for_location(&mut self, bytes: &[u8]) {
        let wanted = self.location.as_os_str().as_encoded_bytes();
        self.packed.is_bound |= holds(bytes, wanted);
    }
}

/// A file that is read, and searched for a text on the way.
struct Watched<'w, R> {
    file: R,
    wanted: &'w [u8],
    /// The end of what was read before, in which the text may begin.
    tail: Vec<u8>,
    is_seen: bool,
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        if !self.is_seen && count > 0 {
            self.tail.extend_from_slice(&buffer[..count]);
            self.is_seen = holds(&self.tail, self.wanted);
            let keep = self.wanted.len().saturating_sub(1).min(self.tail.len());
            self.tail.drain(..self.tail.len() - keep);
        }
        Ok(count)
    }
}

fn holds(bytes: &[u8], wanted: &[u8]) -> bool {
    let Some(first) = wanted.first() else {
        return true;
    };
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| byte == first) {
        rest = &rest[at..];
        if rest.starts_with(wanted) {
            return true;
        }
        rest = &rest[1..];
    }
    false
}

/// Unpacks into a new folder, at most so many bytes.
pub(super) fn unpack(packed: &Path, location: &Path, bytes_max: u64) -> io::Result<()> {
    fs::create_dir_all(location)?;
    let file = fs::File::open(packed)?;
    let decoder = flate2::read::GzDecoder::new(io::BufReader::new(file.into_file()));
    let mut archive = tar::Archive::new(decoder);
    let (mut bytes, mut entries, mut folders) =
        (bytes_max, limits::ARCHIVE_ENTRIES_MAX, Vec::new());
    for entry in archive.entries()? {
        let entry = entry?;
        bytes = bytes
            .checked_sub(entry.size())
            .ok_or_else(|| archive::refused("it is larger than was signed"))?;
        entries = entries
            .checked_sub(1)
            .ok_or_else(|| archive::refused("it has too many entries"))?;
        unpack_one(entry, location, &mut folders)?;
    }
    // Deepest first: a folder that nobody may write into is so only when all is in it.
    for (folder, mode) in folders.into_iter().rev() {
        fs::set_permissions(folder, std::fs::Permissions::from_mode(mode))?;
    }
    Ok(())
}

fn unpack_one(
    mut entry: tar::Entry<'_, impl Read>,
    location: &Path,
    folders: &mut Vec<(PathBuf, u32)>,
) -> io::Result<()> {
    let name = entry.path()?.into_owned();
    let Some(inside) = archive::inside(&name)? else {
        return Ok(());
    };
    let place = location.join(&inside);
    let mode = entry.header().mode()? & 0o777;
    archive::make_room(location, &inside)?;
    let target = entry.link_name()?.map(std::borrow::Cow::into_owned);
    match (entry.header().entry_type(), target) {
        (EntryType::Directory, _) => {
            fs::create_dir_all(&place)?;
            folders.push((place, mode));
            Ok(())
        }
        (EntryType::Regular, _) => {
            let mut file = fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .open(&place)?;
            io::copy(&mut entry, &mut file)?;
            file.set_permissions(std::fs::Permissions::from_mode(mode))?;
            let seconds = Duration::from_secs(entry.header().mtime()?);
            match SystemTime::UNIX_EPOCH.checked_add(seconds) {
                // Compiled Python is compared with the time of its source.
                Some(time) => file.file().set_modified(time),
                None => Ok(()),
            }
        }
        (EntryType::Symlink, Some(target)) => fs::os::unix::fs::symlink(target, &place),
        (EntryType::Link, Some(target)) => match archive::inside(&target)? {
            Some(target) => {
                archive::check_parents(location, &target)?;
                fs::hard_link(location.join(target), &place)
            }
            None => Err(archive::refused("it links to nothing")),
        },
        _ => Err(archive::refused(format!("{} is special", name.display()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(location: &Path) -> (PathBuf, Packed) {
        let place = location.with_extension("packed");
        let packed = pack(location, fs::File::create(&place).unwrap()).unwrap();
        (place, packed)
    }

    #[test]
    fn unpack_gives_what_pack_took() {
        let dir = tempfile::tempdir().unwrap();
        let part = dir.path().join("part");
        fs::create_dir_all(part.join("bin/closed")).unwrap();
        fs::write(part.join("bin/run"), "#!/bin/sh\n").unwrap();
        fs::write(part.join(".slapos-shared.json"), "{}").unwrap();
        fs::set_permissions(part.join("bin/run"), PermissionsExt::from_mode(0o4755)).unwrap();
        fs::hard_link(part.join("bin/run"), part.join("bin/same")).unwrap();
        fs::os::unix::fs::symlink("/usr/lib", part.join("lib")).unwrap();
        fs::set_permissions(part.join("bin/closed"), PermissionsExt::from_mode(0o555)).unwrap();
        let (archive, said) = packed(&part);
        assert_eq!((said.bytes, said.is_bound), (10, false));
        let there = dir.path().join("there");
        unpack(&archive, &there, said.bytes).unwrap();
        let of = |name: &str| fs::symlink_metadata(there.join(name)).unwrap();
        assert_eq!(of("bin/run").mode() & 0o7777, 0o755);
        assert_eq!(of("bin/run").ino(), of("bin/same").ino());
        assert_eq!(
            of("bin/run").mtime(),
            fs::metadata(part.join("bin/run")).unwrap().mtime()
        );
        assert_eq!(of("bin/closed").mode() & 0o777, 0o555);
        assert_eq!(
            fs::read_link(there.join("lib")).unwrap(),
            Path::new("/usr/lib")
        );
        assert!(!there.join(".slapos-shared.json").exists());
        let (again, _) = packed(&there);
        assert_eq!(fs::read(again).unwrap(), fs::read(archive).unwrap());
    }

    #[test]
    fn pack_of_what_holds_its_own_path_is_bound_to_it() {
        let dir = tempfile::tempdir().unwrap();
        let part = dir.path().join("part");
        fs::create_dir(&part).unwrap();
        let path = part.to_str().unwrap().to_owned();
        fs::write(part.join("f"), format!("{}{path}/lib", "x".repeat(8190))).unwrap();
        assert!(packed(&part).1.is_bound);
        fs::write(part.join("f"), format!("{}/lib", &path[..path.len() - 1])).unwrap();
        assert!(!packed(&part).1.is_bound);
        fs::os::unix::fs::symlink(part.join("f"), part.join("l")).unwrap();
        assert!(packed(&part).1.is_bound);
    }

    #[test]
    fn unpack_of_more_than_was_signed_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let part = dir.path().join("part");
        fs::create_dir(&part).unwrap();
        fs::write(part.join("f"), "four").unwrap();
        let (archive, _) = packed(&part);
        let error = unpack(&archive, &dir.path().join("there"), 3).unwrap_err();
        assert!(error.to_string().contains("larger"), "{error}");
    }
}
