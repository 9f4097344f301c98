//! What can be asked for by name, and what a name, path or URL means.

use super::{AppError, view};
use crate::store::Tx;
use crate::store::catalog::{self, BriefRow, ReleaseRow};
use include_dir::{Dir, include_dir};
use serde::Deserialize;
use slapos_api::wire::catalog::{CatalogEntry, ReleaseFiles};
use slapos_model::closest;
use std::collections::BTreeMap;

/// The releases that ship with the program.
static SHIPPED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../catalog");

/// A release as it was meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// Identity.
    pub url: String,
    /// What the catalogue says of it.
    pub listed: Option<Listed>,
}

/// What the catalogue says of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// What is typed.
    pub name: String,
    /// Of the software.
    pub version: String,
    /// Schema of its parameters.
    pub schema: String,
}

/// What a person typed → the release: a catalogue name (`redis`, `redis@7.0.15`), its identity, an
/// absolute path, or a URL.
///
/// # Errors
/// When nothing is known of that name, with the nearest one.
pub fn resolve(tx: &mut Tx<'_>, software: &str) -> Result<Resolved, AppError> {
    if software.starts_with("catalog:") {
        let found = catalog::find_brief(tx, software)?;
        return found.map(listed).ok_or_else(|| unknown(tx, software));
    }
    let is_elsewhere = software.starts_with('/')
        || ["http://", "https://", "file:"]
            .iter()
            .any(|scheme| software.starts_with(scheme));
    if is_elsewhere {
        return check_elsewhere(software);
    }
    find_entry(tx, software).map(listed)
}

/// What the old wire means: a release's address as it is written, whatever its form. Only what is
/// in the catalogue by its identity has a schema.
///
/// # Errors
/// When it cannot be an address.
pub fn resolve_address(tx: &mut Tx<'_>, address: &str) -> Result<Resolved, AppError> {
    if address.is_empty() {
        return Err(AppError::invalid(
            "software",
            "a release's address is empty",
        ));
    }
    match catalog::find_brief(tx, address)? {
        Some(row) => Ok(listed(row)),
        None => check_elsewhere(address),
    }
}

fn listed(row: BriefRow) -> Resolved {
    Resolved {
        url: row.url,
        listed: Some(Listed {
            name: row.name,
            version: row.version,
            schema: row.schema,
        }),
    }
}

fn check_elsewhere(software: &str) -> Result<Resolved, AppError> {
    if software.len() > 2000 || software.chars().any(|c| c.is_control() || c == ' ') {
        return Err(AppError::invalid(
            "software",
            "a profile's address has no spaces and at most 2,000 characters",
        ));
    }
    Ok(Resolved {
        url: software.to_owned(),
        listed: None,
    })
}

fn find_entry(tx: &mut Tx<'_>, name: &str) -> Result<BriefRow, AppError> {
    let found = match name.split_once('@') {
        Some((name, version)) => catalog::find_version(tx, name, version)?,
        None => catalog::find_default(tx, name)?,
    };
    found.ok_or_else(|| unknown(tx, name))
}

fn unknown(tx: &mut Tx<'_>, name: &str) -> AppError {
    let error = AppError {
        field: Some("software".to_owned()),
        ..AppError::not_found(format!("software `{name}` in the catalogue"))
    };
    let Ok(all) = catalog::list(tx) else {
        return error;
    };
    if let Some((bare, _)) = name.split_once('@') {
        let versions: Vec<_> = all
            .iter()
            .filter(|row| row.name == bare)
            .map(|row| row.version.as_str())
            .collect();
        if !versions.is_empty() {
            return error.hint(format!("versions of {bare}: {}", versions.join(", ")));
        }
    }
    match closest(name, all.iter().map(|row| row.name.as_str())) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint("see `slapos catalog list`, or give a profile's absolute path or URL"),
    }
}

/// The catalogue.
///
/// # Errors
/// The store's.
pub fn list(tx: &mut Tx<'_>) -> Result<Vec<CatalogEntry>, AppError> {
    Ok(catalog::list(tx)?.into_iter().map(to_wire).collect())
}

/// One entry, by name or `name@version`.
///
/// # Errors
/// When there is none, with the nearest one.
pub fn find(tx: &mut Tx<'_>, name: &str) -> Result<CatalogEntry, AppError> {
    let url = find_entry(tx, name)?.url;
    let found = catalog::find_by_url(tx, &url)?;
    found.map(to_wire).ok_or_else(|| unknown(tx, name))
}

/// The files of a release, for a node.
///
/// # Errors
/// When the master does not hold it.
pub fn read_files(tx: &mut Tx<'_>, url: &str) -> Result<ReleaseFiles, AppError> {
    let row = catalog::find_by_url(tx, url)?
        .ok_or_else(|| AppError::not_found(format!("release {url} on this master")))?;
    Ok(ReleaseFiles {
        url: row.url,
        files: serde_json::from_str(&row.files).unwrap_or_default(),
    })
}

fn to_wire(row: ReleaseRow) -> CatalogEntry {
    CatalogEntry {
        schema: view::object(&row.schema),
        connection: serde_json::from_str(&row.connection).unwrap_or_default(),
        name: row.name,
        version: row.version,
        title: row.title,
        summary: row.summary,
        url: row.url,
        readme: row.readme,
    }
}

/// `entry.toml` of a release.
#[derive(Debug, Deserialize)]
struct Entry {
    name: String,
    version: String,
    title: String,
    summary: String,
    software: String,
    #[serde(default)]
    default: bool,
    #[serde(default)]
    connection: BTreeMap<String, String>,
}

/// Puts the releases that ship with the program into the catalogue.
///
/// # Errors
/// When one of them is not as it should be (a test holds that), or the store's.
pub fn import_shipped(tx: &mut Tx<'_>) -> Result<(), AppError> {
    for row in shipped()? {
        if catalog::find_by_url(tx, &row.url)?.as_ref() != Some(&row) {
            catalog::upsert(tx, &row)?;
        }
    }
    Ok(())
}

fn shipped() -> Result<Vec<ReleaseRow>, AppError> {
    let versions = SHIPPED.dirs().flat_map(Dir::dirs);
    versions
        .filter(|dir| dir.get_file(dir.path().join("entry.toml")).is_some())
        .map(read_shipped)
        .collect()
}

fn read_shipped(dir: &Dir<'_>) -> Result<ReleaseRow, AppError> {
    let broken = |what: &str, cause: String| {
        AppError::invalid(
            "",
            format!("catalogue entry {}: {what}: {cause}", dir.path().display()),
        )
    };
    let mut files = BTreeMap::new();
    collect(dir, dir, &mut files);
    let text = |name: &str| {
        files
            .get(name)
            .cloned()
            .ok_or_else(|| broken(name, "is missing".to_owned()))
    };
    let entry: Entry = toml::from_str(&text("entry.toml")?)
        .map_err(|error| broken("entry.toml", error.to_string()))?;
    let schema: serde_json::Value = serde_json::from_str(&text("schema.json")?)
        .map_err(|error| broken("schema.json", error.to_string()))?;
    let as_json = |map: &BTreeMap<String, String>| {
        serde_json::to_string(map).map_err(|error| broken("files", error.to_string()))
    };
    Ok(ReleaseRow {
        url: format!(
            "catalog:{}/{}/{}",
            entry.name, entry.version, entry.software
        ),
        readme: text("README.md")?,
        connection: as_json(&entry.connection)?,
        files: as_json(&files)?,
        schema: schema.to_string(),
        name: entry.name,
        version: entry.version,
        title: entry.title,
        summary: entry.summary,
        is_default: entry.default,
    })
}

fn collect(top: &Dir<'_>, dir: &Dir<'_>, files: &mut BTreeMap<String, String>) {
    for file in dir.files() {
        let path = file.path().strip_prefix(top.path()).unwrap_or(file.path());
        // Texts only: a release's binary sources are fetched by hash.
        if let Some(text) = file.contents_utf8() {
            files.insert(path.display().to_string(), text.to_owned());
        }
    }
    for inner in dir.dirs() {
        collect(top, inner, files);
    }
}

#[cfg(test)]
mod tests;
