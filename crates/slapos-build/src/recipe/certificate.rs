//! `slapos.cookbook:certificate_authority` and `.request`: a partition's own authority, and what asks it.
//!
//! The authority is a small shell program around openssl that a service runs; requests are files in a folder, in the
//! original's form, so that either side may be the original's. Keys are made by the program, never here.

use std::path::Path;

use sha2::{Digest, Sha512};
use slapos_buildout::{PartOptions, RecipeError};

use super::texts::Texts;
use super::{Construction, Part, options};
use crate::file;

const PROGRAM: &str = include_str!("certificate/authority.sh");

pub(super) fn construct(
    construction: &Construction<'_>,
    part: &mut PartOptions<'_, '_>,
) -> Result<Box<dyn Part>, RecipeError> {
    let mut text = "#!/bin/sh\n".to_owned();
    let subject = [
        ("C", "country-code", "XX"),
        ("ST", "state", "State"),
        ("L", "city", "City"),
        ("O", "company", "Company"),
        ("emailAddress", "email", "xx@example.com"),
    ];
    let mut name = String::new();
    for (field, option, default) in subject {
        let value = options::text_or(part, option, default)?;
        name.push_str(&format!(
            "/{field}={}",
            value
                .replace('\\', "\\\\")
                .replace('/', "\\/")
                .replace('+', "\\+")
        ));
    }
    for (variable, value) in [
        (
            "openssl",
            options::text_or(part, "openssl-binary", "openssl")?,
        ),
        ("ca_dir", options::needed(part, "ca-dir")?),
        ("private", options::needed(part, "ca-private")?),
        ("requests", options::needed(part, "requests-directory")?),
        ("subject", name),
    ] {
        text.push_str(&format!("{variable}={}\n", options::shell_quote(&value)));
    }
    text.push_str(PROGRAM);
    let wrapper = construction
        .world
        .directory
        .join(options::needed(part, "wrapper")?);
    Ok(Box::new(Texts::default().file(wrapper, text, 0o700)))
}

pub(super) fn construct_request(
    construction: &Construction<'_>,
    part: &mut PartOptions<'_, '_>,
) -> Result<Box<dyn Part>, RecipeError> {
    let directory = &construction.world.directory;
    let name = options::text_or(part, "name", &construction.name)?;
    if name.contains('\n') {
        return Err("`name` is one line".into());
    }
    part.set("name", options::literal(&name))?;
    let digest = file::hex(&Sha512::digest(name.as_bytes()));
    let key = Path::new(&options::needed(part, "ca-private")?).join(format!("{digest}.key"));
    let certificate = Path::new(&options::needed(part, "ca-certs")?).join(format!("{digest}.crt"));
    let mut texts = Texts::default();
    let contents = (
        options::text(part, "key-content")?,
        options::text(part, "cert-content")?,
    );
    let is_given = match contents {
        (Some(key_text), Some(certificate_text)) => {
            texts = texts
                .file(key.clone(), format!("{key_text}\n"), 0o600)
                .file(certificate.clone(), format!("{certificate_text}\n"), 0o644);
            true
        }
        (None, None) => false,
        _ => return Err("give both of `key-content` and `cert-content`, or none".into()),
    };
    for (option, target) in [("key-file", &key), ("cert-file", &certificate)] {
        texts.links.push((
            directory.join(options::needed(part, option)?),
            target.clone(),
        ));
    }
    if is_given {
        return Ok(Box::new(texts));
    }
    let request = format!(
        "[certificate]\nname = {name}\nkey_file = {}\ncertificate_file = {}\n",
        key.display(),
        certificate.display()
    );
    let folder = directory.join(options::needed(part, "requests-directory")?);
    texts = texts.file(folder.join(&digest), request, 0o644);
    if let Some(wrapper) = options::text(part, "wrapper")? {
        let program = options::needed(part, "executable")?;
        let text = waiting(&certificate, &key, &program);
        texts = texts.file(directory.join(wrapper), text, 0o700);
    }
    Ok(Box::new(texts))
}

/// A script that runs a program once both files have something in them.
fn waiting(certificate: &Path, key: &Path, program: &str) -> String {
    let quote = |path: &Path| options::shell_quote(&path.to_string_lossy());
    format!(
        "#!/bin/sh -e\nuntil [ -s {} ] && [ -s {} ]; do sleep 1; done\nexec {} \"$@\"\n",
        quote(certificate),
        quote(key),
        options::shell_quote(program)
    )
}
