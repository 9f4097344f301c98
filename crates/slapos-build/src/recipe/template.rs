//! `slapos.recipe.template`: a text with `${section:option}` filled in, written to `output`.
//!
//! What the body refers to is a dependency, so the body is read when the part is constructed. Also here is what
//! the jinja2 recipe shares: where a template comes from, its hash and encoding, the mode of what is written.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use slapos_buildout::{PartOptions, RecipeError};
use slapos_cache::{Digests, Hash, Source, mismatch};

use super::{Construction, Installed, Part, World, options};
use crate::file;
use crate::work::{PartFailure, Work};

/// A text to write.
struct Rendered {
    output: PathBuf,
    text: String,
    mode: u32,
}

pub(super) fn construct(
    construction: &Construction<'_>,
    part: &mut PartOptions<'_, '_>,
) -> Result<Box<dyn Part>, RecipeError> {
    let origin = TextOrigin::of_part(part)?;
    let output = PathBuf::from(options::needed(part, "output")?);
    let text = match &origin {
        // What stands in the option itself was filled in when the option was read.
        TextOrigin::Inline(text) => text.clone(),
        other => part.substitute(&other.read(construction.world)?)?,
    };
    let mode = options::mode(part)?.unwrap_or_else(|| default_mode(&text));
    Ok(Box::new(Rendered { output, text, mode }))
}

impl Part for Rendered {
    fn inputs(&self) -> Vec<String> {
        vec![
            file::sha256(self.text.as_bytes()),
            format!("{:o}", self.mode),
        ]
    }

    fn install(&self, work: &mut Work<'_>) -> Result<Installed, PartFailure> {
        work.write(&self.output, self.text.as_bytes(), self.mode)?;
        Ok(Installed::owning(&self.output))
    }
}

/// Where a template comes from.
#[derive(Debug, Clone)]
pub(super) enum TextOrigin {
    Inline(String),
    File {
        url: String,
        md5sum: Option<Hash>,
        encoding: Encoding,
    },
}

/// How bytes are text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Utf8,
    Latin1,
}

impl TextOrigin {
    /// From `inline` or `url`, or the older spelling `template`, with `md5sum` and `encoding`.
    pub(super) fn of_part(part: &mut PartOptions<'_, '_>) -> Result<TextOrigin, RecipeError> {
        let inline = part.get("inline")?.map(slapos_buildout::Value::into_text);
        let mut url = options::text(part, "url")?;
        if inline.is_none() && url.is_none() {
            url = options::text(part, "template")?;
        }
        match (inline, url) {
            (Some(text), None) => Ok(TextOrigin::Inline(text)),
            (None, Some(url)) => match url.strip_prefix("inline:") {
                Some(text) => Ok(TextOrigin::Inline(
                    text.trim_start_matches(['\r', '\n']).to_owned(),
                )),
                None => Ok(TextOrigin::File {
                    md5sum: md5sum(part)?,
                    encoding: Encoding::of_part(part)?,
                    url,
                }),
            },
            _ => Err("give exactly one of `inline` and `url`".into()),
        }
    }

    /// The path of a local file, which another part may still have to make.
    pub(super) fn local(&self) -> Option<&Path> {
        match self {
            TextOrigin::File { url, .. } => {
                let path = url.strip_prefix("file://").unwrap_or(url);
                path.starts_with('/').then(|| Path::new(path))
            }
            TextOrigin::Inline(_) => None,
        }
    }

    /// The text, checked by its hash if there is one.
    pub(super) fn read(&self, world: &World<'_>) -> Result<String, String> {
        let TextOrigin::File { url, md5sum, .. } = self else {
            return self.read_local();
        };
        if self.local().is_some() {
            return self.read_local();
        }
        if !url.contains("://") {
            return Err(format!(
                "the template `{url}` is neither an absolute path nor a URL"
            ));
        }
        let source = Source {
            unpinned: md5sum.is_none(),
            ..Source::new(url, md5sum.clone())
        };
        let found = world.fetch(&source).map_err(|reason| match world.cache {
            None => format!("the template `{url}` is not a local file, and {reason}"),
            Some(_) => reason,
        })?;
        self.read_at(&found.path)
    }

    /// The same of an inline text or a local file.
    pub(super) fn read_local(&self) -> Result<String, String> {
        match (self, self.local()) {
            (TextOrigin::Inline(text), _) => Ok(text.clone()),
            (_, Some(path)) => self.read_at(path),
            _ => Err("the template is not a local file".to_owned()),
        }
    }

    fn read_at(&self, path: &Path) -> Result<String, String> {
        let TextOrigin::File {
            md5sum, encoding, ..
        } = self
        else {
            return Err("no file".to_owned());
        };
        let bytes = file::read_bytes(path).map_err(|e| format!("reading the template: {e}"))?;
        if let Some(expected) = md5sum {
            check(expected, &bytes, path)?;
        }
        encoding
            .decode(bytes)
            .map_err(|reason| format!("the template {} {reason}", path.display()))
    }

    pub(super) fn encoding(&self) -> Encoding {
        match self {
            TextOrigin::File { encoding, .. } => *encoding,
            TextOrigin::Inline(_) => Encoding::Utf8,
        }
    }
}

fn md5sum(part: &mut PartOptions<'_, '_>) -> Result<Option<Hash>, RecipeError> {
    match options::text(part, "md5sum")? {
        None => Ok(None),
        Some(text) => Ok(Some(
            text.parse()
                .map_err(|e: slapos_cache::HashError| e.to_string())?,
        )),
    }
}

fn check(expected: &Hash, bytes: &[u8], path: &Path) -> Result<(), String> {
    let mut digests = Digests::default();
    digests.update(bytes);
    let found = digests.finish();
    match mismatch(std::slice::from_ref(expected), &found) {
        Some((expected, found)) => Err(format!(
            "the template {} has the hash {found}, expected {expected}",
            path.display()
        )),
        None => Ok(()),
    }
}

impl Encoding {
    pub(super) fn of_part(part: &mut PartOptions<'_, '_>) -> Result<Encoding, RecipeError> {
        let name = options::text_or(part, "encoding", "utf-8")?;
        match name.to_lowercase().replace('_', "-").as_str() {
            "utf-8" | "utf8" | "ascii" | "us-ascii" => Ok(Encoding::Utf8),
            "latin-1" | "latin1" | "iso-8859-1" | "iso8859-1" => Ok(Encoding::Latin1),
            _ => Err(format!("the encoding `{name}` is not built in; use utf-8 or latin-1").into()),
        }
    }

    pub(super) fn decode(self, bytes: Vec<u8>) -> Result<String, String> {
        match self {
            Encoding::Utf8 => {
                String::from_utf8(bytes).map_err(|_| "is not UTF-8; name its `encoding`".to_owned())
            }
            Encoding::Latin1 => Ok(bytes.into_iter().map(char::from).collect()),
        }
    }

    pub(super) fn encode(self, text: &str) -> Result<Vec<u8>, String> {
        match self {
            Encoding::Utf8 => Ok(text.as_bytes().to_vec()),
            Encoding::Latin1 => {
                let bytes = text.chars().map(|c| u8::try_from(u32::from(c)));
                let bytes: Result<Vec<u8>, _> = bytes.collect();
                bytes.map_err(|_| "the text has a character that latin-1 cannot hold".to_owned())
            }
        }
    }
}

/// A script whose interpreter is there can be executed.
pub(super) fn default_mode(text: &str) -> u32 {
    let interpreter = text.strip_prefix("#!").and_then(|rest| rest.lines().next());
    let program = interpreter.and_then(|line| line.split_whitespace().next());
    let is_executable = |program: &str| {
        fs_err::metadata(program)
            .is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
    };
    if program.is_some_and(is_executable) {
        0o755
    } else {
        0o644
    }
}
