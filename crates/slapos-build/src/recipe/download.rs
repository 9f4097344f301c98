//! `slapos.recipe.build:download` and `:download-unpacked`, and what every recipe that fetches shares.
//!
//! A local path or `file:` URL without a hash counts as pinned: its bytes enter the signature.

use std::path::{Path, PathBuf};
use std::time::Instant;

use fs_err as fs;
use slapos_buildout::{PartOptions, RecipeError};
use slapos_cache::{Hash, HashKind, Source};

use super::shared::Place;
use super::{Construction, Installed, Part, options};
use crate::work::{PartFailure, Work, failing, safe_name};
use crate::{Step, archive, file};

/// A file that a part needs: by hash from anywhere, or a local one.
#[derive(Debug, Clone)]
pub(super) enum Fetchable {
    Source(Source),
    Local(PathBuf),
}

impl Fetchable {
    /// From the options `url`, `alternate-url`, `md5sum`, `sha256sum` and the like.
    pub(super) fn of_part(
        part: &mut PartOptions<'_, '_>,
        inputs: &mut Vec<String>,
    ) -> Result<Fetchable, RecipeError> {
        let (url, mut hashes) = split_hash(&options::needed(part, "url")?)?;
        for kind in HashKind::ALL {
            if let Some(text) = options::text(part, &format!("{kind}sum"))? {
                hashes.push(Hash::new(kind, &text).map_err(|e| e.to_string())?);
            }
        }
        let alternate = options::text(part, "alternate-url")?;
        let filename = options::text_or(part, "filename", "")?;
        let fetchable = Fetchable::new(url, hashes, inputs)?;
        Ok(match fetchable {
            Fetchable::Source(mut source) => {
                source.urls.extend(alternate);
                source.filename = filename;
                Fetchable::Source(source)
            }
            local => local,
        })
    }

    fn new(
        url: String,
        hashes: Vec<Hash>,
        inputs: &mut Vec<String>,
    ) -> Result<Fetchable, RecipeError> {
        let local = url.strip_prefix("file://").unwrap_or(&url);
        if hashes.is_empty() && local.starts_with('/') {
            let path = PathBuf::from(local);
            let digest = file::digest_tree(&path).map_err(|e| {
                RecipeError::Refused(format!("reading the local file of `url`: {e}"))
            })?;
            inputs.push(digest);
            return Ok(Fetchable::Local(path));
        }
        let unpinned = hashes.is_empty();
        Ok(Fetchable::Source(Source {
            unpinned,
            ..Source::new(url, hashes)
        }))
    }

    /// What is looked for, when it is not a local file.
    pub(super) fn source(&self) -> Option<Source> {
        match self {
            Self::Source(source) => Some(source.clone()),
            Self::Local(_) => None,
        }
    }

    pub(super) fn title(&self) -> String {
        match self {
            Self::Source(source) => source.title().to_owned(),
            Self::Local(path) => path.display().to_string(),
        }
    }

    /// The file; notes a source that nothing pins.
    pub(super) fn fetch(
        &self,
        work: &mut Work<'_>,
        unpinned: &mut Vec<String>,
    ) -> Result<PathBuf, PartFailure> {
        match self {
            Self::Local(path) => Ok(path.clone()),
            Self::Source(source) => {
                let found = work.fetch(source)?;
                if !found.pinned {
                    unpinned.extend(source.urls.first().cloned());
                }
                Ok(found.path)
            }
        }
    }
}

/// `url#hash`.
fn split_hash(text: &str) -> Result<(String, Vec<Hash>), RecipeError> {
    match text.rsplit_once('#') {
        Some((url, hash)) if hash.len() >= 32 => {
            let hash: Hash = hash
                .parse()
                .map_err(|e: slapos_cache::HashError| e.to_string())?;
            Ok((url.to_owned(), vec![hash]))
        }
        _ => Ok((text.trim_end_matches('#').to_owned(), Vec::new())),
    }
}

/// The words of the option `patches`, each `url#md5`.
pub(super) fn sources_of_patches(
    part: &mut PartOptions<'_, '_>,
    inputs: &mut Vec<String>,
) -> Result<Vec<Fetchable>, RecipeError> {
    sources_of(&options::text_or(part, "patches", "")?, inputs)
}

/// The same of a text.
pub(super) fn sources_of(
    text: &str,
    inputs: &mut Vec<String>,
) -> Result<Vec<Fetchable>, RecipeError> {
    let words = text.split_whitespace();
    words
        .map(|word| {
            let (url, hashes) = split_hash(word)?;
            Fetchable::new(url, hashes, inputs)
        })
        .collect()
}

/// A file put in its place.
struct Download {
    fetchable: Fetchable,
    place: Option<Place>,
    target: PathBuf,
    mode: u32,
    inputs: Vec<String>,
}

pub(super) fn construct(
    construction: &Construction<'_>,
    part: &mut PartOptions<'_, '_>,
) -> Result<Box<dyn Part>, RecipeError> {
    let mut inputs = Vec::new();
    let fetchable = Fetchable::of_part(part, &mut inputs)?;
    let mode = options::mode(part)?.unwrap_or(0o644);
    let (place, target) = match options::text(part, "destination")? {
        Some(destination) => {
            let target = PathBuf::from(destination);
            let folder = target
                .parent()
                .unwrap_or(&target)
                .to_string_lossy()
                .into_owned();
            part.set("location", folder)?;
            (None, target)
        }
        None => {
            let place = Place::choose(construction, part, &inputs)?;
            let filename = options::text(part, "filename")?;
            let name = safe_name(filename.as_deref().unwrap_or(&construction.name));
            let target = place.location.join(name);
            (Some(place), target)
        }
    };
    part.set("target", target.to_string_lossy().into_owned())?;
    Ok(Box::new(Download {
        fetchable,
        place,
        target,
        mode,
        inputs,
    }))
}

impl Part for Download {
    fn inputs(&self) -> Vec<String> {
        self.inputs.clone()
    }

    fn sources(&self) -> Vec<Source> {
        self.fetchable.source().into_iter().collect()
    }

    fn install(&self, work: &mut Work<'_>) -> Result<Installed, PartFailure> {
        let mut unpinned = Vec::new();
        let mut put = |work: &mut Work<'_>| {
            let file = self.fetchable.fetch(work, &mut unpinned)?;
            let bytes = fs::read(&file).map_err(failing("reading", &file))?;
            work.write(&self.target, &bytes, self.mode)
        };
        let Some(place) = &self.place else {
            put(work)?;
            return Ok(Installed {
                unpinned,
                ..Installed::owning(&self.target)
            });
        };
        place.build(work, put)?;
        let location = place.location.clone();
        Ok(match place.is_shared {
            true => Installed {
                shared: vec![location],
                unpinned,
                ..Installed::default()
            },
            false => Installed {
                unpinned,
                ..Installed::owning(location)
            },
        })
    }
}

/// An archive unpacked in its place.
struct Unpacked {
    fetchable: Fetchable,
    place: Place,
    /// None: if there is a single top folder.
    strips: Option<bool>,
    inputs: Vec<String>,
}

pub(super) fn construct_unpacked(
    construction: &Construction<'_>,
    part: &mut PartOptions<'_, '_>,
) -> Result<Box<dyn Part>, RecipeError> {
    if options::text(part, "destination")?.is_some() {
        return Err(
            "`destination` is not supported; use the option `location` that it publishes".into(),
        );
    }
    let mut inputs = Vec::new();
    let fetchable = Fetchable::of_part(part, &mut inputs)?;
    let place = Place::choose(construction, part, &inputs)?;
    part.set("target", place.location.to_string_lossy().into_owned())?;
    let strips = match options::text(part, "strip-top-level-dir")? {
        None => None,
        Some(_) => Some(options::switch(part, "strip-top-level-dir", false)?),
    };
    Ok(Box::new(Unpacked {
        fetchable,
        place,
        strips,
        inputs,
    }))
}

impl Part for Unpacked {
    fn inputs(&self) -> Vec<String> {
        self.inputs.clone()
    }

    fn sources(&self) -> Vec<Source> {
        self.fetchable.source().into_iter().collect()
    }

    fn install(&self, work: &mut Work<'_>) -> Result<Installed, PartFailure> {
        let mut unpinned = Vec::new();
        self.place.build(work, |work| {
            let file = self.fetchable.fetch(work, &mut unpinned)?;
            let staging = work.fresh_build_folder()?;
            work.report(Step::Unpack, Instant::now(), None);
            archive::unpack(&file, &staging)
                .map_err(|e| format!("unpacking {}: {e}", self.fetchable.title()))?;
            if let Ok(top) = archive::top_folder(&staging) {
                work.note_licences(&top);
            }
            self.move_in(&staging)
        })?;
        let location = self.place.location.clone();
        Ok(match self.place.is_shared {
            true => Installed {
                shared: vec![location],
                unpinned,
                ..Installed::default()
            },
            false => Installed {
                unpinned,
                ..Installed::owning(location)
            },
        })
    }
}

impl Unpacked {
    fn move_in(&self, staging: &Path) -> Result<(), PartFailure> {
        let location = &self.place.location;
        let top = archive::top_folder(staging).map_err(failing("reading", staging))?;
        let from = match self.strips {
            Some(true) if top == staging => {
                return Err("the archive has no single top folder to strip"
                    .to_owned()
                    .into());
            }
            Some(false) => staging.to_owned(),
            _ => top,
        };
        let moved = fs::read_dir(&from).and_then(|entries| {
            for entry in entries {
                let entry = entry?;
                move_tree(&entry.path(), &location.join(entry.file_name()))?;
            }
            file::remove_tree(staging)
        });
        moved.map_err(failing("moving into", location))
    }
}

/// A rename, or a copy where the build folder is on another disk.
fn move_tree(from: &Path, to: &Path) -> std::io::Result<()> {
    if fs::rename(from, to).is_ok() {
        return Ok(());
    }
    let metadata = fs::symlink_metadata(from)?;
    if metadata.is_symlink() {
        return fs::os::unix::fs::symlink(fs::read_link(from)?, to);
    }
    if !metadata.is_dir() {
        return file::copy_with_time(from, to);
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        move_tree(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}
