//! `slapos cache key`: a pair of keys to sign what is put into caches.

use crate::atomic_file;
use crate::failure::{Failure, Outcome};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Make a key to sign with.
///
/// Writes NAME.key, a secret that signs, and NAME.pub, for all who shall trust it. Readers of the
/// Python SlapOS check RSA signatures only: for them add an RSA key and its certificate to the two
/// files, made with `openssl req -x509 -newkey rsa:2048 -nodes -days 36500 -keyout rsa.key -out
/// rsa.crt -subj /CN=NAME`, or those that you have. Each key in the file signs.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Name of the two files, without .key and .pub.
    #[arg(value_name = "NAME")]
    name: PathBuf,
}

pub(super) fn run(args: &Args, json: bool) -> Outcome {
    let with = |ending: &str| {
        let mut path = args.name.clone().into_os_string();
        path.push(ending);
        std::path::absolute(path).map_err(|error| Failure::usage(error.to_string()))
    };
    let (private, public) = (with(".key")?, with(".pub")?);
    if private.exists() {
        let told = format!("{} is there already", private.display());
        return Err(Failure::new(told).with_hint("choose another name, or remove it"));
    }
    let pair = slapos_cache::generate().map_err(|error| Failure::new(error.to_string()))?;
    write(&private, &pair.private_pem, 0o600)?;
    write(&public, &pair.public_pem, 0o644)?;
    let text = format!(
        "{} signs, keep it secret; give {} to who shall trust it",
        private.display(),
        public.display()
    );
    super::told(&json!({"private": private, "public": public}), &text, json)
}

fn write(path: &Path, text: &str, mode: u32) -> Result<(), Failure> {
    atomic_file::write(path, text.as_bytes(), mode)
        .map_err(|error| Failure::new(format!("cannot write {}: {error}", path.display())))
}
