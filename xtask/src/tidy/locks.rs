//! Lock files of packages outside of the workspace: they know what our crates depend on by now.
//!
//! The fuzz targets are built rarely and with `--locked`; one that fell behind would be noticed on
//! the day that it is wanted. Nothing is asked of a registry here: texts are compared.

use crate::command::top;
use std::collections::BTreeSet;
use toml::{Table, Value};

/// The folders that have a lock file of their own.
const APART: [&str; 2] = ["fuzz", "fuzz/wire"];

/// What is behind.
pub(super) fn check() -> Result<Vec<String>, String> {
    let read = |path: &str| {
        std::fs::read_to_string(top().join(path)).map_err(|error| format!("{path}: {error}"))
    };
    let mut faults = Vec::new();
    for folder in APART {
        let lock = parse(&read(&format!("{folder}/Cargo.lock"))?)?;
        for (name, locked) in own_crates(&lock) {
            let manifest = parse(&read(&format!("crates/{name}/Cargo.toml"))?)?;
            for missing in missing(&manifest, &locked) {
                faults.push(format!(
                    "{folder}/Cargo.lock does not know that {name} uses {missing}: run `cargo \
                     metadata --manifest-path {folder}/Cargo.toml` once"
                ));
            }
        }
    }
    Ok(faults)
}

fn parse(text: &str) -> Result<Table, String> {
    toml::from_str(text).map_err(|error| error.to_string())
}

/// Our crates in a lock file, each with the names of what it depends on.
fn own_crates(lock: &Table) -> Vec<(String, BTreeSet<String>)> {
    let packages = lock.get("package").and_then(Value::as_array);
    let is_ours = |package: &&Value| package.get("source").is_none();
    let own = packages.into_iter().flatten().filter(is_ours);
    own.filter_map(|package| {
        let name = package.get("name")?.as_str()?;
        let list = package.get("dependencies").and_then(Value::as_array);
        // `name`, or `name version` where there are several.
        let names = list.into_iter().flatten().filter_map(Value::as_str);
        let names = names.filter_map(|text| text.split(' ').next());
        let names = names.map(str::to_owned).collect();
        name.starts_with("slapos-")
            .then(|| (name.to_owned(), names))
    })
    .filter(|(name, _)| !name.contains("fuzz"))
    .collect()
}

/// What a manifest names and the lock file does not.
fn missing(manifest: &Table, locked: &BTreeSet<String>) -> Vec<String> {
    let named = manifest.get("dependencies").and_then(Value::as_table);
    let names = named.into_iter().flat_map(Table::keys);
    names
        .filter(|name| !locked.contains(*name))
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_that_lack_a_dependency_are_told() {
        let lock = "[[package]]\nname = \"slapos-a\"\ndependencies = [\"serde\", \"toml 1.0.0\"]\n\
                    [[package]]\nname = \"slapos-x\"\nsource = \"registry\"\n";
        let own = own_crates(&parse(lock).unwrap());
        assert_eq!(own.len(), 1);
        let manifest = "[dependencies]\nserde = \"1\"\ntoml = \"1\"\nfoldhash = \"0.2\"\n";
        let missing = missing(&parse(manifest).unwrap(), &own[0].1);
        assert_eq!(missing, ["foldhash"]);
    }
}
