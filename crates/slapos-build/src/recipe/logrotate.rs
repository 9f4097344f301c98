//! `slapos.cookbook:logrotate` and `logrotate.d`: the configuration of logrotate, and that of one service.

use std::fmt::Write as _;

use slapos_buildout::{PartOptions, RecipeError};

use super::texts::Texts;
use super::{Construction, Part, options};

pub(super) fn construct(
    construction: &Construction<'_>,
    part: &mut PartOptions<'_, '_>,
) -> Result<Box<dyn Part>, RecipeError> {
    let directory = &construction.world.directory;
    let text = format!(
        "compresscmd {}\ncompressoptions -9\nuncompresscmd {}\ninclude {}\n",
        options::needed(part, "gzip-binary")?,
        options::needed(part, "gunzip-binary")?,
        options::needed(part, "logrotate-entries")?,
    );
    let conf = directory.join(options::needed(part, "conf")?);
    let words = [
        options::needed(part, "logrotate-binary")?,
        "-s".to_owned(),
        options::needed(part, "state-file")?,
        conf.to_string_lossy().into_owned(),
    ];
    let wrapper = directory.join(options::needed(part, "wrapper")?);
    Ok(Box::new(
        Texts::default()
            .file(conf, text, 0o600)
            .wrapper(wrapper, &words),
    ))
}

pub(super) fn construct_entry(
    construction: &Construction<'_>,
    part: &mut PartOptions<'_, '_>,
) -> Result<Box<dyn Part>, RecipeError> {
    let mut text = format!("{} {{\n", options::needed(part, "log")?);
    for line in [
        "daily",
        "dateext",
        "rotate 3650",
        "compress",
        "delaycompress",
        "notifempty",
        "sharedscripts",
        "create",
    ] {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{line}");
    }
    let _ = writeln!(text, "olddir {}", options::needed(part, "backup")?);
    for (option, word) in [("post", "postrotate"), ("pre", "prerotate")] {
        if let Some(script) = options::text(part, option)? {
            let _ = writeln!(text, "{word}\n{script}\nendscript");
        }
    }
    text.push_str("}\n");
    let name = options::text_or(part, "name", &construction.name)?;
    if name.contains('/') || name.starts_with('.') {
        return Err(format!("`name` is `{name}`, no name for a file").into());
    }
    let folder = construction
        .world
        .directory
        .join(options::needed(part, "logrotate-entries")?);
    // logrotate refuses files that others may write.
    Ok(Box::new(Texts::default().file(
        folder.join(name),
        text,
        0o600,
    )))
}
