//! The local store: sources under their SHA-256, found by any of their hashes.
//!
//! `<dir>/sha256/ab/abcd…` are the files; `<dir>/md5/…`, `sha1`, `sha512` and `url` hold links to them.
//! A file appears here only whole, checked and synced. It is read-only from then on.

use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use fs_err as fs;
use nix::fcntl::{Flock, FlockArg};
use tempfile::NamedTempFile;

use crate::hash::{Hash, HashKind, SomeDigests};
use crate::limits;
use crate::sink::Received;

/// A folder of sources. Several processes may use it at once.
#[derive(Debug, Clone)]
pub struct Store {
    dir: PathBuf,
}

/// A file of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) path: PathBuf,
    pub(crate) sha256: Hash,
}

/// What a look at every content found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verified {
    pub contents: u64,
    /// Those whose bytes are not what they were.
    pub damaged: Vec<PathBuf>,
}

impl Store {
    /// The store in this folder, which is made when it is first written.
    pub fn new(dir: impl Into<PathBuf>) -> Store {
        Store { dir: dir.into() }
    }

    /// The folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// A file that has all these hashes. It is read and hashed again: a disk that changed it is noticed,
    /// and what is damaged is removed so that it is fetched once more.
    pub(crate) fn find(&self, hashes: &[Hash]) -> io::Result<Option<Stored>> {
        let Some(strongest) = hashes.iter().max_by_key(|hash| hash.kind()) else {
            return Ok(None);
        };
        let kind = strongest.kind();
        self.check(&self.place(kind.as_str(), strongest.hex()), hashes)
    }

    /// The file that was kept for an unpinned source.
    pub(crate) fn find_by_url(&self, url_key: &str) -> io::Result<Option<Stored>> {
        self.check(&self.place("url", url_key), &[])
    }

    /// A new file in the store's file system, removed when dropped.
    pub(crate) fn temporary(&self) -> io::Result<NamedTempFile> {
        let folder = self.dir.join("tmp");
        fs::create_dir_all(&folder)?;
        tempfile::Builder::new()
            .prefix("source-")
            .tempfile_in(folder)
    }

    /// Takes checked bytes in, synced, and gives their place. `url_key` is for an unpinned source.
    pub(crate) fn keep(&self, received: Received, url_key: Option<&str>) -> io::Result<Stored> {
        let [md5, sha1, sha256, sha512] = &received.hashes;
        let place = self.place(HashKind::Sha256.as_str(), sha256.hex());
        let folder = parent(&place);
        fs::create_dir_all(folder)?;
        received
            .file
            .as_file()
            .set_permissions(std::fs::Permissions::from_mode(0o444))?;
        received.file.as_file().sync_all()?;
        received.file.persist(&place).map_err(|e| e.error)?;
        fs::File::open(folder)?.sync_all()?;
        for hash in [md5, sha1, sha512] {
            self.link(&self.place(hash.kind().as_str(), hash.hex()), sha256)?;
        }
        if let Some(key) = url_key {
            self.link_url(key, sha256)?;
        }
        Ok(Stored {
            path: place,
            sha256: sha256.clone(),
        })
    }

    /// Waits until nobody else has the lock of this key; it is given back when dropped.
    pub(crate) fn lock(&self, key: &str) -> io::Result<Flock<std::fs::File>> {
        let folder = self.dir.join("lock");
        fs::create_dir_all(&folder)?;
        let path = folder.join(key);
        let file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)?;
        Flock::lock(file.into_file(), FlockArg::LockExclusive).map_err(|(_, errno)| errno.into())
    }

    /// Where the file with this hash is, if it is there. Its bytes are not checked.
    pub(crate) fn place_of(&self, hash: &Hash) -> PathBuf {
        self.place(hash.kind().as_str(), hash.hex())
    }

    /// Bytes of all contents.
    pub fn bytes(&self) -> io::Result<u64> {
        let files = self.files(HashKind::Sha256.as_str())?;
        files.iter().map(|file| Ok(fs::metadata(file)?.len())).sum()
    }

    /// Reads and hashes every content; what is damaged is removed unless `keep`, so that it is fetched once more.
    pub fn verify(&self, keep: bool) -> io::Result<Verified> {
        let mut verified = Verified::default();
        for path in self.files(HashKind::Sha256.as_str())? {
            let found = hashes_of(&path, [HashKind::Sha256])?;
            verified.contents += 1;
            let name = path.file_name().unwrap_or_default();
            if found.iter().all(|sha256| name != sha256.hex()) {
                if !keep {
                    remove_if_there(&path)?;
                }
                verified.damaged.push(path);
            }
        }
        Ok(verified)
    }

    /// The files in the folders of one kind, in the order of their names.
    pub(crate) fn files(&self, kind: &str) -> io::Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for folder in entries(&self.dir.join(kind))? {
            for file in entries(&folder?.path())? {
                files.push(file?.path());
            }
        }
        files.sort();
        Ok(files)
    }

    /// Where copies of profiles are, under the MD5 of their URL.
    #[must_use]
    pub fn profiles(&self) -> PathBuf {
        self.dir.join("profiles")
    }

    /// Keeps a copy of a profile, synced.
    pub(crate) fn keep_profile(&self, name: &str, text: &[u8]) -> io::Result<()> {
        let folder = self.profiles();
        fs::create_dir_all(&folder)?;
        crate::file::replace(&folder.join(name), |file| file.write_all(text))
    }

    /// Remembers what the URLs of an unpinned source gave.
    pub(crate) fn link_url(&self, url_key: &str, sha256: &Hash) -> io::Result<()> {
        self.link(&self.place("url", url_key), sha256)
    }

    fn place(&self, kind: &str, hex: &str) -> PathBuf {
        let prefix = hex.get(..2).unwrap_or("00");
        self.dir.join(kind).join(prefix).join(hex)
    }

    /// A link is only a hint: it is not synced, and one that leads nowhere is as good as none.
    fn link(&self, place: &Path, sha256: &Hash) -> io::Result<()> {
        let folder = parent(place);
        fs::create_dir_all(folder)?;
        let prefix = sha256.hex().get(..2).unwrap_or("00");
        let target = format!("../../sha256/{prefix}/{}", sha256.hex());
        let fresh = tempfile::Builder::new()
            .prefix("link-")
            .make_in(folder, |path| std::os::unix::fs::symlink(&target, path))?;
        fresh.into_temp_path().persist(place).map_err(|e| e.error)
    }

    fn check(&self, place: &Path, hashes: &[Hash]) -> io::Result<Option<Stored>> {
        let path = match fs::canonicalize(place) {
            Ok(path) => path,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let kinds = hashes.iter().map(Hash::kind);
        let found = hashes_of(&path, kinds.chain([HashKind::Sha256]))?;
        let sha256 = found.iter().find(|hash| hash.kind() == HashKind::Sha256);
        let named = |hash: &&Hash| path.file_name().is_some_and(|name| name == hash.hex());
        let Some(sha256) = sha256.filter(named) else {
            remove_if_there(&path)?;
            return Ok(None);
        };
        let has_all = hashes.iter().all(|hash| found.contains(hash));
        Ok(has_all.then(|| Stored {
            sha256: sha256.clone(),
            path,
        }))
    }
}

/// The hashes of these kinds.
pub(crate) fn hashes_of(
    path: &Path,
    kinds: impl IntoIterator<Item = HashKind>,
) -> io::Result<Vec<Hash>> {
    let mut file = fs::File::open(path)?;
    let mut digests = SomeDigests::new(kinds);
    let mut chunk = vec![0; limits::CHUNK_BYTES];
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(digests.finish()),
            n => digests.update(&chunk[..n]),
        }
    }
}

/// What is in a folder; nothing when there is none.
pub(crate) fn entries(folder: &Path) -> io::Result<impl Iterator<Item = io::Result<fs::DirEntry>>> {
    match fs::read_dir(folder) {
        Ok(entries) => Ok(Some(entries).into_iter().flatten()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None.into_iter().flatten()),
        Err(error) => Err(error),
    }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn parent(path: &Path) -> &Path {
    // Places are always below the store's folder.
    path.parent().unwrap_or(path)
}
