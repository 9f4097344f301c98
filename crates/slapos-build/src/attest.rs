//! Who answers for an installation: a signed statement of what was installed from what, and how to read it.
//!
//! Start with [`attest`], which signs, and [`installation`], which tells. The statement is in-toto's, its predicate
//! SLSA provenance 1, its envelope DSSE with Ed25519. It is made after the build and by itself: the key that signs is
//! never near the steps of a build.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use slapos_cache::{Envelope, Signer, Trusted};

use crate::part_mark::{Given, UsedSource};
use crate::record::{Record, Records};
use crate::software::io_error;
use crate::tree_id::{blob_id, tree_id};
use crate::{BuildError, file, own, sbom};

const NAME: &str = "provenance.dsse.json";
const TYPE: &str = "application/vnd.in-toto+json";
/// What this kind of build is; docs/building.md says what its parameters mean.
const BUILD_TYPE: &str = "urn:slapos:build:1";

/// What is installed in a folder, and who says so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attested {
    /// The profile; none when no build has ended well there.
    pub profile: Option<String>,
    pub parts: Vec<AttestedPart>,
    pub statement: Statement,
}

/// One part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttestedPart {
    pub name: String,
    pub recipe: String,
    /// Who built it, when it was taken from a cache.
    pub given: Option<Given>,
    pub sources: Vec<UsedSource>,
    pub licences: Vec<String>,
}

/// How the statement stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state", content = "detail")]
pub enum Statement {
    /// Nobody signed one.
    None,
    /// No key that is trusted here signed it.
    Stranger,
    /// Signed by this trusted key, and all is as it says.
    Holds(String),
    /// Signed by a trusted key, and something is not as it says.
    Differs(String),
}

/// Signs what is installed in this folder; the same again writes nothing.
pub fn attest(root: &Path, signer: &Signer) -> Result<(), BuildError> {
    let own = own::folder(root);
    let statement = statement(root)?;
    let envelope = Envelope::seal(TYPE, &statement.to_string(), signer).ok_or_else(|| {
        BuildError::Request(
            "a statement is signed with an Ed25519 key; make one with `slapos cache key`"
                .to_owned(),
        )
    })?;
    let path = own.join(NAME);
    let text = serde_json::to_string_pretty(&envelope);
    let text = text.map_err(|error| io_error("writing", &path)(error.into()))?;
    file::write_if_changed(&path, format!("{text}\n").as_bytes(), 0o644)
        .and_then(|_| file::sync_all(std::slice::from_ref(&path)))
        .map_err(io_error("writing", &path))
}

/// What is installed in this folder, and who of these says so.
pub fn installation(root: &Path, trusted: &Trusted) -> Result<Attested, BuildError> {
    let records = Records::of_installation(root)?;
    let part = |(name, record): (&String, &Record)| {
        let mut licences: Vec<String> = record
            .sources
            .iter()
            .flat_map(|source| source.licences.clone())
            .collect();
        licences.sort();
        licences.dedup();
        AttestedPart {
            name: name.clone(),
            recipe: record.recipe.clone(),
            given: record.given.clone(),
            sources: record.sources.clone(),
            licences,
        }
    };
    Ok(Attested {
        profile: profile(root).ok(),
        parts: records.parts.iter().map(part).collect(),
        statement: judge(root, trusted)?,
    })
}

fn judge(root: &Path, trusted: &Trusted) -> Result<Statement, BuildError> {
    let path = own::folder(root).join(NAME);
    let text = match file::read_text(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Statement::None),
        other => other.map_err(io_error("reading", &path))?,
    };
    let Ok(envelope) = serde_json::from_str::<Envelope>(&text) else {
        return Ok(Statement::Stranger);
    };
    let (Some(signer), Some(payload)) = (envelope.signer(trusted), envelope.payload(TYPE)) else {
        return Ok(Statement::Stranger);
    };
    let said: Value = serde_json::from_str(&payload).unwrap_or_default();
    let now = statement(root)?;
    if said == now {
        return Ok(Statement::Holds(signer.to_string()));
    }
    let subjects = |one: &Value| one["subject"].as_array().cloned().unwrap_or_default();
    let (said, now) = (subjects(&said), subjects(&now));
    let changed = said.iter().find(|subject| !now.contains(subject));
    let added = now.iter().find(|subject| !said.contains(subject));
    let name = changed
        .or(added)
        .and_then(|subject| subject["name"].as_str());
    Ok(Statement::Differs(
        name.unwrap_or("what it was made of").to_owned(),
    ))
}

/// in-toto's statement of what is here now.
fn statement(root: &Path) -> Result<Value, BuildError> {
    let own = own::folder(root);
    let records = Records::of_installation(root)?;
    let list = sbom::place(&own);
    let digest = file::read_bytes(&list)
        .map(|bytes| file::sha256(&bytes))
        .map_err(io_error("reading", &list))?;
    let mut subjects = vec![json!({"name": "sbom.cdx.json", "digest": {"sha256": digest}})];
    for (name, record) in &records.parts {
        for place in record.owned.iter().chain(&record.shared) {
            let id = if place.is_dir() {
                tree_id(place, Some(".slapos-shared.json"))
            } else if place.is_file() {
                blob_id(place)
            } else {
                continue;
            };
            let id = id.map_err(io_error("reading what is installed in", place))?;
            let kind = if place.is_dir() { "gitTree" } else { "gitBlob" };
            let file = place.file_name().unwrap_or_default().to_string_lossy();
            subjects.push(json!({"name": format!("{name}/{file}"), "digest": {kind: id}}));
        }
    }
    let mut sources: Vec<&UsedSource> = records
        .parts
        .values()
        .flat_map(|record| &record.sources)
        .collect();
    sources.sort();
    sources.dedup();
    let materials: Vec<Value> = sources
        .into_iter()
        .map(|source| json!({"name": source.name, "uri": source.url, "digest": {"sha256": source.sha256}}))
        .collect();
    Ok(json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subjects,
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {"profile": profile(root)?},
                "internalParameters": {"platform": crate::built::platform_here()},
                "resolvedDependencies": materials,
            },
            "runDetails": {
                "builder": {
                    "id": "urn:slapos:builder",
                    "version": {"slapos": env!("CARGO_PKG_VERSION")},
                },
            },
        },
    }))
}

/// As the list of components has it.
fn profile(root: &Path) -> Result<String, BuildError> {
    let path = sbom::place(&own::folder(root));
    let text = file::read_text(&path).map_err(io_error("reading", &path))?;
    let list: Value =
        serde_json::from_str(&text).map_err(|error| io_error("reading", &path)(error.into()))?;
    let name = list["metadata"]["component"]["name"].as_str();
    Ok(name.unwrap_or_default().to_owned())
}
