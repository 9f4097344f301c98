//! `slapos.recipe.template`: a text with `${section:option}` filled in, written to `output`.

use std::path::{Path, PathBuf};

use slapos_buildout::{PartOptions, RecipeError};
use slapos_cache::{Digests, Hash};

use super::{Construction, Installed, Part, options};
use crate::file;
use crate::work::{PartFailure, Work};

/// A text to write.
pub(super) struct Rendered {
    pub(super) output: PathBuf,
    pub(super) text: String,
    pub(super) mode: u32,
}

pub(super) fn construct(
    _: &Construction<'_>,
    part: &mut PartOptions<'_, '_>,
) -> Result<Box<dyn Part>, RecipeError> {
    let output = PathBuf::from(options::needed(part, "output")?);
    let template = template_text(part)?;
    // What stands in the option itself was filled in when the option was read.
    let is_inline = options::text(part, "inline")?.is_some();
    let text = if is_inline {
        template
    } else {
        part.substitute(&template)?
    };
    let mode = options::mode(part)?.unwrap_or_else(|| default_mode(&text));
    Ok(Box::new(Rendered { output, text, mode }))
}

/// The text of `inline`, or of the file that `url` names, checked by its hash if there is one.
pub(super) fn template_text(part: &mut PartOptions<'_, '_>) -> Result<String, RecipeError> {
    let (inline, url) = (part.get("inline")?, options::text(part, "url")?);
    let url = match (inline, url) {
        (Some(inline), None) => {
            let text = inline.into_text();
            return Ok(text.trim_start_matches(['\n', '\r']).to_owned() + "\n");
        }
        (None, Some(url)) => url,
        _ => return Err("give exactly one of `inline` and `url`".into()),
    };
    let path = url.strip_prefix("file://").unwrap_or(&url);
    if !path.starts_with('/') {
        return Err(format!(
            "the template `{url}` is not a local file; fetch it with slapos.recipe.build:download"
        )
        .into());
    }
    let text =
        file::read_text(Path::new(path)).map_err(|e| format!("reading the template: {e}"))?;
    if let Some(expected) = options::text(part, "md5sum")? {
        check(&expected, &text, path)?;
    }
    Ok(text)
}

fn check(expected: &str, text: &str, path: &str) -> Result<(), RecipeError> {
    let expected: Hash = expected
        .parse()
        .map_err(|e: slapos_cache::HashError| e.to_string())?;
    let mut digests = Digests::default();
    digests.update(text.as_bytes());
    let found = digests.finish();
    match found.iter().find(|hash| hash.kind() == expected.kind()) {
        Some(found) if *found != expected => {
            Err(format!("the template {path} has the hash {found}, expected {expected}").into())
        }
        _ => Ok(()),
    }
}

/// A script can be executed.
pub(super) fn default_mode(text: &str) -> u32 {
    if text.starts_with("#!") { 0o755 } else { 0o644 }
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
