//! Unpacking archives of sources without trusting them.
//!
//! Refused: absolute names, `..`, links that lead out of the tree, device files, too much of anything.
//! Set-user-id and the like are dropped, and owners; times of files are kept. The forms of archives are in `archive/`.

use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

use fs_err as fs;

use crate::limits;

mod tarball;
mod zipped;

/// Unpacks a tar archive, plain or compressed with gzip, bzip2 or xz, or a zip archive, into an empty folder.
pub(crate) fn unpack(archive: &Path, into: &Path) -> io::Result<()> {
    let mut file = fs::File::open(archive)?;
    let mut head = [0; 6];
    let n = read_full(&mut file, &mut head)?;
    let file = fs::File::open(archive)?;
    let reader: Box<dyn Read> = match &head[..n] {
        [0x1f, 0x8b, ..] => Box::new(flate2::read::MultiGzDecoder::new(file)),
        [b'B', b'Z', b'h', ..] => Box::new(bzip2::read::MultiBzDecoder::new(file)),
        [0xfd, b'7', b'z', b'X', b'Z', 0] => {
            Box::new(liblzma::read::XzDecoder::new_multi_decoder(file))
        }
        [b'P', b'K', 3 | 5, ..] => return zipped::unpack(file, into),
        _ => Box::new(file),
    };
    tarball::unpack(io::BufReader::with_capacity(64 << 10, reader), into)
}

/// The folder to work in: the archive's single top folder if it has one, else the place itself.
pub(crate) fn top_folder(place: &Path) -> io::Result<PathBuf> {
    let mut entries = fs::read_dir(place)?.collect::<io::Result<Vec<_>>>()?;
    match entries.pop() {
        Some(only) if entries.is_empty() && only.file_type()?.is_dir() => Ok(only.path()),
        _ => Ok(place.to_owned()),
    }
}

fn read_full(file: &mut fs::File, head: &mut [u8]) -> io::Result<usize> {
    let mut n = 0;
    while n < head.len() {
        match file.read(&mut head[n..])? {
            0 => break,
            more => n += more,
        }
    }
    Ok(n)
}

/// What is still allowed of one archive.
struct Budget {
    entries: u64,
    bytes: u64,
}

impl Budget {
    fn new() -> Budget {
        Budget {
            entries: limits::ARCHIVE_ENTRIES_MAX,
            bytes: limits::ARCHIVE_BYTES_MAX,
        }
    }

    /// Takes one entry of this size.
    fn take(&mut self, size: u64) -> io::Result<()> {
        let entries = self.entries.checked_sub(1);
        self.entries = entries.ok_or_else(|| refused("it has too many entries"))?;
        let bytes = self.bytes.checked_sub(size);
        self.bytes = bytes.ok_or_else(|| refused("it is too large"))?;
        Ok(())
    }
}

/// What is kept of a file besides its bytes.
struct Kept {
    mode: Option<u32>,
    /// Kept, since `make` compares times: with those of unpacking it would want to make again what is made.
    modified: Option<SystemTime>,
}

fn put_file(reader: &mut impl Read, (into, inside): (&Path, &Path), kept: &Kept) -> io::Result<()> {
    make_room(into, inside)?;
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(into.join(inside))?;
    io::copy(reader, &mut file)?;
    file.set_permissions(std::fs::Permissions::from_mode(safe_mode(kept.mode)))?;
    match kept.modified {
        // A time that the file system cannot hold is not worth an error.
        Some(time) => file.file().set_modified(time).or(Ok(())),
        None => Ok(()),
    }
}

fn put_link(target: &Path, into: &Path, inside: &Path) -> io::Result<()> {
    check_link(inside, target)?;
    make_room(into, inside)?;
    fs::os::unix::fs::symlink(target, into.join(inside))
}

/// The permission bits without set-user-id, set-group-id and sticky; the owner can always read and write.
fn safe_mode(mode: Option<u32>) -> u32 {
    (mode.unwrap_or(0o644) & 0o755) | 0o644
}

/// A time in seconds since 1970.
fn time_of(seconds: u64) -> Option<SystemTime> {
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

/// The name as a path below the top; none for the top itself.
pub(crate) fn inside(name: &Path) -> io::Result<Option<PathBuf>> {
    let mut path = PathBuf::new();
    for component in name.components() {
        match component {
            Component::Normal(part) => path.push(part),
            Component::CurDir => {}
            _ => {
                return Err(refused(format!(
                    "the name {} leads out of it",
                    name.display()
                )));
            }
        }
    }
    Ok((!path.as_os_str().is_empty()).then_some(path))
}

/// A link may lead anywhere below the top, and nowhere else. `..` is taken only at its start: behind a name, which
/// may itself be a link, nobody can tell where it leads.
fn check_link(inside: &Path, target: &Path) -> io::Result<()> {
    let mut depth = inside.components().count().saturating_sub(1);
    let mut is_start = true;
    let out = || refused(format!("the link {} leads out of it", inside.display()));
    for component in target.components() {
        match component {
            Component::Normal(_) => is_start = false,
            Component::CurDir => {}
            Component::ParentDir if is_start => depth = depth.checked_sub(1).ok_or_else(out)?,
            _ => return Err(out()),
        }
    }
    Ok(())
}

/// Nothing is written through a link that the archive brought: `a -> b`, then `a/c`.
pub(crate) fn check_parents(into: &Path, inside: &Path) -> io::Result<()> {
    let mut path = into.to_owned();
    for component in inside.parent().unwrap_or(Path::new("")).components() {
        path.push(component);
        if fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_symlink()) {
            return Err(refused(format!("{} is behind a link", inside.display())));
        }
    }
    Ok(())
}

/// Makes the parents of a new file, and removes an earlier entry of the same name.
pub(crate) fn make_room(into: &Path, inside: &Path) -> io::Result<()> {
    check_parents(into, inside)?;
    let place = into.join(inside);
    if let Some(parent) = place.parent() {
        fs::create_dir_all(parent)?;
    }
    match fs::remove_file(&place) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

pub(crate) fn refused(reason: impl std::fmt::Display) -> io::Error {
    io::Error::other(format!("the archive is refused: {reason}"))
}

#[cfg(test)]
#[path = "archive_tests.rs"]
mod tests;
