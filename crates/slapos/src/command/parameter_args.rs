//! The options that give parameters, shared by `request` and `up`.
//!
//! What is given is the whole set: parameters that were set before and are not named now go back
//! to their defaults. Nothing given leaves those of before.

use crate::failure::Failure;
use crate::parameter_text::{read_object, read_parameters};
use slapos_api::wire::JsonMap;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Largest file of parameters, a little more than the master would accept.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Parameters, in one of their forms.
#[derive(Debug, Default, clap::Args)]
#[group(multiple = false)]
pub(crate) struct ParameterArgs {
    /// The whole set of parameters: key=value (typed by the software's schema), key:=JSON, or one
    /// JSON object. Left out: those of before. What is not named goes back to its default.
    #[arg(long = "parameters", value_name = "KEY=VALUE", num_args = 1..)]
    words: Vec<String>,
    /// The same from a file that holds a JSON object; - is standard input. Keeps secrets off the
    /// command line.
    #[arg(long = "parameters-file", value_name = "FILE")]
    file: Option<PathBuf>,
}

impl ParameterArgs {
    /// Whether any were given.
    pub(crate) fn is_given(&self) -> bool {
        !self.words.is_empty() || self.file.is_some()
    }

    /// The parameters, `None` when none were given. `schema` is asked only when types are needed.
    pub(crate) fn read(
        &self,
        schema: impl FnOnce() -> Result<Option<JsonMap>, Failure>,
    ) -> Result<Option<JsonMap>, Failure> {
        if let Some(path) = &self.file {
            let source = path.display().to_string();
            return read_object(&read_file(path)?, &source).map(Some);
        }
        if self.words.is_empty() {
            return Ok(None);
        }
        read_parameters(&self.words, schema).map(Some)
    }
}

fn read_file(path: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin()
            .take(FILE_BYTES_MAX)
            .read_to_string(&mut text)
    } else {
        fs_err::File::open(path)
            .and_then(|file| file.take(FILE_BYTES_MAX).read_to_string(&mut text))
    };
    read.map_err(|error| Failure::usage(format!("Cannot read the parameters: {error}.")))?;
    Ok(text)
}
