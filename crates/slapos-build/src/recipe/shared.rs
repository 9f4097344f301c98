//! Where a part is installed: its own folder, or one shared by every release that builds the same.
//!
//! A shared part is `<shared>/<part>/<signature>`, finished when it has its [`PartMark`]. One that a cache of built
//! parts has is taken from there; whatever goes wrong with that, it is built.

use std::io;
use std::path::{Path, PathBuf};

use fs_err as fs;
use nix::fcntl::{Flock, FlockArg};
use slapos_buildout::{PartOptions, RecipeError};

use super::{Construction, options};
use crate::file;
use crate::part_mark::PartMark;
use crate::work::{PartFailure, Work, failing, safe_name};

/// A place for a part.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) location: PathBuf,
    pub(super) is_shared: bool,
    signature: String,
}

impl Place {
    /// Decides the place from the option `shared` and publishes it as `location`.
    pub(super) fn choose(
        construction: &Construction<'_>,
        part: &mut PartOptions<'_, '_>,
        inputs: &[String],
    ) -> Result<Place, RecipeError> {
        let mut signature = construction.signature.clone();
        signature.add_all(inputs.to_vec());
        let signature = signature.finish();
        let wants = options::switch(part, "shared", false)?;
        let place = match construction.world.shared.filter(|_| wants) {
            Some(shared) => Place {
                // 32 digits, as the original's folders have.
                location: shared
                    .join(safe_name(&construction.name))
                    .join(&signature[..32]),
                is_shared: true,
                signature,
            },
            None => {
                let parts = part.other("buildout", "parts-directory")?.into_text();
                let location = Path::new(&parts).join(safe_name(&construction.name));
                Place {
                    location,
                    is_shared: false,
                    signature,
                }
            }
        };
        part.set("location", place.location.to_string_lossy().into_owned())?;
        Ok(place)
    }

    /// Whether a shared part was finished, by whoever built it.
    pub(super) fn is_finished(&self) -> bool {
        self.is_shared && PartMark::is_there(&self.location)
    }

    /// Builds the part in its place: one builder at a time, nothing half-made left on failure.
    pub(super) fn build(
        &self,
        work: &mut Work<'_>,
        build: impl FnOnce(&mut Work<'_>) -> Result<(), PartFailure>,
    ) -> Result<(), PartFailure> {
        let _lock = self.lock().map_err(failing("locking", &self.location))?;
        if self.is_finished() {
            let mark = PartMark::load(&self.location).unwrap_or_default();
            work.sources.extend(mark.sources.into_iter().flatten());
            return Ok(());
        }
        if let Some(mark) = self.take_built(work)? {
            work.sources.extend(mark.sources.iter().flatten().cloned());
            work.given.clone_from(&mark.given);
            return self
                .finish(mark)
                .map_err(failing("finishing", &self.location));
        }
        file::remove_tree(&self.location).map_err(failing("emptying", &self.location))?;
        fs::create_dir_all(&self.location).map_err(failing("making", &self.location))?;
        if let Err(failure) = build(work) {
            // The build folder and the log tell what happened; a broken installation would only mislead.
            let _ = file::remove_tree(&self.location);
            return Err(failure);
        }
        let mark = PartMark {
            signature: self.signature.clone(),
            part: work.name.to_owned(),
            sources: Some(work.sources.clone()),
            given: None,
        };
        self.finish(mark)
            .map_err(failing("finishing", &self.location))
    }

    /// The part as somebody trusted built it, in its place; none when it has to be built.
    fn take_built(&self, work: &mut Work<'_>) -> Result<Option<PartMark>, PartFailure> {
        match work.site.built {
            Some(built) if self.is_shared => built.take(work, &self.signature, &self.location),
            _ => Ok(None),
        }
    }

    /// Everything is on disk before the mark is, and the mark before the part is recorded.
    fn finish(&self, mark: PartMark) -> io::Result<()> {
        let folder = fs::File::open(&self.location)?;
        nix::unistd::syncfs(folder.file())?;
        if self.is_shared {
            mark.save(&self.location)?;
        }
        match self.location.parent() {
            Some(parent) => fs::File::open(parent)?.sync_all(),
            None => Ok(()),
        }
    }

    fn lock(&self) -> io::Result<Option<Flock<std::fs::File>>> {
        if !self.is_shared {
            return Ok(None);
        }
        let folder = self.location.parent().unwrap_or(&self.location);
        fs::create_dir_all(folder)?;
        let name = format!(".{}.lock", &self.signature[..32]);
        let file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(folder.join(name))?;
        let locked = Flock::lock(file.into_file(), FlockArg::LockExclusive);
        locked.map(Some).map_err(|(_, errno)| errno.into())
    }
}
