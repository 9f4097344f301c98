//! The option `import-list`: templates that a template may import.

use std::path::{Component, Path, PathBuf};

use slapos_buildout::{PartOptions, RecipeError};
use slapos_jinja::Load;

use super::super::options;
use super::super::template::Encoding;
use crate::file;

/// Names of templates, and where they are.
#[derive(Debug, Clone)]
pub(super) struct Imports {
    files: Vec<(String, PathBuf)>,
    folders: Vec<(String, PathBuf)>,
    delimiter: String,
    encoding: Encoding,
}

impl Imports {
    /// Lines `rawfile|file|rawfolder|folder alias path`; without `raw` the path is a `section:option`.
    pub(super) fn of_part(part: &mut PartOptions<'_, '_>) -> Result<Imports, RecipeError> {
        let lines = options::text_or(part, "import-list", "")?;
        let mut imports = Imports {
            files: Vec::new(),
            folders: Vec::new(),
            delimiter: options::text_or(part, "import-delimiter", "/")?,
            encoding: Encoding::of_part(part)?,
        };
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let mut words = line.splitn(3, char::is_whitespace).map(str::trim);
            let (Some(kind), Some(alias), Some(place)) = (words.next(), words.next(), words.next())
            else {
                return Err(format!(
                    "the line `{line}` of `import-list` is not of the form `type alias path`"
                )
                .into());
            };
            let path = match kind {
                "rawfile" | "rawfolder" => place.to_owned(),
                "file" | "folder" => super::key(part, place)?.into_text(),
                _ => {
                    return Err(format!(
                        "`import-list` knows rawfile, file, rawfolder and folder, and not `{kind}`"
                    )
                    .into());
                }
            };
            let list = if kind.ends_with("file") {
                &mut imports.files
            } else {
                &mut imports.folders
            };
            list.push((alias.to_owned(), PathBuf::from(path)));
        }
        Ok(imports)
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files
            .iter()
            .chain(&self.folders)
            .map(|(_, path)| path.as_path())
    }

    fn path_of(&self, name: &str) -> Option<PathBuf> {
        if let Some((_, path)) = self.files.iter().find(|(alias, _)| alias == name) {
            return Some(path.clone());
        }
        let (alias, inside) = name.split_once(self.delimiter.as_str())?;
        let (_, folder) = self.folders.iter().find(|(known, _)| known == alias)?;
        let inside: PathBuf = inside.split(self.delimiter.as_str()).collect();
        // Nothing outside of the folder is a template of it.
        let is_inside = inside
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        Some(folder.join(inside)).filter(|path| is_inside && path.is_file())
    }
}

impl Load for Imports {
    fn load(&self, name: &str) -> Option<Result<String, String>> {
        let path = self.path_of(name)?;
        let bytes =
            file::read_bytes(&path).map_err(|e| format!("reading the imported template: {e}"));
        Some(bytes.and_then(|bytes| {
            let text = self.encoding.decode(bytes);
            text.map_err(|reason| format!("the imported template {} {reason}", path.display()))
        }))
    }
}
