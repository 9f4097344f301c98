//! The list of what an installation consists of, for people and tools: CycloneDX 1.5 as JSON.
//!
//! `<root>/.slapos/sbom.cdx.json` is written after each build that ended well, and left alone when nothing changed:
//! there is no date in it. Each part is a component that depends on its sources and on the parts that it refers to.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::evaluate::Wanted;
use crate::part_mark::UsedSource;
use crate::record::Record;
use crate::software::io_error;
use crate::{BuildError, file};

const NAME: &str = "sbom.cdx.json";

/// Where it is, below the folder `.slapos` of a root.
pub(crate) fn place(own: &Path) -> PathBuf {
    own.join(NAME)
}

/// Writes it, synced, unless it is there already.
pub(crate) fn write(
    own: &Path,
    profile: &str,
    (wanted, records): (&Wanted, &BTreeMap<String, Record>),
) -> Result<(), BuildError> {
    let path = place(own);
    let text = format!("{:#}\n", document(profile, wanted, records));
    let failed = |error| io_error("writing", &path)(error);
    match file::write_if_changed(&path, text.as_bytes(), 0o644).map_err(failed)? {
        true => file::sync_all(std::slice::from_ref(&path)).map_err(failed),
        false => Ok(()),
    }
}

fn document(profile: &str, wanted: &Wanted, records: &BTreeMap<String, Record>) -> Value {
    let profile = slapos_cache::without_secrets(profile);
    let sources: BTreeSet<&UsedSource> = records
        .values()
        .flat_map(|record| &record.sources)
        .collect();
    let mut sources: Vec<&UsedSource> = sources.into_iter().collect();
    sources.dedup_by_key(|source| &source.sha256);
    let parts = records
        .iter()
        .map(|(name, record)| part(name, record, wanted));
    let mut seen = BTreeSet::new();
    let sources = sources
        .into_iter()
        .filter(|source| seen.insert(source.sha256.as_str()))
        .map(source);
    let mut dependencies = vec![json!({
        "ref": "release",
        "dependsOn": records.keys().map(|name| part_ref(name)).collect::<Vec<_>>(),
    })];
    dependencies.extend(records.iter().map(|(name, record)| {
        let before = wanted.before.get(name).into_iter().flatten();
        let parts = before
            .filter(|part| records.contains_key(*part))
            .map(|part| part_ref(part));
        let sources = record.sources.iter().map(source_ref);
        let all: BTreeSet<String> = parts.chain(sources).collect();
        json!({"ref": part_ref(name), "dependsOn": all})
    }));
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "tools": {"components": [{
                "type": "application",
                "name": "slapos",
                "version": env!("CARGO_PKG_VERSION"),
            }]},
            "component": {"type": "application", "bom-ref": "release", "name": profile},
        },
        "components": parts.chain(sources).collect::<Vec<_>>(),
        "dependencies": dependencies,
    })
}

fn part(name: &str, record: &Record, wanted: &Wanted) -> Value {
    let mut properties = vec![
        property("slapos:recipe", &record.recipe),
        property("slapos:signature", &record.signature),
    ];
    if let Some(location) = wanted.locations.get(name) {
        properties.push(property("slapos:location", &location.to_string_lossy()));
    }
    if let Some(given) = &record.given {
        properties.push(property("slapos:built-by", &given.signer));
        properties.push(property("slapos:from-cache", &given.cache));
    }
    let mut part = json!({
        "type": "library",
        "bom-ref": part_ref(name),
        "name": name,
        "properties": properties,
    });
    let licences: BTreeSet<&String> = record
        .sources
        .iter()
        .flat_map(|source| &source.licences)
        .collect();
    put_licences(&mut part, licences.into_iter());
    part
}

fn source(source: &UsedSource) -> Value {
    let mut file = json!({
        "type": "file",
        "bom-ref": source_ref(source),
        "name": source.name,
        "hashes": [{"alg": "SHA-256", "content": source.sha256}],
        "properties": [property("slapos:bytes", &source.bytes.to_string())],
    });
    if source.url.contains("://") {
        file["externalReferences"] = json!([{"type": "distribution", "url": source.url}]);
    }
    put_licences(&mut file, source.licences.iter());
    file
}

/// As names: those of SPDX are not all known to every reader, and an expression is no name of the list.
fn put_licences<'l>(component: &mut Value, names: impl Iterator<Item = &'l String>) {
    let all: Vec<Value> = names
        .map(|name| json!({"license": {"name": name}}))
        .collect();
    if !all.is_empty() {
        component["licenses"] = all.into();
    }
}

fn property(name: &str, value: &str) -> Value {
    json!({"name": name, "value": value})
}

fn part_ref(name: &str) -> String {
    format!("part:{name}")
}

fn source_ref(source: &UsedSource) -> String {
    format!("source:{}", source.sha256)
}
