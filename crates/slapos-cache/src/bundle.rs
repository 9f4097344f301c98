//! A store as one file, for a site that no network reaches, and for years later.
//!
//! A tar archive: `slapos-cache.json` says what is in it, `content/<sha256>` are the contents, `profile/<md5 of the
//! URL>` copies of profiles. [`export`] writes it whole or not at all; [`import`] takes nothing that has not the
//! hash that its name says. Entries come along with their signatures, so that who reads them can judge them.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use fs_err as fs;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::entry::{Entry, check_key};
use crate::hash::{Hash, HashKind};
use crate::sink::{Sink, SourceNews};
use crate::{Index, Store, limits};

/// Its first member.
const LIST: &str = "slapos-cache.json";
/// The only form that there is yet.
const FORM: u32 = 1;

/// What an archive holds, or what came of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Moved {
    pub contents: u64,
    pub bytes: u64,
    pub profiles: u64,
    /// Keys with entries.
    pub keys: u64,
    /// Contents that were there before.
    pub known: u64,
}

/// Why an archive could not be written or read.
#[derive(Debug, Error)]
pub enum BundleError {
    #[error("{doing} {}: {source}", .path.display())]
    Io {
        doing: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("{} is no archive of a cache: {reason}", .path.display())]
    NotOne { path: PathBuf, reason: String },
    #[error(
        "{}: `{name}` does not have the hash of its name; the archive is damaged or was changed",
        .path.display()
    )]
    Damaged { path: PathBuf, name: String },
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct List {
    form: u32,
    /// SHA-256 and length.
    contents: BTreeMap<String, u64>,
    /// MD5 of the URL.
    #[serde(default)]
    profiles: Vec<String>,
    /// Of unpinned sources: key of the URL, SHA-256.
    #[serde(default)]
    urls: BTreeMap<String, String>,
    #[serde(default)]
    entries: BTreeMap<String, Vec<Entry>>,
}

/// Writes all of a store, with the profile copies beside it, into a new file.
pub fn export(store: &Store, archive: &Path) -> Result<Moved, BundleError> {
    let failed = |source| BundleError::Io {
        doing: "writing the archive",
        path: archive.to_owned(),
        source,
    };
    let list = list(store).map_err(failed)?;
    crate::file::replace(archive, |file| write(store, &list, file)).map_err(failed)
}

fn list(store: &Store) -> io::Result<List> {
    let mut list = List {
        form: FORM,
        ..List::default()
    };
    for path in store.files(HashKind::Sha256.as_str())? {
        let name = name_of(&path);
        if Hash::new(HashKind::Sha256, &name).is_ok() {
            list.contents.insert(name, fs::metadata(&path)?.len());
        }
    }
    for link in store.files("url")? {
        let target = fs::read_link(&link)?;
        list.urls.insert(name_of(&link), name_of(&target));
    }
    for copy in crate::store::entries(&store.profiles())? {
        let copy = copy?;
        let name = name_of(&copy.path());
        if copy.file_type()?.is_file() && Hash::new(HashKind::Md5, &name).is_ok() {
            list.profiles.push(name);
        }
    }
    list.profiles.sort();
    list.entries = Index::new(store.clone()).all()?;
    Ok(list)
}

fn write(store: &Store, list: &List, file: &mut dyn Write) -> io::Result<Moved> {
    let mut moved = Moved {
        keys: list.entries.len() as u64,
        ..Moved::default()
    };
    let mut archive = tar::Builder::new(file);
    let text = serde_json::to_vec(list)?;
    append(&mut archive, LIST, text.len() as u64, text.as_slice())?;
    for (name, bytes) in &list.contents {
        let hash = Hash::new(HashKind::Sha256, name).map_err(io::Error::other)?;
        let content = fs::File::open(store.place_of(&hash))?;
        append(&mut archive, &format!("content/{name}"), *bytes, content)?;
        moved.contents += 1;
        moved.bytes += bytes;
    }
    for name in &list.profiles {
        let text = fs::File::open(store.profiles().join(name))?;
        let bytes = text.metadata()?.len();
        append(&mut archive, &format!("profile/{name}"), bytes, text)?;
        moved.profiles += 1;
    }
    archive.finish()?;
    Ok(moved)
}

/// A member with nothing of who wrote it and when, so that equal stores give equal archives.
fn append(
    archive: &mut tar::Builder<&mut dyn Write>,
    name: &str,
    bytes: u64,
    from: impl Read,
) -> io::Result<()> {
    let mut head = tar::Header::new_gnu();
    head.set_size(bytes);
    head.set_mode(0o644);
    head.set_mtime(0);
    // A file that grew meanwhile must not spill into the next member; one that shrank is an error of tar's.
    archive.append_data(&mut head, name, from.take(bytes))
}

/// Takes all that an archive has into a store.
pub fn import(store: &Store, archive: &Path) -> Result<Moved, BundleError> {
    let failed = |source| BundleError::Io {
        doing: "reading the archive",
        path: archive.to_owned(),
        source,
    };
    let file = fs::File::open(archive).map_err(failed)?;
    let mut reader = tar::Archive::new(file);
    let (mut moved, mut list) = (Moved::default(), None);
    for member in reader.entries().map_err(failed)? {
        let member = member.map_err(|error| Fault::NotOne(error.to_string()));
        let taken = member.and_then(|mut member| {
            let name = String::from_utf8(member.path_bytes().into_owned())
                .map_err(|_| Fault::NotOne("a name that is no text".to_owned()))?;
            match &list {
                Some(_) => take(store, &name, &mut member, &mut moved),
                None => {
                    list = Some(read_list(&mut member, &name).map_err(Fault::NotOne)?);
                    Ok(())
                }
            }
        });
        taken.map_err(|fault| fault.of(archive))?;
    }
    let list = list.ok_or_else(|| Fault::NotOne("it is empty".to_owned()).of(archive))?;
    if !moved.is_all_of(&list) {
        let fault = Fault::NotOne("it ends before all that its list names".to_owned());
        return Err(fault.of(archive));
    }
    take_list(store, list, &mut moved).map_err(failed)?;
    Ok(moved)
}

impl Moved {
    fn is_all_of(&self, list: &List) -> bool {
        self.contents + self.known == list.contents.len() as u64
            && self.profiles == list.profiles.len() as u64
    }
}

/// What is wrong with one member.
enum Fault {
    NotOne(String),
    Damaged(String),
    Store(io::Error),
}

impl Fault {
    fn of(self, archive: &Path) -> BundleError {
        let path = archive.to_owned();
        match self {
            Self::NotOne(reason) => BundleError::NotOne { path, reason },
            Self::Damaged(name) => BundleError::Damaged { path, name },
            Self::Store(source) => BundleError::Io {
                doing: "taking what is in the archive",
                path,
                source,
            },
        }
    }
}

fn take(store: &Store, name: &str, member: &mut impl Read, moved: &mut Moved) -> Result<(), Fault> {
    let is_right = match name.split_once('/') {
        Some(("content", hex)) => take_content(store, hex, member, moved),
        Some(("profile", hex)) => take_profile(store, hex, member, moved),
        _ => return Err(Fault::NotOne(format!("it has `{name}`"))),
    };
    match is_right {
        Ok(true) => Ok(()),
        Ok(false) => Err(Fault::Damaged(name.to_owned())),
        Err(error) => Err(Fault::Store(error)),
    }
}

fn read_list(member: &mut impl Read, name: &str) -> Result<List, String> {
    if name != LIST {
        return Err(format!("it begins with `{name}` and not with `{LIST}`"));
    }
    let mut text = Vec::new();
    member
        .take(limits::LIST_BYTES_MAX + 1)
        .read_to_end(&mut text)
        .map_err(|error| error.to_string())?;
    if text.len() as u64 > limits::LIST_BYTES_MAX {
        return Err(format!("`{LIST}` is too large"));
    }
    let list: List = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
    match list.form {
        FORM => Ok(list),
        form => Err(format!(
            "it has form {form}, this program reads form {FORM} only"
        )),
    }
}

/// False when it has another hash.
fn take_content(
    store: &Store,
    hex: &str,
    member: &mut impl Read,
    moved: &mut Moved,
) -> io::Result<bool> {
    let Ok(hash) = Hash::new(HashKind::Sha256, hex) else {
        return Ok(false);
    };
    if store.find(std::slice::from_ref(&hash))?.is_some() {
        moved.known += 1;
        return Ok(true);
    }
    let mut watch = |_: SourceNews<'_>| true;
    let mut sink = Sink::new(store.temporary()?, &mut watch);
    moved.bytes += io::copy(member, &mut sink)?;
    let received = sink.finish()?;
    if !received.hashes.contains(&hash) {
        return Ok(false);
    }
    store.keep(received, None)?;
    moved.contents += 1;
    Ok(true)
}

fn take_profile(
    store: &Store,
    hex: &str,
    member: &mut impl Read,
    moved: &mut Moved,
) -> io::Result<bool> {
    if Hash::new(HashKind::Md5, hex).is_err() {
        return Ok(false);
    }
    let mut text = Vec::new();
    let limit = limits::PROFILE_BYTES_MAX as u64;
    member.take(limit + 1).read_to_end(&mut text)?;
    if text.len() as u64 > limit {
        return Ok(false);
    }
    store.keep_profile(hex, &text)?;
    moved.profiles += 1;
    Ok(true)
}

/// Last, so that nothing is named that is not there.
fn take_list(store: &Store, list: List, moved: &mut Moved) -> io::Result<()> {
    for (url_key, hex) in &list.urls {
        let hashes = (
            Hash::new(HashKind::Sha256, url_key),
            Hash::new(HashKind::Sha256, hex),
        );
        if let (Ok(url_key), Ok(sha256)) = hashes {
            store.link_url(url_key.hex(), &sha256)?;
        }
    }
    let index = Index::new(store.clone());
    for (key, entries) in list.entries {
        if check_key(&key).is_err() {
            continue;
        }
        // The newest is first there, and is to be first here.
        for entry in entries
            .into_iter()
            .rev()
            .filter(|entry| entry.check().is_ok())
        {
            index.add(&key, entry)?;
        }
        moved.keys += 1;
    }
    Ok(())
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}
