//! `slapos cache put`: a file into somebody's cache, with a signed entry that says what it is.

use crate::failure::{Failure, Outcome};
use serde_json::{Map, Value, json};
use slapos_cache::{Entry, RemoteCache, Trusted, key_of_url};
use std::path::PathBuf;

/// Put a file into a cache that is served, and say with your signature what it is.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The cache: one URL, or `SHACACHE_URL,SHADIR_URL` for one that speaks the old wire only.
    #[arg(long, value_name = "URL")]
    to: String,
    /// The key that signs; without it only the content is put there, found by its hash.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// The URL whose content this is.
    #[arg(long, value_name = "URL", requires = "key", conflicts_with = "name")]
    url: Option<String>,
    /// Another name under which it is to be found.
    #[arg(long, value_name = "NAME", requires = "key")]
    name: Option<String>,
    /// More to say of it.
    #[arg(value_name = "FIELD=VALUE", requires = "key")]
    fields: Vec<String>,
    /// A file with the token for writing.
    #[arg(long, value_name = "FILE")]
    token: Option<PathBuf>,
}

pub(super) fn run(args: &Args, json: bool) -> Outcome {
    let failed = |error: &dyn std::fmt::Display| Failure::new(format!("{}: {error}", args.to));
    let mut cache = RemoteCache::new(args.to.as_str().into(), Trusted::default());
    if let Some(file) = &args.token {
        cache = cache.with_token(super::read(file)?.trim());
    }
    let name = name_of(args);
    if args.key.is_some() && name.is_none() {
        return Err(Failure::usage(
            "a signed entry needs a name: give --url or --name",
        ));
    }
    let signer = args.key.as_deref().map(super::signer).transpose()?;
    let fields = fields(args)?;
    let sha512 = cache.upload(&args.file).map_err(|error| failed(&error))?;
    if let (Some(signer), Some(name)) = (signer, &name) {
        let entry = Entry::signed(fields, &sha512, &signer).map_err(|error| failed(&error))?;
        cache
            .publish(name, &entry)
            .map_err(|error| failed(&error))?;
    }
    let text = match &name {
        Some(name) => format!("{name}: sha512 {}", sha512.hex()),
        None => format!("sha512 {}", sha512.hex()),
    };
    super::told(&json!({"name": name, "sha512": sha512.hex()}), &text, json)
}

fn name_of(args: &Args) -> Option<String> {
    let of_url = args.url.as_deref().map(key_of_url);
    of_url.or_else(|| args.name.clone())
}

fn fields(args: &Args) -> Result<Map<String, Value>, Failure> {
    let mut fields = Map::new();
    let file = args.file.file_name().unwrap_or_default().to_string_lossy();
    fields.insert("file".to_owned(), file.into());
    if let Some(url) = &args.url {
        fields.insert("url".to_owned(), url.as_str().into());
    }
    for field in &args.fields {
        let Some((name, value)) = field.split_once('=') else {
            let told = format!("`{field}` is not FIELD=VALUE");
            return Err(Failure::usage(told));
        };
        fields.insert(name.to_owned(), value.into());
    }
    Ok(fields)
}
