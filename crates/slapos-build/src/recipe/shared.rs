//! Where a part is installed: its own folder, or one shared by every release that builds the same.
//!
//! A shared part is `<shared>/<part>/<signature>`; the file `.slapos-shared.json` in it is written last, so
//! that a folder without it was never finished and counts for nothing.

use std::io;
use std::path::{Path, PathBuf};

use fs_err as fs;
use nix::fcntl::{Flock, FlockArg};
use slapos_buildout::{PartOptions, RecipeError};

use super::{Construction, options};
use crate::file;
use crate::work::{PartFailure, Work, failing, safe_name};

const MARK: &str = ".slapos-shared.json";

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
        self.is_shared && self.location.join(MARK).exists()
    }

    /// Builds the part in its place: one builder at a time, nothing half-made left on failure.
    pub(super) fn build(
        &self,
        work: &mut Work<'_>,
        build: impl FnOnce(&mut Work<'_>) -> Result<(), PartFailure>,
    ) -> Result<(), PartFailure> {
        let _lock = self.lock().map_err(failing("locking", &self.location))?;
        if self.is_finished() {
            return Ok(());
        }
        file::remove_tree(&self.location).map_err(failing("emptying", &self.location))?;
        fs::create_dir_all(&self.location).map_err(failing("making", &self.location))?;
        if let Err(failure) = build(work) {
            // The build folder and the log tell what happened; a broken installation would only mislead.
            let _ = file::remove_tree(&self.location);
            return Err(failure);
        }
        self.finish().map_err(failing("finishing", &self.location))
    }

    /// Everything is on disk before the mark is, and the mark before the part is recorded.
    fn finish(&self) -> io::Result<()> {
        let folder = fs::File::open(&self.location)?;
        nix::unistd::syncfs(folder.file())?;
        if self.is_shared {
            let text = format!("{{\"signature\": \"{}\"}}\n", self.signature);
            let mark = self.location.join(MARK);
            file::write_if_changed(&mark, text.as_bytes(), 0o644)?;
            file::sync_all(&[mark])?;
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
