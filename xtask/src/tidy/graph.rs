//! The crate graph of ARCHITECTURE.md against the real one.
//!
//! In ARCHITECTURE.md each crate has a row `| crate | knows | … |` below the heading "Crates"; the
//! second column lists the crates of ours that it may use.

use crate::command::{output, top};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

type Graph = BTreeMap<String, BTreeSet<String>>;

/// What differs.
pub(super) fn check() -> Result<Vec<String>, String> {
    let text = std::fs::read_to_string(top().join("ARCHITECTURE.md"))
        .map_err(|error| format!("cannot read ARCHITECTURE.md: {error}"))?;
    Ok(compare(&drawn(&text), &real()?))
}

fn compare(drawn: &Graph, real: &Graph) -> Vec<String> {
    let mut faults = Vec::new();
    for (krate, uses) in real {
        let Some(allowed) = drawn.get(krate) else {
            faults.push(format!(
                "ARCHITECTURE.md: crate {krate} has no row under \"Crates\""
            ));
            continue;
        };
        for used in uses.difference(allowed) {
            faults.push(format!(
                "{krate} uses {used}, which ARCHITECTURE.md does not allow"
            ));
        }
        for unused in allowed.difference(uses) {
            faults.push(format!(
                "ARCHITECTURE.md lets {krate} use {unused}, which it does not"
            ));
        }
    }
    let gone = drawn.keys().filter(|krate| !real.contains_key(*krate));
    faults.extend(gone.map(|krate| format!("ARCHITECTURE.md draws {krate}, which is no crate")));
    faults
}

fn drawn(text: &str) -> Graph {
    let section = text.split("\n## Crates").nth(1).unwrap_or_default();
    let section = section.split("\n## ").next().unwrap_or_default();
    section.lines().filter_map(drawn_row).collect()
}

fn drawn_row(line: &str) -> Option<(String, BTreeSet<String>)> {
    let mut cells = line.strip_prefix('|')?.split('|').map(str::trim);
    let krate = cells.next()?.strip_prefix('`')?.strip_suffix('`')?;
    let uses = cells.next()?.split(',').filter_map(|name| {
        let name = name.trim().strip_prefix('`')?.strip_suffix('`')?;
        Some(name.to_owned())
    });
    Some((krate.to_owned(), uses.collect()))
}

fn real() -> Result<Graph, String> {
    let text = output("cargo", &["metadata", "--no-deps", "--format-version", "1"])?;
    let metadata: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let packages = metadata["packages"].as_array().cloned().unwrap_or_default();
    let names: BTreeSet<String> = packages
        .iter()
        .filter_map(|package| package["name"].as_str().map(str::to_owned))
        .collect();
    let edges = |package: &Value| -> BTreeSet<String> {
        let dependencies = package["dependencies"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        dependencies
            .iter()
            .filter(|dependency| dependency["kind"].is_null())
            .filter_map(|dependency| dependency["name"].as_str().map(str::to_owned))
            .filter(|name| names.contains(name))
            .collect()
    };
    Ok(packages
        .iter()
        .filter_map(|package| Some((package["name"].as_str()?.to_owned(), edges(package))))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn graph_edge_that_is_not_drawn_is_a_fault() {
        let drawn =
            drawn("# A\n## Crates\n| `a` | `b` | x |\n| `b` | – | y |\n## Next\n| `c` | – |");
        let uses = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let real = Graph::from([
            ("a".to_owned(), uses(&["b"])),
            ("b".to_owned(), uses(&["a"])),
        ]);
        assert_eq!(
            compare(&drawn, &real),
            ["b uses a, which ARCHITECTURE.md does not allow"]
        );
    }
}
