//! What is checked before anything else: the settings of `[buildout]`.

use super::Session;
use crate::load::directories::{RELATIVE_TO_DIRECTORY, in_directory};
use crate::{Diagnostic, Kind, Report, Value};

/// Settings that are `true` or `false` and nothing else.
const SWITCHES: [&str; 9] = [
    "allow-picked-versions",
    "check-signature",
    "dry-run",
    "install-from-cache",
    "newest",
    "offline",
    "prefer-final",
    "show-picked-versions",
    "use-dependency-links",
];

/// Expands `[buildout]` and the section of pins; makes absolute the folders that only references could tell.
pub(super) fn check(session: &Session<'_>) -> Result<(), Report> {
    session.build("buildout")?;
    if let Some(directory) = text(session, "directory")? {
        let installed = text(session, "installed")?.filter(|installed| !installed.is_empty());
        if let Some(installed) = installed {
            session.store(
                "buildout",
                "installed",
                in_directory(&directory, &installed).into(),
            )?;
        }
        for name in RELATIVE_TO_DIRECTORY {
            if let Some(folder) = text(session, name)? {
                session.store("buildout", name, in_directory(&directory, &folder).into())?;
            }
        }
    }
    for name in SWITCHES {
        if let Some(value) = text(session, name)?
            && !matches!(value.as_str(), "true" | "false")
        {
            return Err(bad_bool(session, name, &value));
        }
    }
    match text(session, "versions")? {
        Some(versions) if !versions.is_empty() => session.build(&versions),
        _ => Ok(()),
    }
}

fn text(session: &Session<'_>, option: &str) -> Result<Option<String>, Report> {
    Ok(session.read("buildout", option)?.map(Value::into_text))
}

fn bad_bool(session: &Session<'_>, name: &str, value: &str) -> Report {
    let message = format!("option `{name}` of `[buildout]` is `{value}`");
    let diagnostic =
        Diagnostic::new(Kind::BadBool, message).with_help("write `true` or `false`, nothing else");
    let section = session.profile.section("buildout");
    let span = section.and_then(|section| section.options.get(name)?.last().map(|last| last.span));
    session.complain_of_value(span, diagnostic)
}
