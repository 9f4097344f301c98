//! Documents that must keep up with the code: dependencies, the promises of SPECIFICATION.md, the
//! number of packages.

use super::Source;
use crate::command::{output, top};
use std::collections::BTreeSet;

/// Most packages that are compiled on Linux, ours and those of tests included: each one is somebody
/// to trust. Cargo.lock also names those for systems that nothing is built for here.
const PACKAGES_MAX: usize = 320;

/// What is behind.
pub(super) fn check(sources: &[Source]) -> Result<Vec<String>, String> {
    let read = |name: &str| {
        std::fs::read_to_string(top().join(name))
            .map_err(|error| format!("cannot read {name}: {error}"))
    };
    let mut faults = undescribed(&read("Cargo.toml")?, &read("docs/dependencies.md")?)?;
    for (document, letter) in [("SPECIFICATION.md", "P"), ("docs/weaknesses.md", "W")] {
        faults.extend(unproved(document, letter, &read(document)?, sources));
    }
    let packages = count_packages()?;
    if packages > PACKAGES_MAX {
        faults.push(format!(
            "{packages} packages are compiled, the limit is {PACKAGES_MAX}"
        ));
    }
    Ok(faults)
}

fn count_packages() -> Result<usize, String> {
    let text = output(
        "cargo",
        &[
            "tree",
            "--workspace",
            "--locked",
            "--target",
            "x86_64-unknown-linux-gnu",
            "--prefix",
            "none",
            "--format",
            "{p}",
            "--edges",
            "normal,build,dev",
        ],
    )?;
    let names: BTreeSet<&str> = text
        .lines()
        .map(|line| line.split(" (").next().unwrap_or(line))
        .collect();
    Ok(names.len())
}

fn undescribed(manifest: &str, document: &str) -> Result<Vec<String>, String> {
    let manifest: toml::Table = toml::from_str(manifest).map_err(|error| error.to_string())?;
    let dependencies = manifest
        .get("workspace")
        .and_then(|workspace| workspace.get("dependencies"))
        .and_then(toml::Value::as_table)
        .cloned()
        .unwrap_or_default();
    Ok(dependencies
        .keys()
        .filter(|name| !name.starts_with("slapos-"))
        .filter(|name| !document.contains(&format!("| `{name}` |")))
        .map(|name| format!("docs/dependencies.md has no row for `{name}`"))
        .collect())
}

/// Each promise is a row `| P1 | … | `test_name` |`; the test must exist. What is said to be not
/// built yet needs none.
fn unproved(document: &str, letter: &str, text: &str, sources: &[Source]) -> Vec<String> {
    let mut faults = Vec::new();
    let head = format!("| {letter}");
    for line in text.lines().filter(|line| line.starts_with(&head)) {
        let proof = line
            .trim_end_matches('|')
            .rsplit('|')
            .next()
            .unwrap_or_default();
        let names: Vec<&str> = proof.split('`').skip(1).step_by(2).collect();
        if names.is_empty() && !proof.contains("*not built yet*") {
            faults.push(format!("{document}: no test holds: {line}"));
        }
        for name in names.iter().filter(|name| !name.starts_with("cargo ")) {
            let definition = [format!("fn {name}("), format!("    {name},")];
            let is_there = sources
                .iter()
                .any(|source| definition.iter().any(|text| source.text.contains(text)));
            if !is_there {
                faults.push(format!(
                    "{document} names the test `{name}`, which is not there"
                ));
            }
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_dependency_without_a_row_is_a_fault() {
        let manifest =
            "[workspace.dependencies]\nslapos-model = \"1\"\nserde = \"1\"\ntoml = \"1\"\n";
        let faults = undescribed(manifest, "| `serde` | wire |").unwrap();
        assert_eq!(faults, ["docs/dependencies.md has no row for `toml`"]);
    }

    #[test]
    fn documents_promise_without_its_test_is_a_fault() {
        let text = "| P1 | it holds | `it_holds` |\n| P2 | nothing | |\n| P3 | later | *not built yet* |\n";
        let faults = unproved("x.md", "P", text, &[]);
        assert_eq!(faults.len(), 2, "{faults:?}");
    }
}
