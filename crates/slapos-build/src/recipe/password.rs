//! `slapos.cookbook:generate.password`: a password made once and kept in a file of the partition.
//!
//! The file is the original's JSON, `{"": "password"}`, readable by its user only. It is not removed with the part.

use std::path::{Path, PathBuf};

use slapos_buildout::{PartOptions, RecipeError};

use super::{Construction, Installed, Part, options};
use crate::file;
use crate::work::{PartFailure, Work, safe_name};

struct Password {
    /// None: it is not stored, and another one at each installation.
    storage: Option<PathBuf>,
    text: String,
}

/// Without characters that mean something in a URL or a configuration file.
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

pub(super) fn construct(
    construction: &Construction<'_>,
    part: &mut PartOptions<'_, '_>,
) -> Result<Box<dyn Part>, RecipeError> {
    let bytes: usize = options::number(part, "bytes", 16)?;
    if !(8..=256).contains(&bytes) {
        return Err(format!("`bytes` is {bytes}; it may be 8 to 256").into());
    }
    let storage = match part.get("storage-path")? {
        Some(path) => Some(path.into_text())
            .filter(|path| !path.is_empty())
            .map(PathBuf::from),
        None => {
            let parts = part.other("buildout", "parts-directory")?.into_text();
            Some(Path::new(&parts).join(safe_name(&construction.name)))
        }
    };
    let stored = match &storage {
        Some(path) => read(path)?,
        None => None,
    };
    let text = match (options::text(part, "passwd")?, stored) {
        (Some(given), _) => given,
        (None, Some(stored)) => stored,
        (None, None) => generate(bytes)?,
    };
    part.set("passwd", options::literal(&text))?;
    Ok(Box::new(Password { storage, text }))
}

/// 6 bits a letter, so a little more letters than bytes.
fn generate(bytes: usize) -> Result<String, RecipeError> {
    let mut random = vec![0; (bytes * 8).div_ceil(6)];
    getrandom::fill(&mut random).map_err(|e| format!("making a password: {e}"))?;
    Ok(random
        .iter()
        .map(|byte| char::from(LETTERS[usize::from(byte & 63)]))
        .collect())
}

fn read(path: &Path) -> Result<Option<String>, RecipeError> {
    let text = match file::read_text(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("reading the stored password: {error}").into()),
        Ok(text) => text,
    };
    let stored: Option<String> = serde_json::from_str::<serde_json::Value>(&text)
        .ok()
        .and_then(|value| value.get("")?.as_str().map(str::to_owned));
    match stored {
        Some(stored) => Ok(Some(stored)),
        // Another password in its place would lock everybody out without a word.
        None => Err(format!("the file {} holds no password", path.display()).into()),
    }
}

impl Part for Password {
    fn is_only_options(&self) -> bool {
        true
    }

    fn install(&self, work: &mut Work<'_>) -> Result<Installed, PartFailure> {
        let Some(path) = &self.storage else {
            return Ok(Installed::default());
        };
        let text = serde_json::json!({ "": self.text }).to_string();
        work.write(path, text.as_bytes(), 0o600)?;
        Ok(Installed {
            shared: vec![path.clone()],
            ..Installed::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generate_gives_letters_for_every_byte_and_never_the_same() {
        let one = generate(16).unwrap();
        assert_eq!(one.len(), 22);
        assert!(one.bytes().all(|byte| LETTERS.contains(&byte)));
        assert_ne!(one, generate(16).unwrap());
    }

    #[test]
    fn read_of_a_file_without_a_password_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("p");
        assert_eq!(read(&path).unwrap(), None);
        fs_err::write(&path, r#"{"": "x", "passwd-sha": "y"}"#).unwrap();
        assert_eq!(read(&path).unwrap().as_deref(), Some("x"));
        fs_err::write(&path, "").unwrap();
        assert!(read(&path).is_err());
    }
}
