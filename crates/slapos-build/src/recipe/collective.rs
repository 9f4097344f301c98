//! `collective.recipe.template`: a text with `${section:option}` and `${option}` filled in.
//!
//! Unlike in other templates `$$` stays as it is.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use slapos_buildout::{PartOptions, RecipeError, Value};
use slapos_cache::Source;

use super::{Construction, Installed, Part, options};
use crate::file;
use crate::work::{PartFailure, Work};

struct Filled {
    output: PathBuf,
    text: String,
    mode: u32,
    /// Whether a file that is there is replaced; one that is not is nobody's.
    overwrites: bool,
}

pub(super) fn construct(
    construction: &Construction<'_>,
    part: &mut PartOptions<'_, '_>,
) -> Result<Box<dyn Part>, RecipeError> {
    for option in ["input-encoding", "output-encoding"] {
        let encoding = options::text_or(part, option, "utf-8")?.to_lowercase();
        if !matches!(encoding.as_str(), "utf-8" | "utf8" | "ascii") {
            return Err(
                format!("`{option}` is `{encoding}`; only utf-8 is read and written").into(),
            );
        }
    }
    let (source, mode) = source(construction, part)?;
    let text = part.substitute(&prepared(&source))?;
    Ok(Box::new(Filled {
        output: construction
            .world
            .directory
            .join(options::needed(part, "output")?),
        text,
        mode: options::mode(part)?.unwrap_or(mode),
        overwrites: options::says_yes(part, "overwrite", true)?,
    }))
}

/// The template and the mode of its file.
fn source(
    construction: &Construction<'_>,
    part: &mut PartOptions<'_, '_>,
) -> Result<(String, u32), RecipeError> {
    const MODE: u32 = 0o644;
    let inline = part.get("inline")?.map(Value::into_text);
    let (input, url) = (options::text(part, "input")?, options::text(part, "url")?);
    match (inline, input, url) {
        (Some(text), None, None) => Ok((text.trim_start().to_owned(), MODE)),
        (None, Some(input), None) => {
            if let Some(text) = input.strip_prefix("inline:") {
                return Ok((text.trim_start().to_owned(), MODE));
            }
            let path = construction.world.directory.join(&input);
            let text = file::read_text(&path).map_err(|e| format!("reading the template: {e}"))?;
            let mode =
                std::fs::metadata(&path).map_or(MODE, |facts| facts.permissions().mode() & 0o7777);
            Ok((text, mode))
        }
        (None, None, Some(url)) => {
            let source = Source {
                unpinned: true,
                ..Source::new(url, None)
            };
            let found = construction.world.fetch(&source)?;
            let text =
                file::read_text(&found.path).map_err(|e| format!("reading the template: {e}"))?;
            Ok((text, MODE))
        }
        _ => Err("give exactly one of `input`, `inline` and `url`".into()),
    }
}

/// The template in the form that the profile's substitution reads: `${option}` is `${:option}`, and `$$` stays.
fn prepared(text: &str) -> String {
    let mut out = String::new();
    for (index, piece) in text.split("$$").enumerate() {
        if index > 0 {
            out.push_str("$$$$");
        }
        let mut rest = piece;
        // Right behind `$$` a brace is text, so only `${` counts.
        while let Some(at) = rest.find("${") {
            out.push_str(&rest[..at + 2]);
            rest = &rest[at + 2..];
            let inside = rest.split('}').next().unwrap_or_default();
            if inside.len() < rest.len() && !inside.contains(':') {
                out.push(':');
            }
        }
        out.push_str(rest);
    }
    out
}

impl Part for Filled {
    fn inputs(&self) -> Vec<String> {
        vec![
            file::sha256(self.text.as_bytes()),
            format!("{:o}", self.mode),
        ]
    }

    fn install(&self, work: &mut Work<'_>) -> Result<Installed, PartFailure> {
        if !self.overwrites && Path::is_file(&self.output) {
            return Ok(Installed::default());
        }
        work.write(&self.output, self.text.as_bytes(), self.mode)?;
        Ok(match self.overwrites {
            true => Installed::owning(&self.output),
            false => Installed::default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prepared_gives_own_options_their_colon_and_keeps_dollars() {
        assert_eq!(prepared("a ${b} ${c:d} $e"), "a ${:b} ${c:d} $e");
        assert_eq!(prepared("$$ $${x} ${y}"), "$$$$ $$$${x} ${:y}");
        assert_eq!(prepared("${open"), "${open");
    }
}
